"""A simulated Exchange with an account at it, for tests; and a server that answers what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from backsoon.sources.base import Changes, Window
from backsoon.sources.ews import EwsAccount, EwsSettings
from backsoon.wire.http import Http
from tests.simulators.ews import EwsSimulator
from tests.simulators.model import Mailbox, Meeting, World

ANNA, BERIT = "anna@example.com", "berit@example.com"
ZONE = "Europe/Oslo"
NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
WINDOW = Window(datetime(2027, 2, 28, tzinfo=UTC), datetime(2027, 4, 30, tzinfo=UTC))


def meeting(uid: str, hour: int = 9, day: int = 2, **more: Any) -> Meeting:
    """An hour in March 2027, tagged."""
    start = datetime(2027, 3, day, hour)  # noqa: DTZ001 - wall-clock time
    usual: dict[str, Any] = {"start": start, "end": start + timedelta(hours=1), "subject": "m: x", "zone": ZONE}
    return Meeting(uid, **{**usual, **more})


@dataclass
class Office:
    """The server, the account, and what time it is."""

    sim: EwsSimulator
    account: EwsAccount
    now: datetime = NOW
    token: str | None = None
    heard: list[str] = field(default_factory=list)

    @property
    def anna(self) -> Mailbox:
        return self.sim.world[ANNA]

    async def read(self, address: str = ANNA, window: Window = WINDOW) -> Changes:
        """Read from where the last read ended."""
        source = self.account.source(address, zone=ZONE, owner=frozenset({address}))
        changes = await source.changes(window, self.token)
        self.token = changes.sync_token
        return changes


@asynccontextmanager
async def office(
    version: str = "2016", *, speaks: str = "auto", sim: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Office]:
    """A server with Anna and Berit."""
    world = World([Mailbox(ANNA, zone=ZONE), Mailbox(BERIT, zone=ZONE)])
    async with EwsSimulator(world, version=version, **(sim or {})) as simulator, Http(deadline=5) as http:
        usual = {
            "username": simulator.account,
            "password": simulator.password,
            "url": simulator.url,
            "deadline": 3.0,
            "version": speaks,
        }
        made = Office(simulator, None)  # type: ignore[arg-type]
        made.account = EwsAccount(EwsSettings(**{**usual, **settings}), http, lambda: made.now)
        yield made
        await made.account.close()


Answer = tuple[int, bytes, dict[str, str]]


@asynccontextmanager
async def scripted(answer: Callable[[web.Request, bytes], Answer], **settings: Any) -> AsyncIterator[EwsAccount]:
    """An account at a server that answers as it is told; Basic unless said otherwise."""

    async def handle(request: web.Request) -> web.Response:
        status, body, headers = answer(request, await request.read())
        return web.Response(status=status, body=body, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/EWS/Exchange.asmx"
    try:
        async with Http(deadline=5) as http:
            usual = {"url": url, "username": "service@example.com", "password": "pw", "sign_in": "basic"}
            account = EwsAccount(EwsSettings(**{**usual, **settings}), http, lambda: NOW)
            yield account
            await account.close()
    finally:
        await runner.cleanup()


class Ear:
    """Who listens to a stream."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.live: set[str] = set()
        self.lost = 0

    def heard(self, addresses: Collection[str]) -> None:
        self.told += sorted(addresses)

    def covered(self, addresses: Collection[str], *, live: bool) -> None:
        if live:
            self.live |= set(addresses)
        else:
            self.live -= set(addresses)
            self.lost += 1


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
