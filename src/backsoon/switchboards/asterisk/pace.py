"""How fast lamps may change: a token bucket whose rate follows the switchboard's own answers.

Each change of a state runs through Asterisk's task processors, queues of their own behind the manager interface.
Past 500 waiting tasks Asterisk refuses new calls, so it must never be told faster than it can pass on. The rate
falls by a third when answers come slowly and climbs back by a twentieth of the limit when they do not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaceSettings:
    """`limit` and `least` in people a second; `slow` in seconds: an answer that takes longer is a sign of strain.

    `chunk` is the part of a second whose people are told together, `together` the most of them: Asterisk queues a chunk
    whole, two tasks for each of its people, so fifty keep every queue at a fifth of what it bears.
    """

    limit: float = 1000.0
    least: float = 25.0
    slow: float = 0.1
    chunk: float = 0.05
    together: int = 50


class Pace:
    """The state of one session's pace. Times are those of a monotonic clock, in seconds."""

    def __init__(self, settings: PaceSettings) -> None:
        self._settings = settings
        self.rate = settings.limit
        self._free_at = 0.0

    @property
    def chunk(self) -> int:
        """How many people to tell together."""
        return max(1, min(self._settings.together, int(self.rate * self._settings.chunk)))

    def delay(self, now: float, people: int) -> float:
        """Seconds to wait before telling `people`, who are thereby counted. Nothing is saved up while it is quiet."""
        starts = max(now, self._free_at)
        self._free_at = starts + people / self.rate
        return starts - now

    def answered(self, took: float) -> None:
        """A chunk was answered after `took` seconds: slow down or speed up."""
        settings = self._settings
        if took > settings.slow:
            self.rate = max(settings.least, self.rate * 2 / 3)
        else:
            self.rate = min(settings.limit, self.rate + settings.limit / 20)
