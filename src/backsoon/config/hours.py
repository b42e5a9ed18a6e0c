"""Working hours as they are written: `{ mon-thu = ["08:00-12:00", "13:00-17:00"], fri = ["08:00-15:00"] }`."""

from __future__ import annotations

import re
from itertools import pairwise

from backsoon.config.table import Table
from backsoon.domain.hours import DAY_MINUTES, OFFICE, Stretch, WorkingHours

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AROUND_THE_CLOCK = "around the clock"
_STRETCH = re.compile(r"([0-9]{1,2}):([0-5][0-9])\s*[-–]\s*([0-9]{1,2}):([0-5][0-9])")
_DAYS_REMEDY = "write mon, tue, wed, thu, fri, sat, sun, or several in a row: mon-fri"


def read_hours(table: Table, key: str) -> WorkingHours:
    """The hours at `key`: a table by day, the text `around the clock`, or the usual ones where nothing is said."""
    value = table.get(key)
    if value is None:
        return OFFICE
    if isinstance(value, str) and value.strip().lower().replace("-", " ") == AROUND_THE_CLOCK:
        return WorkingHours()
    week: dict[int, tuple[Stretch, ...]] = {}
    days = table.table(key)

    def read(name: str, stretches: object) -> None:
        found = _stretches(days, name, stretches)
        for day in _days(days, name):
            if day in week:
                days.fault(name, f"gives {DAYS[day]} a second time", "say each day once")
            week[day] = found

    days.each(read)
    return WorkingHours(tuple(week.get(day, ()) for day in range(7)))


def _days(table: Table, name: str) -> range:
    first, _, last = name.strip().lower().partition("-")
    if first in DAYS and (last or first) in DAYS:
        days = range(DAYS.index(first), DAYS.index(last or first) + 1)
        if days:
            return days
    table.fault(name, "is no day of the week", _DAYS_REMEDY)
    return range(0)


def _stretches(table: Table, name: str, value: object) -> tuple[Stretch, ...]:
    texts = value if isinstance(value, list) else [value]
    found = sorted(s for s in (_stretch(table, name, text) for text in texts) if s is not None)
    for one, other in pairwise(found):
        if other[0] < one[1]:
            table.fault(name, "has hours that overlap", "join them into one")
            return ()
    return tuple(found)


def _stretch(table: Table, name: str, text: object) -> Stretch | None:
    match = _STRETCH.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        table.fault(name, f"{text!r} are no hours", 'write ["08:00-12:00", "13:00-17:00"]')
        return None
    h1, m1, h2, m2 = (int(group) for group in match.groups())
    start, end = h1 * 60 + m1, h2 * 60 + m2
    if start < end <= DAY_MINUTES:
        return start, end
    table.fault(name, f"{text!r} do not end after they start", "split a night at midnight: 22:00-24:00 and 00:00-06:00")
    return None
