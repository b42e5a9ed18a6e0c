"""Where EWS is: by autodiscover, and no further than the account's own domain."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from backsoon.engine.sync import SyncSettings
from backsoon.sources.base import (
    SourceBroken,
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceUnavailable,
)
from backsoon.sources.ews.autodiscover import DOUBT_AGAIN, FAILED_FOR, LONGEST, Autodiscover, Written
from backsoon.sources.ews.settings import EwsSettings
from backsoon.sources.ews.transport import Transport
from backsoon.wire.http import BadAddress, Http
from tests.unit.ews.server import ANNA, office

A = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
Pages = dict[str, tuple[int, str, str]]
"""By path: status, body, location."""


def pox(inner: str) -> tuple[int, str, str]:
    return 200, f'<Autodiscover><Response xmlns="{A}"><Account>{inner}</Account></Response></Autodiscover>', ""


def protocol(kind: str, url: str) -> str:
    return f"<Protocol><Type>{kind}</Type><EwsUrl>{url}</EwsUrl></Protocol>"


@asynccontextmanager
async def asked(
    pages: Pages, seen: list[tuple[str, str]] | None = None, more: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Autodiscover, str]]:
    """Autodiscover at a server of these pages, for `service@corp.example`."""

    async def handle(request: web.Request) -> web.Response:
        user = base64.b64decode(request.headers.get("Authorization", "Basic ").split()[-1]).decode()
        if seen is not None:
            seen.append((request.path, user))
        status, body, location = pages.get(request.path, (404, "", ""))
        return web.Response(
            status=status, text=body, headers={**({"Location": location} if location else {}), **(more or {})}
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = EwsSettings(username="service@corp.example", password="pw", sign_in="basic")
    try:
        async with Http(deadline=5) as http:
            yield Autodiscover(settings, Transport(settings, http), bases=(base,)), base
    finally:
        await runner.cleanup()


OLD, NEW = "/autodiscover/autodiscover.xml", "/autodiscover/autodiscover.svc"


async def test_the_address_from_outside_is_preferred() -> None:
    inner = protocol("EXCH", "https://in.corp.example/EWS/Exchange.asmx")
    inner += protocol("EXPR", "https://mail.corp.example/EWS/Exchange.asmx")
    seen: list[tuple[str, str]] = []
    async with asked({OLD: pox(inner)}, seen) as (found, _):
        for _ in range(2):
            assert await found.find("anna@corp.example") == "https://mail.corp.example/EWS/Exchange.asmx"
        assert seen == [(OLD, "service@corp.example:pw")]


async def test_servers_that_know_the_newer_way_only() -> None:
    async with office() as made:
        transport = made.account._transport
        settings = made.account._client.settings
        found = Autodiscover(settings, transport, bases=(made.sim.base,))
        assert await found.find(ANNA) == made.sim.url
        assert await found._soap(made.sim.base, ANNA) == made.sim.url
        with pytest.raises(SourceMissing):
            await found._soap(made.sim.base, "nobody@example.com")


ELSEWHERE: dict[str, Callable[[str], Pages]] = {
    "an address": lambda _: {OLD: pox(protocol("EXPR", "https://evil.example/EWS/Exchange.asmx"))},
    "a look-alike": lambda _: {OLD: pox(protocol("EXPR", "https://notcorp.example/EWS/Exchange.asmx"))},
    "without TLS": lambda _: {OLD: pox(protocol("EXPR", "http://mail.corp.example/EWS/Exchange.asmx"))},
    "a redirect": lambda _: {OLD: (302, "", "https://autodiscover.evil.example/autodiscover/autodiscover.xml")},
    "a written one": lambda _: {
        OLD: pox("<Action>redirectUrl</Action><RedirectUrl>https://evil.example/a.xml</RedirectUrl>")
    },
    "another domain": lambda _: {
        OLD: pox("<Action>redirectAddr</Action><RedirectAddr>anna@evil.example</RedirectAddr>")
    },
}


@pytest.mark.parametrize("how", ELSEWHERE)
async def test_the_account_is_not_sent_elsewhere(how: str) -> None:
    async with asked(ELSEWHERE[how]("")) as (found, _):
        with pytest.raises(SourceBroken, match="not sent unasked") as caught:
            await found.find("anna@corp.example")
        assert "url =" in caught.value.remedy


async def test_redirects_within_what_is_trusted_are_followed() -> None:
    pages: Pages = {"/two.xml": pox(protocol("EXPR", "https://corp.example/EWS/Exchange.asmx"))}
    async with asked(pages) as (found, base):
        pages[OLD] = (302, "", "/one.xml")
        pages["/one.xml"] = pox(f"<Action>redirectUrl</Action><RedirectUrl>{base}/two.xml</RedirectUrl>")
        assert await found.find("anna@corp.example") == "https://corp.example/EWS/Exchange.asmx"


async def test_a_circle_of_redirects_ends() -> None:
    seen: list[tuple[str, str]] = []
    async with asked({OLD: (302, "", OLD), NEW: (302, "", NEW)}, seen) as (found, _):
        with pytest.raises(SourceError):
            await found.find("anna@corp.example")
    assert len(seen) == 10


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_is_final(status: int) -> None:
    seen: list[tuple[str, str]] = []
    async with asked({OLD: (status, "", "")}, seen) as (found, _):
        with pytest.raises(SourceDenied):
            await found.find("anna@corp.example")
    assert len(seen) == 1  # more wrong passwords lock the account


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_asks_to_wait_is_asked_nothing_else(status: int) -> None:
    seen: list[tuple[str, str]] = []
    async with asked({OLD: (status, "", ""), NEW: (status, "", "")}, seen, {"Retry-After": "70"}) as (found, _):
        with pytest.raises(SourceBusy) as caught:
            await found.find("anna@corp.example")
        assert caught.value.retry_after == 70
    assert len(seen) == 1


@pytest.mark.parametrize("location", ["http://[", "https://corp.example:port/"])
async def test_a_redirect_to_nowhere_is_an_error(location: str) -> None:
    async with asked({OLD: (302, "", location), NEW: (302, "", location)}) as (found, _):
        with pytest.raises(SourceMissing):
            await found.find("anna@corp.example")


@pytest.mark.parametrize("body", ["", "<html>Sign in", "<!DOCTYPE a><a/>", "<Autodiscover/>", "<a><b/></a>"])
async def test_what_is_no_answer_is_an_error(body: str) -> None:
    async with asked({OLD: (200, body, ""), NEW: (200, body, "")}) as (found, _):
        with pytest.raises(SourceMissing, match="finds no EWS"):
            await found.find("anna@corp.example")


async def test_people_of_other_domains_are_not_asked_for_there() -> None:
    settings = EwsSettings(username="service@corp.example", password="pw")
    async with Http() as http:
        found = Autodiscover(settings, Transport(settings, http))
        assert found._bases == ("https://autodiscover.corp.example", "https://corp.example")
        assert found._asked_for("anna@corp.example") == "anna@corp.example"
        assert found._asked_for("anna@gmail.example") == "service@corp.example"


async def test_a_user_name_without_domain_asks_nobody() -> None:
    settings = EwsSettings(username="CORP\\service", password="pw")
    async with Http() as http:
        with pytest.raises(SourceMissing, match="not known") as caught:
            await Autodiscover(settings, Transport(settings, http)).find(ANNA)
    assert "url" in caught.value.remedy


async def test_a_written_address_is_checked() -> None:
    assert await Written("https://mail.example.com/EWS/Exchange.asmx").find(ANNA)
    with pytest.raises(BadAddress):
        Written("mail.example.com")


# -- what is remembered ----------------------------------------------------------------------------------------------


class Hours:
    """A clock that a test sets, in the place of the loop's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("backsoon.sources.ews.autodiscover._now", lambda: self.now)


