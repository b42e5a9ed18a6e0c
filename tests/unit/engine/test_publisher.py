"""One switchboard's queue: orders made beforehand, orders overtaken while others are told, sessions lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.publisher import BATCH, Publisher
from backsoon.engine.queued import Urgency
from backsoon.store.base import Told
from backsoon.switchboards.base import NOTHING, Order, Rendered, Session
from backsoon.testing import FakeClock, MemorySwitchboard

BACKOFF_AND_MORE = timedelta(seconds=2)
LAMP, OTHER, THIRD = Rendered("lamp", "plan"), Rendered("other", "plan"), Rendered("third", "plan")


class ToldStore:
    """What was told, in memory; counts the look-ups."""

    def __init__(self) -> None:
        self.rows: dict[str, Told] = {}
        self.asked: list[str] = []

    async def told(self, organisation: str, name: str, extensions: Sequence[str] | None = None) -> Mapping[str, Told]:
        await asyncio.sleep(0)
        self.asked += extensions or []
        return {e: row for e, row in self.rows.items() if extensions is None or e in extensions}

    async def extensions_told(self, organisation: str, name: str) -> frozenset[str]:
        return frozenset(self.rows)

    async def save_told(self, organisation: str, name: str, told: Sequence[Told]) -> None:
        await asyncio.sleep(0)
        self.rows |= {each.extension: each for each in told}


class Desk:
    """A publisher at work on a switchboard in memory."""

    def __init__(self) -> None:
        self.clock = FakeClock(datetime(2026, 11, 23, 9, tzinfo=UTC))
        self.store = ToldStore()
        self.board = MemorySwitchboard()
        settings = SwitchboardSettings("acme", "pbx", "memory")
        self.publisher = Publisher(settings, self.board, self.store, self.clock, self._nobody)  # type: ignore[arg-type]

    async def _nobody(self, organisation: str) -> frozenset[str]:
        return frozenset()

    def offer(self, wanted: Rendered, *extensions: str, urgency: Urgency = Urgency.TRANSITION) -> None:
        """Want this of these extensions."""
        self.publisher.offer({e: self.publisher.prepare(e, wanted) for e in extensions}, urgency)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """With a session that has compared."""
        running = asyncio.create_task(self.publisher.run())
        try:
            while not self.publisher.settled:
                await asyncio.sleep(0)
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def many(count: int) -> list[str]:
    return [str(1000 + number) for number in range(count)]


async def test_an_order_made_beforehand_needs_no_look_up_at_its_instant() -> None:
    desk = Desk()
    async with desk.open():
        await desk.publisher.pin(["1001"])
        order = desk.publisher.prepare("1001", LAMP)
        assert desk.store.asked == ["1001"]
        desk.publisher.offer({"1001": order}, Urgency.TRANSITION)
        await desk.publisher.drained()
    assert desk.board.shown == [order]
    assert desk.store.asked == ["1001"]


async def test_an_order_upon_what_was_not_told_after_all_is_made_anew() -> None:
    desk = Desk()
    async with desk.open():
        await desk.publisher.pin(["1001"])
        order = desk.publisher.prepare("1001", THIRD, OTHER)
        desk.offer(LAMP, "1001")
        await desk.publisher.drained()
        desk.publisher.offer({"1001": order}, Urgency.TRANSITION)
        await desk.publisher.drained()
    assert desk.board.shown == [Order("1001", NOTHING, LAMP), Order("1001", LAMP, THIRD)]


async def test_what_is_shown_already_is_not_told_again() -> None:
    desk = Desk()
    async with desk.open():
        desk.offer(LAMP, "1001")
        await desk.publisher.drained()
        desk.offer(LAMP, "1001")
        await desk.publisher.drained()
    assert len(desk.board.shown) == 1


async def test_what_is_set_by_hand_overtakes_a_wave_that_is_being_told() -> None:
    desk = Desk()
    wave = many(3 * BATCH[Urgency.TRANSITION])
    async with desk.open():
        desk.board.pause()
        desk.offer(LAMP, *wave)
        await asyncio.sleep(0.01)
        desk.offer(OTHER, wave[0], wave[-1], urgency=Urgency.BY_HAND)
        desk.board.resume()
        await desk.publisher.drained()
    told = [order.extension for order in desk.board.shown]
    assert told.index(wave[-1]) < told.index(wave[2 * BATCH[Urgency.TRANSITION]])
    assert {e for e, held in desk.board.held.items() if held == OTHER} == {wave[0], wave[-1]}
    assert told.count(wave[-1]) == 1
    assert desk.board.held.keys() == set(wave)


async def test_a_slow_switchboard_is_told_no_more_lamps_at_once_than_it_takes_soon() -> None:
    desk = Desk()
    desk.board.at_once = 6
    wave = many(40)
    async with desk.open():
        desk.board.pause()
        desk.offer(LAMP, *wave)
        await asyncio.sleep(0.01)
        desk.offer(OTHER, wave[20], wave[-1], urgency=Urgency.BY_HAND)
        desk.board.resume()
        await desk.publisher.drained()
    told = [order.extension for order in desk.board.shown]
    assert set(told[6:8]) == {wave[20], wave[-1]}
    assert sorted(told) == wave
    assert {e for e, held in desk.board.held.items() if held == OTHER} == {wave[20], wave[-1]}
    assert desk.board.held.keys() == set(wave)


async def test_what_changes_no_lamp_is_told_at_once_however_slow_the_lamps_are() -> None:
    desk = Desk()
    desk.board.at_once = 2
    wave, behind = many(8), Rendered("lamp", "another plan")
    shows = Shows(desk.board)
    async with desk.open():
        desk.offer(LAMP, *wave)
        await desk.publisher.drained()
        desk.offer(behind, *wave, urgency=Urgency.AHEAD)
        await desk.publisher.drained()
    assert shows.sizes == [2, 2, 2, 2, 8]
    assert set(desk.board.held.values()) == {behind}


async def test_what_is_overtaken_between_two_parts_of_a_batch_is_told_once() -> None:
    desk = Desk()
    desk.board.at_once = 3
    wave = many(9)
    shows = Shows(desk.board, lambda: desk.offer(THIRD, wave[-1]) if len(shows.sizes) == 1 else None)
    async with desk.open():
        desk.offer(LAMP, *wave)
        await desk.publisher.drained()
    assert [order.extension for order in desk.board.shown] == wave
    assert desk.board.held[wave[-1]] == THIRD


class Shows:
    """Notes how many orders were handed over at once; `then` is called after each time."""

    def __init__(self, board: MemorySwitchboard, then: Callable[[], None] = lambda: None) -> None:
        self.sizes: list[int] = []
        self._session, self._then = board.session, then
        board.session = self.session  # type: ignore[method-assign]

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """The board's, watched."""
        async with self._session() as session:
            show = session.show

            async def watched(orders: Sequence[Order]) -> None:
                await show(orders)
                self.sizes.append(len(orders))
                self._then()

            session.show = watched  # type: ignore[method-assign]
            yield session


