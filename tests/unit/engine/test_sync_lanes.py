"""Which calendars are read first, how many together, and who waits for a server that asks for patience."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.domain.model import LATEST, CalendarEntry, EntryType, Timed
from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.engine.pace import PUSHED, Pace
from backsoon.engine.sync import Sync, SyncSettings
from backsoon.sources.base import Changes, SourceBusy, SourceUnavailable, Window
from backsoon.store.base import CalendarHealth, Lane, ReadCalendar
from backsoon.testing import MemorySource
from tests.unit.engine.test_sync import Slow
from tests.unit.engine.world import NINE, World, at, entry, world


@dataclass
class Server:
    """A calendar server: who asked in which order, how many at once; it may ask for patience."""

    asked: list[int] = field(default_factory=list)
    together: int = 0
    most: int = 0
    patience: SourceBusy | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def calendar(self, number: int) -> Asked:
        return Asked(self, number)


@dataclass
class Asked:
    """One of its calendars."""

    server: Server
    number: int
    held: MemorySource = field(default_factory=MemorySource)

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        server = self.server
        server.asked.append(self.number)
        server.together += 1
        server.most = max(server.most, server.together)
        try:
            await server.open.wait()
            await asyncio.sleep(0)
            if server.patience is not None:
                raise server.patience
            return await self.held.changes(window, sync_token)
        finally:
            server.together -= 1

    async def close(self) -> None:
        pass


async def employ(w: World, server: Server, numbers: Iterable[int], connection: str = "memory") -> list[Calendar]:
    """Calendars of the server, one for each number, of new people."""
    known = {each.name for each in await w.store.connections("acme")}
    await w.store.save_connections("acme", [Connection("acme", name, "memory") for name in known | {connection}])
    made = []
    for number in numbers:
        person = await w.person(f"{connection}{number}", "x")
        (read,) = await w.store.calendars(person=person.id)
        (moved,) = await w.store.save_calendars([replace(read.calendar, connection=connection)])
        w.calendars[moved.id] = server.calendar(number)  # type: ignore[assignment]
        made.append(moved)
    return made


Found = list[tuple[int, Lane, bool]]


def reading(w: World, settings: SyncSettings) -> Found:
    """Read by these settings; what was found is in the list."""
    found: Found = []

    def tell(read: ReadCalendar, lane: Lane, news: bool) -> None:
        found.append((read.calendar.id, lane, news))

    w.sync = Sync(w.store, w.directory, w.clock, w._source, w.settler.settle, settings, found=tell)
    return found


async def settled(w: World) -> None:
    await w.until(lambda: not w.sync._reading)


async def health(w: World, calendar: Calendar) -> CalendarHealth:
    (read,) = await w.store.calendars(after=calendar.id - 1, limit=1)
    return read.health


async def test_a_connection_is_read_in_the_order_of_lanes(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        server, lanes = Server(), [Lane.FIRST, Lane.RECONCILE, Lane.CHANGED, Lane.DUE]
        for lane, each in zip(lanes, await employ(w, server, range(4)), strict=True):
            await w.store.save_health(each.id, CalendarHealth(None, None, at(8), lane=lane))
        found = reading(w, SyncSettings(per_connection=1))
        server.open.set()
        async with w.running(sync=True):
            await w.until(lambda: len(found) == 4)
        assert server.asked == [3, 2, 1, 0]
        assert [lane for _, lane, _ in found] == sorted(lanes)
        assert server.most == 1


async def test_what_comes_in_between_is_read_before_those_that_wait(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        server = Server()
        calendars = await employ(w, server, range(10))
        reading(w, SyncSettings(per_connection=1))
        async with w.running(sync=True):
            await w.until(lambda: server.asked == [0])
            await w.store.hint([calendars[7].id], Lane.CHANGED, w.clock.now())
            w.sync.hinted([calendars[7].id])
            await w.until(lambda: not w.sync._wake.is_set())
            server.open.set()
            await w.until(lambda: len(server.asked) == 10)
            await settled(w)
        assert server.asked[:3] == [0, 7, 1]


async def test_as_many_are_read_together_as_the_account_allows_now(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        server, other = Server(), Server()
        calendars = await employ(w, server, range(20))
        await employ(w, other, [100], "other")
        allowed = {"memory": 7, "other": 1}
        found = reading(w, SyncSettings(at_once_of=lambda _organisation, connection: allowed[connection]))
        async with w.running(sync=True):
            await w.until(lambda: server.together == 7 and other.together == 1)
            allowed["memory"] = 2  # it was throttled
            server.most = 0
            server.open.set()
            other.open.set()
            await w.until(lambda: len(found) == 21)
            await settled(w)
            server.open.clear()
            server.most = 0
            await w.store.read_soon([each.id for each in calendars])
            w.sync.wake()
            await w.until(lambda: server.together == 2)
            server.open.set()
            await w.until(lambda: len(found) == 41)
        assert server.most == 2


async def test_a_server_is_asked_for_more_while_what_it_brought_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though for no more than as many again: a store that is slow stops the reading."""
    async with world(tmp_path) as w:
        server, stored = Server(), asyncio.Event()
        await employ(w, server, range(9))
        found = reading(w, SyncSettings(per_connection=2))
        save = w.store.save_read

        async def slowly(*given: Any) -> frozenset[int]:
            await stored.wait()
            return await save(*given)

        monkeypatch.setattr(w.store, "save_read", slowly)
        server.open.set()
        async with w.running(sync=True):
            await w.until(lambda: len(server.asked) == 4)
            for _ in range(5):
                await w.until(lambda: True)
            assert (len(server.asked), found) == (4, [])
            stored.set()
            await w.until(lambda: len(found) == 9)
            await settled(w)
        assert sorted(server.asked) == list(range(9)), "each once"
        assert server.most <= 2


