"""HTTP/1.1 for the process that answers look-ups: as little of it as that takes, read by the parser that uvicorn uses.

An answer that is at hand is written as soon as the request has been read, without a task or a scope being made for it.
Everything else goes to the ASGI application as ever. One request of a connection is answered after the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp, Message, Scope

from backsoon.api.lookup import LookupApp
from backsoon.engine.defects import where

log = logging.getLogger(__name__)

LARGEST = 16_384
"""The most bytes of a request, with its head; and of requests that wait."""
IDLE = 75.0
"""Seconds that a connection is kept without a request."""
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: %d\r\n\r\n"


@dataclass
class Request:
    """One request as it is read."""

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    authorization: bytes = b""
    method: bytes = b""
    keep: bool = True


class LookupProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, app: LookupApp, around: ASGIApp | None = None) -> None:
        """`around` is the application with what is around it (None: nothing is)."""
        self._app = app
        self._around = around or app
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)  # which we then pass over
        self._last = False
        self._request = Request()
        self._read = 0
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._seen_at = 0.0

    # -- the connection ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        self._seen_at = self._loop.time()
        self._timer = self._loop.call_later(IDLE, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """Whoever does not read is not read from."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """See `pause_writing`."""
        self._transport.resume_reading()

    def _look(self) -> None:
        """Close a connection that has been idle."""
        left = self._seen_at + IDLE - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._last:
            return
        self._read += len(data)
        try:
            if self._read > LARGEST:
                raise httptools.HttpParserError
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse()

    def _refuse(self) -> None:
        self._transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self._transport.close()

    # -- a request, as it is parsed ----------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        self._request.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        name = name.lower()
        request = self._request
        if name == b"authorization":
            request.authorization = b"" if request.authorization else value
        request.headers.append((name, value))

    def on_message_complete(self) -> None:
        """See httptools."""
        if self._last:
            return
        request, self._request, self._read = self._request, Request(), 0
        request.method, request.keep = self._parser.get_method(), self._parser.should_keep_alive()
        self._seen_at, self._last = self._loop.time(), not request.keep
        if self._task is None and request.keep and request.method == b"GET":
            body = self._app.at_hand(request.authorization, request.url)
            if body is not None:
                self._transport.write(_HEAD % len(body) + body)
                return
        self._waiting.append(request)
        if self._task is None:
            self._task = self._loop.create_task(self._answer_all())
        elif len(self._waiting) > 100:
            self._refuse()

    # -- an answer that takes longer ---------------------------------------------------------------------------------

    async def _answer_all(self) -> None:
        try:
            while self._waiting and not self._transport.is_closing():
                await self._answer(self._waiting.popleft())
        finally:
            self._task = None

    async def _answer(self, request: Request) -> None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        try:
            await self._around(_scope(request, self._transport.get_extra_info("peername")), receive, send)
        except httptools.HttpParserInvalidURLError:
            self._refuse()
            return
        except Exception as error:  # a defect of ours: this call rings, the others are answered
            log.error("a look-up could not be answered: %s", where(error))
            sent = [{"status": 500, "headers": [(b"content-length", b"0")]}]
        self._transport.write(_written(sent, request.keep))
        if not request.keep:
            self._transport.close()


def _scope(request: Request, peer: object) -> Scope:
    """What the application is told of a request."""
    url = httptools.parse_url(request.url)
    path: bytes = url.path or b"/"
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method.decode("ascii"),
        "path": _unquoted(path),
        "raw_path": path,
        "query_string": url.query or b"",
        "headers": request.headers,
        "client": peer[:2] if isinstance(peer, tuple) else None,
    }


def _unquoted(path: bytes) -> str:
    return unquote(path.decode("ascii", "replace"))


def _written(sent: list[Message], keep: bool) -> bytes:
    """An answer as it goes over the wire."""
    status = HTTPStatus(sent[0]["status"])
    head = [b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode())]
    head += [b"%s: %s\r\n" % (name, value) for name, value in sent[0]["headers"]]
    if not keep:
        head.append(b"connection: close\r\n")
    return b"".join((*head, b"\r\n", *(message.get("body", b"") for message in sent[1:])))
