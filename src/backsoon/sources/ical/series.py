"""All components of one UID to the occurrences in the window (RFC 5545 sections 3.8.4.4 and 3.8.5)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from backsoon.domain.model import CalendarEntry
from backsoon.sources.ical.clockwork import FIRST_WALL
from backsoon.sources.ical.components import Component
from backsoon.sources.ical.context import CalendarContext, Home, later, wall_in
from backsoon.sources.ical.entry import Label, entry_of, recurrence_id, start_id, when_of
from backsoon.sources.ical.event import Event, and_future, recurrence_moment
from backsoon.sources.ical.expand import Budget, Stretch, check_possible, never_matches, occurrences
from backsoon.sources.ical.faults import BadItem, BadRule
from backsoon.sources.ical.lines import split_moment, value_after_name
from backsoon.sources.ical.rule import Rule, parse_rule
from backsoon.sources.ical.values import Moment, moment, moments

_NONE = timedelta(0)
_MARGIN = timedelta(days=2)
"""Wall times of two zones, and so the window's in any zone, differ by less."""


class Override(NamedTuple):
    """A component with a RECURRENCE-ID. `event` None: it is broken, but what it replaces is known."""

    replaces: Moment
    event: Event | None
    onwards: bool
    rank: tuple[int, bytes]


class Series:
    """What shares a UID: a master, and overrides; either may be missing."""

    def __init__(self, label: Label, owner: frozenset[bytes]) -> None:
        self.label = label
        self.owner = owner
        self.master: Event | None = None
        self.overrides: list[Override] = []
        self.faults: list[str] = []
        self._rank: tuple[int, bytes] = (-2, b"")

    def add(self, component: Component, context: CalendarContext) -> None:
        """Take a component in; one that is broken is noted in `faults`."""
        try:
            if component.overfull:
                raise BadItem("it has too many dates")
            replaces = recurrence_moment(component, context)
            if replaces is None:
                self._add_master(Event(component, context, self.owner), rank_of(component))
            else:
                self._add_override(component, context, replaces)
        except BadItem as bad:
            self.faults.append(bad.because)

    def _add_master(self, event: Event, rank: tuple[int, bytes]) -> None:
        """Of several, the latest revision stands: highest SEQUENCE, then newest, then last."""
        if self.master is not None and rank[0] == self._rank[0] and self.master.wall != event.wall:
            self.faults.append("another entry has the same UID; only the newest is read")
        if rank >= self._rank:
            self.master, self._rank = event, rank

    def _add_override(self, component: Component, context: CalendarContext, replaces: Moment) -> None:
        rank, onwards = rank_of(component), and_future(component)
        event: Event | None = None
        try:
            event = Event(component, context, self.owner)
        finally:
            self.overrides.append(Override(replaces, event, onwards, rank))

    def entries(self, home: Home, budget: Budget, most: int) -> list[CalendarEntry]:
        """The occurrences that overlap the window, at most `most`. Raises `BadItem`."""
        if self.master is None:
            return _one_each(self._orphans(home))
        if self.master.repeats or self.overrides:
            return _one_each(_Expansion(self.master, self.overrides, self.label, home, budget, most).entries())
        when = when_of(self.master, self.master.wall, self.master.length, home)
        return [] if when is None else [entry_of(when, "", self.label, self.master.facts)]

    def _orphans(self, home: Home) -> Iterator[CalendarEntry]:
        """Overrides without a master: an invitation to one occurrence of a series."""
        latest = {override.replaces: override for override in sorted(self.overrides, key=lambda each: each.rank)}
        for replaces, override in latest.items():
            event = override.event
            when = None if event is None else when_of(event, event.wall, event.length, home)
            if event is not None and when is not None:
                original = recurrence_id(replaces.wall, replaces.zone or home.zone, replaces.is_day)
                yield entry_of(when, original, self.label, event.facts)


