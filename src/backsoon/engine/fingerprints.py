"""When many mailboxes were busy, in 16 bytes each: enough to see that one is busy otherwise than it was."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from backsoon.sources.account import BusyTime

DAY: Final = timedelta(days=1)
DAYS: Final = 7
"""So many days are looked at, today the first: what is lost of later ones is found by reading before these come, see
`pace.SELDOM`."""


class Fingerprints:
    """When many mailboxes were busy from a day on for some days, as 16 bytes each: the calendar, 32 bits for all days
    but the last one, and 32 for all but the first, which is what a look on the next day is compared with."""

    def __init__(self, day: datetime, days: int = DAYS) -> None:
        self.day = day
        self._end = day + days * DAY
        self._last = 0
        self._calendars = array("q")
        self._prints = array("Q")

    def __len__(self) -> int:
        return len(self._calendars)

    def add(self, calendar: int, busy: Iterable[BusyTime]) -> None:
        """Note when a mailbox is busy; calendars come in order of their ids."""
        self._last = calendar
        self._calendars.append(calendar)
        self._prints.append(self._both(busy))

    def put(self, calendar: int, busy: Iterable[BusyTime]) -> None:
        """Note that a mailbox, whichever it is, is busy otherwise by now."""
        at = bisect_left(self._calendars, calendar)
        if at == len(self._calendars) or self._calendars[at] != calendar:
            self._calendars.insert(at, calendar)
            self._prints.insert(at, 0)
        self._prints[at] = self._both(busy)

    def differs(self, calendar: int, later: Fingerprints) -> bool:
        """Whether the mailbox is busy otherwise in a later look, as far as both looks saw the same days."""
        before, after = self._of(calendar), later._of(calendar)
        if before is None or after is None:
            return False
        if later.day == self.day:
            return before != after
        return later.day == self.day + DAY and before & 0xFFFFFFFF != after >> 32

    def keep(self, calendar: int, before: Fingerprints) -> None:
        """Go on with what was known of a mailbox that could not be looked at now. Of the days that a look yesterday
        did not see nothing is known: the mailbox is read after the next look, rather than never."""
        self._last, known = calendar, before._of(calendar)
        if known is None or before.day not in (self.day, self.day - DAY):
            return
        self._calendars.append(calendar)
        self._prints.append(known if before.day == self.day else (known & 0xFFFFFFFF) << 32)

    def may_know(self, calendar: int) -> bool:
        """Whether the mailbox was looked at, or came later than this look."""
        return calendar > self._last or self._of(calendar) is not None

    def _both(self, busy: Iterable[BusyTime]) -> int:
        times = list(busy)
        early, late = _print(times, self.day, self._end - DAY), _print(times, self.day + DAY, self._end)
        return early << 32 | late

    def _of(self, calendar: int) -> int | None:
        at = bisect_left(self._calendars, calendar)
        return self._prints[at] if at < len(self._calendars) and self._calendars[at] == calendar else None


def _print(times: Iterable[BusyTime], start: datetime, end: datetime) -> int:
    """32 bits of what lies in a span; 0 for nothing."""
    within = sorted(
        (max(b.start, start).timestamp(), min(b.end, end).timestamp(), b.show_as.value)
        for b in times
        if b.start < end and b.end > start
    )
    return int.from_bytes(blake2b(repr(within).encode(), digest_size=4).digest()) if within else 0
