"""What ordering notifications is made of: how long is waited after failures, when what is ordered is prolonged."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, TypeVar

from backsoon.domain.organisation import Calendar
from backsoon.engine.hearing import Place, Secrets
from backsoon.engine.trust import Trust
from backsoon.sources.account import Ordered, Webhooks
from backsoon.sources.base import SourceBusy, SourceError, SourceMissing
from backsoon.store.base import Store, Subscription

T = TypeVar("T")

COMPARE_EVERY: Final = timedelta(hours=1)
LOOK_EVERY: Final = timedelta(minutes=5)
"""How soon a person who is new is noticed."""
RENEW_AT: Final = 2 / 3
"""Of what the vendor gave, after how much a new one is asked for; each somewhat earlier or later than the others."""
JITTER: Final = 0.15
OVERLAP: Final = timedelta(minutes=1)
"""How long one that was replaced lasts beside the new one."""
UNSURE: Final = timedelta(days=1)
"""How long one is kept of which we do not know whether the vendor made it."""
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 900.0
"""Seconds between two tries where nothing works."""
LONGEST_ALONE: Final = 21_600.0
"""Seconds between two tries for one calendar, where the others work."""
MOST_AT_A_TIME: Final = 1000
"""So many rows or calendars are taken from the store together."""
GROUPS_AT_A_TIME: Final = 5
"""One more than Graph's throttle lets through, so that none of its turns is lost; the throttle keeps the limits."""
UNSURE_AT_A_TIME: Final = 2
"""Where a new one is made each time, a group is as many requests as it has members: they share the account's turns
with the readings, and whoever dies leaves as many behind."""
IN_A_ROW: Final = 20
"""So many failures in a row, and the vendor is left alone for a while."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a connection's orders need to know. `url` is where notifications shall arrive; "": nowhere, and everything
    that is ordered is to be cancelled. `addresses` are calendars' mailboxes by id, of those that have one;
    `urge` has calendars read soon, spread over some minutes."""

    place: Place
    url: str
    secrets: Secrets
    trust: Trust
    addresses: Callable[[Sequence[Calendar]], Awaitable[dict[int, str]]]
    urge: Callable[[Iterable[int], datetime], Awaitable[None]]


class Pause:
    """When something may be tried again after failures in a row."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self.until: datetime | None = None
        self.failures = 0
        self._chance = chance

    def failed(self, now: datetime, retry_after: float | None) -> None:
        """It failed at an instant; what the vendor asks for is kept."""
        seconds = min(FIRST_PAUSE * 2 ** min(self.failures, 10), LONGEST_PAUSE) * (1 + self._chance() / 4)
        self.failures += 1
        self.until = now + timedelta(seconds=max(seconds, retry_after or 0.0))

    def went_well(self) -> None:
        """It worked."""
        self.failures, self.until = 0, None

    def over(self, now: datetime) -> bool:
        """Whether it may be tried."""
        return self.until is None or now >= self.until


class Failures:
    """Counts what failed. Many in a row, and none that worked: it is not the calendars'."""

    def __init__(self) -> None:
        self._row = 0
        self.worked = False
        """Whether any did: until then little is tried at a time."""

    def add(self, answers: Sequence[Ordered | SourceError]) -> None:
        """Raises the last error where everything seems to fail, so that the rest is not tried."""
        for answer in answers:
            works = isinstance(answer, Ordered | SourceMissing)
            self._row = 0 if works else self._row + 1
            self.worked = self.worked or works
        last = answers[-1] if answers else None
        if isinstance(last, SourceBusy) or (self._row >= IN_A_ROW and isinstance(last, SourceError)):
            raise last


def renew_at(now: datetime, expires_at: datetime) -> datetime:
    """When to ask for more."""
    return now + (expires_at - now) * (RENEW_AT * (1 - JITTER * random.random()))


def later(row: Subscription, now: datetime) -> Subscription:
    """It lasts still: some more tries in what is left of it."""
    left = (row.expires_at - now).total_seconds()
    return replace(row, renew_at=now + timedelta(seconds=min(max(left / 8, 300.0), 3600.0)))


def ordered_of(row: Subscription, address: str = "") -> Ordered:
    """As the vendor knows it; `address` is the calendar's mailbox, where it is not known for which it was ordered."""
    return Ordered(row.id, row.expires_at, row.calendar, row.address or address, row.resource, row.url)


async def calendar_of(store: Store, row: Subscription) -> Calendar | None:
    """Whose it is, if anybody's. Raises `StoreError`."""
    found = await store.calendars(after=row.calendar - 1, limit=1) if row.calendar else ()
    return found[0].calendar if found and found[0].calendar.id == row.calendar else None


def at_a_time(webhooks: Webhooks) -> int:
    """How many groups are under way together."""
    return GROUPS_AT_A_TIME if webhooks.renewable else UNSURE_AT_A_TIME


def groups(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    rest = iter(items)
    while group := list(islice(rest, max(1, size))):
        yield group