async def test_the_latest_of_two_waves_counts_whichever_has_been_told_when_it_comes() -> None:
    desk = Desk()
    wave = many(2 * BATCH[Urgency.TRANSITION])
    async with desk.open():
        desk.board.pause()
        desk.offer(LAMP, *wave)
        await asyncio.sleep(0.01)
        desk.offer(OTHER, *wave)
        desk.board.resume()
        await desk.publisher.drained()
        assert set(desk.board.held.values()) == {OTHER}


async def test_a_wave_that_loses_its_session_is_told_in_the_next() -> None:
    desk = Desk()
    wave = many(2 * BATCH[Urgency.TRANSITION])
    async with desk.open():
        desk.board.pause()
        desk.offer(LAMP, *wave)
        await asyncio.sleep(0.01)
        desk.board.cut()
        desk.board.resume()
        while len(desk.board.held) < len(wave):
            await desk.clock.move_to(desk.clock.now() + BACKOFF_AND_MORE)
        await desk.publisher.drained()
    assert set(desk.board.held.values()) == {LAMP}
    assert desk.board.sessions == 2


async def test_what_was_told_is_stored_soon_after() -> None:
    desk = Desk()
    async with desk.open():
        desk.offer(LAMP, "1001")
        await desk.publisher.drained()
        assert desk.store.rows == {}
        await desk.clock.move_to(desk.clock.now() + BACKOFF_AND_MORE)
        row = desk.store.rows["1001"]
    assert (row.lamp, row.plan) == ("lamp", "plan")


async def test_what_was_told_last_is_known_to_whoever_tells_next() -> None:
    """Of a switchboard that cannot be asked the store alone knows."""
    desk = Desk()
    async with desk.open():
        desk.offer(LAMP, "1001")
        await desk.publisher.drained()
        assert desk.store.rows == {}
    row = desk.store.rows["1001"]
    assert (row.lamp, row.plan) == ("lamp", "plan")


async def test_a_refusal_is_named_until_an_order_is_taken() -> None:
    desk = Desk()
    desk.board.refuse["1001"] = "no such extension"
    async with desk.open():
        desk.offer(LAMP, "1001", "1002")
        await desk.publisher.drained()
        assert desk.publisher.health.refused == {"1001": "no such extension"}
        desk.board.refuse.clear()
        desk.offer(OTHER, "1001")
        await desk.publisher.drained()
        assert desk.publisher.health.refused == {}
    assert desk.board.held == {"1001": OTHER, "1002": LAMP}
