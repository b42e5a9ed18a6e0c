"""What is counted while it happens, for whoever measures. Nothing here names anybody."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

LOOKUP_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5)
LATE_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Histogram:
    """How many values fell up to each bound (and above the last), and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, which came up so many times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times

    def take(self, counts: Sequence[int], sum: float) -> None:
        """Take over what another process counted by the same bounds."""
        self.counts, self.sum = list(counts), sum

    @property
    def total(self) -> int:
        """How many values there were."""
        return sum(self.counts)


@dataclass
class Meters:
    """All that is counted."""

    lookups: Histogram = field(default_factory=lambda: Histogram(LOOKUP_SECONDS))
    """How long answers to look-ups took here, in seconds."""
    lookups_beside: Histogram = field(default_factory=lambda: Histogram(LOOKUP_SECONDS))
    """The same in the process of its own."""
    late: Histogram = field(default_factory=lambda: Histogram(LATE_SECONDS))
    """How long after its instant each transition was handed over to be told, in seconds."""
    changes: Counter[str] = field(default_factory=Counter)
    """Changes of availability, by what triggered them."""
    by_hand: Counter[str] = field(default_factory=Counter)
    """The same of those by hand, by what they were set through."""
    reads: Counter[bool] = field(default_factory=Counter)
    """Readings of calendars, by whether they succeeded."""
    notices: Counter[str] = field(default_factory=Counter)
    """Notifications of changes that arrived, by what became of them."""


_THROUGH = frozenset({"api", "app", "board", "cli", "console", "phone"})


def through_of(through: str) -> str:
    """What something was set through, as it may be a label: whoever asks may write there what they like."""
    return through if through in _THROUGH else "other"
