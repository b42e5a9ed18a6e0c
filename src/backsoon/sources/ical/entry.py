"""An occurrence to a `CalendarEntry`."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from backsoon.domain.model import CalendarEntry, Days, Timed
from backsoon.sources.ical.context import Home, instant, later
from backsoon.sources.ical.event import Event

_NONE = timedelta(0)


class Label(NamedTuple):
    """How the entries of a series are named."""

    uid: str
    resource: str


def recurrence_id(wall: datetime, zone: tzinfo, is_day: bool) -> str:
    """The original start as `CalendarEntry.recurrence_id` has it: UTC in basic format, or a date."""
    if is_day:
        return f"{wall.year:04}{wall.month:02}{wall.day:02}"
    at = instant(wall, zone)
    return f"{at.year:04}{at.month:02}{at.day:02}T{at.hour:02}{at.minute:02}{at.second:02}Z"


def overlaps(event: Event, wall: datetime, length: timedelta, home: Home) -> bool:
    """Whether an occurrence may overlap the window: a cheap test, a day generous."""
    return home.low - wall <= max(length, _NONE) + _DAYS and wall - home.high < _DAYS


_DAYS = timedelta(days=2)


def entry_of(
    event: Event, wall: datetime, length: timedelta, key: str, label: Label, home: Home, facts: Event | None = None
) -> list[CalendarEntry]:
    """The entry that begins at `wall` and is `length` long, if it overlaps the window; said by `facts` if given."""
    if not overlaps(event, wall, length, home):
        return []
    when = _days(wall, length, home) if event.is_day else _timed(event, wall, length, home)
    if when is None:
        return []
    said = (facts or event).facts
    return [
        CalendarEntry(
            uid=label.uid,
            when=when,
            subject=said.subject,
            recurrence_id=key,
            resource=label.resource,
            show_as=said.show_as,
            response=said.response,
            cancelled=said.cancelled,
            private=said.private,
        )
    ]


def _days(wall: datetime, length: timedelta, home: Home) -> Days | None:
    end = later(wall, length)
    if wall >= home.high or not (end > home.low or wall >= home.low):
        return None
    return Days(wall.date(), end.date())


def _timed(event: Event, wall: datetime, length: timedelta, home: Home) -> Timed | None:
    start = instant(wall, event.zone)
    end = instant(later(wall, length), event.zone)
    if length > _NONE and end <= start:
        end = start + length  # clocks went forward while it lasted, over all of it: it keeps its length
    if start >= home.window.end or not (end > home.window.start or start >= home.window.start):
        return None
    return Timed(start, end)
