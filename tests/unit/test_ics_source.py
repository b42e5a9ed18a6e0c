"""The source for subscribed .ics calendars, over HTTP and from files."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from backsoon.sources.base import (
    CalendarSource,
    SourceBroken,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceTooLarge,
    SourceUnavailable,
    Window,
)
from backsoon.sources.ical.worker import Reader
from backsoon.sources.ics import IcsSource
from backsoon.wire.auth import Credentials
from backsoon.wire.http import BadAddress, Http
from tests.hostile import answering, serving
from tests.unit.ical.helpers import WINDOW, ZONE, calendar, event, starts
from tools.ports import free_port

ONE = calendar(event("DTSTART:20261122T090000Z", "DURATION:PT1H", "SUMMARY:m: Budget"))
TWO = calendar(event("DTSTART:20261122T090000Z"), event("DTSTART:20261123T090000Z", uid="b"))
NEXT_DAY = Window(WINDOW.start + timedelta(days=1), WINDOW.end + timedelta(days=1))
LATER = Window(WINDOW.start + timedelta(hours=5), WINDOW.end + timedelta(hours=5))
Make = Callable[..., IcsSource]


class Feed:
    """What the server says next, and what it was asked."""

    def __init__(self) -> None:
        self.body = ONE
        self.status = 200
        self.headers: dict[str, str] = {"Content-Type": "text/calendar"}
        self.asked: list[Mapping[str, str]] = []
        self.conditional = True

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.headers)
        etag = self.headers.get("ETag")
        if self.conditional and etag and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        modified = self.headers.get("Last-Modified")
        if self.conditional and modified and request.headers.get("If-Modified-Since") == modified:
            return web.Response(status=304)
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
async def url(feed: Feed) -> AsyncIterator[str]:
    async with serving(feed) as address:
        yield f"{address}/secret/basic.ics?token=secret"


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    async with Http(deadline=10.0) as http, Reader() as reader:

        def source(address: str, **options: object) -> IcsSource:
            return IcsSource(http, reader, address, **({"zone": ZONE} | options))  # type: ignore[arg-type]

        yield source


async def test_keeps_the_protocol(make: Make, url: str) -> None:
    source = make(url)
    assert isinstance(source, CalendarSource)
    await source.close()


async def test_the_first_read_is_complete(make: Make, url: str) -> None:
    changes = await make(url).changes(WINDOW, None)
    assert changes.complete
    assert starts(changes.entries) == ["11-22 09:00"]
    assert changes.sync_token


@pytest.mark.parametrize("validator", [{"ETag": '"1"'}, {"Last-Modified": "Sun, 01 Nov 2026 10:00:00 GMT"}, {}])
async def test_unchanged_by_the_servers_word_or_by_the_bytes(
    make: Make, url: str, feed: Feed, validator: dict[str, str]
) -> None:
    feed.headers |= validator
    first = await make(url).changes(WINDOW, None)
    for window in (WINDOW, LATER):
        again = await make(url).changes(window, first.sync_token)
        assert (again.complete, again.entries, again.touched) == (False, (), frozenset())
        assert again.sync_token == first.sync_token


async def test_changed_bytes_are_all_of_it(make: Make, url: str, feed: Feed) -> None:
    feed.headers["ETag"] = '"1"'
    first = await make(url).changes(WINDOW, None)
    feed.body, feed.headers["ETag"] = TWO, '"2"'
    changes = await make(url).changes(WINDOW, first.sync_token)
    assert changes.complete
    assert starts(changes.entries) == ["11-22 09:00", "11-23 09:00"]


async def test_a_new_etag_on_the_same_bytes_changes_nothing_but_the_token(make: Make, url: str, feed: Feed) -> None:
    feed.headers["ETag"] = '"1"'
    first = await make(url).changes(WINDOW, None)
    feed.headers["ETag"] = '"2"'
    changes = await make(url).changes(WINDOW, first.sync_token)
    assert not changes.complete
    assert json.loads(changes.sync_token or "")["etag"] == '"2"'


@pytest.mark.parametrize(
    "options",
    [{"zone": "Europe/London"}, {"owner": frozenset({"anna@example.org"})}, {}],
    ids=["zone", "owner", "window"],
)
async def test_what_else_decides_makes_it_be_read_again(
    make: Make, url: str, feed: Feed, options: dict[str, object]
) -> None:
    feed.headers["ETag"] = '"1"'
    first = await make(url).changes(WINDOW, None)
    changes = await make(url, **options).changes(WINDOW if options else NEXT_DAY, first.sync_token)
    assert changes.complete
    assert "If-None-Match" not in feed.asked[-1]


@pytest.mark.parametrize("token", ["", "{}", "null", "[1", '{"version": 1}', "x" * 10_000, '{"version":"1"}'])
async def test_a_foreign_token_is_a_complete_read(make: Make, url: str, token: str) -> None:
    assert (await make(url).changes(WINDOW, token)).complete


async def test_a_token_is_not_taken_for_another_calendar(make: Make, url: str, feed: Feed) -> None:
    feed.headers["ETag"] = '"1"'
    first = await make(url).changes(WINDOW, None)
    assert (await make(url + "&other").changes(WINDOW, first.sync_token)).complete


async def test_the_token_tells_nothing_secret(make: Make, url: str) -> None:
    token = (await make(url).changes(WINDOW, None)).sync_token or ""
    assert "secret" not in token
    assert "Budget" not in token


async def test_a_304_that_nobody_asked_for_is_no_calendar(make: Make, url: str, feed: Feed) -> None:
    feed.status, feed.body = 304, b""
    with pytest.raises(SourceBroken):
        await make(url).changes(WINDOW, None)


async def test_rejections_and_warnings_are_told(make: Make, url: str, feed: Feed) -> None:
    feed.body = calendar(
        event("DTSTART;TZID=X:20261122T090000"), event("RRULE:FREQ=SECONDLY", "DTSTART:20261122", uid="b")
    )
    changes = await make(url).changes(WINDOW, None)
    assert [(rejected.resource, rejected.uid) for rejected in changes.rejected] == [("b", "b")]
    assert changes.warnings == (f"unknown time zone 'X': read in {ZONE}",)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, SourceDenied), (403, SourceDenied), (404, SourceMissing), (410, SourceMissing), (429, SourceUnavailable),
     (500, SourceUnavailable), (503, SourceUnavailable), (408, SourceUnavailable), (400, SourceBroken),
     (204, SourceBroken), (206, SourceBroken), (302, SourceBroken)],
)  # fmt: skip
@pytest.mark.parametrize("known", [False, True])
async def test_a_status_is_never_an_empty_calendar(
    make: Make, url: str, feed: Feed, status: int, error: type[SourceError], known: bool
) -> None:
    feed.headers["ETag"] = '"1"'
    token = (await make(url).changes(WINDOW, None)).sync_token if known else None
    feed.status, feed.conditional = status, False
    with pytest.raises(error) as caught:
        await make(url).changes(WINDOW, token)
    assert type(caught.value) is error
    assert "secret" not in str(caught.value)
    assert str(status) in caught.value.detail


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120.0), ("Sun, 22 Nov 2026 10:02:00 GMT", 120.0), ("soon", None)]
)
async def test_the_pause_that_the_server_asks_for(
    make: Make, url: str, feed: Feed, header: str, seconds: float | None
) -> None:
    feed.status = 503
    feed.headers |= {"Retry-After": header, "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}
    with pytest.raises(SourceUnavailable) as caught:
        await make(url).changes(WINDOW, None)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><form>Sign in</form>", "web page"),
        (b"", "not iCalendar"),
        (ONE[:-4], "cut"),
        (b"\0\xff" * 9, "not"),
    ],
)
async def test_what_is_no_calendar_is_said_to_be_none(
    make: Make, url: str, feed: Feed, body: bytes, words: str
) -> None:
    feed.body = body
    if body.startswith(b"<"):
        feed.headers["Content-Type"] = "Text/HTML; charset=utf-8"
    with pytest.raises(SourceBroken, match=words):
        await make(url).changes(WINDOW, None)


async def test_a_calendar_that_calls_itself_a_page_is_read(make: Make, url: str, feed: Feed) -> None:
    feed.headers["Content-Type"] = "text/html"
    assert len((await make(url).changes(WINDOW, None)).entries) == 1


async def test_an_empty_calendar_is_one(make: Make, url: str, feed: Feed) -> None:
    feed.body = calendar()
    changes = await make(url).changes(WINDOW, None)
    assert (changes.complete, changes.entries) == (True, ())


async def test_a_body_that_is_cut_on_the_way(make: Make) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(ONE) + 10)
    async with answering(head + ONE) as address:
        with pytest.raises(SourceBroken):
            await make(address).changes(WINDOW, None)


async def test_past_the_bound_on_bytes(make: Make, url: str) -> None:
    with pytest.raises(SourceTooLarge):
        await make(url, limit_bytes=100).changes(WINDOW, None)


async def test_nobody_there_and_somebody_who_hangs(make: Make) -> None:
    with pytest.raises(SourceUnavailable):
        await make(f"http://127.0.0.1:{free_port()}/x.ics").changes(WINDOW, None)
    async with answering(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100, drip=0.05) as address:
        with pytest.raises(SourceUnavailable):
            await make(address, seconds=0.2).changes(WINDOW, None)


async def test_the_account_is_sent(make: Make) -> None:
    async def guarded(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Basic YW5uYTpwdw==":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return web.Response(body=ONE)

    async with serving(guarded) as address:
        assert (await make(address, credentials=Credentials("anna", "pw")).changes(WINDOW, None)).complete
        with pytest.raises(SourceDenied):
            await make(address, credentials=Credentials("anna", "other")).changes(WINDOW, None)


async def test_odd_validators_are_not_sent_back(make: Make, url: str, feed: Feed) -> None:
    feed.headers["ETag"] = '"' + "x" * 5000 + '"'
    first = await make(url).changes(WINDOW, None)
    assert "x" * 100 not in (first.sync_token or "")
    assert not (await make(url).changes(WINDOW, first.sync_token)).complete


# -- addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["webcal://", "webcals://", "WEBCAL://", "https://"])
def test_webcal_is_https(make: Make, scheme: str) -> None:
    source = make(f"{scheme}calendar.example/x.ics")
    assert source._url == "https://calendar.example/x.ics"


@pytest.mark.parametrize(
    "address",
    ["", "ftp://x/y.ics", "https://", "https://anna:pw@x/y.ics", "https://x/ö", "file://elsewhere/x.ics", "file:"],
)
def test_bad_addresses(make: Make, address: str) -> None:
    with pytest.raises(BadAddress):
        make(address)


# -- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [str, Path.as_uri], ids=["path", "file:"])
async def test_a_file(make: Make, tmp_path: Path, write: Callable[[Path], str]) -> None:
    path = tmp_path / "my calendar.ics"
    path.write_bytes(ONE)
    source = make(write(path))
    first = await source.changes(WINDOW, None)
    assert (first.complete, len(first.entries)) == (True, 1)
    assert not (await source.changes(WINDOW, first.sync_token)).complete
    assert (await source.changes(NEXT_DAY, first.sync_token)).complete
    path.write_bytes(TWO)
    assert len((await source.changes(WINDOW, first.sync_token)).entries) == 2


async def test_a_file_that_is_none(make: Make, tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match=r"x\.ics"):
        await make(str(tmp_path / "x.ics")).changes(WINDOW, None)
    with pytest.raises(SourceBroken, match="folder"):
        await make(str(tmp_path)).changes(WINDOW, None)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceBroken, match="not iCalendar"):
        await make(str(tmp_path / "file")).changes(WINDOW, None)
    with pytest.raises(SourceMissing):
        await make(str(tmp_path / "file" / "below")).changes(WINDOW, None)
    (tmp_path / "file").write_bytes(ONE)
    with pytest.raises(SourceTooLarge):
        await make(str(tmp_path / "file"), limit_bytes=10).changes(WINDOW, None)


async def test_a_pipe_that_nobody_writes_to_does_not_hold_it_up(make: Make, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceBroken, match="not a file"):
        await make(str(tmp_path / "pipe")).changes(WINDOW, None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_this_user_may_not_read(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "x.ics"
    path.write_bytes(ONE)
    path.chmod(0)
    with pytest.raises(SourceDenied):
        await make(str(path)).changes(WINDOW, None)


@pytest.mark.parametrize("how", ["grown", "replaced"])
async def test_a_file_that_changes_while_it_is_read(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = tmp_path / "x.ics"
    path.write_bytes(ONE)
    real = os.fstat
    calls: list[int] = []

    def meanwhile(fd: int) -> os.stat_result:
        calls.append(fd)
        state = real(fd)
        if len(calls) == 1 and how == "grown":
            with path.open("ab") as file:
                file.write(TWO)
        elif len(calls) == 1:
            (tmp_path / "new").write_bytes(ONE)
            (tmp_path / "new").replace(path)
        return state

    monkeypatch.setattr("backsoon.sources.ics.os.fstat", meanwhile)
    with pytest.raises(SourceUnavailable, match="changed while"):
        await make(str(path)).changes(WINDOW, None)
    assert (await make(str(path)).changes(WINDOW, None)).complete
