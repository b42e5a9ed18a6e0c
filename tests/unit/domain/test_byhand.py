"""Referrals by hand: their lifetimes, taking back, and that manual always wins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.byhand import default_end, refer, take_back
from backsoon.domain.defaults import REASONS
from backsoon.domain.errors import BadOverride, EmptySpan, NaiveTime
from backsoon.domain.hours import OFFICE, WorkingTime
from backsoon.domain.model import (
    LATEST,
    CalendarReferral,
    EntryKey,
    Layer,
    Override,
    Phone,
    Rules,
    Span,
)
from backsoon.domain.timeline import Timeline

STOCKHOLM = ZoneInfo("Europe/Stockholm")
WORKING = WorkingTime(OFFICE, STOCKHOLM)
RULES = Rules({}, REASONS)


def t(clock: str, day: int = 23) -> datetime:
    """A time of Monday 23 November 2026 in Stockholm, or of another day of that month."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, day, hour, minute, tzinfo=STOCKHOLM).astimezone(UTC)


def booked(start: str, end: str, uid: str = "u", phone: Phone = Phone.CLOSED) -> CalendarReferral:
    return CalendarReferral(EntryKey(1, uid), Span(t(start), t(end)), "meeting", phone)


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("lunch", t("13:00")),
        ("back_at", t("12:30")),
        ("meeting", t("13:00")),
        ("gone_for_the_day", t("08:00", 24)),
        ("holiday", t("08:00", 24)),
        ("sick", None),
        ("parental_leave", None),
    ],
)
def test_the_default_ends(reason: str, end: datetime | None) -> None:
    assert default_end(t("12:00"), REASONS[reason], WORKING) == end
    assert refer(t("12:00"), REASONS[reason], WORKING).end == end


def test_gone_for_the_day_on_a_friday_is_until_monday() -> None:
    assert refer(t("15:00", 27), REASONS["gone_for_the_day"], WORKING).end == t("08:00", 30)


def test_what_is_said_is_kept() -> None:
    made = refer(
        t("12:00"),
        REASONS["sick"],
        WORKING,
        until=t("14:00").astimezone(STOCKHOLM),
        note=" Dentist\u202e\r\n",
        divert_to="1234",
        by="anna",
        through="cli",
    )
    assert made == Override(t("12:00"), t("14:00"), "sick", "Dentist", "1234", "anna", "cli")


@pytest.mark.parametrize("until", [t("12:00"), t("11:59")])
def test_an_end_before_the_start_is_refused(until: datetime) -> None:
    with pytest.raises(BadOverride, match="must end after it starts"):
        refer(t("12:00"), REASONS["lunch"], WORKING, until=until)


def test_an_end_at_the_end_of_the_calendar_is_refused() -> None:
    with pytest.raises(BadOverride, match="until taken back"):
        refer(t("12:00"), REASONS["lunch"], WORKING, until=LATEST + timedelta(days=1))
    assert refer(t("12:00"), REASONS["lunch"], WORKING, until=LATEST).end == LATEST


def test_naive_times_are_refused() -> None:
    naive = datetime(2026, 11, 23, 14)  # noqa: DTZ001
    with pytest.raises(NaiveTime, match="until"):
        refer(t("12:00"), REASONS["lunch"], WORKING, until=naive)
    for start, end in [(naive, None), (t("12:00"), naive)]:
        with pytest.raises(NaiveTime, match="override"):
            Override(start, end, "lunch")
    with pytest.raises(EmptySpan):
        Override(t("12:00"), t("12:00"), "lunch")


def test_a_referral_by_hand_wins_over_a_holiday_and_ends_by_itself() -> None:
    holiday = CalendarReferral(EntryKey(1, "h"), Span(t("08:00"), t("17:00")), "holiday")
    timeline = Timeline([holiday], RULES, refer(t("12:00"), REASONS["lunch"], WORKING))
    assert timeline.at(t("12:30")).reason == "lunch"
    assert timeline.at(t("12:30")).until == t("13:00")
    assert timeline.at(t("12:30")).back_at == t("17:00")
    assert timeline.at(t("13:00")).reason == "holiday"


def test_until_taken_back_has_no_end() -> None:
    now = Timeline([booked("10:00", "11:00")], RULES, refer(t("09:00"), REASONS["sick"], WORKING)).at(t("09:30"))
    assert (now.reason, now.until, now.back_at, now.upcoming) == ("sick", None, None, None)


def test_taking_back_with_nothing_running_leaves_no_override() -> None:
    assert take_back(t("09:00"), Timeline([], RULES)) is None
    sick = Override(t("08:00"), None, "sick")
    around = [booked("08:00", "09:00"), booked("09:01", "10:00", "v"), booked("08:00", "17:00", "w", Phone.OPEN)]
    assert take_back(t("09:00"), Timeline(around, RULES, sick)) is None


def test_available_during_a_meeting_lasts_until_the_block_ends() -> None:
    chain = [booked("09:00", "10:00"), booked("10:04", "11:00", "v"), booked("11:05", "12:00", "w")]
    override = take_back(t("09:30"), Timeline(chain, RULES), by="anna", through="phone")
    assert override == Override(t("09:30"), t("11:00"), None, by="anna", through="phone")
    timeline = Timeline(chain, RULES, override)
    for clock in ("09:30", "10:02", "10:59"):
        now = timeline.at(t(clock))
        assert (now.referred, now.layer, now.until) == (False, Layer.OVERRIDE, t("11:00"))
    assert timeline.at(t("11:00")).layer is Layer.NONE
    assert timeline.at(t("11:05")).referred


def test_the_block_is_the_one_that_stood_when_it_was_said() -> None:
    override = take_back(t("09:30"), Timeline([booked("09:00", "10:00")], RULES))
    longer = Timeline([booked("09:00", "12:00")], RULES, override)
    assert not longer.at(t("09:59")).referred
    assert longer.at(t("10:00")).referred


def test_a_block_knows_nothing_of_working_hours() -> None:
    override = take_back(t("16:30"), Timeline([booked("16:00", "17:30")], RULES, None, WORKING))
    assert override is not None
    assert override.end == t("17:30")
