"""A simulated tenant and an account that signs in to it, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backsoon.domain.model import CalendarEntry
from backsoon.sources.base import Changes, Window
from backsoon.sources.graph import GraphAccount, GraphSettings
from backsoon.wire.http import Http
from tests.simulators.graph import GraphSimulator, Limits
from tests.simulators.model import Mailbox, Meeting, World

ANNA, BERIT = "anna@example.com", "berit@example.com"
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(datetime(2027, 2, 28, tzinfo=UTC), datetime(2027, 2, 28, tzinfo=UTC) + timedelta(days=400))
ZONE = "Europe/Stockholm"


def settings_for(sim: GraphSimulator, *, tls: bool = False, **more: object) -> GraphSettings:
    """Settings with which an account reaches the simulator."""
    given = {
        "tenant": sim.tenant,
        "client_id": sim.client_id,
        "client_secret": sim.client_secret,
        "url": sim.url,
        "sign_in_url": sim.sign_in_url if tls else sim.url.removesuffix("/v1.0"),
        "ca_file": sim.ca_file,
    }
    return GraphSettings(**{**given, **more})  # type: ignore[arg-type]


@dataclass
class Tenant:
    """A simulator, the account that reads it, and the clock of the account."""

    sim: GraphSimulator
    http: Http
    account: GraphAccount
    now: datetime = NOW
    token: str | None = None

    @property
    def anna(self) -> Mailbox:
        """The first mailbox."""
        return self.sim.world[ANNA]

    async def read(self, address: str = ANNA, window: Window = WINDOW) -> Changes:
        """Read from where the last read ended."""
        changes = await self.account.source(address, zone=ZONE, owner=frozenset({address})).changes(window, self.token)
        self.token = changes.sync_token
        return changes

    async def entries(self, address: str = ANNA) -> tuple[CalendarEntry, ...]:
        """Everything in a mailbox."""
        self.token = None
        return (await self.read(address)).entries


@asynccontextmanager
async def tenant(
    addresses: Sequence[str] = (ANNA, BERIT),
    *,
    limits: bool | Limits = False,
    tls: bool = False,
    **settings: object,
) -> AsyncIterator[Tenant]:
    """A tenant with these mailboxes; `settings` replace those of the account; `tls`: it signs in by it."""
    world = World([Mailbox(address) for address in addresses])
    async with GraphSimulator(world, limits=limits) as sim, Http(deadline=10, limit_per_host=64) as http:
        made: list[Tenant] = []
        account = GraphAccount(settings_for(sim, tls=tls, **settings), http, lambda: made[0].now)
        made.append(Tenant(sim, http, account))
        try:
            yield made[0]
        finally:
            await account.close()


def meeting(uid: str = "one", hour: int = 9, **more: object) -> Meeting:
    """An hour on Tuesday 2 March 2027 in Stockholm."""
    start = datetime(2027, 3, 2, hour)  # noqa: DTZ001 - wall-clock time
    given = {"start": start, "end": start + timedelta(hours=1), "subject": "m: Budget"}
    return Meeting(uid, **{**given, **more})  # type: ignore[arg-type]
