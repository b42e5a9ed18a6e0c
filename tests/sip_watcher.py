"""A telephone that watches somebody's presence: SUBSCRIBE, and the NOTIFYs that follow (RFC 3265, RFC 3856)."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from lxml import etree

SUBSCRIBE = """SUBSCRIBE sip:{extension}@127.0.0.1:{port} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK-{extension}-{own}
From: <sip:{watcher}@127.0.0.1:{own}>;tag=w{own}
To: <sip:{extension}@127.0.0.1:{port}>
Call-ID: {extension}-{own}@127.0.0.1
CSeq: 1 SUBSCRIBE
Contact: <sip:{watcher}@127.0.0.1:{own}>
Event: presence
Accept: application/pidf+xml
Expires: 300
Max-Forwards: 70
User-Agent: Digium Test
Content-Length: 0

"""


@dataclass(frozen=True)
class Seen:
    """What one NOTIFY says: the XML whole, and the texts in it."""

    body: bytes
    texts: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass
class Watcher(asyncio.DatagramProtocol):
    """Answers each NOTIFY and keeps what it said."""

    seen: asyncio.Queue[Seen] = field(default_factory=asyncio.Queue)
    empty: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    """A NOTIFY without a body each: nobody has published anything."""
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"NOTIFY"):
            return
        kept = re.findall(rb"^(?:Via|From|To|Call-ID|CSeq):.*$", head.replace(b"\r", b""), re.MULTILINE)
        answer = b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0", b"", b""])
        assert self.transport is not None
        self.transport.sendto(answer, addr)
        if body:
            root = etree.fromstring(body)
            texts = tuple(" ".join(element.itertext()).strip() for element in root.iter())
            self.seen.put_nowait(Seen(body, texts, tuple(etree.QName(one).localname for one in root.iter())))
        else:
            self.empty.put_nowait(None)

    async def next(self) -> Seen | None:
        """The next NOTIFY with a body; None where one without comes."""
        while self.seen.empty() and self.empty.empty():
            await asyncio.sleep(0.005)
        return self.empty.get_nowait() if self.seen.empty() else self.seen.get_nowait()

    async def until(self, wanted: str, *, tag: str = "", without: str = "\0") -> Seen:
        """The first NOTIFY in whose texts one stands and the other not, with that tag. Raises `TimeoutError`.

        Device and presence are two states: each change of one is told by itself.
        """
        async with asyncio.timeout(10):
            while True:
                seen = await self.seen.get()
                told = any(wanted in text for text in seen.texts) and not any(without in text for text in seen.texts)
                if told and (not tag or tag in seen.tags):
                    return seen


@asynccontextmanager
async def watching(port: int, extension: str, watcher: str) -> AsyncIterator[Watcher]:
    """Watch an extension at the SIP server of that port."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Watcher, ("127.0.0.1", 0), ("127.0.0.1", port))
    try:
        own = transport.get_extra_info("sockname")[1]
        text = SUBSCRIBE.format(extension=extension, port=port, own=own, watcher=watcher)
        transport.sendto(text.replace("\n", "\r\n").encode())
        yield protocol
    finally:
        transport.close()