WHERE = "https://mail.corp.example/EWS/Exchange.asmx"
THERE = "https://other.corp.example/EWS/Exchange.asmx"


async def test_a_failure_is_remembered_for_all_mailboxes_and_tried_again_after_some_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hours, seen, pages = Hours(monkeypatch), list[tuple[str, str]](), dict[str, tuple[int, str, str]]()
    async with asked(pages, seen) as (found, _):
        errors = await asyncio.gather(*(found.find(f"p{n}@corp.example") for n in range(50)), return_exceptions=True)
        assert len(seen) == 2  # POX and SOAP, once
        assert all(isinstance(e, SourceMissing) and "finds no EWS" in str(e) and "url =" in e.remedy for e in errors)
        assert len({id(e) for e in errors}) == 50
        assert errors[7].retry_after == FAILED_FOR  # type: ignore[union-attr]
        hours.now += FAILED_FOR - 1
        with pytest.raises(SourceMissing):
            await found.find("anna@corp.example")
        assert len(seen) == 2
        hours.now += 1
        with pytest.raises(SourceMissing) as caught:
            await found.find("anna@corp.example")
        assert (len(seen), caught.value.retry_after) == (4, 2 * FAILED_FOR)
        pages[OLD] = pox(protocol("EXPR", WHERE))
        hours.now += 2 * FAILED_FOR
        assert await found.find("anna@corp.example") == WHERE


