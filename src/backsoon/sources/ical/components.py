"""Components (RFC 5545 section 3.4): a calendar's bytes to the few properties that are needed.

Kept are calendars, events and time zones. Of an event nothing textual is kept but its SUMMARY: descriptions,
places, names and addresses are dropped as they are read. Of ORGANIZER and ATTENDEE only the owner's own line is kept.
"""

from __future__ import annotations

import io
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from backsoon.sources.ical.faults import NotCalendar, TooMuch
from backsoon.sources.ical.lines import parameters, unfold, value_after_name

REPEATED_LINES = 10_000
"""The most RDATE, EXDATE, RRULE and EXRULE lines that are kept of one component."""
DEPTH = 16

_SINGLE = (
    "UID", "DTSTART", "DTEND", "DURATION", "RECURRENCE-ID", "SUMMARY", "STATUS", "TRANSP", "CLASS", "SEQUENCE",
    "DTSTAMP", "LAST-MODIFIED", "METHOD", "X-WR-TIMEZONE", "TZID", "TZOFFSETFROM", "TZOFFSETTO",
    "X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-INTENDEDSTATUS", "X-MICROSOFT-CDO-ALLDAYEVENT",
    "X-MICROSOFT-MSNCALENDAR-ALLDAYEVENT",
)  # fmt: skip
_REPEATED = ("RRULE", "EXRULE", "RDATE", "EXDATE")
_PEOPLE = ("ORGANIZER", "ATTENDEE")
_BORDERS = ("BEGIN", "END")
_KEPT = {name.encode(): name for name in (*_SINGLE, *_REPEATED, *_PEOPLE, *_BORDERS)}
_APART = frozenset((*_REPEATED, *_PEOPLE, *_BORDERS))
_OBSERVANCES = frozenset(("STANDARD", "DAYLIGHT"))


@dataclass(slots=True)
class Component:
    """The kept lines of one component: the first of each name, and those that may be repeated."""

    one: dict[str, bytes] = field(default_factory=dict)
    many: dict[str, list[bytes]] = field(default_factory=dict)
    parts: list[Component] = field(default_factory=list)
    overfull: bool = False

    def value(self, name: str) -> bytes:
        """The value of a property, or nothing."""
        line = self.one.get(name)
        return b"" if line is None else value_after_name(line)


@dataclass(slots=True)
class Calendar:
    """One VCALENDAR: its own properties, its events in their order, its time zones."""

    own: Component = field(default_factory=Component)
    events: list[Component] = field(default_factory=list)
    zones: list[Component] = field(default_factory=list)
    unclosed: list[Component] = field(default_factory=list)
    """Events whose END is missing."""
    bare: bool = False
    """Whether the VCALENDAR around the events is missing."""


def read_components(data: bytes, owner: AbstractSet[bytes], most_events: int) -> list[Calendar]:
    """The calendars in `data`; several may follow each other.

    `owner` are the owner's addresses in lower case. Raises `NotCalendar` where there is none, or where it is cut
    before its end; `TooMuch` past `most_events`.
    """
    scan = _Scan(owner, most_events)
    for line in io.BytesIO(unfold(data)):
        head = line.partition(b":")[0]
        name = _KEPT.get(head) or _KEPT.get(head.partition(b";")[0].strip().upper())
        if name is None:
            continue
        if name not in _APART:
            if scan.target is not None:
                scan.target.one.setdefault(name, line)
        else:
            scan.take_apart(name, line)
    return scan.finish()


class _Scan:
    """Where the reader is: the open components, outermost first, and the one that collects."""

    def __init__(self, owner: AbstractSet[bytes], most_events: int) -> None:
        self.owner = owner
        self.most_events = most_events
        self.seen_events = 0
        self.calendars: list[Calendar] = []
        self.open: list[tuple[str, Component | None]] = []
        self.target: Component | None = None

    def take_apart(self, name: str, line: bytes) -> None:
        if name == "BEGIN":
            self.begin(_border(line))
        elif name == "END":
            self.end(_border(line))
        elif self.target is None:
            return
        elif name in _PEOPLE:
            if self.owner and _addresses(line) & self.owner:
                self.target.one.setdefault(name, line)
        else:
            self.repeat(self.target, name, line)

    @staticmethod
    def repeat(target: Component, name: str, line: bytes) -> None:
        kept = target.many.setdefault(name, [])
        if len(kept) < REPEATED_LINES:
            kept.append(line)
        else:
            target.overfull = True

    def begin(self, name: str) -> None:
        if name in ("VCALENDAR", "VEVENT"):
            self.drop_unclosed(name)
        if len(self.open) < DEPTH:
            self.push(name, self.component(name))

    def component(self, name: str) -> Component | None:
        """What collects the lines of a component that begins here; None for one that is of no interest."""
        within = self.open[-1][0] if self.open else ""
        if name == "VCALENDAR":
            self.calendars.append(Calendar())
            return self.calendars[-1].own
        if name == "VEVENT" and within in ("VCALENDAR", ""):
            return self.event(bare=not within)
        if name == "VTIMEZONE" and within == "VCALENDAR":
            self.calendars[-1].zones.append(Component())
            return self.calendars[-1].zones[-1]
        if name in _OBSERVANCES and within == "VTIMEZONE" and self.target is not None:
            self.target.parts.append(Component())
            return self.target.parts[-1]
        return None

    def event(self, bare: bool) -> Component:
        if bare and not (self.calendars and self.calendars[-1].bare):
            self.calendars.append(Calendar(bare=True))
        self.seen_events += 1
        if self.seen_events > self.most_events:
            raise TooMuch(f"more than {self.most_events} events")
        return Component()

    def push(self, name: str, component: Component | None) -> None:
        self.open.append((name, component))
        self.target = component

    def end(self, name: str) -> None:
        if all(open_name != name for open_name, _ in self.open):
            return
        while self.open[-1][0] != name:
            self.pop(closed=False)
        self.pop(closed=True)

    def pop(self, closed: bool) -> None:
        name, component = self.open.pop()
        self.target = self.open[-1][1] if self.open else None
        if name == "VEVENT" and component is not None:
            calendar = self.calendars[-1]
            (calendar.events if closed else calendar.unclosed).append(component)

    def drop_unclosed(self, name: str) -> None:
        """A VEVENT or VCALENDAR cannot stand inside a VEVENT: the one that is open has lost its END."""
        names = [open_name for open_name, _ in self.open]
        if "VEVENT" in names:
            while self.open and self.open[-1][0] != "VCALENDAR":
                self.pop(closed=False)
        elif name == "VCALENDAR" and names:
            raise NotCalendar("a calendar begins before the one in front of it has ended")

    def finish(self) -> list[Calendar]:
        if not self.calendars:
            raise NotCalendar("this is not iCalendar: nothing in it begins a calendar")
        if self.open:
            raise NotCalendar(f"it is cut: {self.open[0][0]} has no end")
        return self.calendars


def _border(line: bytes) -> str:
    return line.partition(b":")[2][:64].strip().upper().decode("ascii", "replace")


def _addresses(line: bytes) -> set[bytes]:
    """The mail addresses of an ORGANIZER or ATTENDEE line in lower case: of its value and its EMAIL parameter."""
    found = {line.rpartition(b":")[2].strip().lower()}
    if b"EMAIL=" in line:
        head = line.rpartition(b":")[0]
        found.add(parameters(head).get("EMAIL", "").lower().removeprefix("mailto:").encode())
    return found