class _Expansion:
    """One master with its overrides, expanded within the window."""

    def __init__(
        self, master: Event, overrides: list[Override], label: Label, home: Home, budget: Budget, most: int
    ) -> None:
        self.master, self.label, self.home, self.budget, self.most = master, label, home, budget, most
        self.lengths: dict[datetime, timedelta] = {}
        self.excluded_days: set[date] = set()
        self.excluded = self._excluded()
        self.replaced: dict[datetime, Override] = {}
        for override in sorted(overrides, key=lambda each: each.rank):
            self.replaced[self._original(override.replaces)] = override
        self.onwards = sorted(wall for wall, override in self.replaced.items() if override.onwards and override.event)
        self.stretch = self._stretch()

    def entries(self) -> Iterator[CalendarEntry]:
        for wall in self._walls():
            if wall not in self.replaced and wall not in self.excluded and wall.date() not in self.excluded_days:
                yield from self._occurrence(wall)
        for wall, override in self.replaced.items():
            event = override.event
            if event is not None and wall not in self.excluded:
                when = when_of(event, event.wall, event.length, self.home)
                if when is not None:
                    yield entry_of(when, self._key(wall), self.label, event.facts)

    def _occurrence(self, wall: datetime) -> Iterator[CalendarEntry]:
        """The occurrence that begins at `wall` before an override of it and its followers moves it."""
        template, shift = self._template(wall)
        length = self.lengths.get(wall, template.length)
        when = when_of(self.master, later(wall, shift) if shift else wall, length, self.home)
        if when is not None:
            yield entry_of(when, self._key(wall) if shift else start_id(when), self.label, template.facts)

    def _key(self, original: datetime) -> str:
        return recurrence_id(original, self.master.zone, self.master.is_day)

    def _template(self, wall: datetime) -> tuple[Event, timedelta]:
        """Whose properties and length the occurrence has, and how far it is moved (RANGE=THISANDFUTURE)."""
        index = bisect_right(self.onwards, wall)
        if not index:
            return self.master, _NONE
        original = self.onwards[index - 1]
        event = self.replaced[original].event
        if event is None or event.is_day != self.master.is_day:
            return self.master, _NONE
        return event, event.start_in(self.master) - original

    # -- the recurrence set ------------------------------------------------------------------------------

    def _walls(self) -> list[datetime]:
        """DTSTART, RRULE and RDATE in the stretch, less EXRULE; ascending."""
        rules = [self._rule(line) for line in self.master.component.many.get("RRULE", ())]
        walls = set(self._listed())
        for rule, until in rules:
            walls |= self._ruled(rule, until)
        ends = [until for _, until in rules]
        if not ends or any(end is None or end.date() >= self.master.wall.date() for end in ends):
            walls.add(self.master.wall)
        for line in self.master.component.many.get("EXRULE", ()):
            walls -= self._ruled(*self._rule(line))
        return sorted(wall for wall in walls if self.stretch.low <= wall < self.stretch.high)

    def _rule(self, line: bytes) -> tuple[Rule, datetime | None]:
        rule = parse_rule(value_after_name(line).strip())
        check_possible(rule)
        if not rule.until:
            return rule, None
        try:
            until = moment(b"UNTIL:" + rule.until, self.master.context)
        except BadItem:
            raise BadRule("RRULE's UNTIL is not a date or date-time") from None
        return rule, self.master.wall_of(until)

    def _ruled(self, rule: Rule, until: datetime | None) -> set[datetime]:
        walls: set[datetime] = set()
        for wall in occurrences(rule, self.master.wall, self.stretch._replace(until=until), self.budget):
            walls.add(wall)
            if len(walls) > self.most:
                raise BadRule(f"RRULE has more than {self.most} occurrences in the window")
        if not walls and until is None and never_matches(rule, self.master.wall, self.budget):
            raise BadRule("RRULE never matches")
        return walls

    def _listed(self) -> Iterator[datetime]:
        """RDATE, remembering the lengths of periods."""
        for found, length in self._dates("RDATE"):
            wall = self.master.wall_of(found)
            if length is not None:
                self.lengths[wall] = length
            yield wall

    def _excluded(self) -> set[datetime]:
        """EXDATE. A date stands for all of its day where the series has times."""
        walls = set()
        for found, _ in self._dates("EXDATE"):
            if found.is_day and not self.master.is_day:
                self.excluded_days.add(found.wall.date())
            else:
                walls.add(self.master.wall_of(found))
        return walls

    def _dates(self, name: str) -> Iterable[tuple[Moment, timedelta | None]]:
        for line in self.master.component.many.get(name, ()):
            count = 1 + split_moment(line)[1].count(b",")
            if count > self.most * 5:
                raise BadItem(f"{name} has too many dates")
            self.budget.spend(count)
            yield from moments(line, self.master.context)

    def _original(self, replaces: Moment) -> datetime:
        """Which occurrence is replaced, as the series' wall time; a mere date means the one on that day."""
        wall = self.master.wall_of(replaces)
        if replaces.is_day and not self.master.is_day:
            return datetime.combine(wall, self.master.wall.time())
        return wall

    def _stretch(self) -> Stretch:
        """The walls at which an occurrence may begin that, moved and as long as it is, overlaps the window."""
        longest, back, forth = max(_NONE, self.master.length), _NONE, _NONE
        for wall in self.onwards:
            event, shift = self._template(wall)
            longest = max(longest, event.length)
            back, forth = max(back, shift), max(forth, -shift)
        zone = self.home.zone if self.master.is_day else self.master.zone
        low, high = wall_in(self.home.window.start, zone), wall_in(self.home.window.end, zone)
        return Stretch(_minus(low, longest + back + _MARGIN), later(high, forth + _MARGIN))


def _one_each(entries: Iterator[CalendarEntry]) -> list[CalendarEntry]:
    """One entry for each original start: two walls may be one instant where clocks change. The last stands."""
    return list({entry.recurrence_id: entry for entry in entries}.values())


def rank_of(component: Component) -> tuple[int, bytes]:
    """Which of two revisions is later: SEQUENCE, then the time of the last change."""
    number = component.value("SEQUENCE").strip()
    changed = component.value("LAST-MODIFIED") or component.value("DTSTAMP")
    return int(number) if number.isdigit() and len(number) < 10 else -1, changed.strip()


def _minus(wall: datetime, length: timedelta) -> datetime:
    try:
        return wall - length
    except OverflowError:
        return FIRST_WALL
