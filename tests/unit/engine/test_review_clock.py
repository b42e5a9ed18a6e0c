"""A clock that is set back, and what takes long beside it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import pytest

from backsoon.switchboards.base import SwitchboardError
from tests.unit.engine.world import NINE, acme, at, entry, world


async def test_a_clock_that_is_set_back_shows_what_is_true_then(tmp_path: Path) -> None:
    async with world(tmp_path, at(10, 59)) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(11), at(12)))
        async with w.running():
            await w.read(anna)
            await w.move_to(at(11))
            await w.shows("1001", "meeting")
            w.clock.step_to(at(10))
            await w.move_to(at(10, 0, 10))
            await w.shows("1001", "")
            await w.move_to(at(10, 59, 59))
            assert w.lamp("1001") == ""
            await w.move_to(at(11))
            await w.shows("1001", "meeting")
            await w.move_to(at(12))
            await w.shows("1001", "")


async def test_a_clock_that_is_set_back_keeps_nothing_waiting(tmp_path: Path) -> None:
    async with world(tmp_path, at(11)) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        async with w.running(sync=True):
            await w.until(lambda: calendar.reads == 1 and w.publisher.health.connected)
            await w.service.refer(anna, "lunch")
            await w.shows("1001", "lunch")
            w.switchboard.fail(SwitchboardError("down"))
            await w.until(lambda: not w.publisher.health.connected)
            w.switchboard.fail(None)
            w.clock.step_to(at(8))
            await w.move_to(at(8, 0, 10))
            await w.until(lambda: w.publisher.health.connected)
            await w.until(lambda: calendar.reads > 1)


@pytest.mark.parametrize("back", [timedelta(milliseconds=300), timedelta(seconds=2)])
async def test_a_clock_that_is_put_right_by_little_changes_nothing(tmp_path: Path, back: timedelta) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(9, 1), at(10)))
        async with w.running():
            await w.read(anna)
            await w.move_to(at(9, 1))
            await w.shows("1001", "meeting")
            shown = len(w.switchboard.shown)
            w.clock.step_to(at(9, 1) - back)
            await w.move_to(at(9, 2))
            assert len(w.switchboard.shown) == shown
        history = await w.store.history(anna.id, NINE, at(10))
    assert [h.availability.reason for h in history].count("meeting") == 1


async def test_public_holidays_are_looked_up_beside_the_event_loop(tmp_path: Path) -> None:
    threads: set[str] = set()

    @lru_cache
    def holidays(country: str, year: int) -> frozenset[date]:
        threads.add(threading.current_thread().name)
        return frozenset({date(year, 11, 23)} if country == "SE" else ())

    async with world(tmp_path, organisation=replace(acme(), country="SE")) as w:
        w.directory.holidays = holidays
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(9, 1), at(10)))
        async with w.running():
            await w.read(anna)
            await w.move_to(at(9, 1))
            await w.shows("1001", "meeting")
            bo = await w.person("1002", "Bo Ek", country="NO")
            await w.service.refer(bo, "lunch")
    assert threads
    assert threading.main_thread().name not in threads
