"""How commands reach Backsoon: the one that runs, by its socket; where none runs, its store.

Both know the same verbs, so that each command is written once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from backsoon.config import Config, Difference
    from backsoon.domain.access import Role
    from backsoon.domain.listing import Listing
    from backsoon.domain.phrase import Audience
    from backsoon.engine.audit import Audit
    from backsoon.engine.directory import Directory
    from backsoon.engine.hub import Hub
    from backsoon.engine.logins import Logins
    from backsoon.engine.publisher import Publisher
    from backsoon.engine.pushing import Pushing
    from backsoon.engine.roster import Row
    from backsoon.engine.service import Service
    from backsoon.engine.timing import Clock
    from backsoon.engine.tokens import Tokens
    from backsoon.store.base import Store
    from backsoon.wiring import Backsoon

Json = dict[str, Any]
STARTING = 20.0
"""Seconds that a Backsoon which has its data folder may take until it answers."""


class Port(Protocol):
    """The verbs; see `backsoon.api.verbs.Verbs` for what each answers."""

    async def people(self, organisation: str | None, after: int = 0, limit: int = 1000) -> Json: ...
    async def import_people(
        self,
        rows: Iterable[Row],
        organisation: str | None,
        *,
        dry_run: bool,
        everybody: bool = False,
        prune: bool = False,
        force: bool = False,
        rename: bool = False,
    ) -> Json: ...
    async def import_from(
        self, source: str, organisation: str | None, *, dry_run: bool, prune: bool = False, force: bool = False
    ) -> Json: ...
    async def remove_person(self, person: str, organisation: str | None) -> Json: ...
    async def show(
        self, person: str, organisation: str | None, at: datetime | None = None, audience: Audience = ...
    ) -> Json: ...
    async def why(self, person: str, organisation: str | None, at: datetime | None = None) -> Json: ...
    async def refer(
        self,
        person: str,
        organisation: str | None,
        reason: str,
        *,
        until: datetime | None = None,
        lasting: timedelta | None = None,
        note: str = "",
        divert_to: str = "",
        by: str = "",
        through: str = "",
    ) -> Json: ...
    async def back(self, person: str, organisation: str | None, *, by: str = "", through: str = "") -> Json: ...
    async def sync(self, person: str | None, organisation: str | None, *, whole: bool) -> Json: ...
    async def apply(self, *, dry_run: bool) -> Json: ...
    async def health(self, organisation: str | None = None) -> Json: ...
    async def tokens(self, organisation: str | None, after: int = 0, limit: int = 1000) -> Json: ...
    async def add_token(
        self,
        organisation: str | None,
        name: str,
        role: Role,
        *,
        person: str | None = None,
        expires_at: datetime | None = None,
        lasting: timedelta | None = None,
        by: str = "",
    ) -> Json: ...
    async def remove_token(self, id: int, organisation: str | None) -> Json: ...
    async def board(self, organisation: str | None, after: int = 0, limit: int = 1000) -> Json: ...
    async def users(self, organisation: str | None, after: int = 0, limit: int = 1000) -> Json: ...
    async def add_user(
        self,
        organisation: str | None,
        user: str,
        roles: Sequence[Role],
        *,
        name: str = "",
        person: str | None = None,
        password: str | None = None,
        by: str = "",
    ) -> Json: ...
    async def change_user(
        self,
        id: int,
        organisation: str | None,
        *,
        name: str | None = None,
        roles: Sequence[Role] | None = None,
        person: str | None = None,
        state: str | None = None,
        password: str | None = None,
        new_password: bool = False,
        by: str = "",
    ) -> Json: ...
    async def remove_user(self, id: int, organisation: str | None, *, by: str = "") -> Json: ...


@asynccontextmanager
async def connected(path: Path | None, *, settled: bool = True) -> AsyncIterator[Port]:
    """A way to the Backsoon of these settings. Raises `ConfigError` and other `BacksoonError`s.

    A store that has no settings yet gets them first; not so where they need not be `settled`.
    """
    from backsoon.config import load

    config = load(path)
    async with AsyncExitStack() as stack:
        yield await _port(config, stack, settled)


async def _port(config: Config, stack: AsyncExitStack, settled: bool) -> Port:
    import asyncio
    import time

    from backsoon.commands.remote import Remote, answers

    deadline = time.monotonic() + STARTING
    while not answers(config.socket):
        from backsoon.api import Verbs
        from backsoon.wiring import AlreadyRunning, open_offline

        try:
            backsoon = await stack.enter_async_context(open_offline(config))
        except AlreadyRunning:  # it is about to answer, or another command is at work
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            offline = Offline(backsoon)
            if settled and not backsoon.directory.organisations:
                await offline.apply(dry_run=False)
            return Verbs(offline)
    return Remote(config.socket)


class Offline:
    """The parts of a Backsoon that does not run: what is stored is found by the next one that does."""

    def __init__(self, backsoon: Backsoon) -> None:
        self._backsoon = backsoon

    @property
    def store(self) -> Store:
        return self._backsoon.store

    @property
    def directory(self) -> Directory:
        return self._backsoon.directory

    @property
    def clock(self) -> Clock:
        return self._backsoon.clock

    @property
    def hub(self) -> Hub:
        return self._backsoon.hub

    @property
    def service(self) -> Service:
        return self._backsoon.service

    @property
    def tokens(self) -> Tokens:
        return self._backsoon.tokens

    @property
    def audit(self) -> Audit:
        return self._backsoon.audit

    @property
    def logins(self) -> Logins:
        return self._backsoon.logins

    @property
    def pushing(self) -> Pushing:
        return self._backsoon.pushing

    @property
    def publishers(self) -> dict[str, list[Publisher]]:
        return self._backsoon.publishers

    async def list_people(self, organisation: str, source: str) -> Listing:
        """See `Parts`."""
        return await self._backsoon.list_people(organisation, source)

    def wake_sync(self) -> None:
        """Nothing is read before the next start."""

    async def apply(self, *, dry_run: bool) -> Sequence[Difference]:
        """See `Parts`; everybody is settled at the next start."""
        from backsoon.config import applying, load
        from backsoon.engine.settling import Cause
        from backsoon.store.base import Trigger

        config = load(self._backsoon.config.path)
        found = await applying.differences(self.store, config)
        if found and not dry_run:
            places = {switchboard.place for one in config.organisations for switchboard in one.switchboards}
            leaving = [each for each in await self.store.switchboards() if each.place not in places]
            gone = await self._backsoon.recalled(leaving)
            touched = await applying.apply(self.store, config)
            await self.directory.refresh()
            await self._backsoon.settler.settle(touched, Cause(Trigger.SETTINGS))
            await self._backsoon.clear_gone(gone)
        return found
