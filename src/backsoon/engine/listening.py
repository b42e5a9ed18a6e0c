"""Listens to a stream of notifications, for servers that tell on a connection of ours (Exchange)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from backsoon.engine.orders import Site
from backsoon.engine.timing import Clock, pause, until_set
from backsoon.sources.account import Stream
from backsoon.sources.base import SourceError
from backsoon.store.base import Lane, ReadCalendar, Store, StoreError

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 300.0
"""Seconds in which a person who is new is listened for,"""
LOOK_SOON: Final = 60.0
"""and the same while there are some who were never read."""
WAIT, WAIT_EACH, LONGEST_WAIT = 15.0, 0.03, 300.0
"""Seconds that first reads are waited for: at least, more for each calendar, and never longer. Being told of changes is
ordered from the same server, and is of use to nobody who was not read yet."""
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
        self._first: set[int] = set()
        """Those that were never read, as far as nothing is known to be wrong with them."""
        self._meanwhile: set[int] = set()
        """Those that were read for the first time since it was last looked who was not."""
        self._began = clock.now()
        self._heard: set[int] = set()
        self._lost: set[int] = set()
        self._news = asyncio.Event()
        self.woken = asyncio.Event()

    @property
    def problem(self) -> SourceError | None:
        """What keeps changes from being told; None where nothing does."""
        return self._stream.problem

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

    def first_read(self, calendar: int) -> None:
        """The calendar was read for the first time: it can be listened for."""
        self._meanwhile.add(calendar)
        if calendar in self._first:
            self._first.discard(calendar)
            if not self._first:
                self.woken.set()

    async def _keep_looking(self) -> None:
        while True:
            await self._until(LOOK_SOON if self._first else LOOK_EVERY)
            try:
                await self._look()
            except StoreError as error:
                log.error("the store failed, trying again: %s", error)

    async def _until(self, seconds: float) -> None:
        await until_set(self.woken, self._clock, self._clock.now() + timedelta(seconds=seconds))

    async def _look(self) -> None:
        """Have everybody listened for whose calendar is here and was read. Reading comes first: who is listened for is
        read once more by then, so that nothing is missed that changes between the two."""
        found: dict[str, tuple[int, ...]] = {}
        first, count = set[int](), 0
        self._meanwhile.clear()
        async for read, address in self._here():
            count += 1
            if read.health.confirmed_at is not None:
                found[address] = (*found.get(address, ()), read.calendar.id)
            elif not read.health.problem:
                first.add(read.calendar.id)
        self._first = first - self._meanwhile
        if first and not self._first:
            self.woken.set()
        if self._waits(count):
            found = {address: found[address] for address in found.keys() & self._calendars.keys()}
        await self._listen_for(found)

    def _waits(self, count: int) -> bool:
        """Whether nobody else is listened for just now, of so many calendars: too many of them were never read."""
        longest = min(WAIT + count * WAIT_EACH, LONGEST_WAIT)
        return len(self._first) > count // 100 and self._clock.now() < self._began + timedelta(seconds=longest)

    async def _here(self) -> AsyncIterator[tuple[ReadCalendar, str]]:
        """All calendars that have a mailbox, with its address."""
        after = 0
        while page := await self._store.calendars_at(*self._site.place, after=after):
            addresses = await self._site.addresses([read.calendar for read in page])
            for read in page:
                if read.calendar.id in addresses:
                    yield read, addresses[read.calendar.id]
            after = page[-1].calendar.id

    async def _listen_for(self, found: dict[str, tuple[int, ...]]) -> None:
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
