"""Working hours and public holidays: when a person can be reached at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from backsoon.domain.errors import DomainError
from backsoon.domain.model import local_instant

DAY_MINUTES = 24 * 60
HORIZON_DAYS = 800
"""How far ahead the next working start is looked for: past any leave that is booked, yet bounded."""

KNOWN_STARTS = 5000
"""How many working starts that were looked for are remembered."""

Stretch = tuple[int, int]
"""Minutes after local midnight, `[from, to)`, with 0 <= from < to <= 1440."""


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """A week of working hours: for each weekday, Monday first, its stretches in order of time.

    A night shift is two stretches, one before and one after midnight. No stretch at all means: no working hours
    are kept, the person counts as reachable around the clock.
    """

    week: tuple[tuple[Stretch, ...], ...] = ((),) * 7

    def __post_init__(self) -> None:
        if len(self.week) != 7:
            raise DomainError("working hours need seven days, Monday first")
        for day in self.week:
            ends = [0]
            for start, end in day:
                if not ends[-1] <= start < end <= DAY_MINUTES:
                    raise DomainError(
                        f"working hours {start}-{end} (minutes): stretches must be in order and not overlap"
                    )
                ends.append(end)

    @property
    def around_the_clock(self) -> bool:
        """Whether no hours are kept."""
        return not any(self.week)


OFFICE = WorkingHours((((480, 1020),),) * 5 + ((),) * 2)
"""Monday to Friday, eight to five."""


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """A person's working hours on the calendar: zone and public holidays (local dates) applied."""

    hours: WorkingHours
    zone: ZoneInfo
    holidays: frozenset[date] = field(default_factory=frozenset)
    _known: dict[datetime, datetime] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What `next_start` has found: most people's meetings end at the same few times."""

    def next_start(self, at: datetime) -> datetime:
        """`at` itself inside working hours, else the next start of work; in UTC.

        Where nobody works within `HORIZON_DAYS` (or no hours are kept) it is `at`: better the end of the meeting than
        nothing.
        """
        start = self._known.get(at)
        if start is None:
            if len(self._known) >= KNOWN_STARTS:
                self._known.clear()
            start = self._known[at] = self._next_start(at)
        return start

    def _next_start(self, at: datetime) -> datetime:
        if self.hours.around_the_clock:
            return at
        today = at.astimezone(self.zone).date()
        for start, end in self._stretches(today - timedelta(days=1), HORIZON_DAYS):
            if at < end:
                return max(at, start)
        return at

    def next_morning(self, at: datetime) -> datetime:
        """The first start of work on a local date after that of `at`; 08:00 tomorrow where no hours are kept.

        In UTC.
        """
        tomorrow = at.astimezone(self.zone).date() + timedelta(days=1)
        for start, _ in self._stretches(tomorrow, HORIZON_DAYS):
            return start
        return local_instant(datetime.combine(tomorrow, time(8)), self.zone)

    def _stretches(self, first: date, days: int) -> Iterator[tuple[datetime, datetime]]:
        for offset in range(days):
            day = first + timedelta(days=offset)
            if day in self.holidays:
                continue
            stretches = ((self._instant(day, s), self._instant(day, e)) for s, e in self.hours.week[day.weekday()])
            # Sorted: one that begins in a DST gap moves past the next. One that lies in a gap has no length.
            yield from sorted((begins, ends) for begins, ends in stretches if begins < ends)

    def _instant(self, day: date, minute: int) -> datetime:
        extra, minute = divmod(minute, DAY_MINUTES)
        wall = datetime.combine(day + timedelta(days=extra), time(minute // 60, minute % 60))
        return local_instant(wall, self.zone)


ALWAYS = WorkingTime(WorkingHours(), ZoneInfo("UTC"))
"""Around the clock: no working hours are kept."""

__all__ = ["ALWAYS", "OFFICE", "Stretch", "WorkingHours", "WorkingTime"]
