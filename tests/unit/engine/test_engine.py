"""The engine as a whole: what is booked shows at its second, whatever happens on the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backsoon.domain.model import Layer
from backsoon.store.base import Trigger
from backsoon.switchboards.base import SwitchboardError
from tests.unit.engine.world import NINE, at, entry, world


async def test_a_booked_meeting_refers_and_releases_at_the_second(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(10), at(11)))
        async with w.running():
            await w.read(anna)
            await w.until(lambda: "1001" in w.switchboard.held)
            assert w.lamp("1001") == ""
            await w.move_to(at(9, 59, 59))
            assert w.lamp("1001") == ""
            await w.move_to(at(10))
            await w.shows("1001", "meeting")
            await w.move_to(at(10, 59, 59))
            assert w.lamp("1001") == "meeting"
            await w.move_to(at(11))
            await w.until(lambda: "1001" not in w.switchboard.held)


async def test_the_plan_is_written_ahead_and_not_again_when_the_meeting_begins(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(10), at(11)))
        async with w.running():
            await w.read(anna)
            await w.until(lambda: "1001" in w.switchboard.held)
            plan = w.switchboard.held["1001"].plan
            assert plan.count("meeting") == 1
            await w.move_to(at(10))
            await w.shows("1001", "meeting")
            assert w.switchboard.held["1001"].plan == plan
            assert [o.before.plan != o.after.plan for o in w.switchboard.shown] == [True, False]


async def test_history_names_each_change_and_its_cause(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(10), at(11)))
        async with w.running():
            await w.read(anna)
            await w.move_to(at(9, 59, 30))
            await w.move_to(at(10))
            await w.shows("1001", "meeting")
            await w.move_to(at(10, 5))
            await w.service.back(anna, by="Bo", through="cli")
            await w.move_to(at(10, 59, 30))
            await w.move_to(at(11))
        history = await w.store.history(anna.id, NINE, at(12))
    changes = [(h.at, h.availability.reason, h.availability.layer, h.trigger, h.through) for h in history]
    assert (at(10), "meeting", Layer.CALENDAR, Trigger.CLOCK, "") in changes
    assert (at(10, 5), None, Layer.OVERRIDE, Trigger.OVERRIDE, "cli") in changes
    assert changes[-1][:3] == (at(11), None, Layer.NONE)


async def test_a_referral_by_hand_wins_and_ends_by_itself(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            await w.service.refer(anna, "lunch", by="Anna", through="phone")
            await w.shows("1001", "lunch")
            await w.move_to(at(9, 59, 59))
            assert w.lamp("1001") == "lunch"
            await w.move_to(at(10))
            await w.shows("1001", "")


async def test_a_transition_within_the_minute_after_a_referral_by_hand_is_not_missed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            await w.service.refer(anna, "back_at", lasting=timedelta(seconds=20))
            await w.shows("1001", "back_at")
            await w.move_to(at(9, 0, 20))
            await w.shows("1001", "")


@pytest.mark.parametrize("end", [at(9, 1), at(9, 1, 1), at(9, 1, 9)])
async def test_a_transition_soon_after_the_last_one_that_is_staged_is_on_time(tmp_path: Path, end: datetime) -> None:
    """The clock was stepped, so that nothing is staged between the two."""
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(9, 0, 59), end))
        async with w.running():
            await w.read(anna)
            w.clock.step_to(at(9, 0, 53))
            await w.move_to(at(9, 0, 59))
            await w.shows("1001", "meeting")
            await w.move_to(end)
            await w.shows("1001", "")


async def test_an_entry_moved_while_it_is_staged_fires_at_its_new_time_only(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "m: Budget", at(9, 1), at(9, 30)))
        async with w.running():
            await w.read(anna)
            await w.move_to(at(9, 0, 30))
            calendar.put("a", entry("a", "m: Budget", at(9, 2), at(9, 30)))
            await w.read(anna)
            await w.move_to(at(9, 1, 30))
            assert w.lamp("1001") == ""
            await w.move_to(at(9, 2))
            await w.shows("1001", "meeting")


async def test_back_to_back_meetings_never_show_available_between(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "m: One", at(10), at(11)))
        calendar.put("b", entry("b", "m: Two", at(11), at(12)))
        async with w.running():
            await w.read(anna)
            await w.move_to(at(10))
            await w.shows("1001", "meeting")
            before = len(w.switchboard.shown)
            await w.move_to(at(11, 1))
            lamps = [o.after.lamp for o in w.switchboard.shown[before:]]
            assert all("meeting" in lamp for lamp in lamps)
            await w.move_to(at(12))
            await w.shows("1001", "")


async def test_the_clock_stepped_past_a_meeting_shows_what_is_true_then(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "m: One", at(9, 0, 40), at(10)))
        calendar.put("b", entry("b", "h: Away", at(11), at(17)))
        async with w.running():
            await w.read(anna)
            await w.move_to(at(9, 0, 30))
            w.clock.step_to(at(12))
            await w.shows("1001", "holiday")
            assert not any("meeting" in o.after.lamp for o in w.switchboard.shown)


@pytest.mark.parametrize("end", [at(10, 30), at(12)])
async def test_a_restart_tells_only_what_is_true_then(tmp_path: Path, end: object) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        bo = await w.person("1002", "Bo Ek")
        (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(10), at(11)))
        (await w.calendar_of(bo)).put("b", entry("b", "h: Away", at(10), at(17)))
        async with w.running():
            await w.read(anna)
            await w.read(bo)
            await w.move_to(at(10, 5))
            await w.shows("1001", "meeting")
            await w.shows("1002", "holiday")
        held = w.switchboard.held
    async with world(tmp_path, end) as later:  # type: ignore[arg-type]
        later.switchboard.held = held
        async with later.running():
            await later.publisher.drained()
            await later.shows("1001", "meeting" if end == at(10, 30) else "")
            await later.shows("1002", "holiday")
        told = {o.extension for o in later.switchboard.shown if o.before.lamp != o.after.lamp}
        assert told == (set() if end == at(10, 30) else {"1001"})


async def test_a_switchboard_that_was_down_gets_the_last_state_not_the_history(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            await w.until(lambda: w.publisher.health.connected)
            w.switchboard.fail(SwitchboardError("down"))
            await w.until(lambda: not w.publisher.health.connected)
            await w.service.refer(anna, "lunch")
            await w.service.refer(anna, "sick")
            w.switchboard.fail(None)
            await w.move_to(at(9, 1))
            await w.shows("1001", "not_available")
            assert len(w.switchboard.shown) == 1


async def test_a_switchboard_that_forgot_is_told_again_and_strangers_are_cleared(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            await w.service.refer(anna, "lunch")
            await w.shows("1001", "lunch")
            w.switchboard.fail(SwitchboardError("down"))
            await w.until(lambda: not w.publisher.health.connected)
            w.switchboard.held["1999"] = w.switchboard.held.pop("1001")
            w.switchboard.fail(None)
            await w.move_to(at(9, 1))
            await w.shows("1001", "lunch")
            await w.until(lambda: "1999" not in w.switchboard.held)


async def test_a_refused_order_is_named_and_harms_no_other(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna, bo = await w.person(), await w.person("1002", "Bo Ek")
        w.switchboard.refuse["1001"] = "no such extension"
        async with w.running():
            await w.service.refer(anna, "lunch")
            await w.service.refer(bo, "lunch")
            await w.shows("1002", "lunch")
            assert w.publisher.health.refused == {"1001": "no such extension"}
            assert w.publisher.health.connected


async def test_an_extension_that_changes_hands_inherits_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            await w.service.refer(anna, "lunch")
            await w.shows("1001", "lunch")
            await w.service.remove_people([anna])
            await w.shows("1001", "")
            await w.person("1001", "Carl Dahl")
            await w.publisher.drained()
            assert "1001" not in w.switchboard.held


async def test_somebody_switched_off_by_name_is_never_referred(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person(active=False)
        (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(10), at(11)))
        async with w.running():
            await w.read(anna)
            await w.move_to(at(10, 5))
            assert "1001" not in w.switchboard.held


async def test_an_hour_ahead_a_meeting_is_announced(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(11), at(12)))
        async with w.running():
            await w.read(anna)
            with w.hub.listening() as listener:
                await w.move_to(at(10))
                (heard,) = [each.change for each in await listener.batch()]
    assert heard is not None
    assert heard.at == at(10)
    assert heard.availability.upcoming is not None
    assert heard.availability.upcoming.start == at(11)
