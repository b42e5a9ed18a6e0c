"""Settings into the store: first what would change, then the change."""

from __future__ import annotations

from backsoon.config.differences import Difference, Settings, describe, settings_of
from backsoon.config.model import Config
from backsoon.engine.importing import reassign
from backsoon.engine.leaving import warn_of_leaving
from backsoon.store.base import Store


async def differences(store: Store, config: Config) -> list[Difference]:
    """What applying the settings would change. Raises `StoreError`."""
    stored = Settings(await store.organisations(), await store.connections(), await store.switchboards())
    return describe(stored, settings_of(config))


async def apply(store: Store, config: Config) -> frozenset[int]:
    """Store the settings; the people who lost referrals by it, who are to be settled. Raises `StoreError`.

    Calendars of people follow what the connections say, and are read whole again; an organisation that is no longer in
    the settings stays.
    """
    touched: set[int] = set()
    for one in config.organisations:
        organisation = one.organisation
        await store.save_organisation(organisation)
        await warn_of_leaving(store, organisation.id, one.connections)
        await store.save_connections(organisation.id, one.connections)
        await store.save_switchboards(organisation.id, one.switchboards)
        touched |= await reassign(store, organisation.id)
    await store.read_soon(whole=True)  # entries that have not changed may mean something else by other keywords
    return frozenset(touched)
