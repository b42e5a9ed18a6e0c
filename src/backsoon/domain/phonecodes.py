"""Star codes: what somebody dials on a telephone to refer themselves, turned into an override. Pure.

    <prefix>CODE#          for as long as the code's reason lasts on the telephone
    <prefix>CODE*HHMM#     until that time of day, or
    <prefix>CODE*MMDD#     until work starts on that day; which of the two, the reason says
    <cancel>               available again
    <enquire>              tells the present referral, and changes nothing

The digits are those that Nordic switchboards have had since the nineties (`*23*1*1430#`, `#23#`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from backsoon.domain.byhand import default_end
from backsoon.domain.hours import WorkingTime
from backsoon.domain.model import Argument, Lifetime, Override, Reason, local_instant, utc

THROUGH = "phone"
"""What an override was set through where it was dialled."""
STAR_CODE = re.compile(r"[*#][0-9*#]{1,7}")
"""A prefix, or the code that takes back: 2 to 8 of the keys of a telephone, the first one no digit."""
MORNING = time(8)
"""When work starts on a day on which nobody works, or where no hours are kept."""


@dataclass(frozen=True, slots=True)
class PhoneCodes:
    """What an organisation's people dial: `prefix` before a reason's digits, `cancel` to be available again.

    `enquire`: to be told their own present referral; "" for none.
    """

    prefix: str = "*23*"
    cancel: str = "#23#"
    enquire: str = "*23#"


USUAL = PhoneCodes()
"""What people dial where nobody says otherwise."""


class Refusal(StrEnum):
    """Why something that was dialled refers nobody."""

    NO_SUCH_CODE = "no_such_code"
    NO_SUCH_TIME = "no_such_time"
    NO_SUCH_DATE = "no_such_date"
    OVER = "over"
    """It would have ended before anybody could be referred by it: today's date after work has started."""


def reasons_by_digit(reasons: Mapping[str, Reason]) -> dict[str, Reason]:
    """The reasons that can be dialled, by their digits, in order of these."""
    return {r.digit: r for r in sorted(reasons.values(), key=lambda r: r.digit) if r.digit}


def argument_of(reason: Reason) -> Argument:
    """What stands behind the reason's digits; where nobody says, times for the short absences 0 to 3, else dates."""
    if reason.argument is not None:
        return reason.argument
    return Argument.TIME if reason.digit in {"0", "1", "2", "3"} else Argument.DATE


def lifetime_of(reason: Reason) -> tuple[Lifetime, int]:
    """How long the reason lasts on the telephone where nothing stands behind its digits; the number is of minutes."""
    return reason.phone_lifetime or reason.lifetime, reason.phone_minutes or reason.minutes


def refer_by_phone(
    at: datetime, code: str, argument: str, reasons: Mapping[str, Reason], working: WorkingTime, *, by: str = ""
) -> Override | Refusal:
    """What somebody meant who dialled `code` and `argument` (digits; "" for none) at the instant `at`.

    Times are those of the zone of `working`. The override may be over by now: it starts when it was dialled.
    """
    at = utc(at, "dialled")
    reason = reasons_by_digit(reasons).get(code)
    if reason is None:
        return Refusal.NO_SUCH_CODE
    end = _lasting(at, reason, working) if argument == "" else _until(at, argument, argument_of(reason), working)
    if isinstance(end, Refusal):
        return end
    if end is not None and end <= at:
        return Refusal.OVER
    return Override(at, end, reason.code, by=by, through=THROUGH)


def _lasting(at: datetime, reason: Reason, working: WorkingTime) -> datetime | None:
    lifetime, minutes = lifetime_of(reason)
    return default_end(at, replace(reason, lifetime=lifetime, minutes=minutes), working)


def _until(at: datetime, argument: str, form: Argument, working: WorkingTime) -> datetime | Refusal:
    digits = re.fullmatch("([0-9]{2})([0-9]{2})", argument, re.ASCII)
    if form is Argument.TIME:
        return Refusal.NO_SUCH_TIME if digits is None else _until_time(at, int(digits[1]), int(digits[2]), working)
    return Refusal.NO_SUCH_DATE if digits is None else _until_date(at, int(digits[1]), int(digits[2]), working)


def _until_time(at: datetime, hour: int, minute: int, working: WorkingTime) -> datetime | Refusal:
    """That time on the same day; where it is past, on the next working day."""
    if hour > 23 or minute > 59:
        return Refusal.NO_SUCH_TIME
    wall = time(hour, minute)
    today = at.astimezone(working.zone).date()
    for instant in _instants(today, wall, working.zone):
        if instant > at:
            return instant
    tomorrow = working.next_morning(at).astimezone(working.zone).date()
    return local_instant(datetime.combine(tomorrow, wall), working.zone)


def _instants(day: date, wall: time, zone: tzinfo) -> tuple[datetime, ...]:
    """When clocks show it that day: once, or twice where they are set back meanwhile."""
    first = local_instant(datetime.combine(day, wall), zone)
    second = utc(datetime.combine(day, wall, zone).replace(fold=1))
    return (first, second) if second > first else (first,)


def _until_date(at: datetime, month: int, day: int, working: WorkingTime) -> datetime | Refusal:
    """The start of work on that day of this year; where that day is past, of the next."""
    today = at.astimezone(working.zone).date()
    year = today.year if (month, day) >= (today.month, today.day) else today.year + 1
    try:
        that = date(year, month, day)
    except ValueError:
        return Refusal.NO_SUCH_DATE
    return _start_of_work(that, working)


def _start_of_work(day: date, working: WorkingTime) -> datetime:
    noon_before = local_instant(datetime.combine(day - timedelta(days=1), time(12)), working.zone)
    start = working.next_morning(noon_before)
    if start.astimezone(working.zone).date() == day:
        return start
    return local_instant(datetime.combine(day, MORNING), working.zone)
