"""People who are taken out, change their extension or cannot be decided about while things go on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from backsoon.domain.organisation import Person
from backsoon.domain.timeline import Timeline
from backsoon.engine import deciding
from backsoon.engine.deciding import timeline_of
from backsoon.engine.settling import Cause
from backsoon.store.base import Claims, Trigger
from tests.unit.engine.world import World, at, entry, world


async def test_what_was_staged_of_somebody_who_is_taken_out_is_never_told(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(9, 1), at(10)))
        async with w.running():
            await w.read(anna)
            await w.move_to(at(9, 0, 30))
            await w.until(lambda: "1001" in w.switchboard.held)
            await w.service.remove_people([anna])
            await w.until(lambda: "1001" not in w.switchboard.held)
            await w.move_to(at(9, 2))
            await w.publisher.drained()
            assert "1001" not in w.switchboard.held


async def test_an_extension_given_up_while_its_person_is_decided_shows_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(8), at(10)))
        async with w.running():
            await w.read(anna)
            await w.shows("1001", "meeting")
            held = Held(w)
            deciding = asyncio.create_task(w.settler.settle([anna.id], Cause(Trigger.CALENDAR)))
            await held.begun.wait()
            moving = asyncio.create_task(w.service.save_people([replace(anna, extension="1003")]))
            await w.until(lambda: held.waits > 1 or "1001" not in w.switchboard.held)
            held.go.set()
            await asyncio.gather(deciding, moving)
            await w.shows("1003", "meeting")
            await w.publisher.drained()
            assert "1001" not in w.switchboard.held


class Held:
    """Holds back the first reading of claims until it may go on."""

    def __init__(self, w: World) -> None:
        self.begun, self.go, self.waits = asyncio.Event(), asyncio.Event(), 0
        self._claims, self._save = w.store.claims, w.store.save_people
        w.store.claims = self.claims  # type: ignore[assignment, method-assign]
        w.store.save_people = self.save_people  # type: ignore[assignment, method-assign]

    async def claims(self, people: Sequence[int], *more: object) -> dict[int, Claims]:
        self.waits += 1
        found = await self._claims(people, *more)  # type: ignore[arg-type]
        self.begun.set()
        await self.go.wait()
        return found

    async def save_people(self, people: object, **more: object) -> object:
        saved = await self._save(people, **more)  # type: ignore[arg-type]
        self.waits += 1
        return saved


async def test_a_zone_that_is_not_known_any_more_harms_nobody_else(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person(zone="Europe/Atlantis")
        bo = await w.person("1002", "Bo Ek")
        for person in (anna, bo):
            (await w.calendar_of(person)).put("a", entry("a", "m: x", at(9, 1), at(10)))
        async with w.running():
            await w.read(anna)
            await w.read(bo)
            await w.move_to(at(9, 1))
            await w.shows("1002", "meeting")
            await w.shows("1001", "meeting")


async def test_a_defect_in_deciding_about_one_leaves_them_available_and_harms_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(person: Person, *more: object) -> Timeline:
        if person.extension == "1001":
            raise ValueError("ZQ-CANARY")
        return timeline_of(person, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(deciding, "timeline_of", defective)
    async with world(tmp_path) as w:
        for extension in ("1001", "1002"):
            person = await w.person(extension, extension)
            (await w.calendar_of(person)).put("a", entry("a", "m: x", at(9, 1), at(10)))
            await w.read(person)
        async with w.running():
            await w.move_to(at(9, 1))
            await w.shows("1002", "meeting")
            assert w.lamp("1001") == ""
            monkeypatch.undo()
            for minute in (2, 3, 4):
                await w.move_to(at(9, minute))
            await w.shows("1001", "meeting")
    assert "ZQ-CANARY" not in caplog.text


async def test_who_has_more_referrals_than_are_looked_at_is_looked_at_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        for n in range(deciding.MOST_CLAIMS):
            calendar.put(f"e{n}", entry(f"e{n}", "m: x", at(8), at(9, 2)))
        calendar.put("later", entry("later", "l: x", at(11), at(12)))
        async with w.running():
            await w.read(anna)
            await w.shows("1001", "meeting")
            for minute in (1, 2, 3, 4, 5):
                await w.move_to(at(9, minute))
            await w.shows("1001", "")
            await w.move_to(at(10, 59, 30))
            await w.move_to(at(11))
            await w.shows("1001", "lunch")
