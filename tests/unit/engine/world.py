"""A whole engine in a test: real store, memory calendars and switchboard, a clock that is told to move."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.hours import WorkingHours
from backsoon.domain.model import CalendarEntry, Rules, Timed
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person, SwitchboardSettings
from backsoon.engine.byphone import ByPhone
from backsoon.engine.clock import Clockwork, Stage
from backsoon.engine.directory import Directory
from backsoon.engine.hub import Hub
from backsoon.engine.publisher import Publisher
from backsoon.engine.service import Service
from backsoon.engine.settling import Cause, Settler
from backsoon.engine.sync import Sync
from backsoon.engine.taking import Taking
from backsoon.sources.base import CalendarSource
from backsoon.store.base import ReadCalendar, Store, Trigger
from backsoon.store.sqlite import SqliteStore
from backsoon.switchboards.base import NOTHING
from backsoon.testing import FakeClock, MemorySource, MemorySwitchboard

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""A Monday."""


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """An instant of that Monday."""
    return NINE.replace(hour=hour, minute=minute, second=second)


def entry(uid: str, subject: str, start: datetime, end: datetime, **more: object) -> CalendarEntry:
    """A timed entry."""
    return CalendarEntry(uid, Timed(start, end), subject, **more)  # type: ignore[arg-type]


@dataclass
class World:
    """Everything of one engine."""

    store: Store
    clock: FakeClock
    calendars: dict[int, MemorySource] = field(default_factory=dict)
    switchboard: MemorySwitchboard = field(default_factory=MemorySwitchboard)

    def __post_init__(self) -> None:
        self.hub = Hub()
        self.directory = Directory(self.store)
        self.publishers: dict[str, list[Publisher]] = {}
        self.stage = Stage(self.store, self.directory, self.clock, self.hub, self.publishers)
        self.settler = Settler(self.store, self.directory, self.clock, self.hub, self.stage, self.publishers)
        self.sync = Sync(self.store, self.directory, self.clock, self._source, self.settler.settle)
        self.clockwork = Clockwork(self.stage, self.clock, self._late, self._set_back)
        self.service = Service(self.store, self.directory, self.clock, self.settler.settle, self.settler.release)
        self.publisher = Publisher(
            SwitchboardSettings("acme", "pbx", "memory"),
            self.switchboard,
            self.store,
            self.clock,
            self.settler.settle_everybody,
        )
        self.by_phone = ByPhone(self.store, self.directory, self.clock, self.settler.settle, self.service.turns)
        publisher = self.publisher
        publisher.attend = Taking("acme", self.by_phone, self.clock, publisher.caught_up, publisher.dialled_unknown).run
        self.publishers["acme"] = [self.publisher]

    async def _source(self, calendar: Calendar, person: Person) -> CalendarSource:
        return self.calendars[calendar.id]

    async def _late(self, people: list[int]) -> None:
        await self.settler.settle(people, Cause(Trigger.CLOCK))

    async def _set_back(self) -> None:
        await self.settler.settle_everybody("acme")
        await self.store.read_soon()
        self.sync.wake()

    async def person(self, extension: str = "1001", name: str = "Anna Berg", **more: object) -> Person:
        """A new person with one calendar in memory."""
        (person,) = await self.store.save_people([Person("acme", extension, name, **more)])  # type: ignore[arg-type]
        (calendar,) = await self.store.save_calendars([Calendar(person.id, "acme", "memory", f"memory:{extension}")])
        self.calendars[calendar.id] = MemorySource()
        return person

    async def calendar_of(self, person: Person) -> MemorySource:
        """The person's calendar in memory."""
        (read,) = await self.store.calendars(person=person.id)
        return self.calendars[read.calendar.id]

    async def read(self, person: Person) -> None:
        """Read the person's calendar now."""
        await self._read(await self.store.calendars(person=person.id))
        while doubted := [
            r for r in await self.store.calendars(person=person.id) if r.calendar.id in self.sync._doubted
        ]:
            await self.clock.move_to(max(self.sync._doubted[r.calendar.id] for r in doubted))
            await self._read(doubted)

    async def _read(self, calendars: Sequence[ReadCalendar]) -> None:
        for read in calendars:
            reading = asyncio.ensure_future(self.sync.read(read))
            while not reading.done():  # some wait on the clock
                await self.clock.move_to(self.clock.now() + timedelta(milliseconds=50))
                await asyncio.sleep(0.001)
            await reading

    async def start(self, tasks: asyncio.TaskGroup, *, sync: bool = False) -> list[asyncio.Task[None]]:
        """Start as the wiring does."""
        await self.directory.refresh()
        await self.stage.fill()
        parts: list[Callable[[], object]] = [self.clockwork.run, self.publisher.run]
        if sync:
            parts.append(self.sync.run)
        return [tasks.create_task(part()) for part in parts]  # type: ignore[arg-type]

    @asynccontextmanager
    async def running(self, *, sync: bool = False) -> AsyncIterator[None]:
        """The engine at work, until the context ends."""
        async with asyncio.TaskGroup() as tasks:
            running = await self.start(tasks, sync=sync)
            yield
            for task in running:
                task.cancel()
        await self.stage.write_back()

    async def move_to(self, instant: datetime) -> None:
        """Move the clock there, giving the store's threads time on the way."""
        await self.until(lambda: True)
        await self.clock.move_to(instant)
        await self.until(lambda: True)

    def lamp(self, extension: str) -> str:
        """The reason that the extension's lamp shows, "" for none."""
        lamp = self.switchboard.held.get(extension, NOTHING).lamp
        return str(json.loads(lamp)[1]) if lamp else ""

    async def until(self, holds: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until something holds; fails past the deadline of real time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        for _ in range(5):
            await asyncio.sleep(0.002)
        while not holds():
            assert loop.time() < deadline, "it never came to hold"
            await asyncio.sleep(0.002)

    async def shows(self, extension: str, reason: str) -> None:
        """Wait until the extension's lamp shows the reason ("" for none)."""
        await self.until(lambda: self.lamp(extension) == reason)


def acme(**rules: object) -> Organisation:
    """An organisation with the default keywords and reasons, reachable around the clock."""
    return Organisation("acme", "Acme", Rules(KEYWORDS, REASONS, **rules), hours=WorkingHours())  # type: ignore[arg-type]


@asynccontextmanager
async def world(path: Path, now: datetime = NINE, organisation: Organisation | None = None) -> AsyncIterator[World]:
    """A world whose store lies in a file, so that another can be opened on it later."""
    store = await SqliteStore.open(path / "backsoon.db")
    try:
        await store.save_organisation(organisation or acme())
        await store.save_connections("acme", [Connection("acme", "memory", "memory")])
        await store.save_switchboards("acme", [SwitchboardSettings("acme", "pbx", "memory")])
        made = World(store, FakeClock(now))
        await made.directory.refresh()
        yield made
    finally:
        await store.close()
