"""Whose lamps are looked at come first where many change at once; everybody is told all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from backsoon.engine.publisher import BATCH, PORTION
from backsoon.engine.queued import Urgency
from backsoon.switchboards.base import Session, SwitchboardError
from backsoon.testing import MemorySwitchboard
from tests.unit.engine.test_publisher import LAMP, OTHER, Desk, many

WAVE = many(3 * BATCH[Urgency.TRANSITION])


class Looking(MemorySwitchboard):
    """It can tell whose lamps are looked at: those in `looked_at`, or it fails."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: Collection[str] = ()
        self.asked = 0
        self.fails: SwitchboardError | None = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        async with super().session() as session:
            session.watched = self._watched  # type: ignore[attr-defined]
            yield session

    async def _watched(self) -> Collection[str]:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return list(self.looked_at)


def looking(*looked_at: str) -> tuple[Desk, Looking]:
    desk, board = Desk(), Looking()
    desk.board = desk.publisher._driver = board
    board.looked_at = looked_at
    return desk, board


async def asked(board: Looking, times: int) -> None:
    async with asyncio.timeout(10):
        while board.asked < times:
            await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_they_come_first_and_everybody_once() -> None:
    looked_at = [WAVE[-1], "nobody", WAVE[5], WAVE[-1000]]
    desk, board = looking(*looked_at)
    async with desk.open():
        await asked(board, 1)
        desk.offer(LAMP, *WAVE)
        await desk.publisher.drained()
    told = [order.extension for order in board.shown]
    assert told[:9:4] == [WAVE[-1], WAVE[5], WAVE[-1000]]
    assert [extension for extension in told if extension not in looked_at] == [e for e in WAVE if e not in looked_at]
    assert len(told) == len(WAVE)


async def test_one_that_is_overtaken_on_the_way_is_told_the_latest() -> None:
    desk, board = looking(*WAVE[-PORTION - 5 :])
    async with desk.open():
        await asked(board, 1)
        board.pause()
        desk.offer(LAMP, *WAVE)
        await asyncio.sleep(0.01)
        desk.offer(OTHER, *WAVE)
        board.resume()
        await desk.publisher.drained()
    assert set(board.held.values()) == {OTHER}
    assert len(board.held) == len(WAVE)


async def test_it_is_asked_again_every_few_minutes_beside_the_full_minute() -> None:
    desk, board = looking("1001")
    async with desk.open():
        await asked(board, 1)
        for times in (2, 3):
            await desk.clock.move_to(desk.clock.now() + timedelta(minutes=5, seconds=30))
            await asked(board, times)
            board.looked_at = (WAVE[-1],)
        desk.offer(LAMP, *WAVE)
        await desk.publisher.drained()
    assert board.shown[0].extension == WAVE[-1]


async def test_a_session_that_cannot_say_it_is_lost_as_ever() -> None:
    desk, board = looking()
    board.fails = SwitchboardError("the connection was cut")
    running = asyncio.create_task(desk.publisher.run())
    try:
        async with asyncio.timeout(10):
            while not desk.publisher.health.problem:
                await asyncio.sleep(0)
        assert desk.publisher.health.problem == "the connection was cut"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("second", [0, 29, 30, 31, 59])
def test_the_next_look_is_at_no_full_minute(second: int) -> None:
    from backsoon.engine.watched import LOOK_EVERY, _next

    now = Desk().clock.now().replace(second=second)
    at = _next(now)
    assert at.second == 30
    assert LOOK_EVERY - timedelta(minutes=1) <= at - now <= LOOK_EVERY + timedelta(minutes=1)
