"""Telephones that watch lamps: many subscriptions over one socket, every NOTIFY answered (RFC 3265)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar, cast

_SUBSCRIBE = """SUBSCRIBE sip:{extension}@127.0.0.1:{port} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK-{extension}
From: <sip:watcher@127.0.0.1:{own}>;tag=w{extension}
To: <sip:{extension}@127.0.0.1:{port}>
Call-ID: {extension}-{own}@127.0.0.1
CSeq: 1 SUBSCRIBE
Contact: <sip:watcher@127.0.0.1:{own}>
Event: presence
Accept: application/pidf+xml
Expires: 3600
Max-Forwards: 70
Content-Length: 0

"""
_KEPT = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq):.*?\r$", re.MULTILINE)


class Watchers(asyncio.DatagramProtocol):
    """All of them; `notified` counts the NOTIFYs, `last` is when the last one came (perf_counter)."""

    def __init__(self) -> None:
        self.notified = 0
        self.last = 0.0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not data.startswith(b"NOTIFY") or self._transport is None:
            return
        self.notified += 1
        self.last = time.perf_counter()
        head = b"\n".join(_KEPT.findall(data.partition(b"\r\n\r\n")[0] + b"\r"))
        self._transport.sendto(b"SIP/2.0 200 OK\r\n" + head + b"\nContent-Length: 0\r\n\r\n", addr)

    async def settled(self, since: float) -> float:
        """Wait until half a second went by without a NOTIFY; how long after `since` the last one came, in seconds."""
        while time.perf_counter() - max(self.last, since) < 0.5:
            await asyncio.sleep(0.05)
        return max(0.0, self.last - since)


W = TypeVar("W", bound=Watchers)


@asynccontextmanager
async def watching(port: int, extensions: Sequence[str], make: type[W]) -> AsyncIterator[W]:
    """Subscribe to each extension; all have been notified once when it begins."""
    loop = asyncio.get_running_loop()
    transport, watchers = await loop.create_datagram_endpoint(make, ("127.0.0.1", 0), ("127.0.0.1", port))
    own = transport.get_extra_info("sockname")[1]
    try:
        for number, extension in enumerate(extensions):
            text = _SUBSCRIBE.format(extension=extension, port=port, own=own)
            transport.sendto(text.replace("\n", "\r\n").encode())
            # A PBX is not subscribed to by everybody in one instant; its receive buffer is small.
            while watchers.notified < number - 20:
                await asyncio.sleep(0.005)
        await watchers.settled(time.perf_counter())
        yield watchers
    finally:
        transport.close()
