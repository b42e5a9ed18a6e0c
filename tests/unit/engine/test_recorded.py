"""How somebody stood at instants that have passed: what show and the timeline say is what why says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from backsoon.domain.organisation import Person
from backsoon.engine import recorded
from backsoon.engine.explaining import Explaining, TooLongAgo
from tests.unit.engine.world import World, at, entry, world


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def _morning(w: World) -> Person:
    """A meeting 9-10 that is taken out at 9:30, lunch by hand 9:40-9:50, another meeting 11-12; it is 10 o'clock."""
    anna = await w.person()
    calendar = await w.calendar_of(anna)
    calendar.put("a", entry("a", "m: Budget", at(9), at(10)))
    calendar.put("b", entry("b", "h: x", at(12), at(13)))
    async with w.running():
        await w.read(anna)
        await w.until(lambda: bool(w.switchboard.held))
        await w.move_to(at(9, 30))
        calendar.remove("a")
        await w.read(anna)
        await w.move_to(at(9, 40))
        await w.service.refer(anna, "lunch", until=at(10, 30), by="bo", through="cli")
        await w.move_to(at(9, 50))
        await w.service.back(anna)
        await w.move_to(at(10))
    return anna


async def test_what_has_passed_is_shown_as_it_was_and_as_why_has_it(w: World) -> None:
    anna = await _morning(w)
    explaining = Explaining(w.store, w.directory, w.clock, w.publishers)
    found: dict[datetime, str | None] = {}
    for minute in (1, 29, 35, 41, 49, 55):
        shown = await w.service.show(anna, at(9, minute))
        why = await explaining.explain(anna, at(9, minute))
        assert shown.availability == why.availability
        assert shown.timeline is None
        found[at(9, minute)] = shown.availability.reason
    assert list(found.values()) == ["meeting", "meeting", None, "lunch", "lunch", None]
    lunch = await w.service.show(anna, at(9, 45))
    assert lunch.override is not None
    assert (lunch.override.by, lunch.next_change) == ("bo", at(9, 50))
    last = await w.service.show(anna, at(9, 55))
    assert (last.override, last.next_change) == (None, at(11)), "when the warning of what comes begins"
    assert (await w.service.show(anna, at(8))).availability.reason is None


async def test_what_was_dialled_and_taken_over_later_is_not_shown_before(w: World) -> None:
    anna = await w.person()
    await w.move_to(at(9, 50))
    w.switchboard.dial("1001", at(9, 10), "1", "1430")
    async with w.running():
        await w.shows("1001", "meeting")
        await w.move_to(at(10))
    before, since = await w.service.show(anna, at(9, 30)), await w.service.show(anna, at(9, 55))
    assert (before.availability.reason, before.override) == (None, None)
    assert (since.availability.reason, since.override is not None) == ("meeting", True)


async def test_a_timeline_goes_from_what_was_to_what_comes(w: World) -> None:
    anna = await _morning(w)
    stretches = await w.service.timeline(anna, at(8), at(14))
    reasons = [s.availability.reason for s in stretches]
    assert [r for n, r in enumerate(reasons) if not n or r != reasons[n - 1]] == [
        None,
        "meeting",
        None,
        "lunch",
        None,
        "holiday",
        None,
    ]
    assert (stretches[0].start, stretches[-1].end) == (at(8), at(14))
    assert all(one.end == two.start and one.availability != two.availability for one, two in pairwise(stretches))
    assert [s.availability.reason for s in await w.service.timeline(anna, at(9, 41), at(9, 45))] == ["lunch"]


async def test_whoever_is_switched_off_is_available_in_every_answer(w: World) -> None:
    anna = await _morning(w)
    (off,) = await w.service.save_people([replace(anna, active=False)])
    assert (await w.service.show(off, at(12, 30))).availability.reason is None
    assert {s.availability.reason for s in await w.service.timeline(off, at(10), at(14))} == {None}
    assert (await w.service.show(off, at(9, 45))).availability.reason == "lunch", "so it was"


async def test_what_is_not_kept_is_no_empty_answer(w: World) -> None:
    anna = await w.person()
    long_ago = w.clock.now() - timedelta(days=31)
    with pytest.raises(TooLongAgo):
        await w.service.show(anna, long_ago)
    with pytest.raises(TooLongAgo):
        await w.service.timeline(anna, long_ago, at(12))


async def test_of_very_many_changes_the_first_are_told(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "MOST", 2)
    anna = await _morning(w)
    found = await recorded.recorded(w.store, anna, at(8), at(10), w.clock.now())
    assert [s.availability.reason for s in found] == [None, "meeting", None]
    assert (found[0].start, found[-1].end) == (at(8), at(9, 40))
    assert await w.service.timeline(anna, at(8), at(14)) == found, "nothing is left out between"
