"""The only place that builds objects and owns their lifetimes; the only one that holds a clock."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from backsoon import memory, openfiles
from backsoon.config import Address, ApiConfig, Config, Difference, applying, load, secret
from backsoon.config.settingsfile import SettingsFile
from backsoon.domain import messages
from backsoon.domain.errors import BacksoonError
from backsoon.domain.listing import Listing
from backsoon.domain.organisation import Person, SwitchboardSettings
from backsoon.drivers import surroundings_of, switchboard_of
from backsoon.engine import audit as auditing
from backsoon.engine.ageing import Ageing
from backsoon.engine.audit import Audit
from backsoon.engine.byphone import ByPhone
from backsoon.engine.clock import Clockwork, Stage
from backsoon.engine.directory import Directory
from backsoon.engine.employing import Employing
from backsoon.engine.explaining import KEPT
from backsoon.engine.hub import Hub
from backsoon.engine.logins import Logins
from backsoon.engine.lookup import Lookup
from backsoon.engine.passwords import Passwords
from backsoon.engine.publisher import Publisher
from backsoon.engine.pushing import Pushing
from backsoon.engine.service import Service
from backsoon.engine.sessions import Sessions
from backsoon.engine.settling import Cause, Settler
from backsoon.engine.signingin import OneTimeCodes, SigningIn
from backsoon.engine.sweeping import Sweeping
from backsoon.engine.sync import Sync, SyncSettings
from backsoon.engine.taking import Taking
from backsoon.engine.timing import pause
from backsoon.engine.tokens import Tokens
from backsoon.factories import Sources
from backsoon.people_sources import list_people
from backsoon.sources.base import Window
from backsoon.store.base import Lane, ReadCalendar, Store, StoreError, Trigger
from backsoon.switchboards.base import Switchboard
from backsoon.trials.checking import Means
from backsoon.trials.desk import Desk
from backsoon.trials.dryruns import DryRuns
from backsoon.trials.persons import preview_of
from backsoon.trials.previewing import Preview

if TYPE_CHECKING:
    from backsoon.api.lookup_process import LookupProcess
    from backsoon.api.server import Listening

log = logging.getLogger(__name__)

TICK = 1.0
"""The longest sleep in seconds: how soon a stepped clock or a laptop's waking is noticed."""


class AlreadyRunning(BacksoonError):
    """Another Backsoon uses the same data folder."""


