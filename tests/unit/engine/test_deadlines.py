"""Drivers that hang: in each thing that is asked of them, and with those that do not even end when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.deadlines import Bounded, Hung, Patience, within
from backsoon.engine.publisher import Publisher
from backsoon.engine.queued import Urgency
from backsoon.switchboards.base import HandReferral, Order, Presentation, Rendered, Session
from backsoon.testing import MemorySwitchboard
from tests.unit.engine.world import World, world

SHORT = Patience(0.05, 0.05, 0.05, 0.0, 0.05, 0.05, 0.05)
LAMP = Rendered("lamp", "")


class Hanging(MemorySwitchboard):
    """Hangs in what `hangs` names, as long as it is named; `deaf`: also when it is told to end, the first time."""

    def __init__(self, hangs: str = "", *, deaf: bool = False, most: int = 1000) -> None:
        super().__init__()
        self.hangs, self.deaf, self.most = hangs, deaf, most
        self.hung = 0

    async def maybe(self, what: str) -> None:
        if self.hangs != what:
            return
        self.hung += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not self.deaf:
                raise
            await asyncio.Event().wait()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        await self.maybe("opening")
        async with super().session() as session:
            try:
                yield _Hanging(session, self)
            finally:
                await self.maybe("closing")


class _Hanging:
    def __init__(self, session: Session, board: Hanging) -> None:
        self._session, self._board = session, board

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def read_back(self) -> Mapping[str, Rendered] | None:
        await self._board.maybe("read_back")
        return await self._session.read_back()

    async def show(self, orders: Sequence[Order]) -> None:
        await self._board.maybe("show")
        if len(orders) > self._board.most:  # so slow that it cannot do more in time
            await asyncio.Event().wait()
        await self._session.show(orders)

    async def by_hand(self) -> Sequence[HandReferral]:
        return ()


@asynccontextmanager
async def telling(w: World, board: Hanging) -> AsyncIterator[Publisher]:
    """A publisher at work on it, beside the world's own switchboard."""
    settings = SwitchboardSettings("acme", "other", "memory")
    publisher = Publisher(settings, board, w.store, w.clock, w.settler.settle_everybody, SHORT)
    await w.store.save_switchboards("acme", [w.publisher.settings, settings])
    w.publishers["acme"].append(publisher)
    running = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def again(w: World, holds: Callable[[], bool]) -> None:
    """Let the time between two sessions pass until it holds."""
    deadline = asyncio.get_running_loop().time() + 10
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "it never came to hold"
        await w.move_to(w.clock.now() + timedelta(seconds=10))


@pytest.mark.parametrize("deaf", [False, True], ids=["", "deaf"])
@pytest.mark.parametrize("what", ["opening", "read_back", "show"])
async def test_a_driver_that_hangs_is_told_of_and_another_session_is_opened(
    tmp_path: Path, what: str, deaf: bool
) -> None:
    board = Hanging(what, deaf=deaf)
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running(), telling(w, board) as publisher:
            await w.service.refer(anna, "lunch")
            await w.shows("1001", "lunch")  # the other one does not wait
            await w.until(lambda: "took more than" in publisher.health.problem)
            assert (publisher.health.connected, bool(publisher.health.remedy)) == (False, True)
            board.hangs = ""
            await again(w, lambda: board.held.keys() == {"1001"})
            assert (publisher.health.connected, publisher.health.problem) == (True, "")
            assert board.held == w.switchboard.held


async def test_a_session_that_does_not_close_keeps_nobody_from_opening_another(tmp_path: Path) -> None:
    board = Hanging("closing", deaf=True)
    async with world(tmp_path) as w, telling(w, board) as publisher:
        await w.until(lambda: publisher.health.connected)
        board.cut("the network is gone")
        await again(w, lambda: publisher.health.connected and board.sessions == 2)
        assert board.hung == 1


async def test_a_driver_that_is_too_slow_for_many_gets_fewer_and_goes_on(tmp_path: Path) -> None:
    board = Hanging(most=20)
    async with world(tmp_path) as w, telling(w, board) as publisher:
        await w.until(lambda: publisher.settled)
        wanted = [str(1000 + number) for number in range(200)]
        publisher.offer({e: publisher.prepare(e, LAMP) for e in wanted}, Urgency.AHEAD)
        await again(w, lambda: len(board.held) == len(wanted))
        assert board.sessions > 1


async def test_clearing_one_that_hangs_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    board = Hanging("read_back")
    async with world(tmp_path) as w:
        settings = SwitchboardSettings("acme", "old", "memory")
        await Publisher(settings, board, w.store, w.clock, w.settler.settle_everybody, SHORT).clear()
    assert "not cleared: reading what it holds took more than" in caplog.text


class Defective(MemorySwitchboard):
    """Cannot say what is to be shown of 1001."""

    answer: object = None

    def render(self, presentation: Presentation) -> Rendered:
        if presentation.extension != "1001" or self.answer == "well":
            return super().render(presentation)
        if self.answer is not None:
            return self.answer  # type: ignore[return-value]
        raise UnicodeError("ZQ-CANARY")


@pytest.mark.parametrize("answer", [None, "no Rendered", Rendered(None, "")])  # type: ignore[arg-type]
async def test_a_driver_that_cannot_render_somebody_harms_nobody_else(
    tmp_path: Path, answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    board = Defective()
    board.answer = answer
    async with world(tmp_path) as w:
        anna, bo = await w.person(), await w.person("1002", "Bo Dahl")
        async with w.running(), telling(w, board) as publisher:  # type: ignore[arg-type]
            await w.service.refer(anna, "lunch")
            await w.service.refer(bo, "lunch")
            await w.shows("1001", "lunch")
            await w.until(lambda: board.held.keys() == {"1002"} and "1001" in publisher.health.refused)
            assert "internal error of the driver" in publisher.health.refused["1001"]
            board.answer = "well"
            await w.service.refer(anna, "meeting")
            await w.until(lambda: board.held == w.switchboard.held)
            assert publisher.health.refused == {}
    assert "ZQ-CANARY" not in caplog.text


class TestWithin:
    async def test_what_ends_in_time_is_left_alone(self) -> None:
        told: list[Hung] = []
        async with within(5, "it", overdue=told.append):
            await asyncio.sleep(0)
        assert told == []

    async def test_a_time_out_of_the_work_itself_is_its_own(self) -> None:
        with pytest.raises(TimeoutError) as caught:
            async with within(5, "it"):
                raise TimeoutError("mine")
        assert not isinstance(caught.value, Hung)

    async def test_whoever_is_cancelled_is_cancelled(self) -> None:
        async def work() -> None:
            async with within(5, "it"):
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_error_in_a_session_is_not_disguised_by_one_that_does_not_close() -> None:
    with pytest.raises(KeyError):
        async with Bounded(Hanging("closing"), SHORT):
            raise KeyError("mine")
