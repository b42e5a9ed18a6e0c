"""The CalDAV source keeps the contract on Radicale and xandikos: by sync tokens and by ETags, calendar and home."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from urllib.parse import quote

import pytest

from backsoon.sources.base import CalendarSource
from backsoon.sources.caldav import CalDavLimits, CalDavSource
from backsoon.testing.events import Event
from backsoon.testing.sources import Harness, SourceContract
from backsoon.wire.auth import Credentials
from backsoon.wire.http import Http
from tests.faulty_proxy import Fault, FaultyProxy, proxying
from tests.inline_reader import InlineReader
from tests.servers import DavServer

_NUMBERS = count()


class DavHarness(Harness):
    """A calendar of its own on a real server, read through a proxy that can spoil the answers."""

    def __init__(
        self, server: DavServer, user: str | None, calendar: str, address: str, proxy: FaultyProxy, http: Http
    ) -> None:
        self.server = server
        self.user = user
        self.calendar = calendar
        self.address = proxy.url + address
        self.proxy = proxy
        self.http = http
        self.limits = CalDavLimits()
        self.use_sync_tokens = True

    def source(self) -> CalendarSource:
        return CalDavSource(
            self.http,
            InlineReader(),
            self.address,
            zone="Europe/Oslo",
            credentials=Credentials(self.user, self.server.users[self.user]) if self.user else None,
            limits=self.limits,
            use_sync_tokens=self.use_sync_tokens,
        )

    async def put(self, *events: Event) -> None:
        for event in events:
            self.server.put(self._path(event.uid), event.ics(), self.user)

    async def remove(self, uid: str) -> None:
        self.server.delete(self._path(uid), self.user)

    async def break_it(self) -> Sequence[object]:
        return list(Fault)

    async def broken(self, how: object | None) -> None:
        assert how is None or isinstance(how, Fault)
        self.proxy.fault = how

    async def lose_token(self) -> bool:
        """Radicale keeps its tokens in files; xandikos' are versions of the calendar itself and cannot be lost."""
        kept = list(self.server.folder.glob(f"collections/collection-root{self.calendar}.Radicale.cache/sync-token"))
        for folder in kept:
            shutil.rmtree(folder)
        return bool(kept) and self.use_sync_tokens

    def _path(self, uid: str) -> str:
        return f"{self.calendar}{quote(uid, safe='')}.ics"


@asynccontextmanager
async def harness_for(
    server: DavServer, user: str | None, home: str, *, by_home: bool = False
) -> AsyncIterator[DavHarness]:
    calendar = server.make_calendar(f"{home}contract-{next(_NUMBERS)}/", user)
    async with proxying(server.url.rstrip("/")) as proxy, Http(deadline=10) as http:
        yield DavHarness(server, user, calendar, home if by_home else calendar, proxy, http)
    server.delete(calendar, user)


class TestRadicale(SourceContract):
    @pytest.fixture
    async def harness(self, radicale: DavServer) -> AsyncIterator[Harness]:
        async with harness_for(radicale, "anna", "/anna/") as harness:
            yield harness


class TestRadicaleHome(SourceContract):
    @pytest.fixture
    async def harness(self, radicale: DavServer) -> AsyncIterator[Harness]:
        async with harness_for(radicale, "carl", "/carl/", by_home=True) as harness:
            yield harness


class TestRadicaleByEtags(SourceContract):
    @pytest.fixture
    async def harness(self, radicale: DavServer) -> AsyncIterator[Harness]:
        async with harness_for(radicale, "anna", "/anna/") as harness:
            harness.use_sync_tokens = False
            yield harness


class TestXandikos(SourceContract):
    @pytest.fixture
    async def harness(self, xandikos: DavServer) -> AsyncIterator[Harness]:
        async with harness_for(xandikos, None, "/user/calendars/") as harness:
            yield harness


class TestXandikosHome(SourceContract):
    @pytest.fixture
    async def harness(self, xandikos: DavServer) -> AsyncIterator[Harness]:
        async with harness_for(xandikos, None, "/user/calendars/", by_home=True) as harness:
            yield harness


class TestXandikosByEtagsInSmallPieces(SourceContract):
    """Chunks of three, and so few ETags in the token that larger calendars are remembered by their digest."""

    @pytest.fixture
    async def harness(self, xandikos: DavServer) -> AsyncIterator[Harness]:
        async with harness_for(xandikos, None, "/user/calendars/") as harness:
            harness.use_sync_tokens = False
            harness.limits = CalDavLimits(chunk=3, etags=4)
            yield harness
