"""A VTIMEZONE (RFC 5545 section 3.6.5) as a `tzinfo`: for names that no database of zones knows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from backsoon.sources.ical.components import Component
from backsoon.sources.ical.expand import Budget, Stretch, check_possible, occurrences
from backsoon.sources.ical.faults import BadItem, BadRule
from backsoon.sources.ical.lines import split_moment, value_after_name
from backsoon.sources.ical.rule import parse_rule
from backsoon.sources.ical.values import moment, moments, offset

STEPS = 5_000
"""What the rules of one VTIMEZONE may cost; an ordinary one, two changes a year, costs some hundreds."""
MOST_OBSERVANCES = 500


class Change(NamedTuple):
    """A change of offset: the instant, as naive UTC, and the offsets before and after it."""

    at: datetime
    before: timedelta
    after: timedelta


class EmbeddedZone(tzinfo):
    """A zone made of the changes of offset that a calendar states itself."""

    def __init__(self, name: str, changes: list[Change]) -> None:
        self.name = name
        self.changes = changes
        self._instants = [change.at for change in changes]
        # A wall time in a fold is the first of the two for fold=0, one in a gap has the offset before it (PEP 495).
        self._walls = (
            [change.at + max(change.before, change.after) for change in changes],
            [change.at + min(change.before, change.after) for change in changes],
        )

    def utcoffset(self, dt: datetime | None) -> timedelta:
        if dt is None:
            return self.changes[0].before
        return self._after(bisect_right(self._walls[dt.fold], dt.replace(tzinfo=None)))

    def dst(self, dt: datetime | None) -> timedelta | None:
        return None

    def tzname(self, dt: datetime | None) -> str:
        return self.name

    def fromutc(self, dt: datetime) -> datetime:
        at = dt.replace(tzinfo=None)
        index = bisect_right(self._instants, at)
        wall = at + self._after(index)
        fold = index > 0 and wall < self._walls[0][index - 1]
        return wall.replace(tzinfo=self, fold=int(fold))

    def _after(self, index: int) -> timedelta:
        return self.changes[index - 1].after if index else self.changes[0].before


def embedded_zone(component: Component, years: tuple[int, int]) -> tzinfo | None:
    """The zone that a VTIMEZONE defines, exact in the years given (first, last); None where it defines none.

    Raises `BadItem` where one of its rules is a bomb.
    """
    budget = Budget(STEPS)
    if len(component.parts) > MOST_OBSERVANCES or any(part.overfull for part in component.parts):
        raise BadItem("its time zone's definition is too long")
    changes: list[Change] = []
    for part in component.parts:
        try:
            changes += _changes(part, years, budget)
        except BadRule as bad:
            raise BadRule(f"its time zone's definition: {bad.because}") from None
        except (BadItem, OverflowError):
            continue
    return EmbeddedZone("embedded", sorted(set(changes))) if changes else None


def _changes(part: Component, years: tuple[int, int], budget: Budget) -> Iterator[Change]:
    before, after = offset(part.value("TZOFFSETFROM")), offset(part.value("TZOFFSETTO"))
    start = moment(part.one.get("DTSTART", b""), _NoZones()).wall
    for onset in sorted({start, *_ruled(part, start, before, years, budget), *_listed(part, budget)}):
        yield Change(onset - before, before, after)


def _ruled(
    part: Component, start: datetime, before: timedelta, years: tuple[int, int], budget: Budget
) -> Iterator[datetime]:
    low, high = datetime(max(1, years[0]), 1, 1), datetime(min(9999, years[1] + 1), 1, 1)  # noqa: DTZ001
    for line in part.many.get("RRULE", ()):
        rule = parse_rule(value_after_name(line).strip())
        check_possible(rule)
        until = _until(rule.until, before)
        if until is not None and until < low:
            low = max(start, until - timedelta(days=366))  # what it ended with is still in force
        yield from occurrences(rule, start, Stretch(low, high, until), budget)


def _until(text: bytes, before: timedelta) -> datetime | None:
    """UNTIL is in UTC here (section 3.6.5); as clocks showed it before the change."""
    if not text:
        return None
    until = moment(b"UNTIL:" + text, _NoZones())
    return until.wall + before if until.zone is UTC else until.wall


def _listed(part: Component, budget: Budget) -> Iterator[datetime]:
    for line in part.many.get("RDATE", ()):
        budget.spend(1 + split_moment(line)[1].count(b","))
        for found, _ in moments(line, _NoZones()):
            yield found.wall


class _NoZones:
    """Times inside a VTIMEZONE have no zone of their own."""

    def find(self, tzid: str) -> tzinfo:
        return UTC
