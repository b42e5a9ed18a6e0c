"""Microsoft's published limits: how many requests in how long, and how many at once, for an app and a mailbox.

Outlook service: 10,000 in 10 minutes and 4 at once for each app and mailbox; 130,000 in 10 seconds for an app;
subscriptions made, renewed or taken back: 1,000 in 20 seconds (Microsoft Graph, service-specific throttling limits).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.simulators.graph.protocol import Refused

CHANGES_SUBSCRIPTIONS = frozenset({"subscribe", "renew", "unsubscribe", "reauthorize"})


@dataclass(frozen=True)
class Limits:
    """The limits; each of the three is (requests, seconds)."""

    app: tuple[int, float] = (130_000, 10.0)
    mailbox: tuple[int, float] = (10_000, 600.0)
    subscriptions: tuple[int, float] = (1_000, 20.0)
    at_once: int = 4


class Gate:
    """Counts requests against limits. `now` is in seconds, of a clock that only goes forward."""

    def __init__(self, limits: Limits | None, now: Callable[[], float]) -> None:
        self.limits = limits
        self.throttled: Counter[str] = Counter()
        """How many were refused, by the limit that they met."""
        self.impatient = 0
        """How many came for what had been refused before the time that they were told was over."""
        self._now = now
        self._windows: dict[str, tuple[float, int]] = {}
        self._running: Counter[str] = Counter()
        self._told: dict[str, float] = {}

    @contextmanager
    def passing(self, operation: str, mailbox: str) -> Iterator[None]:
        """While a request is answered. Raises `Refused` (429) where a limit is met."""
        if self.limits is not None:
            self._count(operation, mailbox, self.limits)
        self._running[mailbox] += 1
        try:
            if self.limits is not None and mailbox and self._running[mailbox] > self.limits.at_once:
                self._refuse("at_once", mailbox, 1.0)
            yield
        finally:
            self._running[mailbox] -= 1
            if not self._running[mailbox]:
                del self._running[mailbox]

    def refuse(self, scope: str, seconds: float) -> Refused:
        """Remember that whoever asks within `scope` was told to wait."""
        self._told[scope] = self._now() + seconds
        return Refused(429, "TooManyRequests", "asked too much", Retry_After=f"{seconds:.0f}")

    def _count(self, operation: str, mailbox: str, limits: Limits) -> None:
        self.impatient += any(self._told.get(scope, 0.0) > self._now() for scope in ("", mailbox))
        self._within("app", "", limits.app)
        if operation in CHANGES_SUBSCRIPTIONS:
            self._within("subscriptions", "subscriptions", limits.subscriptions)
        elif mailbox:
            self._within("mailbox", mailbox, limits.mailbox)

    def _within(self, limit: str, scope: str, most: tuple[int, float]) -> None:
        began, count = self._windows.get(scope, (self._now(), 0))
        if self._now() - began >= most[1]:
            began, count = self._now(), 0
        self._windows[scope] = (began, count + 1)
        if count >= most[0]:
            self._refuse(limit, scope, began + most[1] - self._now())

    def _refuse(self, limit: str, scope: str, seconds: float) -> None:
        self.throttled[limit] += 1
        raise self.refuse(scope, max(1.0, round(seconds + 0.5)))
