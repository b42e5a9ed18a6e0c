"""The API on a real socket, over an engine with a real store, memory calendars and a clock that is told to move."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from backsoon.api import serve
from backsoon.api.server import Listening
from backsoon.commands.remote import Remote, answers
from backsoon.config import Difference
from backsoon.config.settingsfile import SettingsFile
from backsoon.domain.access import Role
from backsoon.domain.listing import Listing
from backsoon.domain.organisation import Calendar, Person
from backsoon.domain.signin import SignIn
from backsoon.engine.audit import Audit
from backsoon.engine.directory import no_holidays
from backsoon.engine.logins import Logins
from backsoon.engine.lookup import Lookup
from backsoon.engine.passwords import Passwords
from backsoon.engine.pushing import Pushing
from backsoon.engine.sessions import Sessions
from backsoon.engine.signingin import OneTimeCodes, SigningIn
from backsoon.engine.tokens import Tokens
from backsoon.factories import Sources
from backsoon.sources.base import CalendarSource, Window
from backsoon.trials.checking import Means
from backsoon.trials.desk import Desk
from backsoon.trials.dryruns import DryRuns
from backsoon.trials.persons import preview_of
from backsoon.trials.previewing import Preview
from tests.simulators.account import MemoryAccounts
from tests.unit.engine.world import World, world
from tools.ports import free_port

SETTINGS = """\
# What a page changes.
[organisations.acme]
name = "Acme"
zone = "UTC"

[organisations.acme.calendars.main]
kind = "caldav"
url = "https://calendars.example/{email}/"
username = "zqreader"
password = "env:ZQ_PASSWORD"

[organisations.other]
name = "zqother company"
zone = "UTC"

[organisations.other.switchboards.main]
kind = "asterisk"
username = "zqother account"
secret = "env:ZQ_OTHER"
"""


class MemorySources(Sources):
    """The world's calendars, for whoever reads them beside the engine."""

    def __init__(self, made: World) -> None:
        super().__init__(made.store, made.clock.now)
        self._world = made

    async def source_of(self, calendar: Calendar, person: Person) -> CalendarSource:
        return self._world.calendars[calendar.id]


class Parts:
    """The world, with what the wiring adds."""

    def __init__(self, made: World) -> None:
        self.store, self.directory, self.clock, self.hub = made.store, made.directory, made.clock, made.hub
        self.service, self.publishers = made.service, made.publishers
        self.lookup, self.meters, self.staged = Lookup(made.store, made.directory, made.clock), made.stage.meters, True
        made.settler.observers.append(self.lookup.touched)
        made.sync.meters = self.meters
        self.accounts = MemoryAccounts()
        self.sources = MemorySources(made)
        self.pushing = Pushing(made.store, made.clock, self.accounts, lambda _calendars: made.sync.wake())
        self.tokens = Tokens(made.store, made.clock)
        self.audit = Audit(made.store, made.clock)
        self.sign_in = SignIn()
        sessions = Sessions(made.store, made.clock, lambda: self.sign_in)
        cheap = Passwords(passes=1, memory_kib=8)
        self.logins = Logins(made.store, made.clock, sessions, cheap, self.audit)
        self.secrets: dict[str, str] = {}
        self.signing_in = SigningIn(made.store, made.clock, self.logins, lambda: self.sign_in, self.secrets.__getitem__)
        self.one_time_codes: OneTimeCodes | None = None
        self.woken = 0
        self.applied: list[bool] = []

    def settings_in(self, folder: Path, text: str = SETTINGS) -> None:
        """Have a settings file in the folder, that can be looked at, tried and changed."""
        (folder / "backsoon.toml").write_text(text)
        means = Means(self.store, self.sources, self.clock.now, no_holidays)
        self.desk = Desk(SettingsFile(folder / "backsoon.toml", {}), means, self.apply)
        self.dry_runs = DryRuns(self.desk, means, self.directory, lambda: Sources(self.store, self.clock.now))

    def wake_sync(self) -> None:
        self.woken += 1

    async def preview(self, person: Person, window: Window, *, subjects: bool) -> Preview:
        return await preview_of(person, window, self.store, self.directory, self.sources, subjects=subjects)

    async def list_people(self, organisation: str, source: str) -> Listing:
        return Listing()

    async def apply(self, *, dry_run: bool) -> Sequence[Difference]:
        self.applied.append(dry_run)
        return [Difference("organisations.acme.zone", "UTC", "Europe/Oslo")]


@dataclass
class Serving:
    """A world whose API answers at `socket`."""

    world: World
    parts: Parts
    socket: Path
    port: int = 0
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def remote(self) -> Remote:
        """The client of the commands."""
        return Remote(self.socket)

    def http(self) -> aiohttp.ClientSession:
        """Any other client."""
        return aiohttp.ClientSession("http://localhost", connector=aiohttp.UnixConnector(str(self.socket)))

    def network(self, token: str = "") -> aiohttp.ClientSession:
        """A client on the network, with a token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return aiohttp.ClientSession(f"http://127.0.0.1:{self.port}", headers=headers)

    async def token(self, role: Role, **more: Any) -> str:
        """A new token of acme's."""
        return (await self.parts.tokens.issue("acme", role.value, role, **more)).text

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, str, Any]:
        """Status, content type and body of one exchange."""
        async with self.http() as session, session.request(method, f"/api/v1{path}", **more) as response:
            return response.status, response.content_type, await response.json(content_type=None)


def reachable(port: int) -> bool:
    """Whether somebody listens at the port."""
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def serving(folder: Path, **network: Any) -> AsyncIterator[Serving]:
    """The API over a fresh world; `network`: more of `Listening`."""
    with tempfile.TemporaryDirectory(prefix="backsoon-") as short:  # the path of a socket must be
        async with world(folder) as made, _serving(made, Path(short), network) as one:
            yield one


@asynccontextmanager
async def _serving(made: World, folder: Path, network: dict[str, Any]) -> AsyncIterator[Serving]:
    one = Serving(made, Parts(made), folder / "backsoon.sock", free_port())
    one.parts.settings_in(folder)
    listening = Listening("127.0.0.1", one.port, **network)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(one.parts, one.socket, one.stop, listening))
        dry_runs = tasks.create_task(one.parts.dry_runs.run())
        await made.until(lambda: answers(one.socket) and reachable(one.port))
        try:
            yield one
        finally:
            one.stop.set()
            dry_runs.cancel()
