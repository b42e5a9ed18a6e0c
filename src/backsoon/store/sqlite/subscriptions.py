"""Subscriptions and the keys that their secrets are derived from: transactions on a `Database`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from backsoon.domain.organisation import Calendar
from backsoon.store import codec, rows
from backsoon.store.base import NotStored, Subscription
from backsoon.store.sqlite.database import Database


def key(database: Database, name: str) -> bytes | None:
    """The key of that name, if there is one."""
    row = database.one("derivation_key", name)
    return None if row is None else bytes.fromhex(row[0])


def make_key(database: Database, name: str, proposed: bytes) -> bytes:
    """The key of that name: the proposed one, unless another was made meanwhile."""
    database.run("make_derivation_key", name, proposed.hex())
    return key(database, name) or proposed


def subscriptions(database: Database, ids: Sequence[str]) -> dict[str, Subscription]:
    """Those of the ids that are stored."""
    return {row[3]: rows.subscription(row) for row in database.all("subscriptions", codec.to_json(ids))}


def page_subscriptions(
    database: Database, organisation: str, connection: str, after: str, limit: int
) -> tuple[Subscription, ...]:
    """A connection's in order of id."""
    return tuple(map(rows.subscription, database.all("page_subscriptions", organisation, connection, after, limit)))


def subscriptions_to_renew(
    database: Database, organisation: str, connection: str, now: int, limit: int
) -> tuple[Subscription, ...]:
    """Those to be renewed, the most overdue first."""
    return tuple(map(rows.subscription, database.all("subscriptions_to_renew", organisation, connection, now, limit)))


def next_renewal(database: Database, organisation: str, connection: str) -> datetime | None:
    """When one is to be renewed next."""
    row = database.one("next_renewal", organisation, connection)
    return None if row is None else codec.instant(row[0])


def unsubscribed(
    database: Database, organisation: str, connection: str, now: int, after: int, limit: int
) -> tuple[Calendar, ...]:
    """Calendars without a subscription that lasts."""
    found = database.all("unsubscribed", organisation, connection, now, after, limit)
    return tuple(Calendar(*row) for row in found)


def save_subscriptions(database: Database, pieces: Sequence[str]) -> None:
    """Insert or replace, in pieces of rows as JSON."""
    for piece in pieces:
        try:
            database.run("save_subscriptions", piece)
        except NotStored:
            raise NotStored("a subscription's organisation has no such connection") from None


def remove_subscriptions(database: Database, ids: Sequence[str]) -> None:
    """Forget them."""
    database.run("remove_subscriptions", codec.to_json(ids))
