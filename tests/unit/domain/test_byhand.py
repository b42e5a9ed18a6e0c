"""Referrals by hand: their lifetimes, taking back, and that manual always wins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.byhand import default_end, follows, refer, repeated, take_back
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
from backsoon.domain.phrase import told_reason
from backsoon.domain.timeline import Timeline

STOCKHOLM = ZoneInfo("Europe/Stockholm")
WORKING = WorkingTime(OFFICE, STOCKHOLM)
RULES = Rules({}, REASONS)


def t(clock: str, day: int = 23) -> datetime:
    """A time of Monday 23 November 2026 in Stockholm, or of another day of that month."""
    hour, minute, second = map(int, f"{clock}:00".split(":")[:3])
    return datetime(2026, 11, day, hour, minute, second, tzinfo=STOCKHOLM).astimezone(UTC)


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
    with pytest.raises(BadOverride, match="cannot end after 9000"):
        refer(t("12:00"), REASONS["lunch"], WORKING, until=LATEST + timedelta(days=1))
    assert refer(t("12:00"), REASONS["lunch"], WORKING, until=LATEST).end is None


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


def test_available_during_what_has_no_end_lasts_until_taken_back() -> None:
    forever = replace(booked("09:00", "10:00"), span=Span(t("09:00"), LATEST))
    override = take_back(t("09:30"), Timeline([forever], RULES, None, WORKING))
    assert override == Override(t("09:30"), None, None)
    assert repeated(override, Override(t("09:31"), None, None), False, t("09:31"))


def test_the_block_is_the_one_that_stood_when_it_was_said() -> None:
    override = take_back(t("09:30"), Timeline([booked("09:00", "10:00")], RULES))
    longer = Timeline([booked("09:00", "12:00")], RULES, override)
    assert not longer.at(t("09:59")).referred
    assert longer.at(t("10:00")).referred


def test_a_block_knows_nothing_of_working_hours() -> None:
    override = take_back(t("16:30"), Timeline([booked("16:00", "17:30")], RULES, None, WORKING))
    assert override is not None
    assert override.end == t("17:30")


LUNCH = Override(t("12:00"), t("13:00"), "lunch", "Thai", "1234", "anna", "cli")


@pytest.mark.parametrize(
    ("change", "explicit_end", "at", "same"),
    [
        ({}, True, t("12:40"), True),
        ({"end": t("13:01")}, True, t("12:40"), False),
        ({"end": t("13:00:01")}, False, t("12:00:01"), True),
        ({"end": t("13:00:59")}, False, t("12:00:59"), True),
        ({"end": t("13:01:01")}, False, t("12:01:01"), False),
        ({"end": t("13:15")}, False, t("12:00:30"), False),
        ({"end": None}, False, t("12:00:30"), False),
        ({"reason": "meeting"}, True, t("12:40"), False),
        ({"note": "Sushi"}, True, t("12:40"), False),
        ({"divert_to": ""}, True, t("12:40"), False),
        ({"by": "bo"}, True, t("12:40"), False),
        ({"through": "console"}, True, t("12:40"), False),
        ({"reason": None}, True, t("12:40"), False),
    ],
)
def test_the_same_request_again(change: dict[str, object], explicit_end: bool, at: datetime, same: bool) -> None:
    wanted = replace(LUNCH, start=at, **change)  # type: ignore[arg-type]
    assert repeated(LUNCH, wanted, explicit_end, at) is same


def test_nothing_is_repeated_where_there_is_nothing() -> None:
    assert not repeated(None, LUNCH, True, t("12:00"))
    assert not repeated(replace(LUNCH, end=t("12:30")), replace(LUNCH, start=t("12:30")), False, t("12:30"))
    assert not repeated(replace(LUNCH, start=t("12:10")), replace(LUNCH, start=t("12:05")), True, t("12:05"))


def test_until_the_next_working_morning_again_is_the_same_however_the_lengths_differ() -> None:
    first = refer(t("15:00"), REASONS["gone_for_the_day"], WORKING)
    again = refer(t("15:00:30"), REASONS["gone_for_the_day"], WORKING)
    assert repeated(first, again, False, t("15:00:30"))
    forever = refer(t("15:00"), REASONS["sick"], WORKING)
    assert repeated(forever, refer(t("15:00:30"), REASONS["sick"], WORKING), False, t("15:00:30"))


@pytest.mark.parametrize(
    ("end", "wanted", "same"),
    [
        (t("11:00"), t("11:00"), True),
        (t("11:00"), t("10:30"), True),
        (t("11:00"), t("11:30"), False),
        (None, t("11:00"), True),
        (t("11:00"), None, False),
    ],
)
def test_available_again_changes_nothing_where_it_reaches_as_far(
    end: datetime | None, wanted: datetime | None, same: bool
) -> None:
    present = Override(t("10:00"), end, None, by="anna", through="phone")
    assert repeated(present, Override(t("10:05"), wanted, None, by="bo"), False, t("10:05")) is same
    away = replace(present, reason="lunch")
    assert not repeated(away, Override(t("10:05"), wanted, None, by="bo"), False, t("10:05"))


def test_what_follows_is_the_next_state_that_differs_to_where_it_changes_again() -> None:
    chain = [booked("10:00", "11:00", "a"), booked("11:00", "12:00", "b"), booked("12:30", "13:00", "c")]
    timeline = Timeline(chain, RULES)
    assert what_follows(timeline, "09:00") == ("meeting", t("10:00"), t("12:00"))
    assert what_follows(timeline, "10:15") == (None, t("12:00"), t("12:30"))
    assert what_follows(timeline, "12:45") == (None, t("13:00"), None)
    assert what_follows(timeline, "13:00") is None


def test_what_follows_a_referral_by_hand_is_what_the_calendar_says_then() -> None:
    booked_then = [booked("10:00", "11:00")]
    lunch = Override(t("09:00"), t("10:30"), "lunch")
    assert what_follows(Timeline(booked_then, RULES, lunch), "09:15") == ("meeting", t("10:30"), t("11:00"))
    sick = Override(t("09:00"), None, "sick")
    assert what_follows(Timeline(booked_then, RULES, sick), "09:15") is None
    available = Override(t("10:15"), t("11:00"), None)
    assert what_follows(Timeline(booked_then, RULES, available), "10:20") is None


def test_what_follows_as_it_is_told() -> None:
    sick = Override(t("09:00"), t("10:00"), "sick")
    leave = CalendarReferral(EntryKey(1, "u"), Span(t("10:00"), t("12:00")), "parental_leave")
    timeline = Timeline([leave], RULES, sick)
    truly = follows(timeline, t("09:30"), lambda reason: reason)
    told = follows(timeline, t("09:30"), lambda reason: reason and told_reason(reason, RULES))
    assert truly is not None
    assert told is not None
    assert (truly.start, truly.availability.reason) == (t("10:00"), "parental_leave")
    assert (told.start, told.availability.reason) == (t("12:00"), None)


def what_follows(timeline: Timeline, at: str) -> tuple[str | None, datetime, datetime | None] | None:
    stretch = follows(timeline, t(at), lambda reason: reason)
    return None if stretch is None else (stretch.availability.reason, stretch.start, stretch.end)
