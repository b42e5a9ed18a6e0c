"""When what the server refused is told again: after longer and longer, never not at all. It outlasts the sessions."""

from __future__ import annotations

SOON = (60.0, 300.0)
"""Seconds after which that is told again which the server could not take just now: the first time, and at most."""
LATER = (300.0, 3600.0)
"""The same of what it would not take, or did not answer: each attempt may keep others waiting."""


class Again:
    """Whose publications were refused, and how often in a row."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def refused(self, extension: str, *, passing: bool) -> float:
        """One was refused: the seconds after which it is told again. `passing`: only just now, it seems."""
        times = self._times[extension] = self._times.get(extension, 0) + 1
        first, most = SOON if passing else LATER
        return min(most, first * 2.0 ** min(times - 1, 20))

    def taken(self, extension: str) -> None:
        """One was taken."""
        self._times.pop(extension, None)
