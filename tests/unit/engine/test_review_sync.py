"""Reading while other calendars hang, and while that by which is read changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from backsoon.domain.organisation import Calendar, Connection
from backsoon.engine.sync import SyncSettings
from backsoon.sources.base import Changes, Window
from backsoon.testing import MemorySource
from tests.unit.engine.test_review_store import disk_full
from tests.unit.engine.test_sync import Slow, health
from tests.unit.engine.world import World, at, entry, world


class Hanging:
    """Never answers."""

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self) -> None:
        pass


async def hanging(w: World, many: int, connection: str = "slow") -> None:
    """A connection of so many calendars that all hang, due before all others."""
    await w.store.save_connections("acme", [Connection("acme", name, "memory") for name in ("memory", connection)])
    for number in range(many):
        person = await w.person(f"2{number:03}", "x")
        await w.store.remove_calendars([each.calendar.id for each in await w.store.calendars(person=person.id)])
        (calendar,) = await w.store.save_calendars([Calendar(person.id, "acme", connection, "x")])
        w.calendars[calendar.id] = Hanging()  # type: ignore[assignment]


async def test_a_server_whose_calendars_all_hang_delays_no_other_server(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await hanging(w, 20 * SyncSettings().per_connection)
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(8), at(11)))
        async with w.running(sync=True):
            await w.shows("1001", "meeting")


async def test_while_one_calendar_hangs_others_are_read_when_they_are_due(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await hanging(w, 1)
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        (read,) = await w.store.calendars(person=anna.id)
        await w.store.save_health(read.calendar.id, replace(read.health, next_read=at(9, 0, 10)))
        async with w.running(sync=True):
            await w.until(lambda: bool(w.sync._reading))
            await w.move_to(at(9, 0, 8))
            assert calendar.reads == 0
            await w.move_to(at(9, 0, 16))
            await w.until(lambda: calendar.reads == 1)


async def test_a_calendar_that_moves_while_it_is_read_is_read_where_it_is_now(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        before, after = MemorySource(), MemorySource()
        before.put("a", entry("a", "m: of the place before", at(8), at(11)))
        after.put("b", entry("b", "l: of the new place", at(8), at(11)))
        slow = Slow(before)
        (read,) = await w.store.calendars(person=anna.id)
        w.calendars[read.calendar.id] = slow  # type: ignore[assignment]
        async with w.running(sync=True):
            await slow.begun.wait()
            await w.store.save_calendars([replace(read.calendar, address="memory:elsewhere")])
            w.calendars[read.calendar.id] = after
            slow.go.set()
            await w.shows("1001", "lunch")
        assert [r.note for r in await w.service.referrals(anna)] == ["of the new place"]


async def test_a_keyword_of_ones_own_counts_for_entries_that_were_read_before(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "zzz: x", at(8), at(11)))
        async with w.running(sync=True):
            await w.until(lambda: bool(w.calendars) and next(iter(w.calendars.values())).reads == 1)
            await w.until(lambda: not w.sync._reading)
            await w.service.save_people([replace(anna, keywords={"zzz": "lunch"})])
            w.sync.wake()
            await w.shows("1001", "lunch")


async def test_a_defect_in_taking_over_one_calendar_harms_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as w:
        anna, bo = await w.person(), await w.person("1002", "Bo Ek")
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(8), at(11)))
        (await w.calendar_of(bo)).put("b", entry("b", "m: x", at(8), at(11)))
        (hers,) = await w.store.calendars(person=anna.id)
        save = w.store.save_read

        async def defective(calendar: int, *more: object) -> frozenset[int]:
            if calendar == hers.calendar.id:
                raise ValueError("ZQ-CANARY")
            return await save(calendar, *more)  # type: ignore[arg-type]

        monkeypatch.setattr(w.store, "save_read", defective)
        async with w.running(sync=True):
            await w.shows("1002", "meeting")
            await w.until(lambda: not w.sync._reading)
            assert "internal error" in (await health(w, anna)).problem  # type: ignore[attr-defined]
    assert "ZQ-CANARY" not in caplog.text


async def test_a_store_that_fails_while_reading_is_read_into_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(8), at(11)))
        async with w.running(sync=True):
            with disk_full(w):
                await w.until(lambda: bool(w.sync._reading))
                await w.move_to(at(9, 0, 5))
                assert w.lamp("1001") == ""
            for second in (7, 9, 11):
                await w.move_to(at(9, 0, second))
            await w.shows("1001", "meeting")
