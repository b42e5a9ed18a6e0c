"""Who was read at the same time is decided about together; nobody waits without need, and each fails on their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from backsoon.engine.gathering import Gathering
from backsoon.engine.settling import Cause
from backsoon.store.base import StoreError, Trigger

HOME, WORK = Cause(Trigger.CALENDAR, through="home"), Cause(Trigger.CALENDAR, through="work")


class Settling:
    """Settles when it may; fails for whom it is told to."""

    def __init__(self) -> None:
        self.begun: list[tuple[set[int], Cause]] = []
        self.go = asyncio.Event()
        self.fails_for: set[int] = set()

    async def settle(self, people: Iterable[int], cause: Cause) -> None:
        self.begun.append((set(people), cause))
        await self.go.wait()
        if self.fails_for & set(people):
            raise StoreError("the disk is full")


async def a_turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_first_begins_at_once_and_the_rest_go_together() -> None:
    settling = Settling()
    gathering = Gathering(settling.settle)
    async with asyncio.TaskGroup() as group:
        for person in (1, 2, 3, 3):
            group.create_task(gathering.settle([person], HOME))
            await a_turn()
        last = group.create_task(gathering.settle([4], WORK))
        await a_turn()
        assert settling.begun == [({1}, HOME), ({4}, WORK)], "another cause waits for nobody"
        assert not last.done()
        settling.go.set()
    assert settling.begun[2:] == [({2, 3}, HOME)]
    await gathering.settle([5], HOME)
    assert settling.begun[3:] == [({5}, HOME)]


async def test_whoever_was_settled_with_one_that_fails_is_settled_alone() -> None:
    settling = Settling()
    gathering = Gathering(settling.settle)
    tasks = []
    for person in (1, 2, 3):
        tasks.append(asyncio.ensure_future(gathering.settle([person], HOME)))
        await a_turn()
    settling.fails_for = {2}
    settling.go.set()
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [
        type(None), StoreError, type(None),
    ]  # fmt: skip
    assert settling.begun == [({1}, HOME), ({2, 3}, HOME), ({3}, HOME)]
    with pytest.raises(StoreError):
        await gathering.settle([2], HOME)


@pytest.mark.parametrize("which", [0, 1])
async def test_one_that_is_stopped_stops_nobody_else(which: int) -> None:
    settling = Settling()
    gathering = Gathering(settling.settle)
    first = asyncio.ensure_future(gathering.settle([1], HOME))
    await a_turn()
    waiting = []
    for person in (2, 3):
        waiting.append(asyncio.ensure_future(gathering.settle([person], HOME)))
        await a_turn()
    waiting[which].cancel()
    await a_turn()
    settling.go.set()
    await asyncio.gather(first, waiting[1 - which])
    assert waiting[which].cancelled()
    other = 3 - which
    assert any(other in people for people, _ in settling.begun)
