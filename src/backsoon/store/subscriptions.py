"""The part of the store's contract about notifications that are ordered from vendors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from backsoon.domain.organisation import Calendar
from backsoon.store.values import Subscription


class Subscriptions(Protocol):
    """What is ordered, and the keys that notifications are told by. See `backsoon.store.base`."""

    async def key(self, name: str) -> bytes:
        """32 random bytes of that name, made when they are asked for first and the same ever after."""
        ...

    async def subscriptions(self, ids: Iterable[str]) -> dict[str, Subscription]:
        """Those of the vendor's ids that are stored, by index."""
        ...

    async def page_subscriptions(
        self, organisation: str, connection: str, *, after: str = "", limit: int = 1000
    ) -> tuple[Subscription, ...]:
        """A connection's in order of id, from the first id greater than `after`."""
        ...

    async def subscriptions_to_renew(
        self, organisation: str, connection: str, now: datetime, limit: int
    ) -> tuple[Subscription, ...]:
        """Those whose `renew_at` is not after `now`, the most overdue first."""
        ...

    async def next_renewal(self, organisation: str, connection: str) -> datetime | None:
        """The earliest `renew_at` of a connection's; None where it has none."""
        ...

    async def unsubscribed(
        self, organisation: str, connection: str, now: datetime, *, after: int = 0, limit: int = 1000
    ) -> tuple[Calendar, ...]:
        """Calendars of active people without a subscription that is not replaced and lasts beyond `now`, in order of
        id, from the first id greater than `after`."""
        ...

    async def save_subscriptions(self, subscriptions: Sequence[Subscription]) -> None:
        """Insert or replace by id, durable when it returns. Raises `NotStored` for an unknown connection.

        What belongs to a calendar that this connection does not have (any more), or to somebody who is switched off,
        is kept with `calendar` 0 and is to be renewed, that is cancelled, at once (`BEGINNING`). The same becomes of
        what is stored when its calendar is taken out or gets another address or owner, or its owner is switched off.
        With a connection go its subscriptions, and so they do when it becomes one of another kind.
        """
        ...

    async def remove_subscriptions(self, ids: Iterable[str]) -> None:
        """Forget them; those that are not stored are passed over."""
        ...