async def test_an_address_that_is_doubted_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hours, seen = Hours(monkeypatch), list[tuple[str, str]]()
    pages = {OLD: pox(protocol("EXPR", WHERE))}
    async with asked(pages, seen) as (found, _):
        assert await found.find("anna@corp.example") == WHERE
        pages[OLD] = pox(protocol("EXPR", THERE))
        found.doubt()
        assert await found.find("anna@corp.example") == WHERE  # it was asked for just now
        hours.now += DOUBT_AGAIN
        assert await found.find("anna@corp.example") == WHERE  # it is not doubted any more
        found.doubt()
        assert await found.find("anna@corp.example") == THERE
        assert len(seen) == 2


async def test_an_address_stands_where_none_is_found_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    hours, seen = Hours(monkeypatch), list[tuple[str, str]]()
    pages = {OLD: pox(protocol("EXPR", WHERE))}
    async with asked(pages, seen) as (found, _):
        await found.find("anna@corp.example")
        pages.clear()
        hours.now += DOUBT_AGAIN
        for _again in range(3):
            found.doubt()
            assert await found.find("anna@corp.example") == WHERE
        assert len(seen) == 1 + 2
        pages[OLD] = pox(protocol("EXPR", THERE))
        hours.now += FAILED_FOR
        assert await found.find("anna@corp.example") == THERE


class Silent:
    """Autodiscover says nothing from now on."""

    def __init__(self, found: Autodiscover) -> None:
        self.asked = 0
        found._discover = self  # type: ignore[assignment]

    async def __call__(self, _mailbox: str) -> str:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


async def test_while_an_address_is_asked_for_again_the_others_go_on_with_what_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hours, pages = Hours(monkeypatch), {OLD: pox(protocol("EXPR", WHERE))}
    async with asked(pages, []) as (found, _):
        await found.find("anna@corp.example")
        hours.now += DOUBT_AGAIN
        found.doubt()
        silent = Silent(found)
        asking = asyncio.create_task(found.find("gone@corp.example"))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            for _each in range(20):
                assert await found.find("anna@corp.example") == WHERE
        asking.cancel()  # it was read for too long
        await asyncio.gather(asking, return_exceptions=True)
        async with asyncio.timeout(5):
            assert await found.find("gone@corp.example") == WHERE  # that it failed is remembered
        assert silent.asked == 1


async def test_whoever_cannot_wait_for_an_answer_leaves_the_failure_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Hours(monkeypatch)
    async with asked({}, []) as (found, _):
        silent = Silent(found)
        waiting = [asyncio.create_task(found.find(f"p{n}@corp.example")) for n in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        async with asyncio.timeout(5):
            results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results[1:]] == [SourceUnavailable] * 2
        assert silent.asked == 1


async def test_hosts_that_say_nothing_are_not_waited_for_longer_than_a_reading_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert SyncSettings().timeout > LONGEST
    monkeypatch.setattr("backsoon.sources.ews.autodiscover.LONGEST", 0.01)
    async with asked({}, []) as (found, _):
        Silent(found)
        async with asyncio.timeout(5):
            with pytest.raises(SourceUnavailable, match="in time"):
                await found.find("anna@corp.example")


MOVED = {
    "a redirect": ("redirect", {}),
    "refused": ("sign_in", {}),
    "no such mailbox": ("missing", {}),
    "no way there": ("vendor", {"code": "ErrorNoRespondingCASInDestinationSite"}),
    "nothing there": ("html", {"status": 404}),
}


class Doubted(Written):
    """Counts how often it is doubted."""

    doubts = 0

    def doubt(self) -> None:
        self.doubts += 1


@pytest.mark.parametrize("how", MOVED)
async def test_a_server_that_is_not_the_right_one_makes_its_address_doubted(how: str) -> None:
    async with office() as made:
        addresses = made.account._client._addresses = Doubted(made.sim.url)
        await made.read()
        assert addresses.doubts == 0
        kind, told = MOVED[how]
        made.sim.faults.add(kind, match="FindItem", **told)  # type: ignore[arg-type]
        with pytest.raises(SourceError):
            await made.read()
        assert addresses.doubts == 1


@pytest.mark.parametrize("kind", ["throttle", "unavailable", "half"])
async def test_a_server_that_has_trouble_is_the_right_one(kind: str) -> None:
    async with office() as made:
        addresses = made.account._client._addresses = Doubted(made.sim.url)
        made.sim.faults.add(kind, times=3, match="FindItem", seconds=60)
        with pytest.raises(SourceError):
            await made.read()
        assert addresses.doubts == 0


async def test_a_server_that_is_gone_makes_its_address_doubted() -> None:
    async with office() as made:
        addresses = made.account._client._addresses = Doubted("http://127.0.0.1:9/EWS/Exchange.asmx")
        with pytest.raises(SourceError):
            await made.read()
        assert addresses.doubts == 1