async def test_servers_that_hang_leave_room_for_the_others(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        hanging, other = [Server(), Server()], Server()
        for number, server in enumerate(hanging):
            await employ(w, server, range(20), f"a{number}")
        await employ(w, other, range(20), "z")
        other.open.set()
        reading(w, SyncSettings(at_once_of=lambda *_: 16, at_once=16))
        async with w.running(sync=True):
            await w.until(lambda: len(other.asked) == 20)
            await w.until(lambda: sum(server.together for server in hanging) == 12)
            for server in hanging:
                server.open.set()


async def test_the_rest_wait_in_the_store_and_all_are_read(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        server = Server()
        server.open.set()
        await employ(w, server, range(300))
        found = reading(w, SyncSettings(per_connection=5))
        async with w.running(sync=True):
            await w.until(lambda: len(found) == 300, seconds=60)
        assert sorted(server.asked) == list(range(300)), "each once"
        assert server.most == 5


async def test_nobody_is_queued_twice_where_another_connection_has_more_to_do(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        server, other = Server(), Server()
        for each in await employ(w, server, range(40)):
            await w.store.save_health(each.id, CalendarHealth(None, None, at(8)))
        for each in await employ(w, other, range(100, 103), "other"):
            await w.store.save_health(each.id, CalendarHealth(None, None, at(7)))
        found = reading(w, SyncSettings(per_connection=4))
        async with w.running(sync=True):
            await w.until(lambda: server.together == 4 and other.together >= 3)
            assert sorted(other.asked) == [100, 101, 102]
            other.open.set()
            server.open.set()
            await w.until(lambda: len(found) == 43)
            await settled(w)
        assert sorted(server.asked + other.asked) == [*range(40), 100, 101, 102]


async def test_a_server_that_asks_for_patience_waits_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        server, other = Server(), Server()
        calendars = await employ(w, server, range(6))
        await w.store.save_health(calendars[0].id, CalendarHealth("t", at(8), at(8), lane=Lane.DUE))
        await employ(w, other, [100], "other")
        server.patience = SourceBusy("429", retry_after=40)
        other.open.set()
        server.open.set()
        found = reading(w, SyncSettings(per_connection=3))
        async with w.running(sync=True):
            await w.until(lambda: len(server.asked) == 3 and len(found) == 1)
            await settled(w)
            assert list(w.sync.held()) == [("acme", "memory")]
            assert at(9, 0, 40) <= w.sync.held()["acme", "memory"] <= at(9, 0, 44)
            server.patience = None
            await w.move_to(at(9, 0, 39))
            assert len(server.asked) == 3, "nobody is asked before"
            assert await health(w, calendars[0]) == CalendarHealth("t", at(8), at(8), lane=Lane.DUE)
            assert await health(w, calendars[1]) == CalendarHealth()
            w.sync.wake()
            await w.move_to(at(9, 0, 39))
            assert len(server.asked) == 3
            await w.move_to(at(9, 0, 46))
            await w.until(lambda: len(found) == 7)
            await settled(w)
        assert server.asked[3] == 0, "in its lane as before"
        assert w.sync.meters.reads == {True: 7}


async def test_a_hint_while_it_is_read_makes_it_read_once_more(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        slow = Slow(calendar)
        (read,) = await w.store.calendars(person=anna.id)
        w.calendars[read.calendar.id] = slow  # type: ignore[assignment]
        async with w.running(sync=True):
            await slow.begun.wait()
            calendar.put("a", entry("a", "m: booked meanwhile", at(8), at(11)))
            await w.store.hint([read.calendar.id], Lane.CHANGED, w.clock.now())
            w.sync.hinted([read.calendar.id])
            slow.go.set()
            await w.shows("1001", "meeting")
            await settled(w)
        assert calendar.reads == 2


async def told_of(w: World, calendar: Calendar) -> None:
    await w.store.hint([calendar.id], Lane.CHANGED, w.clock.now())
    w.sync.hinted([calendar.id])


async def test_a_hint_that_leads_to_nothing_is_followed_once_more_half_a_minute_later(tmp_path: Path) -> None:
    async with world(tmp_path, at(9, 5)) as w:
        found = reading(w, SyncSettings(pace_of=lambda _: PUSHED))
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        (read,) = await w.store.calendars(person=anna.id)
        async with w.running(sync=True):
            await w.until(lambda: calendar.reads == 1)
            await settled(w)
            await told_of(w, read.calendar)
            await w.until(lambda: len(found) == 2)
            calendar.put("a", entry("a", "m: late", at(8), at(11)))  # the server's copy has it only now
            await w.move_to(at(9, 5, 29))
            assert calendar.reads == 2
            await w.move_to(at(9, 5, 31))
            await w.shows("1001", "meeting")
            await w.move_to(at(9, 30))
            assert calendar.reads == 3, "once"
        lanes = [(lane, news) for _, lane, news in found]
        assert lanes == [(Lane.FIRST, False), (Lane.CHANGED, False), (Lane.RECONCILE, True)]


async def test_what_is_news_and_what_is_not(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        found = reading(w, SyncSettings())
        anna = await w.person()
        calendar = await w.calendar_of(anna)

        async def news() -> bool:
            await w.read(anna)
            return found[-1][2]

        assert not await news()
        calendar.put("a", entry("a", "m: x", at(10), at(11)))
        assert await news()
        assert not await news()
        calendar.lose_token()
        assert not await news(), "a whole reading of the same"
        far = NINE + timedelta(days=399)
        calendar.put("far", entry("far", "m: x", far, far + timedelta(hours=1)))
        assert not await news(), "a window that moves on brings such every day"
        calendar.put("b", entry("b", "untagged", at(10), at(11)))
        assert not await news()
        calendar.put("a", entry("a", "m: x", at(10), at(12)))
        assert await news()
        calendar.remove("a")
        assert await news()
        calendar.fail(SourceBusy("429"))
        before = len(found)
        await w.read(anna)
        assert len(found) == before


@pytest.mark.parametrize("resource", ["automatic-reply", "reply of anna"])
async def test_an_automatic_reply_that_is_read_with_everything_is_no_change(tmp_path: Path, resource: str) -> None:
    async with world(tmp_path, at(9, 5)) as w:
        reading(w, SyncSettings(pace_of=lambda _: Pace(jitter=0)))
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        reply = CalendarEntry("automatic-reply:a", Timed(at(9), LATEST), type=EntryType.AUTOMATIC_REPLY)
        async with w.running():
            for minutes in (2, 3, 4.5):
                calendar.put(resource, reply)
                (read,) = await w.store.calendars(person=anna.id)
                if read.health.next_read is not None:
                    await w.move_to(read.health.next_read)
                await w.read(anna)
                (read,) = await w.store.calendars(person=anna.id)
                assert read.health.next_read is not None
                assert read.health.confirmed_at is not None
                rested = (read.health.next_read - read.health.confirmed_at).total_seconds()
                assert rested == pytest.approx(60 * minutes, abs=2)
            await w.shows("1001", "out_of_office")
            assert "further notice" in w.switchboard.held["1001"].lamp
            calendar.remove(resource)
            await w.read(anna)
            await w.shows("1001", "")


async def test_a_failure_keeps_the_lane_of_what_is_due_some_times(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        reading(w, SyncSettings())
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "m: x", at(9, 10), at(11)))
        await w.read(anna)
        (read,) = await w.store.calendars(person=anna.id)
        await w.store.save_health(read.calendar.id, replace(read.health, lane=Lane.DUE))
        calendar.fail(SourceBusy("429"))
        await w.read(anna)
        assert (await health(w, read.calendar)).failures == 0
        w.calendars[read.calendar.id] = Broken()  # type: ignore[assignment]
        for lane in (*[Lane.DUE] * 5, Lane.RECONCILE):
            await w.read(anna)
            assert (await health(w, read.calendar)).lane is lane


@pytest.mark.parametrize("asked", [None, 100.0])
async def test_what_is_due_is_right_at_its_start_though_the_look_before_it_fails(
    tmp_path: Path, asked: float | None
) -> None:
    """The entry is taken out five minutes before, nobody tells of that, and the server is down for two."""
    async with world(tmp_path, at(9, 5)) as w:
        reading(w, SyncSettings(pace_of=lambda _: PUSHED))
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "m: x", at(10), at(11)))
        calendar.put("b", entry("b", "m: y", at(15), at(16)))
        (read,) = await w.store.calendars(person=anna.id)
        async with w.running(sync=True):
            await w.until(lambda: calendar.reads == 1)
            await settled(w)
            await w.move_to(at(9, 55))
            calendar.remove("a")
            calendar.fail(SourceUnavailable("503", retry_after=asked))
            first = (await health(w, read.calendar)).next_read
            assert first is not None
            await w.move_to(first)
            await w.until(lambda: calendar.reads == 2)
            await settled(w)
            again = (await health(w, read.calendar)).next_read
            assert again is not None
            assert (asked or 30) - 1 <= (again - first).total_seconds() <= (asked or 30) * 1.1 + 5
            calendar.fail(None)
            await w.move_to(again)
            await w.until(lambda: calendar.reads == 3)
            await settled(w)
            await w.move_to(max(at(10), again))
            await w.shows("1001", "")


class Broken:
    """Fails."""

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        raise ValueError

    async def close(self) -> None:
        pass


# -- what loses most of its referrals --------------------------------------------------------------------------------


async def taken_out(w: World, server: Server, count: int) -> list[Calendar]:
    """Calendars with a meeting each that was read, and that is not there any more."""
    calendars = await employ(w, server, range(count))
    held = [w.calendars[each.id].held for each in calendars]  # type: ignore[attr-defined]
    for each in held:
        each.put("kick-off", entry("kick-off", "m: x", at(12), at(13)))
    for each in calendars:
        await w.read(await owner(w, each))
    for each in held:
        each.remove("kick-off")
    await w.store.read_soon()
    server.asked.clear()
    return calendars


async def owner(w: World, calendar: Calendar) -> Person:
    owned = await w.store.owned(calendar.id)
    assert owned is not None
    return owned[1]


async def test_what_everybody_loses_at_once_is_not_read_one_after_the_other(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        server = Server()
        server.open.set()
        calendars = await taken_out(w, server, 20)
        reading(w, SyncSettings(per_connection=2, second_reading=60))
        async with w.running(sync=True):
            await w.until(lambda: sorted(server.asked) == list(range(20)) and not w.sync._reading)
            assert len(await w.store.referrals_of(calendars[0].id)) == 1, "it is not believed yet"
            await w.move_to(w.clock.now() + timedelta(seconds=61))
            await w.until(lambda: len(server.asked) == 40 and not w.sync._reading)
        for each in calendars:
            assert await w.store.referrals_of(each.id) == ()


async def test_a_hint_makes_nobody_believe_a_loss_sooner(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        server = Server()
        server.open.set()
        (calendar,) = await taken_out(w, server, 1)
        found = reading(w, SyncSettings(second_reading=60))
        async with w.running(sync=True):
            await w.until(lambda: len(server.asked) == 1 and not w.sync._reading)
            for asked in (2, 3):
                await w.store.hint([calendar.id], Lane.CHANGED, w.clock.now())
                w.sync.hinted([calendar.id])
                await w.until(lambda asked=asked: len(server.asked) == asked and not w.sync._reading)  # type: ignore[misc]
                assert len(await w.store.referrals_of(calendar.id)) == 1
            await w.move_to(w.clock.now() + timedelta(seconds=61))
            await w.until(lambda: bool(found))
        assert found == [(calendar.id, Lane.CHANGED, True)]
        assert await w.store.referrals_of(calendar.id) == ()
