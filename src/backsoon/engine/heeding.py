"""What the vendor says of what was ordered, whenever it likes: that it ends, has ended, or exists after all.

Here it is only stored; the next round of `ordering` acts on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from backsoon.engine.hearing import Notice
from backsoon.engine.orders import UNSURE, Site, renew_at
from backsoon.engine.timing import Clock
from backsoon.store.base import Store, Subscription


class Heeding:
    """One connection's. `woken` is set where there is something to do."""

    def __init__(self, store: Store, clock: Clock, site: Site, woken: asyncio.Event) -> None:
        self._store = store
        self._clock = clock
        self._site = site
        self._woken = woken
        self._under_way: set[str] = set()

    @contextmanager
    def not_of(self, ids: Iterable[str]) -> Iterator[None]:
        """While these are ordered it is not heeded that they exist: the answer to the order says so, and more."""
        ids = set(ids)
        self._under_way |= ids
        try:
            yield
        finally:
            self._under_way -= ids

    async def renew_now(self, subscription: Subscription) -> None:
        """The vendor asks for it to be prolonged. Raises `StoreError`."""
        known = (await self._store.subscriptions([subscription.id])).get(subscription.id)
        if known is None:
            return  # it was given up meanwhile
        await self._store.save_subscriptions([replace(known, renew_at=self._clock.now())])
        self._woken.set()

    async def gone(self, subscription: Subscription) -> None:
        """The vendor ended it; another one is ordered, where that has not been done. Raises `StoreError`."""
        known = (await self._store.subscriptions([subscription.id])).get(subscription.id)
        if known is None:
            return
        await self._store.remove_subscriptions([known.id])
        if known.replaced:
            return
        await self._site.urge(self._site.trust.uncover([subscription.calendar]), self._clock.now())
        self._woken.set()

    async def learnt(self, subscription: Subscription, notice: Notice) -> None:
        """It exists: we did not live to hear of it. Another one may be in its place. Raises `StoreError`."""
        known = (await self._store.subscriptions([subscription.id])).get(subscription.id)
        if known is None or known.resource or known.id in self._under_way:
            return  # the answer to the order was quicker, or comes
        now = self._clock.now()
        ends = notice.expires_at or now + UNSURE
        row = replace(known, resource=notice.resource, expires_at=ends, renew_at=renew_at(now, ends))
        if self._site.trust.covers(row.calendar, now):
            row = replace(row, replaced=True, renew_at=now)
        else:
            self._site.trust.cover(row.calendar, row.expires_at, now)
        await self._store.save_subscriptions([row])
        self._woken.set()

    async def cancel_stray(self, calendar: int, notice: Notice) -> None:
        """One that verifies and that nobody knows: it is cancelled in the next round. Raises `StoreError`."""
        now = self._clock.now()
        ends = notice.expires_at or now + UNSURE
        row = Subscription(
            *self._site.place, calendar, notice.id, ends, now, notice.resource, self._site.url, replaced=True
        )
        await self._store.save_subscriptions([row])
        self._woken.set()
