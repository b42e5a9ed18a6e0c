"""An occurrence to a `CalendarEntry`."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from backsoon.domain.model import CalendarEntry, Days, Timed
from backsoon.sources.ical.context import Home, instant, later
from backsoon.sources.ical.event import Event
from backsoon.sources.ical.facts import Facts

_NONE = timedelta(0)
_DAYS = timedelta(days=2)


class Label(NamedTuple):
    """How the entries of a series are named."""

    uid: str
    resource: str


def recurrence_id(wall: datetime, zone: tzinfo, is_day: bool) -> str:
    """The original start as `CalendarEntry.recurrence_id` has it: UTC in basic format, or a date."""
    return _day_id(wall) if is_day else _instant_id(instant(wall, zone))


def start_id(when: Timed | Days) -> str:
    """The same of an occurrence that begins where it was meant to."""
    return _day_id(when.first) if isinstance(when, Days) else _instant_id(when.start)


def _day_id(day: date) -> str:
    return f"{day.year:04}{day.month:02}{day.day:02}"


def _instant_id(at: datetime) -> str:
    return f"{at.year:04}{at.month:02}{at.day:02}T{at.hour:02}{at.minute:02}{at.second:02}Z"


def when_of(event: Event, wall: datetime, length: timedelta, home: Home) -> Timed | Days | None:
    """When an occurrence of the event is that begins at `wall` and is `length` long; None outside the window."""
    # The first test is cheap, and generous by what the clocks of two zones can differ.
    if wall - home.high > _DAYS or home.low - wall > max(length, _NONE) + _DAYS:
        return None
    return _days(wall, length, home) if event.is_day else _timed(event, wall, length, home)


def entry_of(when: Timed | Days, key: str, label: Label, said: Facts) -> CalendarEntry:
    """The entry of an occurrence."""
    return CalendarEntry(
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
