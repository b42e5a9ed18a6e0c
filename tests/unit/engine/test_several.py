"""Several at a time: how many, and what becomes of the others when one fails."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from backsoon.engine.several import several
from backsoon.sources.base import SourceBusy, SourceUnavailable
from backsoon.store.base import StoreUnavailable


class Work:
    """Each item waits until it is let go; `fails` are those that fail then."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.done: list[int] = []
        self.fails: dict[int, Exception] = {}
        self._gates: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    async def __call__(self, item: int) -> None:
        self.begun.append(item)
        await self._gates[item].wait()
        if item in self.fails:
            raise self.fails[item]
        self.done.append(item)

    async def let_go(self, *items: int) -> None:
        """Until everybody waits again."""
        for item in items:
            self._gates[item].set()
        for _ in range(10):
            await asyncio.sleep(0)


async def started(work: Work, count: int, most: int) -> asyncio.Task[None]:
    task = asyncio.create_task(several(range(count), work, most))
    await work.let_go()
    return task


async def test_so_many_are_under_way_and_each_makes_room_for_the_next() -> None:
    work = Work()
    task = await started(work, 6, 3)
    assert work.begun == [0, 1, 2]
    await work.let_go(1)
    assert work.begun == [0, 1, 2, 3]
    await work.let_go(*range(6))
    await task
    assert sorted(work.done) == list(range(6))


async def test_where_one_fails_no_further_one_begins_and_the_others_are_finished() -> None:
    work = Work()
    work.fails[1] = SourceUnavailable("500")
    task = await started(work, 6, 3)
    await work.let_go(1)
    assert not task.done()
    await work.let_go(0, 2)
    with pytest.raises(SourceUnavailable, match="500"):
        await task
    assert (work.begun, work.done) == ([0, 1, 2], [0, 2])


@pytest.mark.parametrize(
    ("failures", "gravest"),
    [
        ([SourceUnavailable("500"), SourceBusy("429", retry_after=9), SourceBusy("429", retry_after=3)], 1),
        ([SourceBusy("429", retry_after=9), StoreUnavailable("disk full"), SourceUnavailable("500")], 1),
        ([SourceUnavailable("first"), SourceUnavailable("second")], 0),
    ],
)
async def test_of_several_failures_the_gravest_is_raised(failures: list[Exception], gravest: int) -> None:
    work = Work()
    work.fails.update(enumerate(failures))
    task = await started(work, len(failures), len(failures))
    await work.let_go(*range(len(failures)))
    with pytest.raises(type(failures[gravest])) as raised:
        await task
    assert raised.value is failures[gravest]


async def test_when_it_is_cancelled_so_are_those_under_way() -> None:
    work = Work()
    task = await started(work, 6, 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await work.let_go(*range(6))
    assert (work.begun, work.done) == ([0, 1], [])


async def test_of_nothing_nothing_comes() -> None:
    work = Work()
    await several([], work, 3)
    assert work.begun == []
