"""The event streams of a world over real HTTP, to whoever a test says; the world may be left and entered again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from backsoon.api.events import Streams
from backsoon.api.gate import Admission, Gate, OpenGate
from backsoon.api.wire import StreamingProtocol
from backsoon.domain.model import Availability, Layer
from backsoon.domain.organisation import Person
from backsoon.engine.hub import Hub
from backsoon.store.base import AvailabilityChange, Trigger
from tests.unit.api.serving import Parts
from tests.unit.engine.world import World


@dataclass
class Streaming:
    """Streams that are served at `address`."""

    world: World
    streams: Streams
    hub: Hub
    address: tuple[str, int]
    stop: asyncio.Event

    def http(self, token: str = "") -> aiohttp.ClientSession:
        """A client."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return aiohttp.ClientSession(f"http://{self.address[0]}:{self.address[1]}", headers=headers)

    def change(self, person: Person, note: str) -> tuple[Person, AvailabilityChange]:
        """A change that can be told from others by its note."""
        now = self.world.clock.now()
        availability = Availability("meeting", Layer.CALENDAR, note=note)
        return person, AvailabilityChange(person.id, now, now, availability, Trigger.CALENDAR)

    def announce(self, person: Person, notes: Sequence[str]) -> None:
        """Announce one change for each note."""
        self.hub.announce([self.change(person, note) for note in notes])


@asynccontextmanager
async def streaming(
    world: World, gate: Gate | None = None, routes: Sequence[BaseRoute] = (), *, hub: Hub | None = None
) -> AsyncIterator[Streaming]:
    """Serve the events of a world on a free port; `hub` instead of the world's."""
    stop = asyncio.Event()
    parts = Parts(world)
    parts.hub = hub or world.hub
    streams = Streams(parts, stop)
    app = Admission(Starlette(routes=[streams.route(), *routes]), gate or OpenGate())
    server = Server(app)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listening]))
            await world.until(lambda: server.started)
            try:
                yield Streaming(world, streams, parts.hub, listening.getsockname(), stop)
            finally:
                stop.set()
                server.should_exit = True


class Server(uvicorn.Server):
    """As Backsoon has it; signals are the tests'."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(app, log_config=None, lifespan="off", http=StreamingProtocol, access_log=False)
        config.timeout_graceful_shutdown = 2
        super().__init__(config)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing."""
        yield
