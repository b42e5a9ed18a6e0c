"""One VEVENT: when it happens, as it was written, and whose occurrence it replaces."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo

from backsoon.sources.ical.components import Component
from backsoon.sources.ical.context import CalendarContext, instant, later, wall_in
from backsoon.sources.ical.facts import Facts, read_facts
from backsoon.sources.ical.faults import BadItem
from backsoon.sources.ical.lines import parameters, split_moment, token
from backsoon.sources.ical.values import Moment, duration, moment

_DAY = timedelta(days=1)
_ALL_DAY = ("X-MICROSOFT-CDO-ALLDAYEVENT", "X-MICROSOFT-MSNCALENDAR-ALLDAYEVENT")


class Event:
    """A VEVENT's time and place in its series.

    `wall` is what clocks in `zone` show at its start (midnight for an all-day one, whose `zone` is not used), `length`
    the nominal length: an occurrence lasts until clocks show `wall + length`, also where they are changed meanwhile.
    """

    def __init__(self, component: Component, context: CalendarContext, owner: frozenset[bytes]) -> None:
        self.component = component
        self.context = context
        self._owner = owner
        self._facts: Facts | None = None
        line = component.one.get("DTSTART")
        if line is None:
            raise BadItem("DTSTART is missing")
        start = moment(line, context)
        self.wall, self.is_day = start.wall, start.is_day
        self.zone: tzinfo = start.zone or context.home.zone
        self.length = self._length()
        self._day_zone: tzinfo | None = None
        if not self.is_day and any(token(component.value(name)) == "TRUE" for name in _ALL_DAY):
            self._to_days()

    @property
    def repeats(self) -> bool:
        """Whether it is a series by itself."""
        return "RRULE" in self.component.many or "RDATE" in self.component.many

    @property
    def facts(self) -> Facts:
        """What it says beside its time; read when it is first needed."""
        if self._facts is None:
            self._facts = read_facts(self.component, self._owner, self.context.cancelled)
        return self._facts

    # -- its length --------------------------------------------------------------------------------------

    def _length(self) -> timedelta:
        line = self.component.one.get("DTEND")
        if line is not None:
            return self._to_end(moment(line, self.context))
        if "DURATION" in self.component.one:
            length = duration(split_moment(self.component.one["DURATION"])[1])
            return timedelta(days=math.ceil(length / _DAY)) if self.is_day else length
        return _DAY if self.is_day else timedelta(0)

    def _to_end(self, end: Moment) -> timedelta:
        if self.is_day and not end.is_day:
            return timedelta(days=math.ceil((end.wall - self.wall) / _DAY))
        if end.is_day or end.zone is self.zone or end.zone is None:
            return end.wall - self.wall
        return wall_in(instant(end.wall, end.zone), self.zone) - self.wall

    def _to_days(self) -> None:
        """Outlook's mark of an all-day entry on times from midnight to midnight: dates are meant."""
        zones = [self.zone, self.context.default, self.context.home.zone] if self.zone is UTC else [self.zone]
        for zone in zones:
            wall = wall_in(instant(self.wall, self.zone), zone)
            end = wall_in(instant(later(self.wall, self.length), self.zone), zone)
            if end > wall and not (_time_of_day(wall) or _time_of_day(end)):
                self.wall, self.length = wall, end - wall
                self.is_day, self._day_zone = True, zone
                return

    # -- its series --------------------------------------------------------------------------------------

    def wall_of(self, other: Moment) -> datetime:
        """Another moment of the same series (an EXDATE, a RECURRENCE-ID, an UNTIL), in this event's wall time."""
        if self.is_day:
            wall = other.wall
            if self._day_zone is not None and other.zone is not None:
                wall = wall_in(instant(other.wall, other.zone), self._day_zone)
            return wall.replace(hour=0, minute=0, second=0)
        if other.is_day or other.zone is None or other.zone is self.zone:
            return other.wall
        return wall_in(instant(other.wall, other.zone), self.zone)

    def start_in(self, series: Event) -> datetime:
        """This event's start in the wall time of its series."""
        return series.wall_of(Moment(self.wall, None if self.is_day else self.zone, self.is_day))


def recurrence_moment(component: Component, context: CalendarContext) -> Moment | None:
    """RECURRENCE-ID: which occurrence the component replaces; None where it replaces none. Raises `BadItem`."""
    line = component.one.get("RECURRENCE-ID")
    return None if line is None else moment(line, context)


def and_future(component: Component) -> bool:
    """Whether it replaces all occurrences from that one on (RANGE=THISANDFUTURE)."""
    head = split_moment(component.one.get("RECURRENCE-ID", b""))[0]
    return parameters(head).get("RANGE", "").upper() == "THISANDFUTURE"


def _time_of_day(wall: datetime) -> timedelta:
    return wall - wall.replace(hour=0, minute=0, second=0)
