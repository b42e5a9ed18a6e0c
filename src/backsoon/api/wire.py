"""The connection below an answer that goes on for ever: bytes that many share are written to it as they are.

ASGI copies what is sent for each listener, and lets 64 KiB wait in each of them on top of that. Here nothing is written
while anything waits to be sent, and what waits is the one piece that all listeners share: a listener that reads nothing
costs its connection, whatever happens meanwhile.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

from starlette.types import Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from backsoon.api.sse import unchunked

EXTENSION = "backsoon.wire"
SENDING = 256 * 1024
"""The socket's own buffer in bytes, as it is asked for: without a limit Linux lets 4 MiB wait for each slow reader."""

WHOLE_WITHIN = 120.0
"""Seconds within which a request is there whole, its body too; the first one from when the connection was made."""


class StreamingProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, whose connection an application may write to itself (`wire_of`).

    Whoever sends nothing, or half a request, is cut off after `WHOLE_WITHIN`: nobody needs a token to do that, and
    each such connection takes one of the files that this process may have open.
    """

    on_writable: Callable[[], None] | None = None
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        super().connection_lost(exc)
        self._request_is_whole()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["extensions"] = {EXTENSION: self}
        self._await_request()

    def on_message_complete(self) -> None:
        """A request is there."""
        super().on_message_complete()
        self._request_is_whole()

    def _await_request(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(WHOLE_WITHIN, self.timeout_keep_alive_handler)

    def _request_is_whole(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def resume_writing(self) -> None:
        """All that waited was sent, or the connection is lost."""
        super().resume_writing()
        if self.on_writable is not None:
            self.on_writable()


class Wire(Protocol):
    """What a stream is written to: one chunk at a time, and only while it is `free`."""

    @property
    def free(self) -> bool:
        """Whether everything that was written is on its way."""
        ...

    @property
    def waiting(self) -> int:
        """How many bytes of what was written last are not on their way yet."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Write one chunk, framed already."""
        ...

    def release(self) -> None:
        """The connection may be used as ever."""
        ...

    def abort(self) -> None:
        """End the connection, whatever waits."""
        ...


class DirectWire:
    """Writes to the connection itself; `write` never waits."""

    def __init__(self, protocol: StreamingProtocol, on_free: Callable[[], None]) -> None:
        """`on_free` is called when the wire is free again. The head of the answer was sent already."""
        self._protocol = protocol
        self._transport = protocol.transport
        self._transport.set_write_buffer_limits(high=0)
        protocol.on_writable = on_free
        sock = self._transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENDING)

    @property
    def free(self) -> bool:
        """See `Wire`."""
        return not self._protocol.flow.write_paused

    @property
    def waiting(self) -> int:
        """See `Wire`."""
        return 0 if self._transport.is_closing() else self._transport.get_write_buffer_size()

    async def write(self, chunk: bytes) -> None:
        """See `Wire`."""
        if not self._transport.is_closing():
            self._transport.write(chunk)

    def release(self) -> None:
        """See `Wire`."""
        self._protocol.on_writable = None
        if not self._transport.is_closing():
            self._transport.set_write_buffer_limits()

    def abort(self) -> None:
        """See `Wire`."""
        self._transport.abort()


class PlainWire:
    """Writes as any ASGI application does: `write` waits, and it always seems free."""

    free, waiting = True, 0

    def __init__(self, send: Send) -> None:
        self._send = send

    async def write(self, chunk: bytes) -> None:
        """See `Wire`; the frame is the server's business."""
        await self._send({"type": "http.response.body", "body": unchunked(chunk), "more_body": True})

    def release(self) -> None:
        """See `Wire`; nothing was taken."""

    def abort(self) -> None:
        """See `Wire`; the server ends it."""


def wire_of(scope: Scope, send: Send, on_free: Callable[[], None]) -> Wire:
    """The wire of a request whose answer has begun."""
    protocol = scope.get("extensions", {}).get(EXTENSION)
    return DirectWire(protocol, on_free) if isinstance(protocol, StreamingProtocol) else PlainWire(send)
