"""Cancels notifications that are nobody's, or in whose place there are others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from backsoon.domain.organisation import Calendar
from backsoon.engine.orders import LONGEST_PAUSE, Site, at_a_time, calendar_of, groups, ordered_of
from backsoon.engine.several import several
from backsoon.engine.timing import Clock
from backsoon.sources.account import Ordered, Webhooks
from backsoon.sources.base import SourceError, SourceUnavailable
from backsoon.store.base import Store, Subscription


class Cancelling:
    """One connection's."""

    def __init__(self, store: Store, clock: Clock, webhooks: Webhooks, site: Site) -> None:
        self._store = store
        self._clock = clock
        self._webhooks = webhooks
        self._site = site

    async def cancel(self, ordered: Sequence[Ordered]) -> None:
        """Cancel these and forget them. What the vendor will not let us cancel ends by itself.

        Raises `SourceUnavailable` and `StoreError`; those that were cancelled by then are forgotten.
        """
        await several(groups(ordered, self._webhooks.together), self._group, at_a_time(self._webhooks))

    async def _group(self, group: Sequence[Ordered]) -> None:
        try:
            await self._webhooks.cancel(group)
        except SourceUnavailable:
            raise
        except SourceError:
            if len(group) > 1:
                for each in group:
                    await self._group([each])
                return
        await self._store.remove_subscriptions([o.id for o in group])

    async def rows(self, rows: Sequence[Subscription]) -> None:
        """Cancel what is stored; what cannot be cancelled now is tried again later. Raises as `cancel`."""
        if not rows:
            return
        addresses = await self._addresses([row for row in rows if row.calendar and not row.address])
        try:
            await self.cancel([ordered_of(row, addresses.get(row.calendar, "")) for row in rows])
        except SourceError as error:
            at = self._clock.now() + timedelta(seconds=max(LONGEST_PAUSE, error.retry_after or 0.0))
            left = await self._store.subscriptions([row.id for row in rows])
            await self._store.save_subscriptions([replace(row, renew_at=at) for row in left.values()])
            raise

    async def _addresses(self, rows: Sequence[Subscription]) -> dict[int, str]:
        """The mailboxes of those that were ordered before it was stored for which, or of which we know by chance."""
        found: list[Calendar] = []
        for row in rows:
            calendar = await calendar_of(self._store, row)
            found += [] if calendar is None else [calendar]
        return await self._site.addresses(found) if found else {}
