"""Listens to a stream of notifications, for servers that tell on a connection of ours (Exchange)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from backsoon.engine.orders import Site
from backsoon.engine.timing import Clock, pause, until_set
from backsoon.sources.account import Stream
from backsoon.store.base import Lane, Store, StoreError

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 300.0
"""Seconds in which a person who is new is listened for."""
ALWAYS: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Listening:
    """One connection's stream: what is heard is stored, and then read."""

    def __init__(
        self, store: Store, clock: Clock, stream: Stream, site: Site, hinted: Callable[[Collection[int]], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._stream = stream
        self._site = site
        self._hinted = hinted
        self._calendars: dict[str, tuple[int, ...]] = {}
        self._heard: set[int] = set()
        self._lost: set[int] = set()
        self._news = asyncio.Event()
        self.woken = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            await self._look()
            tasks.create_task(self._stream.run(self))
            tasks.create_task(self._keep_looking())
            tasks.create_task(self._store_news())

    # -- see sources.account.Listener --------------------------------------------------------------------------------

    def heard(self, addresses: Collection[str]) -> None:
        """Something may have changed in these mailboxes."""
        self._heard.update(self._ids(addresses))
        self._news.set()

    def covered(self, addresses: Collection[str], *, live: bool) -> None:
        """From now on changes in these mailboxes are told, or not any more."""
        ids = self._ids(addresses)
        if live:
            self._lost.difference_update(ids)
            for calendar in ids:
                self._site.trust.cover(calendar, ALWAYS, self._clock.now())
            return
        self._lost.update(self._site.trust.uncover(ids))
        self._news.set()

    def _ids(self, addresses: Collection[str]) -> list[int]:
        return [calendar for address in addresses for calendar in self._calendars.get(address.lower(), ())]

    # -- who is listened for -----------------------------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        while True:
            await self._until(LOOK_EVERY)
            try:
                await self._look()
            except StoreError as error:
                log.error("the store failed, trying again: %s", error)

    async def _until(self, seconds: float) -> None:
        await until_set(self.woken, self._clock, self._clock.now() + timedelta(seconds=seconds))

    async def _look(self) -> None:
        """Have everybody listened for whose calendar is here."""
        found: dict[str, tuple[int, ...]] = {}
        after = 0
        while page := await self._store.calendars_at(*self._site.place, after=after):
            addresses = await self._site.addresses([read.calendar for read in page])
            for calendar, address in addresses.items():
                found[address] = (*found.get(address, ()), calendar)
            after = page[-1].calendar.id
        if found.keys() != self._calendars.keys():
            self._stream.want(found.keys())
        gone = _places(self._calendars) - _places(found)  # or in another mailbox now
        self._calendars = found
        self._lost.update(self._site.trust.uncover({calendar for _, calendar in gone}))
        self._news.set()

    # -- what is heard -----------------------------------------------------------------------------------------------

    async def _store_news(self) -> None:
        """All that is heard while one transaction is under way shares the next one."""
        while True:
            await self._news.wait()
            self._news.clear()
            heard, self._heard = self._heard, set()
            lost, self._lost = self._lost, set()
            try:
                await self._take(heard, lost)
            except StoreError as error:
                log.error("what was heard could not be stored, trying again: %s", error)
                self._heard |= heard
                self._lost |= lost
                self._news.set()
                await pause(self._clock, 1.0)

    async def _take(self, heard: set[int], lost: set[int]) -> None:
        now = self._clock.now()
        await self._site.urge(lost, now)
        if heard:
            await self._store.hint(heard, Lane.CHANGED, now)
            self._site.trust.told(heard, now)
            self._hinted(heard)


def _places(calendars: dict[str, tuple[int, ...]]) -> set[tuple[str, int]]:
    return {(address, calendar) for address, ids in calendars.items() for calendar in ids}
