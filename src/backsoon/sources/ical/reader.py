"""iCalendar to calendar entries: bounded, pure, with nothing of the text kept but subjects (RFC 5545)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from hashlib import sha256

from backsoon.domain.model import CalendarEntry
from backsoon.sources.base import Rejected, SourceBroken, SourceTooLarge, Window
from backsoon.sources.ical.components import Calendar, Component, read_components
from backsoon.sources.ical.context import CalendarContext, Home
from backsoon.sources.ical.entry import Label
from backsoon.sources.ical.expand import Budget
from backsoon.sources.ical.faults import BadItem, NotCalendar, OverBudget, TooMuch
from backsoon.sources.ical.lines import text
from backsoon.sources.ical.names import known_zone
from backsoon.sources.ical.series import Series

_ORDINARY_STEPS = 3_000
"""What a rule may cost at first. One that costs more waits until all others are read."""
_MOST_UID = 255


@dataclass(frozen=True, slots=True)
class Limits:
    """What one calendar may cost. A step is about a microsecond of CPU."""

    bytes: int = 20 * 1024 * 1024
    """Of all items together: room for an event with a million dates, which is refused by itself."""
    events: int = 20_000
    """VEVENTs of all items together."""
    occurrences: int = 2_000
    """Of one event in the window."""
    steps_per_rule: int = 50_000
    steps: int = 1_000_000
    """Of all costly rules together."""
    cpu_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: the occurrences in the window, the items left out, and what to tell the administrator."""

    entries: tuple[CalendarEntry, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    warnings: tuple[str, ...] = ()


def read_calendar(
    items: Sequence[tuple[str, bytes]],
    *,
    window: Window,
    zone: str,
    owner: frozenset[str] = frozenset(),
    limits: Limits = Limits(),
    resource_is_uid: bool = False,
) -> Reading:
    """The occurrences in `window` of the calendar whose `items` are (resource, iCalendar bytes).

    `zone` is the owner's IANA zone, in which floating times and dates are read; `owner` the owner's mail addresses,
    by which the owner's own answer is found. With `resource_is_uid` there is one item, a feed, and the resource of an
    entry is its UID: then bytes that are not a whole calendar raise `SourceBroken`; otherwise such an item is rejected.
    Raises `SourceTooLarge` past a limit that holds for the calendar, and `ValueError` for an unknown `zone`.
    """
    reader = _Reader(window, zone, owner, limits, resource_is_uid)
    if sum(len(data) for _, data in items) > limits.bytes:
        raise SourceTooLarge(f"the calendar has more than {limits.bytes} bytes")
    try:
        for resource, data in items:
            reader.read_item(resource, data)
        reader.read_costly()
    except TooMuch as much:
        raise SourceTooLarge(f"the calendar has {much.because}") from None
    except NotCalendar as broken:
        raise SourceBroken(broken.because) from None
    return Reading(tuple(reader.entries), tuple(reader.rejected), tuple(reader.home.warnings))


class _Reader:
    def __init__(self, window: Window, zone: str, owner: frozenset[str], limits: Limits, resource_is_uid: bool) -> None:
        self.home = Home(window, _owner_zone(zone), zone)
        self.owner = frozenset(address.strip().lower().removeprefix("mailto:").encode() for address in owner)
        self.limits = limits
        self.is_feed = resource_is_uid
        self.entries: list[CalendarEntry] = []
        self.rejected: list[Rejected] = []
        self.costly: list[Series] = []
        self.events_left = limits.events
        self.deadline = time.thread_time() + limits.cpu_seconds

    def read_item(self, resource: str, data: bytes) -> None:
        try:
            calendars = read_components(data, self.owner, self.events_left)
        except NotCalendar as broken:
            if self.is_feed:
                raise
            self.rejected.append(Rejected(resource, "", broken.because))
            return
        self.events_left -= sum(len(calendar.events) + len(calendar.unclosed) for calendar in calendars)
        if any(calendar.bare for calendar in calendars):
            self.home.warn("events stand outside a VCALENDAR")
        for series in self._series(resource, calendars):
            self._read(series, Budget(_ORDINARY_STEPS))

    def _series(self, resource: str, calendars: list[Calendar]) -> Iterable[Series]:
        """What shares a UID in one item, in the order in which it begins there."""
        series: dict[str, Series] = {}
        for calendar in calendars:
            context = CalendarContext(calendar, self.home)
            for uid, component in _named(calendar.events):
                if uid not in series:
                    label = Label(uid, uid if self.is_feed else resource)
                    series[uid] = Series(label, self.owner)
                self._check_time()
                series[uid].add(component, context)
            for uid, _ in _named(calendar.unclosed):
                self.rejected.append(Rejected(uid if self.is_feed else resource, uid, "VEVENT has no end"))
        return series.values()

    def _read(self, series: Series, budget: Budget) -> None:
        self._check_time()
        for because in series.faults:
            self._reject(series, because)
        series.faults = []
        try:
            self.entries += series.entries(self.home, budget, self.limits.occurrences)
        except OverBudget as over:
            if budget.left < self.limits.steps_per_rule:
                self.costly.append(series)
            else:
                self._reject(series, over.because)
        except BadItem as bad:
            self._reject(series, bad.because)

    def read_costly(self) -> None:
        """Rules that cost much, after all others, while the calendar's steps last."""
        left = self.limits.steps
        costly, self.costly = self.costly, []
        for series in costly:
            if left < self.limits.steps_per_rule:
                self._reject(series, "RRULE costs too much to follow beside the other costly ones of this calendar")
                continue
            budget = Budget(self.limits.steps_per_rule)
            self._read(series, budget)
            left -= budget.spent

    def _reject(self, series: Series, because: str) -> None:
        self.rejected.append(Rejected(series.label.resource, series.label.uid, because))

    def _check_time(self) -> None:
        if time.thread_time() > self.deadline:
            raise TooMuch(f"more in it than {self.limits.cpu_seconds:g} seconds of CPU time can read")


def _owner_zone(name: str) -> tzinfo:
    zone = known_zone(name)
    if zone is None:
        raise ValueError("the owner's time zone is not a known one")
    return zone


def _named(events: list[Component]) -> Iterator[tuple[str, Component]]:
    """Each event with its UID; one without gets a name made of its times, so that it keeps it from read to read."""
    made: dict[str, int] = {}
    for component in events:
        uid = _clean_uid(text(component.value("UID")))
        if not uid:
            name = _derived(component)
            made[name] = made.get(name, 0) + 1
            uid = name if made[name] == 1 else f"{name}-{made[name]}"
        yield uid, component


def _clean_uid(uid: str) -> str:
    uid = uid.strip()
    if not uid.isprintable():
        uid = "".join(letter for letter in uid if letter.isprintable())
    return uid if len(uid) <= _MOST_UID else "sha256-" + sha256(uid.encode()).hexdigest()


def _derived(component: Component) -> str:
    """No text takes part: whoever sees the name learns nothing of the subject."""
    lines = [component.one.get(name, b"") for name in ("DTSTART", "DTEND", "DURATION", "RECURRENCE-ID")]
    lines += component.many.get("RRULE", [])
    return "without-uid-" + sha256(b"\n".join(lines)).hexdigest()[:24]
