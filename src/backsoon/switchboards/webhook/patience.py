"""How long a receiver that does not take messages is left alone: longer each time, never for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

LONGEST = 900.0
"""Seconds."""


class Patience:
    """Counts what went wrong in a row, over sessions."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._failed = 0
        self._since: datetime | None = None
        self._answered = False

    @property
    def told(self) -> str:
        """Since when nothing goes well; "" after the first failure, which may be the last."""
        if self._since is None or self._failed < 2:
            return ""
        return f"; nothing got through since {self._since:%Y-%m-%d %H:%M:%S} UTC"

    def well(self) -> None:
        """Something got through."""
        self._failed, self._since, self._answered = 0, None, False

    def reached(self) -> None:
        """Somebody is there: all is well, if nothing but that was wrong."""
        if not self._answered:
            self.well()

    def failed(self, *, answered: bool = True) -> float:
        """Something did not: the seconds to wait before the next attempt (1, 2, 4 ... 900).

        `answered`: somebody was there.
        """
        self._answered |= answered
        if self._since is None:
            self._since = self._now()
        self._failed += 1
        return float(min(LONGEST, 2 ** min(self._failed - 1, 20)))
