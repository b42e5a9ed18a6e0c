"""What a switchboard is to show, made of the stretches of a timeline."""

from __future__ import annotations

from backsoon.domain.model import Override
from backsoon.domain.timeline import Timeline
from backsoon.engine.presenting import presentation
from backsoon.switchboards.base import Presentation
from tests.unit.domain.test_timeline import RULES, STOCKHOLM, WORKING, booked, t


def test_what_was_set_by_hand_says_so_and_is_not_joined_to_a_meeting_alike() -> None:
    timeline = Timeline([booked("11:00", "12:00")], RULES, Override(t("10:00"), t("11:00"), "meeting"), WORKING)
    now = t("10:30")
    plan = presentation(Presentation("1001"), now, timeline.stretches(now), RULES, STOCKHOLM).plan
    assert [(one.end, one.back_at, one.reason, one.by_hand) for one in plan] == [
        (t("11:00"), t("12:00"), "meeting", True),
        (t("12:00"), t("12:00"), "meeting", False),
    ]


def test_meetings_alike_are_joined() -> None:
    timeline = Timeline([booked("10:00", "11:00"), booked("11:00", "12:00")], RULES, None, WORKING)
    now = t("10:30")
    (one,) = presentation(Presentation("1001"), now, timeline.stretches(now), RULES, STOCKHOLM).plan
    assert (one.end, one.by_hand) == (t("12:00"), False)
