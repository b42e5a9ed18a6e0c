"""Notifications in a test: a real store, mailboxes in memory, and days that pass as fast as they can."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.engine.hearing import Event, Notice, Verdict
from backsoon.engine.pace import Pace
from backsoon.engine.pushing import Pushing
from backsoon.engine.sweeping import Sweeping
from backsoon.engine.sync import Sync, SyncSettings
from backsoon.sources.base import CalendarSource
from backsoon.store.base import Lane, ReadCalendar
from backsoon.store.sqlite import SqliteStore
from backsoon.testing import FakeClock
from tests.simulators.account import MemoryAccount, MemoryAccounts, Told
from tests.unit.engine.world import NINE, World, acme

PLACE = ("acme", "cloud")
PUBLIC = "https://phone.example.com"


class Watched:
    """A store that tells how many of its answers are waited for."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.waiting = 0
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(real):
            return real

        async def watched(*args: Any, **more: Any) -> Any:
            self.waiting += 1
            self.calls[name] += 1
            try:
                return await real(*args, **more)
            finally:
                self.waiting -= 1

        return watched


class Pushed:
    """One engine with one connection that tells of changes."""

    def __init__(self, store: Watched, clock: FakeClock, account: MemoryAccount, public: str = PUBLIC) -> None:
        self.watched, self.clock, self.account, self.public = store, clock, account, public
        self.world = World(store, clock)
        self.store = self.world.store
        self.accounts = MemoryAccounts(pace=Pace())
        self.accounts.add(Connection(*PLACE, "memory"), account)
        self.pushing = Pushing(self.store, clock, self.accounts, self._hinted, lambda: self.public)
        self.sync = Sync(
            self.store,
            self.world.directory,
            clock,
            self._source,
            self.world.settler.settle,
            SyncSettings(pace_of=self.pushing.pace_of, at_once_of=lambda *_: 8),
            found=self._found,
        )
        self.sweeping = Sweeping(
            self.store, clock, self.world.directory, self.accounts, self.pushing.tells, self._hinted
        )
        self.pushing.looked_at = self.sweeping.looks_at
        self.reads: Counter[str] = Counter()
        self.verdicts: Counter[Verdict] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        account.deliver = self.deliver

    def _hinted(self, calendars: Any) -> None:
        self.sync.hinted(calendars)

    def _found(self, read: ReadCalendar, lane: Lane, news: bool) -> None:
        self.pushing.found(read, lane, news)
        if lane is Lane.CHANGED:
            self.sweeping.read(read.calendar)

    async def _source(self, calendar: Calendar, person: Person) -> CalendarSource:
        self.reads[person.email] += 1
        return self.accounts.source_of(calendar, person)

    async def deliver(self, told: Sequence[Told]) -> None:
        """As the hooks take it in."""
        notices = [Notice(t.id, t.secret, Event(t.event)) for t in told]
        self.verdicts.update(await self.pushing.hearing.take(notices))

    # -- people ------------------------------------------------------------------------------------------------------

    async def people(self, count: int) -> list[Person]:
        """So many people with a mailbox each."""
        new = [Person("acme", str(1000 + n), f"P {n}", f"p{n}@example.com") for n in range(count)]
        people = await self.store.save_people(new)
        await self.store.save_calendars([Calendar(p.id, *PLACE, "") for p in people])
        return list(people)

    async def rows(self) -> list[Any]:
        """What is ordered, as the store has it."""
        found: list[Any] = []
        while page := await self.store.page_subscriptions(*PLACE, after=found[-1].id if found else ""):
            found += page
        return found

    # -- time --------------------------------------------------------------------------------------------------------

    async def start(self, *, sync: bool = True, sweep: bool = True) -> None:
        """Begin to work."""
        await self.world.directory.refresh()
        parts = [self.pushing.run, *([self.sync.run] if sync else []), *([self.sweeping.run] if sweep else [])]
        self._tasks = [asyncio.create_task(part()) for part in parts]
        await self.settle()

    async def stop(self) -> list[BaseException]:
        """End, however; what it ended with."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        return [e for e in ended if isinstance(e, BaseException) and not isinstance(e, asyncio.CancelledError)]

    @property
    def alive(self) -> bool:
        """Whether no part has ended."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def settle(self) -> None:
        """Until nobody does anything but wait for the clock."""
        quiet = 0
        while quiet < 12:
            await asyncio.sleep(0 if not self.watched.waiting else 0.0005)
            quiet = 0 if self.watched.waiting else quiet + 1

    async def pass_until(self, at: datetime) -> None:
        """Let time pass; at each instant everybody does all that they do at it."""
        waiting = self.clock._waiting  # the instants that somebody waits for
        while waiting and waiting[0][0] <= at:
            if waiting[0][3].done():
                heapq.heappop(waiting)
                continue
            await self.clock.move_to(max(self.clock.now(), waiting[0][0]))
            await self.settle()
        await self.clock.move_to(at)
        await self.settle()

    async def pass_by(self, **more: float) -> None:
        """Let so much time pass."""
        await self.pass_until(self.clock.now() + timedelta(**more))


@asynccontextmanager
async def pushed(
    folder: Path,
    now: datetime = NINE,
    *,
    clock: FakeClock | None = None,
    account: MemoryAccount | None = None,
    **more: Any,
) -> AsyncIterator[Pushed]:
    """One over a store in a file; more than one may come after another with the same account."""
    clock = clock or FakeClock(now)
    store = await SqliteStore.open(folder / "backsoon.db")
    watched = Watched(store)
    made = Pushed(watched, clock, account or MemoryAccount(clock, **more))
    try:
        await store.save_organisation(acme())
        await store.save_connections("acme", [Connection(*PLACE, "memory")])
        yield made
    finally:
        with suppress(Exception):
            await made.stop()
        await store.close()
