"""How many messages a receiver takes soon."""

from __future__ import annotations

SOON = 0.25
"""Seconds of messages that one call of `show` should be."""
LEAST_SECONDS = 1e-3


class Pace:
    """Messages a second, as they were taken last; at first it is thought that so many are taken soon."""

    def __init__(self, at_once: int) -> None:
        self._together = at_once
        self._rate = at_once / SOON

    @property
    def at_once(self) -> int:
        """How many are taken in about a quarter of a second, at least 1."""
        return max(1, int(self._rate * SOON))

    def took(self, count: int, seconds: float) -> None:
        """So many were taken in that time. Fewer than are sent together say little of how many could have been."""
        if count >= min(self._together, self.at_once):
            self._rate += (count / max(seconds, LEAST_SECONDS) - self._rate) / 2
