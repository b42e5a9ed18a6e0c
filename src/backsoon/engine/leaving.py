"""What is ordered at vendors whose connections are about to go: nobody can sign in there any more to cancel it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from backsoon.domain.organisation import Connection
from backsoon.store.base import Store

log = logging.getLogger(__name__)


async def warn_of_leaving(store: Store, organisation: str, connections: Sequence[Connection]) -> int:
    """Say, of each connection that is not among these or becomes one of another kind, how many notifications it leaves
    behind; their sum. To be called before these are stored, which forgets what was ordered. Raises `StoreError`."""
    kinds, left = {each.name: each.kind for each in connections}, 0
    for old in await store.connections(organisation):
        if kinds.get(old.name) == old.kind:
            continue
        if count := await _ordered_at(store, organisation, old.name):
            how = "becomes one of another kind" if old.name in kinds else "is taken out"
            log.warning("connection %s %s: %d notifications end by themselves at %s", old.name, how, count, old.kind)
        left += count
    return left


async def _ordered_at(store: Store, organisation: str, connection: str) -> int:
    count, after = 0, ""
    while page := await store.page_subscriptions(organisation, connection, after=after):
        count, after = count + len(page), page[-1].id
    return count
