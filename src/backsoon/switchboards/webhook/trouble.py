"""Whose messages are not taken though the receiver is there, and when each of them is told again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from backsoon.switchboards.base import Order
from backsoon.switchboards.webhook.judging import Judged, Meaning
from backsoon.switchboards.webhook.patience import LONGEST
from backsoon.switchboards.webhook.settings import WebhookTimes


@dataclass(frozen=True, slots=True)
class Failed:
    """Somebody's message was not taken so many `times` in a row. `late`: there was no answer in time the last time."""

    why: str
    late: bool
    times: int


class Trouble:
    """Counts for each extension by itself, over sessions: what fails for ever makes nobody else's wait long."""

    def __init__(self, times: WebhookTimes) -> None:
        self._times = times
        self._failed: dict[str, Failed] = {}
        self._may_end = float("-inf")

    def of(self, extension: str) -> Failed | None:
        """How often it failed; None if the last one was taken."""
        return self._failed.get(extension)

    def failed(self, extension: str, found: Judged) -> float:
        """A message was not taken: the seconds until it is told again, twice as many each time, 900 at most."""
        known = self._failed.get(extension)
        times = known.times + 1 if known else 1
        self._failed[extension] = Failed(found.why, found.meaning is Meaning.LATE, times)
        first = self._times.refused if found.meaning is Meaning.REFUSED else self._times.failed
        return float(min(LONGEST, first * 2 ** min(times - 1, 20)))

    def over(self, extensions: Iterable[str]) -> None:
        """They were taken, or it was not their fault."""
        for extension in extensions:
            self._failed.pop(extension, None)

    def before_the_end(self, at: float) -> float:
        """Seconds until a session may be ended because somebody was told again, counted from `at` on the event loop's
        clock; at a receiver that takes every other message there would be no end of it."""
        return max(0.0, self._may_end - at)

    def ended(self, at: float) -> None:
        """A session was ended for that."""
        self._may_end = at + self._times.apart


class Due(NamedTuple):
    """An order that is told again `at` an instant, in seconds of the event loop's clock."""

    at: float
    number: int
    order: Order


class Waiting:
    """What is told again, the latest order of each extension, in order of time."""

    def __init__(self) -> None:
        self._latest: dict[str, Due] = {}
        self._in_order: list[Due] = []
        self._numbers = count()
        self.changed = asyncio.Event()
        """Something was put in since the event was cleared."""

    def put(self, order: Order, at: float) -> None:
        """Tell this then, in place of what waited of its extension."""
        due = self._latest[order.extension] = Due(at, next(self._numbers), order)
        heappush(self._in_order, due)
        self.changed.set()

    def drop(self, extension: str) -> None:
        """What waits of the extension holds no more."""
        self._latest.pop(extension, None)

    def holds(self, due: Due) -> bool:
        """Whether it was neither dropped nor replaced."""
        return self._latest.get(due.order.extension) is due

    def first(self) -> Due | None:
        """What is due first. It stays until it is dropped or replaced."""
        while self._in_order and not self.holds(self._in_order[0]):
            heappop(self._in_order)
        return self._in_order[0] if self._in_order else None
