"""Events for the contract of sources: each can be written as iCalendar, and says itself which entries it is.

Times are UTC; a series is daily. The suite's window is `WINDOW`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from backsoon.domain.model import CalendarEntry, Days, ShowAs, Timed
from backsoon.sources.base import Changes, Window

MONDAY = datetime(2027, 3, 1, tzinfo=UTC)
WINDOW = Window(MONDAY, MONDAY + timedelta(days=30))
EVER = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Event:
    """One event, or a daily series of `count`; `moved` and `dropped` are by the number of the occurrence."""

    uid: str
    start: datetime = MONDAY + timedelta(hours=9)
    minutes: int = 60
    subject: str = "m: Budget"
    count: int = 1
    moved: Mapping[int, timedelta] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()
    all_day: bool = False

    def but(self, **changes: object) -> Event:
        """The event with something else about it."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def starts(self, number: int) -> datetime:
        """When the occurrence was to start by the rule."""
        return self.start + timedelta(days=number)

    def entries(self, resource: str, window: Window = WINDOW) -> Iterator[CalendarEntry]:
        """The occurrences in the window, in the core's terms."""
        for number in range(self.count):
            start = self.starts(number) + self.moved.get(number, timedelta())
            end = start + timedelta(minutes=self.minutes)
            if number not in self.dropped and start < window.end and end > window.start:
                yield CalendarEntry(
                    uid=self.uid,
                    when=Days(start.date(), start.date() + timedelta(days=1)) if self.all_day else Timed(start, end),
                    subject=self.subject,
                    recurrence_id=self._recurrence_id(number),
                    resource=resource,
                    # RFC 5545 knows opaque and transparent only.
                    show_as=ShowAs.BUSY,
                )

    def ics(self) -> str:
        """As a whole VCALENDAR."""
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//backsoon//tests//EN", *self._vevent(self.start)]
        if self.count > 1:
            lines[-1:-1] = [f"RRULE:FREQ=DAILY;COUNT={self.count}"]
            lines[-1:-1] = [f"EXDATE:{self._stamp(self.starts(number))}" for number in sorted(self.dropped)]
        for number, shift in sorted(self.moved.items()):
            lines += self._vevent(self.starts(number) + shift)
            lines[-1:-1] = [f"RECURRENCE-ID:{self._stamp(self.starts(number))}"]
        return "\r\n".join([*lines, "END:VCALENDAR", ""])

    def _vevent(self, start: datetime) -> list[str]:
        end = start + timedelta(minutes=self.minutes)
        times = [f"DTSTART:{self._stamp(start)}", f"DTEND:{self._stamp(end)}"]
        if self.all_day:
            times = [f"DTSTART;VALUE=DATE:{start:%Y%m%d}", f"DTEND;VALUE=DATE:{start + timedelta(days=1):%Y%m%d}"]
        head = ["BEGIN:VEVENT", f"UID:{self.uid}", "DTSTAMP:20270101T000000Z"]
        return [*head, *times, f"SUMMARY:{self.subject}", "END:VEVENT"]

    def _recurrence_id(self, number: int) -> str:
        if self.count == 1:
            return ""
        return f"{self.starts(number):%Y%m%d}" if self.all_day else self._stamp(self.starts(number))

    def _stamp(self, at: datetime) -> str:
        return f"{at:%Y%m%dT%H%M%SZ}"


Fact = tuple[str, str, datetime | date, datetime | date, str]


def fact(entry: CalendarEntry) -> Fact:
    """What the suite compares of an entry: who it is, when it is, and its subject."""
    when = entry.when
    start, end = (when.start, when.end) if isinstance(when, Timed) else (when.first, when.end)
    return entry.uid, entry.recurrence_id, start, end, entry.subject


def facts(*events: Event, window: Window = WINDOW) -> list[Fact]:
    """What a calendar with these events says in the window; sorted by text, for dates and instants do not compare."""
    return sorted((fact(entry) for event in events for entry in event.entries("", window)), key=str)


class Stored:
    """What somebody who applies changes as the contract says has stored."""

    def __init__(self) -> None:
        self.by_resource: dict[str, list[CalendarEntry]] = {}
        self.token: str | None = None

    def apply(self, changes: Changes) -> Changes:
        """Apply one answer, and hand it back."""
        if changes.complete:
            self.by_resource = {}
        for resource in changes.touched:
            self.by_resource.pop(resource, None)
        for entry in changes.entries:
            assert changes.complete or entry.resource in changes.touched, "an entry of a resource that is not touched"
            self.by_resource.setdefault(entry.resource, []).append(entry)
        self.token = changes.sync_token
        return changes

    @property
    def facts(self) -> list[Fact]:
        """What is stored, sorted; nothing twice."""
        found = [fact(entry) for entries in self.by_resource.values() for entry in entries]
        assert len(found) == len(set(found)), "an occurrence is there twice"
        return sorted(found, key=str)
