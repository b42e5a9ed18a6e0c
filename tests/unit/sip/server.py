"""A SIP server that does what a test tells it to: what no real one does when it is asked to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from backsoon.wire.sip import Framer, Headers, Request, parse
from backsoon.wire.sip_client import SipAddress, Transport

Answer = bytes | None
Script = Callable[[Request], Iterable[Answer]]


def answer(request: Request, status: int, *more: str, body: bytes = b"") -> bytes:
    """A response to the request."""
    headers = Headers(tuple(request.fields))
    lines = [f"SIP/2.0 {status} Said"]
    lines += [f"{name}: {headers.get(name)}" for name in ("via", "from", "to", "call-id", "cseq")]
    return "\r\n".join([*lines, *more, f"Content-Length: {len(body)}", "", ""]).encode() + body


@dataclass
class Server(asyncio.DatagramProtocol, asyncio.Protocol):
    """Answers each request by the script, and keeps what it was asked."""

    script: Script
    asked: list[Request] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    """Of the datagrams that came."""
    transports: list[asyncio.BaseTransport] = field(default_factory=list)
    framer: Framer = field(default_factory=Framer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transports.append(transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.sizes.append(len(data))
        for said in self._answers(parse(data)):
            cast(asyncio.DatagramTransport, self.transports[-1]).sendto(said, addr)

    def data_received(self, data: bytes) -> None:
        for message in self.framer.feed(data):
            for said in self._answers(message):
                cast(asyncio.Transport, self.transports[-1]).write(said)

    def _answers(self, message: object) -> Iterator[bytes]:
        assert isinstance(message, Request)
        self.asked.append(message)
        return (said for said in self.script(message) if said is not None)


@asynccontextmanager
async def serving(script: Script, transport: Transport = Transport.UDP) -> AsyncIterator[tuple[Server, SipAddress]]:
    """One that answers by the script, and where it listens."""
    server, loop = Server(script), asyncio.get_running_loop()
    if transport is Transport.UDP:
        made, _ = await loop.create_datagram_endpoint(lambda: server, ("127.0.0.1", 0))
        port = made.get_extra_info("sockname")[1]
        try:
            yield server, SipAddress("127.0.0.1", port)
        finally:
            made.close()
    else:
        listening = await loop.create_server(lambda: server, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            yield server, SipAddress("127.0.0.1", port, transport)
            for one in server.transports:
                one.close()
