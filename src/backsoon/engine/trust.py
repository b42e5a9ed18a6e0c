"""Whose changes a connection tells of, and whether it is believed: pure bookkeeping, so that it can be tried alone.

A calendar whose changes are told is read seldom, as long as the telling is believed. It is not where a reading that
nobody asked for found what should have been told: then everybody at that connection is read often again for a while.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

RECENTLY: Final = timedelta(minutes=15)
"""What was told so long before a reading explains what the reading found."""
LATE: Final = timedelta(minutes=4)
"""What is told so long after a reading does, too: Microsoft names three minutes as the longest that it takes."""
DISTRUST: Final = timedelta(hours=1)
"""For how long after the last proof of a loss everybody is read often."""


class Trust:
    """One connection's. Instants are in UTC; per calendar it holds one number, and another one for some minutes."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}
        self._new: set[int] = set()
        """Those that were not read yet since their changes are told: what that finds happened before."""
        self._told: dict[int, float] = {}
        self._suspect: dict[int, float] = {}
        self.lost_until: datetime | None = None
        """Until when what is told is not believed; in the past or None: it is."""
        self.since: datetime | None = None
        """Since when somebody's changes are told, without a break."""

    # -- whose changes are told --------------------------------------------------------------------------------------

    def cover(self, calendar: int, until: datetime, now: datetime) -> bool:
        """Changes of the calendar are told until then; whether it is to be read, for they were not told before, or
        shall be for longer than was known: once in such a while is often enough to see whether any were lost, and
        whoever has just ordered that is signed in for the mailbox."""
        if self.since is None:
            self.since = now
        if not self.covers(calendar, now):
            self._new.add(calendar)
        before, self._until[calendar] = self._until.get(calendar, 0.0), until.timestamp()
        return before < until.timestamp()

    def uncover(self, calendars: Iterable[int]) -> list[int]:
        """Changes of these are not told any more; those of which they were."""
        gone = [c for c in calendars if self._until.pop(c, None) is not None]
        self._new.difference_update(gone)
        for calendar in gone:
            self._suspect.pop(calendar, None)
        if not self._until:
            self.since = None
        return gone

    def anew(self) -> None:
        """Calendars are understood otherwise from now on: what their next reading finds proves nothing."""
        self._new.update(self._until)

    def others(self, calendars: Collection[int]) -> list[int]:
        """Those whose changes are told and that are not among these."""
        return [c for c in self._until if c not in calendars]

    def expired(self, now: datetime) -> list[int]:
        """Take out those whose changes are told no more, and give them back."""
        stamp = now.timestamp()
        return self.uncover([c for c, until in self._until.items() if until <= stamp])

    def covers(self, calendar: int, now: datetime) -> bool:
        """Whether changes of the calendar are told."""
        return self._until.get(calendar, 0.0) > now.timestamp()

    def sure(self, now: datetime) -> list[int]:
        """Those that are known to be as they were read: a change would have been told."""
        if self.lost(now) or self._suspect:
            return []
        return [c for c in self._until if c not in self._new and self.covers(c, now)]

    def next_end(self) -> datetime | None:
        """When the first telling ends."""
        return datetime.fromtimestamp(min(self._until.values()), UTC) if self._until else None

    @property
    def covered(self) -> int:
        """Of how many calendars changes are told."""
        return len(self._until)

    # -- whether that is believed ------------------------------------------------------------------------------------

    def believed(self, calendar: int, now: datetime) -> bool:
        """Whether the calendar need not be read often."""
        return self.covers(calendar, now) and not self.lost(now)

    def lost(self, now: datetime) -> bool:
        """Whether what is told is not believed at present."""
        return self.lost_until is not None and now < self.lost_until

    def told(self, calendars: Iterable[int], now: datetime) -> None:
        """A change of these was told."""
        stamp = now.timestamp()
        for calendar in calendars:
            self._told[calendar] = stamp
            self._suspect.pop(calendar, None)

    def read(self, calendar: int, now: datetime, *, unasked: bool) -> None:
        """The calendar was read; `unasked`: what that found was not told. If it is not told soon, it was lost."""
        if calendar in self._new:
            self._new.discard(calendar)
            return
        if not unasked:
            return
        told = self._told.get(calendar)
        recently = told is not None and now.timestamp() - told <= RECENTLY.total_seconds()
        if self.covers(calendar, now) and not recently:
            self._suspect.setdefault(calendar, now.timestamp())

    def judge(self, now: datetime) -> bool:
        """Decide about what was found some minutes ago; whether the connection ceased to be believed just now."""
        stamp = now.timestamp()
        proven = [c for c, at in self._suspect.items() if stamp - at >= LATE.total_seconds()]
        for calendar in proven:
            del self._suspect[calendar]
        for calendar in [c for c, at in self._told.items() if stamp - at > RECENTLY.total_seconds()]:
            del self._told[calendar]
        if not proven:
            return False
        before, self.lost_until = self.lost(now), now + DISTRUST
        return not before

    def next_judgement(self) -> datetime | None:
        """When `judge` has something to decide."""
        return datetime.fromtimestamp(min(self._suspect.values()), UTC) + LATE if self._suspect else None
