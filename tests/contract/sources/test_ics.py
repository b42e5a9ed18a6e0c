"""The .ics source keeps the contract, over HTTP with every kind of validator and from a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import web

from backsoon.sources.base import CalendarSource
from backsoon.sources.ical.worker import Reader
from backsoon.sources.ics import IcsSource
from backsoon.testing.events import Event
from backsoon.testing.sources import Harness, SourceContract
from backsoon.wire.http import Http
from tests.hostile import serving

PAGE = b"<!DOCTYPE html><title>Sign in</title><p>m: Budget</p>"


class IcsHarness(Harness):
    """One calendar of all events together; `broken` swaps what a reader gets."""

    def __init__(self, make: Callable[[], IcsSource]) -> None:
        self._make = make
        self.events: dict[str, Event] = {}
        self.how: object | None = None

    def source(self) -> CalendarSource:
        return self._make()

    def text(self) -> bytes:
        """The calendar as it is now."""
        bodies = [event.ics().partition("BEGIN:VEVENT") for event in self.events.values()]
        events = "".join(start + body.replace("END:VCALENDAR\r\n", "") for _, start, body in bodies)
        return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n".encode()

    async def put(self, *events: Event) -> None:
        self.events |= {event.uid: event for event in events}
        await self.written()

    async def remove(self, uid: str) -> None:
        del self.events[uid]
        await self.written()

    async def broken(self, how: object | None) -> None:
        self.how = how
        await self.written()

    async def written(self) -> None:
        """The calendar has changed."""


class HttpHarness(IcsHarness):
    """Served over HTTP with the validators named."""

    def __init__(self, make: Callable[[], IcsSource], validators: frozenset[str]) -> None:
        super().__init__(make)
        self.validators = validators
        self.revision = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if isinstance(self.how, int):
            return web.Response(status=self.how, body=self.text())
        if self.how is not None:
            body = {"page": PAGE, "empty": b"", "cut": self.text()[:-20]}[str(self.how)]
            return web.Response(body=body)
        stated = {"ETag": f'"{sha256(self.text()).hexdigest()}"', "Last-Modified": self._modified()}
        headers = {name: value for name, value in stated.items() if name in self.validators}
        asked = request.headers.get("If-None-Match") or request.headers.get("If-Modified-Since")
        if asked is not None and asked in headers.values():
            return web.Response(status=304, headers=headers)
        return web.Response(body=self.text(), headers=headers)

    def _modified(self) -> str:
        return f"Mon, 01 Mar 2027 {self.revision // 3600:02}:{self.revision // 60 % 60:02}:{self.revision % 60:02} GMT"

    async def written(self) -> None:
        self.revision += 1

    async def break_it(self) -> Sequence[object]:
        return [401, 403, 404, 410, 429, 500, 503, 204, "page", "empty", "cut"]


class FileHarness(IcsHarness):
    """A file."""

    def __init__(self, make: Callable[[], IcsSource], path: Path) -> None:
        super().__init__(make)
        self.path = path
        self.path.write_bytes(self.text())

    async def written(self) -> None:
        if self.how == "gone":
            self.path.unlink()
        else:
            bodies = {None: self.text(), "page": PAGE, "empty": b"", "cut": self.text()[:-20]}
            self.path.write_bytes(bodies[None if self.how is None else str(self.how)])

    async def break_it(self) -> Sequence[object]:
        return ["gone", "page", "empty", "cut"]


@pytest.fixture
async def parts() -> AsyncIterator[tuple[Http, Reader]]:
    async with Http(deadline=10.0) as http, Reader() as reader:
        yield http, reader


@pytest.mark.parametrize(
    "validators",
    [frozenset({"ETag"}), frozenset({"Last-Modified"}), frozenset({"ETag", "Last-Modified"}), frozenset()],
    ids=lambda validators: "+".join(sorted(validators)) or "none",
)
class TestOverHttp(SourceContract):
    @pytest.fixture
    async def harness(self, parts: tuple[Http, Reader], validators: frozenset[str]) -> AsyncIterator[Harness]:
        address: list[str] = []
        harness = HttpHarness(lambda: IcsSource(*parts, address[0] + "/feed.ics", zone="Europe/Oslo"), validators)
        async with serving(harness) as url:
            address.append(url)
            yield harness


class TestFromAFile(SourceContract):
    @pytest.fixture
    async def harness(self, parts: tuple[Http, Reader], tmp_path: Path) -> Harness:
        path = tmp_path / "calendar.ics"
        return FileHarness(lambda: IcsSource(*parts, str(path), zone="Europe/Oslo"), path)
