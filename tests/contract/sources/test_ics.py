"""The .ics source keeps the contract, on a file and over HTTP with and without validators."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from backsoon.sources.base import CalendarSource
from backsoon.sources.ical.worker import Reader
from backsoon.sources.ics import IcsSource
from backsoon.wire.http import Http
from tests.contract.sources.events import Event
from tests.contract.sources.suite import Harness, SourceContract
from tests.faulty_proxy import LOGIN_PAGE
from tests.hostile import serving
from tests.inline_reader import InlineReader


def calendar(events: Sequence[Event]) -> bytes:
    """All events in one VCALENDAR."""
    parts = [event.ics().partition("BEGIN:VEVENT") for event in events]
    inside = "".join(mark + rest.removesuffix("END:VCALENDAR\r\n") for _, mark, rest in parts)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t//EN\r\n{inside}END:VCALENDAR\r\n".encode()


class IcsHarness(Harness):
    """What both have in common: every change is a new version of the whole."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self.events: dict[str, Event] = {}

    def reads(self, address: str) -> CalendarSource:
        # Without its process the reader is the same; the process has tests of its own.
        return IcsSource(self.http, cast(Reader, InlineReader()), address, zone="Europe/Oslo")

    async def put(self, *events: Event) -> None:
        self.events |= {event.uid: event for event in events}
        await self.broken(None)

    async def remove(self, uid: str) -> None:
        del self.events[uid]
        await self.broken(None)

    @property
    def whole(self) -> bytes:
        return calendar(list(self.events.values()))


class FileHarness(IcsHarness):
    def __init__(self, http: Http, path: Path) -> None:
        super().__init__(http)
        self.path = path

    def source(self) -> CalendarSource:
        return self.reads(str(self.path))

    async def break_it(self) -> Sequence[object]:
        return ["gone", "cut", "page", "empty", "folder"]

    async def broken(self, how: object | None) -> None:
        if self.path.is_dir():
            self.path.rmdir()
        self.path.unlink(missing_ok=True)
        if how == "folder":
            self.path.mkdir()
        elif how != "gone":
            self.path.write_bytes({"cut": self.whole[:-60], "page": LOGIN_PAGE, "empty": b""}.get(str(how), self.whole))


class Fault(StrEnum):
    DENIED = "403"
    GONE = "404"
    BUSY = "503"
    CUT = "cut"
    CUT_INSIDE = "cut inside"
    PAGE = "page"
    ELSEWHERE = "elsewhere"


class WebHarness(IcsHarness):
    """A web server; `etags` says whether it can tell that nothing has changed."""

    def __init__(self, http: Http, *, etags: bool) -> None:
        super().__init__(http)
        self.etags = etags
        self.url = ""
        self.fault: Fault | None = None

    def source(self) -> CalendarSource:
        return self.reads(f"{self.url}/basic.ics")

    async def break_it(self) -> Sequence[object]:
        return list(Fault)

    async def broken(self, how: object | None) -> None:
        assert how is None or isinstance(how, Fault)
        self.fault = how

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        match self.fault:
            case None:
                return self._whole(request)
            case Fault.CUT:
                return await self._cut(request)
            case Fault.CUT_INSIDE:
                return web.Response(body=self.whole[:-60])
            case Fault.PAGE:
                return web.Response(body=LOGIN_PAGE, content_type="text/html")
            case Fault.ELSEWHERE:
                return web.Response(status=302, headers={"Location": "http://evil.example/"})
        return web.Response(status=int(str(self.fault)))

    def _whole(self, request: web.BaseRequest) -> web.Response:
        if not self.etags:
            return web.Response(body=self.whole)
        etag = f'"{hashlib.sha256(self.whole).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(body=self.whole, headers={"ETag": etag})

    async def _cut(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(len(self.whole))})
        await answer.prepare(request)
        await answer.write(self.whole[:-60])
        assert request.transport is not None
        request.transport.close()
        return answer


class TestFile(SourceContract):
    @pytest.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[Harness]:
        async with Http() as http:
            harness = FileHarness(http, tmp_path / "calendar.ics")
            await harness.broken(None)
            yield harness


@pytest.mark.parametrize("etags", [True, False], ids=["etags", "no-etags"])
class TestWeb(SourceContract):
    @pytest.fixture
    async def harness(self, etags: bool) -> AsyncIterator[Harness]:
        async with Http(deadline=5) as http:
            harness = WebHarness(http, etags=etags)
            async with serving(harness) as harness.url:
                yield harness