class NoDataFolder(BacksoonError):
    """The data folder cannot be made, or not be written."""

    remedy = "make it writable for this account, or name another as data_folder"


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, at: datetime) -> None:
        """Return once `now() >= at`."""
        while (left := (at - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - a wall clock may be stepped
            await asyncio.sleep(min(left, TICK))

    async def sleep(self, seconds: float) -> None:
        """Return when that long has passed."""
        await asyncio.sleep(seconds)


@lru_cache(maxsize=4096)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """Public holidays of a country (`SE`, `DE-BY`) in a year; none for a country that is not known."""
    name, _, subdivision = country.partition("-")
    try:
        import holidays  # half a second: only where a country is set

        return frozenset(holidays.country_holidays(name, subdiv=subdivision or None, years=year))
    except Exception as error:  # without holidays somebody's back-at may be a day early: no reason to stop
        log.warning("public holidays of %r are not known: %s", country, type(error).__name__)
        return frozenset()


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the data folder's lock. Raises `AlreadyRunning`, `NoDataFolder`."""
    _make_folder(data)
    try:
        file = (data / "backsoon.lock").open("w")
    except OSError as error:
        raise NoDataFolder(f"{data}: {error.strerror}") from None
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(f"another Backsoon uses {data}; stop it, or name another data folder") from None
        yield


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise NoDataFolder(f"{path}: {error.strerror}") from None


async def open_store(config: Config) -> Store:
    """The store that the settings name. Raises `StoreError`, `NoDataFolder`."""
    from backsoon.store.sqlite import SqliteStore

    path = store_path(config)
    _make_folder(path.parent)
    return await SqliteStore.open(path)


def store_path(config: Config) -> Path:
    """The file of the store that the settings name. Raises `StoreError`."""
    kind, _, place = config.store.partition(":")
    if kind != "sqlite":
        raise StoreError(f"{config.path}: store: {kind!r} is no kind of store; use sqlite:FILE")
    return config.data / place


@dataclass
class Backsoon:
    """A running Backsoon: every part of it, joined."""

    config: Config
    store: Store
    clock: SystemClock = field(default_factory=SystemClock)
    make_switchboard: Callable[[SwitchboardSettings], Switchboard] | None = None
    """None: the driver of its kind."""
    sync_settings: SyncSettings | None = None
    make_sources: Callable[[Store, Callable[[], datetime]], Sources] = Sources

    def __post_init__(self) -> None:
        self._tasks: asyncio.TaskGroup | None = None
        self.employing = Employing(self.store, self._publisher)
        self.publishers = self.employing.publishers
        self.hub = Hub()
        self.directory = Directory(self.store, public_holidays)
        self.stage = Stage(self.store, self.directory, self.clock, self.hub, self.publishers)
        self.settler = Settler(self.store, self.directory, self.clock, self.hub, self.stage, self.publishers)
        self.meters = self.stage.meters
        self.lookup = Lookup(self.store, self.directory, self.clock)
        self.settler.observers.append(self.lookup.touched)
        self.lookup_process: LookupProcess | None = None
        self.sources = self.make_sources(self.store, self.clock.now)
        self.pushing = Pushing(self.store, self.clock, self.sources, self._hinted, lambda: self.config.api.public)
        sync_settings = self.sync_settings or SyncSettings(
            pace_of=self.pushing.pace_of, at_once_of=self.sources.at_once_of
        )
        self.ageing = Ageing(self.store, self.directory, self.clock, self.hub)
        self.sync = Sync(
            self.store,
            self.directory,
            self.clock,
            self.sources.source_of,
            self.settler.settle,
            sync_settings,
            self.ageing.first_read,
            self._found,
        )
        self.sync.meters = self.meters
        self.pushing.waiting = self.sync.held
        self.sweeping = Sweeping(self.store, self.clock, self.directory, self.sources, self.pushing.tells, self._hinted)
        self.pushing.looked_at = self.sweeping.looks_at
        self.tokens = Tokens(self.store, self.clock)
        self.audit = Audit(self.store, self.clock)
        sessions = Sessions(self.store, self.clock, lambda: self.config.sign_in)
        self.logins = Logins(self.store, self.clock, sessions, Passwords(), self.audit)
        self.signing_in = SigningIn(self.store, self.clock, self.logins, lambda: self.config.sign_in, secret)
        self.one_time_codes: OneTimeCodes | None = None
        self.service = Service(self.store, self.directory, self.clock, self.settler.settle, self.settler.release)
        self.service.announce = self.hub.announce_people
        self.by_phone = ByPhone(self.store, self.directory, self.clock, self.settler.settle, self.service.turns)
        means = Means(self.store, self.sources, self.clock.now, public_holidays)
        self.desk = Desk(SettingsFile(self.config.path), means, self.apply)
        self.dry_runs = DryRuns(self.desk, means, self.directory, lambda: Sources(self.store, self.clock.now))
        self.clockwork = Clockwork(self.stage, self.clock, self._settle_late, self._set_back)

    def _hinted(self, calendars: Collection[int]) -> None:
        self.sync.hinted(calendars)

    def _found(self, read: ReadCalendar, lane: Lane, news: bool) -> None:
        self.pushing.found(read, lane, news)
        if lane is Lane.CHANGED and self.pushing.tells(read.calendar.organisation, read.calendar.connection):
            self.sweeping.read(read.calendar)

    async def _settle_late(self, people: Sequence[int]) -> None:
        await self.settler.settle(people, Cause(Trigger.CLOCK))

    async def _set_back(self) -> None:
        for organisation in self.directory.organisations:
            await self.settler.settle_everybody(organisation)
        await self.store.read_soon()  # what was due for reading by the time before is not due for long
        self.wake_sync()

    async def run(self, stop: asyncio.Event, started: Callable[[], None] = lambda: None) -> None:
        """Do everything until `stop` is set; what was begun is finished, what was fired is written."""
        memory.give_back()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.sources.close)
            stack.push_async_callback(self.signing_in.close)
            await self.directory.refresh()
            await self.sources.refresh()
            await self.stage.fill()  # names who changed while we were down; the clockwork settles them
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                running = [tasks.create_task(part()) for part in self._parts()]
                await self.employing.employ(tasks)
                memory.settle()
                started()
                await stop.wait()
                for task in running:
                    task.cancel()
                self.employing.end()
            await self.stage.write_back()

    def _parts(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        return (
            self.clockwork.run,
            self.sync.run,
            self.pushing.run,
            self.sweeping.run,
            self.ageing.run,
            self.settler.settle_the_rest,
            self.dry_runs.run,
            self._forget_for_ever,
        )

    async def apply(self, *, dry_run: bool) -> list[Difference]:
        """Read the settings file anew, store it and act by it; what differed. Raises `ConfigError`, `StoreError`."""
        config = load(self.config.path)
        found = await applying.differences(self.store, config)
        if found and not dry_run:
            await applying.apply(self.store, config)
            self.config = config
            await self.reload()
        return found

    async def reload(self, *, read_whole: bool = True) -> None:
        """Take over what changed in the store's settings: rules, calendars, switchboards, people."""
        await self.directory.refresh()
        self.lookup.forget()
        if self.lookup_process is not None:
            self.lookup_process.settings_changed()
        await self.sources.refresh()
        self.pushing.changed()
        self.sweeping.changed()
        assert self._tasks is not None  # noqa: S101 - only called while running
        await self.employing.employ(self._tasks)
        await self.store.read_soon(whole=read_whole)
        self.wake_sync(whole=read_whole)  # before anything else: what is read just now ends without it meanwhile
        for organisation in self.directory.organisations:
            await self.settler.settle_everybody(organisation)

    async def list_people(self, organisation: str, source: str) -> Listing:
        """Everybody that a source of the settings file lists, as the file is now.

        Raises `ConfigError`, `NoSuchSource`, `NotListed`.
        """
        return await list_people(load(self.config.path), organisation, source)

    async def preview(self, person: Person, window: Window, *, subjects: bool) -> Preview:
        """See `Running`."""
        return await preview_of(person, window, self.store, self.directory, self.sources, subjects=subjects)

    @property
    def staged(self) -> bool:
        """Whether what is due within the minute is known."""
        return self.stage.filled_until > self.clock.now()

    def wake_sync(self, *, whole: bool = False) -> None:
        """Look at once at what is due for reading, once more at what is being read."""
        self.sync.wake(whole=whole)

    def _publisher(self, settings: SwitchboardSettings) -> Publisher:
        driver = (self.make_switchboard or self.driver_of)(settings)
        publisher = Publisher(settings, driver, self.store, self.clock, self.settler.settle_everybody)
        publisher.attend = Taking(
            settings.organisation, self.by_phone, self.clock, publisher.caught_up, publisher.dialled_unknown
        ).run
        return publisher

    def driver_of(self, settings: SwitchboardSettings) -> Switchboard:
        """The driver of a switchboard in the store."""
        return switchboard_of(settings, surroundings_of(settings, self.store, self.clock.now))

    async def recalled(self, before: Iterable[SwitchboardSettings]) -> list[Publisher]:
        """See `Employing.recalled`."""
        return await self.employing.recalled(before)

    async def clear_gone(self, before: Iterable[Publisher]) -> None:
        """Where nothing runs: clear those of the switchboards that are in the settings no more."""
        await self.employing.clear_gone(before)

    async def _forget_for_ever(self) -> None:
        while True:
            try:
                await self.store.forget(self.clock.now() - KEPT)
                await self.store.forget_audit(self.clock.now() - auditing.KEPT)
                await self.store.forget_messages(*messages.forgotten(self.clock.now()))
            except StoreError as error:
                log.error("old rows could not be deleted: %s", error)
            await pause(self.clock, 3600)


@asynccontextmanager
async def open_offline(config: Config) -> AsyncIterator[Backsoon]:
    """The parts without anything running, for commands where no Backsoon runs.

    Raises `AlreadyRunning`, `StoreError`.
    """
    with only_one(config.data):
        store = await open_store(config)
        try:
            backsoon = Backsoon(config, store)
            await backsoon.directory.refresh()
            await backsoon.sources.refresh()
            yield backsoon
            await backsoon.sources.close()
        finally:
            await store.close()


def _network(api: ApiConfig, address: Address | None) -> Listening | None:
    from backsoon.api.server import Listening

    if address is None:
        return None
    return Listening(address.host, address.port, api.certificate, api.key, api.behind_proxy)


@asynccontextmanager
async def answering_lookups(backsoon: Backsoon) -> AsyncIterator[None]:
    """Have look-ups answered by a process of their own, where the settings want that. Raises `CannotListen`."""
    from backsoon.api.lookup_process import LookupProcess, Task
    from backsoon.api.server import listening_at

    config, api = backsoon.config, backsoon.config.api
    network = _network(api, api.lookup)
    if network is None:
        yield
        return
    certificate, key = (None if path is None else str(path) for path in (api.certificate, api.key))
    with listening_at(network, "api.lookup") as listening:
        task = Task(listening.fileno(), str(store_path(config)), certificate, key, api.behind_proxy)
        process = backsoon.lookup_process = LookupProcess(task, backsoon.clock, backsoon.meters.lookups_beside)
        backsoon.settler.observers.append(process.touched)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(process.run())
            try:
                yield
            finally:
                running.cancel()


async def run(config: Config, started: Callable[[], None] = lambda: None) -> None:
    """`backsoon run`: everything, until SIGTERM or SIGINT."""
    from backsoon.api.server import serve_app  # a second of importing: here, before anything is due

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    openfiles.allow_many()
    with only_one(config.data):
        store = await open_store(config)
        try:
            backsoon = Backsoon(config, store)
            async with answering_lookups(backsoon), asyncio.TaskGroup() as tasks:
                network = _network(config.api, config.api.listen)
                tasks.create_task(serve_app(backsoon, config.socket, stop, network))
                await backsoon.run(stop, started)
        finally:
            await store.close()


def run_blocking(work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a coroutine on the fastest event loop there is here."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if os.environ.get("BACKSOON_LOOP") != "asyncio":
        try:
            import uvloop

            factory = uvloop.new_event_loop
        except ImportError:
            pass
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work())
