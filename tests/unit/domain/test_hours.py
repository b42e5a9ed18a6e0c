"""Working hours and public holidays: ordinary days, nights, DST days, around the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backsoon.domain.errors import DomainError
from backsoon.domain.hours import ALWAYS, HORIZON_DAYS, OFFICE, WorkingHours, WorkingTime
from backsoon.domain.model import LATEST
from tests.oracle import Hours, instant, minute
from tests.properties.strategies import CHANGES_OF_CLOCKS

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NEW_YORK = ZoneInfo("America/New_York")
NIGHTS = WorkingHours((((0, 360), (1320, 1440)),) * 7)


def local(text: str, zone: ZoneInfo = STOCKHOLM) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T09:00", "2026-11-23T09:00"),  # Monday, at work
        ("2026-11-23T08:00", "2026-11-23T08:00"),  # on the dot
        ("2026-11-23T07:59:59", "2026-11-23T08:00"),
        ("2026-11-23T17:00", "2026-11-24T08:00"),  # half-open: five o'clock is over
        ("2026-11-23T16:59:59", "2026-11-23T16:59:59"),
        ("2026-11-27T17:30", "2026-11-30T08:00"),  # over a week-end
        ("2026-11-24T17:30", "2026-11-27T08:00"),  # over two public holidays
        ("2026-11-25T10:00", "2026-11-27T08:00"),  # on one
    ],
)
def test_the_next_working_start(at: str, expected: str) -> None:
    working = WorkingTime(OFFICE, STOCKHOLM, frozenset({date(2026, 11, 25), date(2026, 11, 26)}))
    assert working.next_start(local(at)) == local(expected)
    assert working.next_start(local(at)).tzinfo is UTC


def test_working_hours_are_those_of_the_persons_zone() -> None:
    at = datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert WorkingTime(OFFICE, STOCKHOLM).next_start(at) == at
    assert WorkingTime(OFFICE, NEW_YORK).next_start(at) == datetime(2026, 11, 23, 13, tzinfo=UTC)


def test_an_evening_in_america_is_past_midnight_in_utc() -> None:
    evenings = WorkingTime(WorkingHours((((1140, 1320),),) * 7), NEW_YORK)
    at = local("2026-11-23T20:30", NEW_YORK)
    assert evenings.next_start(at) == at
    assert evenings.next_start(local("2026-11-23T18:59", NEW_YORK)) == local("2026-11-23T19:00", NEW_YORK)


def test_eight_o_clock_is_eight_o_clock_on_both_sides_of_a_change() -> None:
    working = WorkingTime(OFFICE, STOCKHOLM)
    assert working.next_start(local("2026-03-27T18:00")) == datetime(2026, 3, 30, 6, tzinfo=UTC)
    assert working.next_start(local("2026-10-23T18:00")) == datetime(2026, 10, 26, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T12:00", "2026-11-23T22:00"),
        ("2026-11-23T23:30", "2026-11-23T23:30"),
        ("2026-11-24T00:00", "2026-11-24T00:00"),  # past midnight, still the same night
        ("2026-11-24T05:59", "2026-11-24T05:59"),
        ("2026-11-24T06:00", "2026-11-24T22:00"),
    ],
)
def test_a_night_shift_goes_on_past_midnight(at: str, expected: str) -> None:
    assert WorkingTime(NIGHTS, STOCKHOLM).next_start(local(at)) == local(expected)


def test_a_public_holiday_takes_out_its_own_local_date_only() -> None:
    working = WorkingTime(NIGHTS, STOCKHOLM, frozenset({date(2026, 11, 24)}))
    assert working.next_start(local("2026-11-23T23:59")) == local("2026-11-23T23:59")
    assert working.next_start(local("2026-11-24T00:00")) == local("2026-11-25T00:00")


def test_around_the_clock_no_hours_are_kept() -> None:
    at = local("2026-11-22T03:00")
    assert ALWAYS.next_start(at) == at
    assert WorkingTime(WorkingHours(), STOCKHOLM, frozenset({date(2026, 11, 22)})).next_start(at) == at
    assert WorkingHours().around_the_clock
    assert not OFFICE.around_the_clock


def test_where_nobody_works_within_the_horizon_it_is_the_instant_itself() -> None:
    at = local("2026-11-23T09:00")
    never = frozenset(date(2026, 11, 1) + timedelta(days=d) for d in range(HORIZON_DAYS + 60))
    assert WorkingTime(OFFICE, STOCKHOLM, never).next_start(at) == at
    parental = frozenset(date(2026, 11, 1) + timedelta(days=d) for d in range(600))
    assert WorkingTime(OFFICE, STOCKHOLM, parental).next_start(at) == local("2028-06-23T08:00")


def test_the_last_of_times_breaks_nothing() -> None:
    assert WorkingTime(OFFICE, STOCKHOLM).next_start(LATEST) >= LATEST


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T10:00", "2026-11-24T08:00"),
        ("2026-11-23T00:10", "2026-11-24T08:00"),
        ("2026-11-23T23:50", "2026-11-24T08:00"),
        ("2026-11-27T16:00", "2026-11-30T08:00"),
        ("2026-11-24T16:00", "2026-11-26T08:00"),  # a public holiday between
    ],
)
def test_the_next_working_morning_is_on_a_later_date(at: str, expected: str) -> None:
    working = WorkingTime(OFFICE, STOCKHOLM, frozenset({date(2026, 11, 25)}))
    assert working.next_morning(local(at)) == local(expected)


def test_without_hours_the_next_morning_is_at_eight() -> None:
    around = WorkingTime(WorkingHours(), STOCKHOLM)
    assert around.next_morning(local("2026-10-24T12:00")) == datetime(2026, 10, 25, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "week",
    [
        ((),) * 6,
        (((600, 500),), *((),) * 6),
        (((500, 500),), *((),) * 6),
        (((0, 1441),), *((),) * 6),
        (((-1, 60),), *((),) * 6),
        (((0, 600), (599, 700)), *((),) * 6),
        (((600, 700), (0, 60)), *((),) * 6),
    ],
)
def test_a_week_that_makes_no_sense_is_refused(week: tuple[tuple[tuple[int, int], ...], ...]) -> None:
    with pytest.raises(DomainError, match="working hours"):
        WorkingHours(week)


def test_stretches_may_touch() -> None:
    day = ((480, 720), (720, 1440))
    assert WorkingHours((day,) * 7).week[0] == day


@st.composite
def weeks(draw: st.DrawFn) -> WorkingHours:
    """Any week at all with somebody at work, often in the small hours, when clocks change."""
    days = []
    for _ in range(7):
        edges = draw(st.lists(st.integers(0, 20).map(lambda n: 15 * n) | st.integers(0, 1440), max_size=6, unique=True))
        ordered = sorted(edges)
        days.append(tuple(zip(ordered[::2], ordered[1::2], strict=False)))
    week = WorkingHours(tuple(days))
    return OFFICE if week.around_the_clock else week


LEAPT_OVER = WorkingHours(((),) * 6 + (((135, 165), (180, 240)),))  # the first begins after the second, one night


@example(WorkingHours(((),) * 6 + (((120, 180),),)), ("Europe/Stockholm", date(2026, 3, 29)), 0, False)
@example(LEAPT_OVER, ("America/New_York", date(2026, 3, 8)), 0, False)
@given(weeks(), st.sampled_from(CHANGES_OF_CLOCKS), st.integers(-60, 60 * 30), st.booleans())
def test_minute_by_minute_the_same(week: WorkingHours, change: tuple[str, date], offset: int, free: bool) -> None:
    zone, day = change
    holidays = frozenset({day} if free else ())
    hours, working = Hours(zone, week, holidays), WorkingTime(week, ZoneInfo(zone), holidays)
    at = minute(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))) + offset
    number = at
    while not hours.working(number):
        number += 1
    assert working.next_start(instant(at)) == instant(number)
