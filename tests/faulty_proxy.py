"""A proxy that passes requests on to a real server, or spoils its answers as a test tells it to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp
from aiohttp import web
from yarl import URL

from tests.hostile import serving

LOGIN_PAGE = b"<!DOCTYPE html><html><body><form>Sign in</form></body></html>"
DOCTYPE = b'<!DOCTYPE x [<!ENTITY a "b">]><multistatus xmlns="DAV:"><sync-token>&a;</sync-token></multistatus>'
EMPTY = b'<multistatus xmlns="DAV:"/>'


class Fault(StrEnum):
    """What can be wrong with every answer."""

    DENIED = "403"
    SIGNED_OUT = "401"
    BUSY = "503"
    SLOW_DOWN = "429"
    ERROR = "500"
    CUT = "cut"
    HANG_UP = "hang up"
    LOGIN_PAGE = "login page"
    LOGIN_REDIRECT = "login redirect"
    ELSEWHERE = "another host"
    DOCTYPE = "doctype"
    EMPTY = "empty multistatus"


Spoil = Callable[[web.BaseRequest, int, bytes], "web.Response | None"]


@dataclass
class FaultyProxy:
    """`fault` spoils all answers; `spoil` sees request, status and body of each and may answer in its place."""

    upstream: str
    session: aiohttp.ClientSession
    url: str = ""
    fault: Fault | None = None
    spoil: Spoil | None = None
    requests: list[str] = field(default_factory=list)
    _left: int | None = None
    _later: Fault | None = None

    def fail_after(self, requests: int | None, fault: Fault | None) -> None:
        """Pass this many requests on, then fail in this way; None: never."""
        self._left, self._later, self.fault = requests, fault, None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass one request on, and its answer back."""
        self.requests.append(f"{request.method} {request.raw_path}")
        if self._left is not None:
            self._left -= 1
            self.fault = self._later if self._left < 0 else None
        status, headers, body = await self._ask(request)
        if self.fault is not None:
            return await self._faulty(request, body)
        if self.spoil is not None and (spoiled := self.spoil(request, status, body)):
            return spoiled
        return web.Response(status=status, body=body, headers=headers)

    async def _ask(self, request: web.BaseRequest) -> tuple[int, dict[str, str], bytes]:
        sent = {n: v for n, v in request.headers.items() if n not in ("Host", "Accept-Encoding", "Content-Length")}
        url = URL(self.upstream + request.raw_path, encoded=True)
        body = await request.read()
        async with self.session.request(request.method, url, headers=sent, data=body, allow_redirects=False) as answer:
            kept = ("Content-Type", "WWW-Authenticate", "Location")
            return answer.status, {n: answer.headers[n] for n in kept if n in answer.headers}, await answer.read()

    async def _faulty(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        match self.fault:
            case Fault.CUT | Fault.HANG_UP:
                return await self._hang_up(request, body if self.fault is Fault.CUT else b"")
            case Fault.LOGIN_PAGE:
                return web.Response(body=LOGIN_PAGE, content_type="text/html")
            case Fault.LOGIN_REDIRECT:
                return web.Response(status=302, headers={"Location": "/login"})
            case Fault.ELSEWHERE:
                return web.Response(status=302, headers={"Location": "http://evil.example/"})
            case Fault.DOCTYPE | Fault.EMPTY:
                return web.Response(status=207, body=DOCTYPE if self.fault is Fault.DOCTYPE else EMPTY)
        return web.Response(status=int(str(self.fault)), headers={"Retry-After": "77"})

    async def _hang_up(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        assert request.transport is not None
        if body:
            answer = web.StreamResponse(status=207, headers={"Content-Length": str(len(body))})
            await answer.prepare(request)
            await answer.write(body[: len(body) // 2])
        request.transport.close()
        return web.Response()


@asynccontextmanager
async def proxying(upstream: str) -> AsyncIterator[FaultyProxy]:
    """A proxy before the server at `upstream` (an address without a slash at the end)."""
    async with aiohttp.ClientSession(auto_decompress=True) as session:
        proxy = FaultyProxy(upstream, session)
        async with serving(proxy) as proxy.url:
            yield proxy
