"""How fast a presence server is told: an even rate that follows what the server says of itself.

Each PUBLISH makes it write to all who watch; overloaded it answers 500 or 503, or loses datagrams. The rate falls by a
third then, and climbs back by a fiftieth of the limit for each quiet tenth of a second.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaceSettings:
    """`limit` and `least` in publications a second; so many seconds of a `Retry-After` as `longest` are waited for.

    A server that asks for more is left alone: see `Publications`.
    """

    limit: float = 1000.0
    least: float = 10.0
    longest: float = 3.0


GRAIN = 0.005
"""Seconds that are worth sleeping for."""
SAVED = 0.02
"""Seconds of the pace that are made up for where a sleep was longer than it should be."""
CALM = 0.1


class Pace:
    """The state of one session's pace. Times are those of a monotonic clock, in seconds."""

    def __init__(self, settings: PaceSettings) -> None:
        self._settings = settings
        self.rate = settings.limit
        self._free_at = 0.0
        self._changed_at = 0.0

    def delay(self, now: float) -> float:
        """Seconds to wait before the next one, which is counted thereby. Little is saved up while it is quiet."""
        starts = max(now - SAVED, self._free_at)
        self._free_at = starts + 1 / self.rate
        return max(0.0, starts - now)

    def done(self, now: float) -> None:
        """One was answered as it should."""
        if self.rate < self._settings.limit and now - self._changed_at >= CALM:
            self._changed_at = now
            self.rate = min(self._settings.limit, self.rate + self._settings.limit / 50)

    def strained(self, now: float, retry_after: float = 0.0) -> float:
        """The server cannot: slow down, for all who wait. Seconds after which the same may be tried again."""
        if now - self._changed_at >= CALM:  # many answers of one moment are one sign
            self._changed_at = now
            self.rate = max(self._settings.least, self.rate * 2 / 3)
        pause = min(retry_after, self._settings.longest)
        self._free_at = max(self._free_at, now + pause)
        return pause

    async def turn(self) -> None:
        """Wait until the next one may be sent."""
        wait = self.delay(asyncio.get_running_loop().time())
        if wait > GRAIN:
            await asyncio.sleep(wait)
