"""The network between a browser and Backsoon, which a test can cut and mend: bytes are passed on as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Cable:
    """Its address is `url`; `asked` has the heads of all requests that went through it."""

    upstream: int
    port: int = 0
    whole: bool = True
    asked: list[str] = field(default_factory=list)
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Every connection breaks, and there are no new ones."""
        self.whole = False
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        """It is whole again."""
        self.whole = True

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what one connection says, until either side ends it."""
        if not self.whole:
            writer.transport.abort()
            return
        upstream, there = await asyncio.open_connection("127.0.0.1", self.upstream)
        self._ends |= {writer, there}
        with suppress(OSError):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._passed(reader, there, heard=True))
                tasks.create_task(self._passed(upstream, writer))
        self._ends -= {writer, there}

    async def _passed(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, heard: bool = False) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                if heard:
                    self.asked.append(data.decode("latin-1"))
                target.write(data)
                await target.drain()
        target.close()


@asynccontextmanager
async def cable_to(port: int) -> AsyncIterator[Cable]:
    """A cable to that port of this machine, until the context ends."""
    cable = Cable(port)
    server = await asyncio.start_server(cable.connected, "127.0.0.1", 0)
    cable.port = server.sockets[0].getsockname()[1]
    try:
        yield cable
    finally:
        server.close()
        cable.cut()
        await server.wait_closed()
