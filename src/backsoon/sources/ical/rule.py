"""Recurrence rules (RFC 5545 section 3.3.10): text to a checked `Rule`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from backsoon.sources.ical.faults import BadRule

MOST_OCCURRENCES = 100_000
"""The highest COUNT that is followed: past it nobody's calendar is meant."""


class Freq(IntEnum):
    """How often, from rare to frequent."""

    YEARLY = 0
    MONTHLY = 1
    WEEKLY = 2
    DAILY = 3
    HOURLY = 4
    MINUTELY = 5
    SECONDLY = 6


WEEKDAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_BY_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")

_RANGES = {
    "BYSECOND": (0, 60, False),
    "BYMINUTE": (0, 59, False),
    "BYHOUR": (0, 23, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYMONTH": (1, 12, False),
    "BYSETPOS": (1, 366, True),
}
"""Lowest, highest, and whether they may be counted from the end with a minus."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence rule. Numbers are sorted and unique; `by_day` holds (ordinal or 0, weekday with Monday 0).

    `until` is as written: which instant it means depends on the event's own start.
    """

    freq: Freq
    interval: int = 1
    count: int | None = None
    until: bytes = b""
    by_second: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_hour: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0

    @property
    def selects(self) -> bool:
        """Whether any BY part narrows or widens it, so that it could match nothing at all."""
        return bool(
            self.by_second or self.by_minute or self.by_hour or self.by_day or self.by_month_day
            or self.by_year_day or self.by_week_no or self.by_month or self.by_set_pos
        )  # fmt: skip


@lru_cache(maxsize=1024)
def parse_rule(text: bytes) -> Rule:
    """The rule that a RRULE's or EXRULE's value states. Raises `BadRule`.

    Lenient where the meaning is plain: any case, empty parts, unknown parts, a negative COUNT (none is meant).
    """
    parts = _parts(text)
    if parts.get("RSCALE", "GREGORIAN") != "GREGORIAN":
        raise BadRule("RRULE counts by another calendar than the Gregorian")
    return Rule(
        freq=_freq(parts.get("FREQ", "")),
        interval=_interval(parts.get("INTERVAL", "1")),
        count=_count(parts.get("COUNT", "")),
        until=parts.get("UNTIL", "").encode(),
        by_second=tuple(sorted({min(second, 59) for second in _numbers(parts, "BYSECOND")})),
        by_minute=_numbers(parts, "BYMINUTE"),
        by_hour=_numbers(parts, "BYHOUR"),
        by_day=_by_day(parts.get("BYDAY", "")),
        by_month_day=_numbers(parts, "BYMONTHDAY"),
        by_year_day=_numbers(parts, "BYYEARDAY"),
        by_week_no=_numbers(parts, "BYWEEKNO"),
        by_month=_numbers(parts, "BYMONTH"),
        by_set_pos=_numbers(parts, "BYSETPOS"),
        week_start=WEEKDAYS.get(parts.get("WKST", "MO"), 0),
    )


def _parts(text: bytes) -> dict[str, str]:
    if len(text) > 10_000:
        raise BadRule("RRULE is too long")
    parts: dict[str, str] = {}
    for part in text.decode("ascii", "replace").upper().split(";"):
        name, _, value = part.partition("=")
        parts.setdefault(name.strip(), value.strip())
    return parts


def _freq(text: str) -> Freq:
    if text not in Freq.__members__:
        raise BadRule("RRULE has no known FREQ")
    return Freq[text]


def _interval(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise BadRule("RRULE's INTERVAL is not a number")
    if int(text) == 0:
        raise BadRule("RRULE's INTERVAL is 0")
    return int(text)


def _count(text: str) -> int | None:
    if not text or text.startswith("-"):
        return None
    if not text.isdecimal():
        raise BadRule("RRULE's COUNT is not a number")
    if len(text) > 18 or int(text) > MOST_OCCURRENCES:
        raise BadRule(f"RRULE's COUNT is more than {MOST_OCCURRENCES}")
    return int(text)


def _numbers(parts: dict[str, str], name: str) -> tuple[int, ...]:
    low, high, signed = _RANGES[name]
    numbers = set()
    for text in parts.get(name, "").split(","):
        if not text.strip():
            continue
        try:
            number = int(text)
        except ValueError:
            raise BadRule(f"RRULE's {name} is not a number") from None
        if not (low <= number <= high or (signed and low <= -number <= high)):
            raise BadRule(f"RRULE's {name} is out of range")
        numbers.add(number)
    return tuple(sorted(numbers))


def _by_day(text: str) -> tuple[tuple[int, int], ...]:
    days = set()
    for part in text.replace(" ", "").split(","):
        if not part:
            continue
        found = _BY_DAY.fullmatch(part)
        if found is None:
            raise BadRule("RRULE's BYDAY is not a weekday")
        days.add((int(found[1] or 0), WEEKDAYS[found[2]]))
    return tuple(sorted(days))
