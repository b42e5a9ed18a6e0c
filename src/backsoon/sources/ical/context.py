"""What the reading of one calendar shares: its zones, its window, and what is to be said about it afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from backsoon.domain.model import local_instant
from backsoon.sources.base import Window
from backsoon.sources.ical.clockwork import FIRST_WALL, LAST_WALL
from backsoon.sources.ical.components import Calendar, Component
from backsoon.sources.ical.faults import BadItem
from backsoon.sources.ical.lines import text, token
from backsoon.sources.ical.names import guessed_zone, known_zone, tidy
from backsoon.sources.ical.vtimezone import embedded_zone

MOST_WARNINGS = 20
_LOOK_BACK = 12
"""Years before the window in which a zone that a calendar defines itself is exact."""


class Home:
    """Where the owner is, and the window as clocks show it there. `warnings` gathers what is said once each."""

    def __init__(self, window: Window, zone: tzinfo, zone_name: str) -> None:
        self.window = window
        self.zone = zone
        self.zone_name = zone_name
        self.low = wall_in(window.start, zone)
        self.high = wall_in(window.end, zone)
        self.warnings: dict[str, None] = {}

    def warn(self, words: str) -> None:
        """Remember a warning, once, and not without end."""
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings[words] = None


def wall_in(at: datetime, zone: tzinfo) -> datetime:
    """What clocks in `zone` show at an instant, naive. The earliest or latest there is at the ends of time."""
    try:
        return at.astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:
        return FIRST_WALL if at.year < 5000 else LAST_WALL


class CalendarContext:
    """One VCALENDAR: its zones by TZID, and whether its METHOD cancels all of it."""

    def __init__(self, calendar: Calendar, home: Home) -> None:
        self.home = home
        self.cancelled = token(calendar.own.value("METHOD")) == "CANCEL"
        self._definitions = {tidy(text(zone.value("TZID"))): zone for zone in reversed(calendar.zones)}
        self._found: dict[str, tzinfo | BadItem] = {}
        self.default, self.default_name = self._default(text(calendar.own.value("X-WR-TIMEZONE")))

    def _default(self, name: str) -> tuple[tzinfo, str]:
        """Where times are whose zone nobody knows: X-WR-TIMEZONE, else where the owner is."""
        zone = known_zone(name) if name else None
        return (self.home.zone, self.home.zone_name) if zone is None else (zone, tidy(name))

    def find(self, tzid: str) -> tzinfo:
        """The zone of a TZID: a known name's, else the calendar's own definition, else the default with a warning."""
        found = self._found.get(tzid)
        if found is None:
            found = self._found[tzid] = self._look_up(tzid)
        if isinstance(found, BadItem):
            raise BadItem(found.because)
        return found

    def _look_up(self, tzid: str) -> tzinfo | BadItem:
        zone = known_zone(tzid)
        definition = self._definitions.get(tidy(tzid))
        if zone is None and definition is not None:
            try:
                zone = embedded_zone(definition, self._years())
            except BadItem as bad:
                return bad
        zone = zone or guessed_zone(tzid)
        if zone is None:
            shown = "".join(letter for letter in tidy(tzid)[:64] if letter.isprintable())
            self.home.warn(f"unknown time zone {shown!r}: read in {self.default_name}")
        return zone or self.default

    def _years(self) -> tuple[int, int]:
        return self.home.window.start.year - _LOOK_BACK, self.home.window.end.year + 2


def instant(wall: datetime, zone: tzinfo) -> datetime:
    """The instant in UTC; `BadItem` where there is none within the years that a computer counts."""
    if zone is UTC:
        return wall.replace(tzinfo=UTC)
    try:
        return local_instant(wall, zone)
    except (OverflowError, ValueError):
        raise BadItem("a date is out of range") from None


def later(wall: datetime, length: timedelta) -> datetime:
    """`wall + length`; `BadItem` where that is out of range."""
    try:
        return wall + length
    except OverflowError:
        raise BadItem("a date is out of range") from None


def has(component: Component, name: str) -> bool:
    """Whether the component has a property of that name."""
    return name in component.one or name in component.many
