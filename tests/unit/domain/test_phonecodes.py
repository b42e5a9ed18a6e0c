"""Star codes: the table of the codes, times and dates at every border, and by property against the plainest reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backsoon.domain.defaults import REASONS
from backsoon.domain.hours import OFFICE, WorkingHours, WorkingTime
from backsoon.domain.model import Argument, Lifetime, Override
from backsoon.domain.phonecodes import (
    STAR_CODE,
    PhoneCodes,
    Refusal,
    argument_of,
    reasons_by_digit,
    refer_by_phone,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
HOLIDAY = date(2026, 11, 24)
WORKING = WorkingTime(OFFICE, STOCKHOLM, frozenset({HOLIDAY}))
ALWAYS = WorkingTime(WorkingHours(), STOCKHOLM)
MONDAY = "2026-11-23T10:00"


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM, fold=fold).astimezone(UTC)


def dial(
    code: str, argument: str = "", at: datetime | None = None, working: WorkingTime = WORKING
) -> Override | Refusal:
    return refer_by_phone(local(MONDAY) if at is None else at, code, argument, REASONS, working, by="1001")


def end(code: str, argument: str = "", at: datetime | None = None, working: WorkingTime = WORKING) -> datetime | None:
    made = dial(code, argument, at, working)
    assert isinstance(made, Override), made
    return made.end


@pytest.mark.parametrize(
    ("code", "reason", "until"),
    [
        ("0", "back_at", "2026-11-23T10:30"),
        ("1", "meeting", "2026-11-25T08:00"),  # past the public holiday
        ("2", "course", "2026-11-25T08:00"),
        ("3", "not_available", "2026-11-25T08:00"),
        ("4", "business_travel", "2026-11-25T08:00"),
        ("5", "part_time", "2026-11-25T08:00"),
        ("6", "holiday", "2026-11-25T08:00"),
        ("7", "leave", "2026-11-25T08:00"),
        ("8", "gone_for_the_day", "2026-11-25T08:00"),
        ("9", "sick", None),
    ],
)
def test_the_codes_and_how_long_they_last(code: str, reason: str, until: str | None) -> None:
    wanted = Override(local(MONDAY), local(until) if until else None, reason, by="1001", through="phone")
    assert dial(code) == wanted


def test_a_meeting_by_hand_elsewhere_keeps_its_hour() -> None:
    assert (REASONS["meeting"].lifetime, REASONS["meeting"].minutes) == (Lifetime.MINUTES, 60)


@pytest.mark.parametrize(
    ("argument", "until"),
    [
        ("1430", "2026-11-23T14:30"),
        ("1001", "2026-11-23T10:01"),
        ("1000", "2026-11-25T10:00"),  # now is past
        ("0915", "2026-11-25T09:15"),  # the next working day: the 24th is a public holiday
        ("0000", "2026-11-25T00:00"),
        ("2359", "2026-11-23T23:59"),
    ],
)
@pytest.mark.parametrize("code", ["0", "1", "2", "3"])
def test_a_time(code: str, argument: str, until: str) -> None:
    assert end(code, argument) == local(until)


@pytest.mark.parametrize(
    ("argument", "until"),
    [
        ("1127", "2026-11-27T08:00"),
        ("1124", "2026-11-24T08:00"),  # a public holiday: eight o'clock all the same
        ("1128", "2026-11-28T08:00"),  # a Saturday
        ("1122", "2027-11-22T08:00"),  # yesterday
        ("0107", "2027-01-07T08:00"),
    ],
)
@pytest.mark.parametrize("code", ["4", "5", "6", "7", "8", "9"])
def test_a_date(code: str, argument: str, until: str) -> None:
    assert end(code, argument) == local(until)


def test_a_date_is_until_work_starts() -> None:
    late = WorkingTime(WorkingHours((((600, 720), (780, 1020)),) * 5 + ((),) * 2), STOCKHOLM)
    assert end("6", "1127", working=late) == local("2026-11-27T10:00")
    assert end("6", "1128", working=late) == local("2026-11-28T08:00")
    assert end("6", "1127", working=ALWAYS) == local("2026-11-27T08:00")


def test_today_is_until_work_starts_and_refused_once_it_has() -> None:
    assert end("6", "1123", local("2026-11-23T06:00")) == local("2026-11-23T08:00")
    assert dial("6", "1123", local("2026-11-23T08:00")) is Refusal.OVER


@pytest.mark.parametrize(
    "argument", ["2561", "2400", "1260", "9999", "12", "123", "12345", "12a4", "١٢٣٤", "12 4", "*"]
)
def test_no_time_of_day(argument: str) -> None:
    assert dial("1", argument) is Refusal.NO_SUCH_TIME


@pytest.mark.parametrize("argument", ["0231", "0431", "1301", "0000", "0100", "0001", "9999", "12", "01155", "1٢01"])
def test_no_day_of_the_year(argument: str) -> None:
    assert dial("6", argument) is Refusal.NO_SUCH_DATE


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2027-03-01T10:00", "2028-02-29T08:00"),
        ("2028-02-01T10:00", "2028-02-29T08:00"),
        ("2027-02-01T10:00", None),  # this year has none
        ("2026-11-23T10:00", None),  # nor has the next
        ("2028-03-01T10:00", None),
    ],
)
def test_the_29th_of_february(at: str, until: str | None) -> None:
    made = dial("6", "0229", local(at))
    assert (made.end if isinstance(made, Override) else made) == (local(until) if until else Refusal.NO_SUCH_DATE)


@pytest.mark.parametrize("code", ["", "10", "-", "a", "01", "*", "٣"])
def test_a_code_that_nobody_gave(code: str) -> None:
    assert dial(code) is Refusal.NO_SUCH_CODE


class TestClocksThatChange:
    """On 28 March 2027 there is no 02:30 in Stockholm, on 31 October 2027 there are two."""

    def test_a_time_that_there_is_not_is_an_hour_later(self) -> None:
        assert end("1", "0230", local("2027-03-28T01:00"), ALWAYS) == local("2027-03-28T03:30")

    @pytest.mark.parametrize(
        ("now", "fold", "until", "fold_then"),
        [("01:00", 0, "02:30", 0), ("02:29", 0, "02:30", 0), ("02:40", 0, "02:30", 1), ("02:29", 1, "02:30", 1)],
    )
    def test_of_two_the_next_is_meant(self, now: str, fold: int, until: str, fold_then: int) -> None:
        at = local(f"2027-10-31T{now}", fold)
        assert end("1", "0230", at, ALWAYS) == local(f"2027-10-31T{until}", fold_then)

    def test_both_are_past(self) -> None:
        assert end("1", "0230", local("2027-10-31T02:30", 1), ALWAYS) == local("2027-11-01T02:30")

    def test_minutes_are_minutes(self) -> None:
        assert end("0", "", local("2027-03-28T01:45")) == local("2027-03-28T03:15")

    def test_eight_o_clock_is_eight_o_clock(self) -> None:
        assert end("6", "0328", local("2027-03-27T10:00"), ALWAYS) == datetime(2027, 3, 28, 6, tzinfo=UTC)


class TestSettings:
    def test_another_digit_form_and_lifetime(self) -> None:
        dentist = replace(REASONS["lunch"], code="dentist", digit="41", argument=Argument.TIME, phone_minutes=90)
        made = refer_by_phone(local(MONDAY), "41", "", {"dentist": dentist}, WORKING)
        assert isinstance(made, Override)
        assert made.end == local("2026-11-23T11:30")
        made = refer_by_phone(local(MONDAY), "41", "1200", {"dentist": dentist}, WORKING)
        assert isinstance(made, Override)
        assert made.end == local("2026-11-23T12:00")

    def test_a_lifetime_of_its_own_on_the_telephone(self) -> None:
        ill = replace(REASONS["sick"], phone_lifetime=Lifetime.NEXT_WORKING_MORNING)
        made = refer_by_phone(local(MONDAY), "9", "", {"sick": ill}, WORKING)
        assert isinstance(made, Override)
        assert made.end == local("2026-11-25T08:00")

    def test_times_for_the_short_absences_and_dates_for_the_long(self) -> None:
        forms = {digit: argument_of(reason) for digit, reason in reasons_by_digit(REASONS).items()}
        assert forms == dict.fromkeys("0123", Argument.TIME) | dict.fromkeys("456789", Argument.DATE)

    @pytest.mark.parametrize("code", [PhoneCodes().prefix, PhoneCodes().cancel, "*7", "#0*1#2*3"])
    def test_keys_of_a_telephone(self, code: str) -> None:
        assert STAR_CODE.fullmatch(code)

    @pytest.mark.parametrize("code", ["", "*", "23", "*23a", "*2,3", "*" * 9, "_*2"])
    def test_no_keys_of_a_telephone(self, code: str) -> None:
        assert not STAR_CODE.fullmatch(code)


INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
HOURS = st.sampled_from([OFFICE, WorkingHours(), WorkingHours((((0, 360), (1320, 1440)),) * 7)])


@st.composite
def workings(draw: st.DrawFn) -> WorkingTime:
    return WorkingTime(draw(HOURS), ZoneInfo(draw(ZONES)))


@given(at=INSTANTS, minute=st.integers(0, 1439), working=workings())
@example(at=datetime(2027, 10, 31, 0, 45, tzinfo=UTC), minute=150, working=ALWAYS)
@example(at=datetime(2027, 3, 28, 0, 45, tzinfo=UTC), minute=150, working=ALWAYS)
def test_a_time_is_the_next_one_today_else_one_on_the_next_working_day(
    at: datetime, minute: int, working: WorkingTime
) -> None:
    """Read minute by minute, as somebody would who watches a clock."""
    until = end("1", f"{minute // 60:02}{minute % 60:02}", at, working)
    assert until is not None
    assert until > at
    today = at.astimezone(working.zone).date()
    watched = _watched(at, minute, working.zone)
    there = until.astimezone(working.zone)
    if watched is not None:
        assert until == watched
    elif there.date() == today:  # there is no such time today: the clock jumped over it
        assert there.hour * 60 + there.minute > minute
    else:
        assert there.date() == working.next_morning(at).astimezone(working.zone).date()


def _watched(at: datetime, minute: int, zone: ZoneInfo) -> datetime | None:
    """The first whole minute after `at` and on its day at which a clock shows it."""
    tick = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    today = at.astimezone(zone).date()
    while (shown := tick.astimezone(zone)).date() == today:
        if shown.hour * 60 + shown.minute == minute:
            return tick
        tick += timedelta(minutes=1)
    return None


@given(at=INSTANTS, day=st.integers(0, 364), working=workings())
def test_a_date_is_the_next_one_there_is(at: datetime, day: int, working: WorkingTime) -> None:
    that = date(2027, 1, 1) + timedelta(days=day)
    made = dial("6", f"{that:%m%d}", at, working)
    today = at.astimezone(working.zone).date()
    if made is Refusal.OVER:
        assert (that.month, that.day) == (today.month, today.day)
        return
    assert isinstance(made, Override)
    assert made.end is not None
    back = made.end.astimezone(working.zone).date()
    assert (back.month, back.day) == (that.month, that.day)
    assert timedelta(0) <= back - today <= timedelta(days=366)
    assert back == next(d for n in range(367) if (d := today + timedelta(days=n)).strftime("%m%d") == f"{that:%m%d}")


@given(at=INSTANTS, code=st.text(max_size=4), argument=st.text(max_size=6), working=workings())
@example(at=datetime(2027, 1, 1, tzinfo=UTC), code="6", argument="0229", working=ALWAYS)
def test_whatever_is_dialled_is_an_override_that_ends_later_or_refused(
    at: datetime, code: str, argument: str, working: WorkingTime
) -> None:
    made = dial(code, argument, at, working)
    assert isinstance(made, Refusal) or (made.start == at and (made.end is None or made.end > at))
