"""Who becomes unconfirmed, and fresh again, is announced: once each way, whatever is restarted or removed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from backsoon.domain.organisation import Calendar, Person
from backsoon.engine import ageing
from backsoon.engine.ageing import EVERY, Ageing
from backsoon.sources.base import SourceUnavailable
from backsoon.store.base import StoreUnavailable
from backsoon.testing import MemorySource
from tests.unit.engine.world import NINE, World, acme, at, entry, world


class Heard:
    """Stands for the hub."""

    def __init__(self) -> None:
        self.extensions: list[str] = []

    def announce_people(self, people: Sequence[Person]) -> None:
        self.extensions += [p.extension for p in people]

    def taken(self) -> list[str]:
        heard, self.extensions = sorted(self.extensions), []
        return heard


def ageing_of(w: World, heard: Heard) -> Ageing:
    return Ageing(w.store, w.directory, w.clock, heard)


async def look_at(w: World, one: Ageing, instant: datetime) -> None:
    await w.clock.move_to(instant)
    await one.look()


async def test_each_way_is_announced_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        heard = Heard()
        one = ageing_of(w, heard)
        anna, bo = await w.person(), await w.person("1002", "Bo Ek")
        await one.look()
        await w.read(anna)
        await look_at(w, one, at(9, 10))
        await w.read(bo)
        await look_at(w, one, at(9, 29))
        assert heard.taken() == []
        await look_at(w, one, at(9, 31))
        assert heard.taken() == ["1001"]
        await look_at(w, one, at(9, 32))
        assert heard.taken() == []
        await w.read(anna)
        await look_at(w, one, at(9, 33))
        assert heard.taken() == ["1001"]
        await look_at(w, one, at(9, 45))
        assert heard.taken() == ["1002"]
        await look_at(w, one, at(10, 30))
        assert heard.taken() == ["1001"]
        await one.look()
        assert heard.taken() == []


async def test_what_was_unconfirmed_before_a_restart_is_announced_when_it_is_fresh(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna, bo = await w.person(), await w.person("1002", "Bo Ek")
        await w.read(anna)
        await w.clock.move_to(at(9, 40))
        await w.read(bo)
        heard = Heard()
        one = ageing_of(w, heard)
        await one.look()
        assert heard.taken() == [], "whoever listens reads all anew after a restart"
        await w.read(anna)
        await look_at(w, one, at(9, 41))
        assert heard.taken() == ["1001"]


async def test_one_calendar_of_several_is_enough(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        heard = Heard()
        one = ageing_of(w, heard)
        anna = await w.person()
        (other,) = await w.store.save_calendars([Calendar(anna.id, "acme", "memory", "memory:other")])
        w.calendars[other.id] = MemorySource()
        await w.read(anna)
        await one.look()
        await w.clock.move_to(at(9, 20))
        (first, _) = await w.store.calendars(person=anna.id)
        await w.sync.read(first)
        await look_at(w, one, at(9, 35))
        assert heard.taken() == ["1001"]
        await w.store.remove_calendars([other.id])
        await look_at(w, one, at(9, 36))
        assert heard.taken() == ["1001"], "what is left is fresh"


async def test_a_first_reading_is_announced(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        heard = Heard()
        one = ageing_of(w, heard)
        w.sync._first_read = one.first_read
        anna = await w.person()
        await one.look()
        await w.read(anna)
        await look_at(w, one, at(9, 1))
        assert heard.taken() == ["1001"]
        await w.read(anna)
        await look_at(w, one, at(9, 2))
        assert heard.taken() == []


async def test_whoever_is_switched_off_or_gone_is_announced_no_more(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        heard = Heard()
        one = ageing_of(w, heard)
        anna, bo, cia = await w.person(), await w.person("1002", "Bo Ek"), await w.person("1003", "Cia Dal")
        for person in (anna, bo, cia):
            await w.read(person)
        await look_at(w, one, at(9, 31))
        assert heard.taken() == [], "the first look compares with nothing"
        await w.store.save_people([replace(anna, active=False)])
        await w.store.remove_people([bo.id])
        await look_at(w, one, at(9, 32))
        assert heard.taken() == ["1001"], "nobody waits for the calendar of somebody who is switched off"
        await look_at(w, one, at(9, 33))
        assert heard.taken() == []


async def test_another_limit_is_another_answer(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        heard = Heard()
        one = ageing_of(w, heard)
        anna = await w.person()
        await w.read(anna)
        await look_at(w, one, at(9, 20))
        await w.store.save_organisation(acme(confirmed_within=timedelta(minutes=10)))
        await w.directory.refresh()
        await look_at(w, one, at(9, 21))
        assert heard.taken() == ["1001"]
        await w.store.save_organisation(acme(confirmed_within=timedelta(minutes=60)))
        await w.directory.refresh()
        await look_at(w, one, at(9, 22))
        assert heard.taken() == ["1001"]


async def test_many_go_by_pages_and_each_is_announced_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        heard = Heard()
        one = ageing_of(w, heard)
        people = [await w.person(f"2{n:03}", f"Person {n}") for n in range(7)]
        for person in people:
            await w.read(person)
        await one.look()
        with patch.object(ageing, "PAGE", 3), patch.object(ageing, "CHUNK", 2), patch.object(ageing, "IN_TURN", 1):
            await look_at(w, one, at(9, 40))
            assert heard.taken() == [p.extension for p in people]
            for person in people[:4]:
                await w.read(person)
            await look_at(w, one, at(9, 41))
            assert heard.taken() == [p.extension for p in people[:4]]
            for minute in (42, 43, 44):
                await look_at(w, one, at(9, minute))
        assert heard.taken() == []


async def test_a_clock_that_is_set_back_makes_nobody_unconfirmed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        heard = Heard()
        one = ageing_of(w, heard)
        await w.read(await w.person())
        await look_at(w, one, at(9, 31))
        w.clock.step_to(at(9, 5))
        await one.look()
        assert heard.taken() == ["1001"], "it is fresh by the time there is now"
        await look_at(w, one, at(9, 32))
        assert heard.taken() == ["1001"]


async def test_it_goes_on_where_the_store_fails_for_a_while(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with world(tmp_path) as w:
        heard = Heard()
        one = ageing_of(w, heard)
        anna = await w.person()
        await w.read(anna)
        await one.look()
        running = asyncio.create_task(one.run())
        try:
            with patch.object(w.store, "confirmed_between", side_effect=StoreUnavailable("gone")):
                await w.move_to(at(9, 31))
            assert "could not be read, trying again: gone" in caplog.text
            await w.move_to(w.clock.now() + timedelta(seconds=2 * EVERY))
            await w.until(lambda: heard.extensions == ["1001"])
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_an_outage_of_a_calendar_changes_nobodys_state(tmp_path: Path) -> None:
    """What is known goes on to count: nobody becomes available by it, and nobody is kept past a known end."""
    async with world(tmp_path) as w:
        heard = Heard()
        one = ageing_of(w, heard)
        anna, bo = await w.person(), await w.person("1002", "Bo Ek")
        (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(9), at(11)))
        (await w.calendar_of(anna)).put("b", entry("b", "l:", at(13), at(14)))
        (await w.calendar_of(bo)).put("c", entry("c", "m: x", NINE + timedelta(days=300), NINE + timedelta(days=301)))
        async with w.running(sync=True):
            await w.shows("1001", "meeting")
            await w.until(lambda: len(w.switchboard.held) == 2)
            await one.look()
            for person in (anna, bo):
                (await w.calendar_of(person)).fail(SourceUnavailable("no answer"))
            for hour, minute, reason in ((9, 50, "meeting"), (10, 59, "meeting"), (11, 1, ""), (12, 59, "")):
                await w.move_to(at(hour, minute))
                await w.shows("1001", reason)
            await one.look()
            assert heard.taken() == ["1001", "1002"]
            for hour, minute, reason in ((13, 1, "lunch"), (13, 59, "lunch"), (14, 1, "")):
                await w.move_to(at(hour, minute))
                await w.shows("1001", reason)
            shown = await w.service.show(anna)
            assert shown.age.unconfirmed_since is not None
            assert shown.age.unconfirmed_since < at(9, 40)
            assert shown.problems == ("no answer",)
            assert "1002" in w.switchboard.held, "what is written ahead stays"
        later = await w.service.show(bo, NINE + timedelta(days=300, hours=1))
        assert later.availability.reason == "meeting"
