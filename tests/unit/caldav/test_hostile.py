"""The CalDAV source against servers that lie, break off and go round in circles."""

import asyncio
import gzip
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from backsoon.sources.base import (
    SourceBroken,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceTooLarge,
    SourceUnavailable,
    Window,
)
from backsoon.sources.caldav import CalDavLimits, CalDavSource
from backsoon.testing.events import MONDAY, WINDOW, Event, Stored, facts
from backsoon.wire.http import BadAddress, Http
from tests.hostile import serving
from tests.inline_reader import InlineReader
from tests.unit.caldav.scripted import (
    CALENDAR,
    HOME,
    IS_CALENDAR,
    IS_COLLECTION,
    Scripted,
    data,
    multistatus,
    response,
    scripted,
)

OFFICE = Event("office")
LUNCH = Event("lunch", start=MONDAY + timedelta(days=1))
THIRD = Event("third", start=MONDAY + timedelta(days=2))
TOKEN_2 = multistatus(response(CALENDAR, "<sync-token>t2</sync-token>"))


def href(event: Event) -> str:
    return f"{CALENDAR}{event.uid}.ics"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (web.Response(status=401), SourceDenied),
        (web.Response(status=403), SourceDenied),
        (web.Response(status=404), SourceMissing),
        (web.Response(status=410), SourceMissing),
        (web.Response(status=429), SourceUnavailable),
        (web.Response(status=500), SourceUnavailable),
        (web.Response(status=503), SourceUnavailable),
        (web.Response(status=507), SourceTooLarge),
        (web.Response(status=400), SourceBroken),
        (web.Response(status=200, text="<html>sign in</html>"), SourceBroken),
        (web.Response(status=204), SourceBroken),
        (web.Response(status=207, text="<html>sign in</html>"), SourceBroken),
        (web.Response(status=207, text="not xml"), SourceBroken),
        (web.Response(status=207, body=b""), SourceBroken),
        (web.Response(status=207, text='<!DOCTYPE a [<!ENTITY b "c">]><multistatus xmlns="DAV:"/>'), SourceBroken),
        (web.Response(status=302, headers={"Location": "http://evil.example/"}), SourceBroken),
        (multistatus(), SourceBroken),
        (multistatus(response(CALENDAR, whole=404)), SourceMissing),
        (multistatus(response(CALENDAR, whole=403)), SourceDenied),
        (multistatus(response("http://evil.example/dav/", IS_CALENDAR)), SourceBroken),
        (multistatus(response("/dav/../x/", IS_CALENDAR)), SourceBroken),
        (multistatus("<response><href>/dav/anna/work/</href><status>fine</status></response>"), SourceBroken),
        (
            web.Response(status=207, body=gzip.compress(bytes(20_000_000)), headers={"Content-Encoding": "gzip"}),
            SourceTooLarge,
        ),
        (web.Response(status=207, body=b" " * 9_000_000), SourceTooLarge),
    ],
)
async def test_what_is_no_answer_is_an_error(answer: web.Response, error: type[SourceError]) -> None:
    async with scripted() as (script, source):
        script.replies["where", CALENDAR] = answer
        with pytest.raises(error) as caught:
            await source.changes(WINDOW, None)
    assert type(caught.value) is error


async def test_how_long_to_wait_is_handed_on() -> None:
    async with scripted() as (script, source):
        script.replies["where", CALENDAR] = web.Response(status=503, headers={"Retry-After": "90"})
        with pytest.raises(SourceUnavailable) as caught:
            await source.changes(WINDOW, None)
    assert caught.value.retry_after == 90


class TestSyncReports:
    async def test_pages_are_followed_to_the_end(self) -> None:
        pages = {
            "t1": multistatus(
                *(response(href(event), "<getetag>2</getetag>") for event in (OFFICE, LUNCH)),
                response(CALENDAR, whole=507),
                token="p1",
            ),
            "p1": multistatus(response(href(LUNCH), whole=404), response(CALENDAR, whole=507), token="p2"),
            "p2": multistatus(response(href(THIRD), "<getetag>1</getetag>"), token="t2"),
        }
        later = OFFICE.but(minutes=5)
        async with scripted() as (script, source):
            script.calendar()
            script.holds(OFFICE, LUNCH)
            stored = Stored()
            stored.apply(await source.changes(WINDOW, None))
            script.replies["states", CALENDAR] = TOKEN_2
            script.replies["sync-collection", CALENDAR] = lambda _, body: next(
                answer for token, answer in pages.items() if f">{token}<" in body
            )
            script.replies["calendar-multiget", CALENDAR] = multistatus(
                response(href(later), data(later)), response(href(THIRD), data(THIRD))
            )
            changes = stored.apply(await source.changes(WINDOW, stored.token))
            assert changes.touched == {href(OFFICE), href(LUNCH), href(THIRD)}
            assert stored.facts == facts(later, THIRD)
            assert not any(href(LUNCH) in body for body in script.bodies), "what went later is not asked for"
            script.asked.clear()
            assert not (await source.changes(WINDOW, stored.token)).touched
            assert script.asked == [("states", CALENDAR)]

    @pytest.mark.parametrize("token", ["t1", "{n}"])
    async def test_pages_without_end_are_an_error(self, token: str) -> None:
        number = iter(range(10_000))

        def page(_request: web.BaseRequest, _body: str) -> web.Response:
            return multistatus(response(CALENDAR, whole=507), token=token.format(n=next(number)))

        async with scripted() as (script, source):
            script.calendar()
            script.holds(OFFICE)
            first = await source.changes(WINDOW, None)
            script.replies["states", CALENDAR] = TOKEN_2
            script.replies["sync-collection", CALENDAR] = page
            with pytest.raises((SourceBroken, SourceTooLarge)):
                await source.changes(WINDOW, first.sync_token)
            assert script.asked.count(("sync-collection", CALENDAR)) == (1 if token == "t1" else 100)

    @pytest.mark.parametrize(
        ("answer", "by_etags"),
        [
            (web.Response(status=403, text='<error xmlns="DAV:"><valid-sync-token/></error>'), False),
            (web.Response(status=412, text='<error xmlns="DAV:"><valid-sync-token/></error>'), False),
            (web.Response(status=409, text='<error xmlns="DAV:"><valid-sync-token/></error>'), False),
            (web.Response(status=410, text='<error xmlns="DAV:"><valid-sync-token/></error>'), False),
            (web.Response(status=403), True),
            (web.Response(status=403, text='<error xmlns="DAV:"><supported-report/></error>'), True),
            (web.Response(status=405), True),
            (web.Response(status=415), True),
            (web.Response(status=501), True),
        ],
    )
    async def test_a_refused_token_is_a_complete_read(self, answer: web.Response, by_etags: bool) -> None:
        """And where the server does not say that it was the token, versions are compared from then on."""
        async with scripted() as (script, source):
            script.calendar()
            script.holds(OFFICE, LUNCH)
            first = await source.changes(WINDOW, None)
            script.calendar("<sync-token>t2</sync-token>")
            script.holds(OFFICE)
            script.replies["sync-collection", CALENDAR] = answer
            script.replies["etags", CALENDAR] = multistatus(response(href(OFFICE), "<getetag>1</getetag>"))
            second = await source.changes(WINDOW, first.sync_token)
            assert second.complete
            assert [entry.uid for entry in second.entries] == ["office"]
            assert (("etags", CALENDAR) in script.asked) == by_etags
            script.asked.clear()
            third = await source.changes(WINDOW, second.sync_token)
            assert (third.complete, third.touched) == (False, frozenset())
            assert script.asked == [("states", CALENDAR)] + [("etags", CALENDAR)] * by_etags

    @pytest.mark.parametrize("status", [401, 429, 500, 503])
    async def test_another_error_is_no_refused_token(self, status: int) -> None:
        async with scripted() as (script, source):
            script.calendar()
            script.holds(OFFICE)
            first = await source.changes(WINDOW, None)
            script.replies["states", CALENDAR] = TOKEN_2
            script.replies["sync-collection", CALENDAR] = web.Response(status=status)
            with pytest.raises(SourceError):
                await source.changes(WINDOW, first.sync_token)

    async def test_a_calendar_answers_for_itself_only(self) -> None:
        """One that says what is in another would take the other's events away."""
        async with scripted() as (script, source):
            script.calendar()
            script.holds(OFFICE)
            first = await source.changes(WINDOW, None)
            script.replies["states", CALENDAR] = TOKEN_2
            script.replies["sync-collection", CALENDAR] = multistatus(
                response(f"{HOME}private/doctor.ics", whole=404), token="t2"
            )
            with pytest.raises(SourceBroken):
                await source.changes(WINDOW, first.sync_token)

    async def test_one_spelling_for_one_resource(self) -> None:
        async with scripted() as (script, source):
            script.calendar()
            script.replies["calendar-query", CALENDAR] = multistatus(
                response(f"{CALENDAR}a%20b%40x.ics", data(Event("a")))
            )
            stored = Stored()
            stored.apply(await source.changes(WINDOW, None))
            script.replies["states", CALENDAR] = TOKEN_2
            gone = f"http://127.0.0.1:1{CALENDAR}%61%20b@x.ics"
            script.replies["sync-collection", CALENDAR] = multistatus(response(gone, whole=404), token="t2")
            stored.apply(await source.changes(WINDOW, stored.token))
            assert stored.facts == []


class TestItemsThatFail:
    @pytest.mark.parametrize("status", [403, 500, 502])
    async def test_one_is_named_and_the_rest_is_read(self, status: int) -> None:
        async with scripted() as (script, source):
            script.calendar()
            script.replies["calendar-query", CALENDAR] = multistatus(
                response(href(OFFICE), data(OFFICE)), response(href(LUNCH), "<C:calendar-data/>", status)
            )
            script.replies["", href(LUNCH)] = web.Response(status=status)
            stored = Stored()
            changes = stored.apply(await source.changes(WINDOW, None))
            assert [(r.resource, str(status) in r.because) for r in changes.rejected] == [(href(LUNCH), True)]
            assert stored.facts == facts(OFFICE)
            script.replies["calendar-multiget", CALENDAR] = multistatus(response(href(LUNCH), data(LUNCH)))
            stored.apply(await source.changes(WINDOW, stored.token))
            assert stored.facts == facts(OFFICE, LUNCH), "it is asked for again until it comes"

    async def test_one_that_fails_later_keeps_what_it_had(self) -> None:
        async with scripted() as (script, source):
            script.calendar()
            script.holds(OFFICE, LUNCH)
            stored = Stored()
            stored.apply(await source.changes(WINDOW, None))
            script.replies["states", CALENDAR] = TOKEN_2
            script.replies["sync-collection", CALENDAR] = multistatus(
                response(href(LUNCH), "<getetag>2</getetag>"), token="t2"
            )
            script.replies["calendar-multiget", CALENDAR] = multistatus(response(href(LUNCH), whole=500))
            script.replies["", href(LUNCH)] = web.Response(text="<html>Sign in</html>")
            changes = stored.apply(await source.changes(WINDOW, stored.token))
            assert [r.resource for r in changes.rejected] == [href(LUNCH)]
            assert stored.facts == facts(OFFICE, LUNCH)
            script.replies["", href(LUNCH)] = web.Response(status=404)
            stored.apply(await source.changes(WINDOW, stored.token))
            assert stored.facts == facts(OFFICE), "now the server says that it is gone"
            assert (await source.changes(WINDOW, stored.token)).touched == frozenset()

    async def test_it_is_asked_for_again_beside_what_changed(self) -> None:
        async with scripted() as (script, source):
            script.calendar()
            script.replies["calendar-query", CALENDAR] = multistatus(
                response(href(OFFICE), data(OFFICE)), response(href(LUNCH), whole=500)
            )
            script.replies["", href(LUNCH)] = web.Response(status=500)
            stored = Stored()
            stored.apply(await source.changes(WINDOW, None))
            script.replies["states", CALENDAR] = TOKEN_2
            script.replies["sync-collection", CALENDAR] = multistatus(
                response(href(THIRD), "<getetag>1</getetag>"), token="t2"
            )
            script.replies["calendar-multiget", CALENDAR] = multistatus(
                response(href(LUNCH), data(LUNCH)), response(href(THIRD), data(THIRD))
            )
            stored.apply(await source.changes(WINDOW, stored.token))
            assert stored.facts == facts(OFFICE, LUNCH, THIRD)

    @pytest.mark.parametrize("whole", [404, 403, 405, 500])
    async def test_a_multiget_that_fails_as_a_whole_is_asked_one_by_one(self, whole: int) -> None:
        async with scripted() as (script, source):
            script.calendar()
            script.holds(OFFICE, LUNCH)
            stored = Stored()
            stored.apply(await source.changes(WINDOW, None))
            later = OFFICE.but(minutes=5)
            script.replies["states", CALENDAR] = TOKEN_2
            script.replies["sync-collection", CALENDAR] = multistatus(
                response(href(OFFICE), "<getetag>2</getetag>"),
                response(href(LUNCH), "<getetag>2</getetag>"),
                token="t2",
            )
            script.replies["calendar-multiget", CALENDAR] = web.Response(status=whole)
            script.replies["", href(OFFICE)] = web.Response(text=later.ics())
            stored.apply(await source.changes(WINDOW, stored.token))
            assert stored.facts == facts(later), "the other one is a 404"

    async def test_what_a_multiget_leaves_out_is_not_taken_for_removed(self) -> None:
        async with scripted() as (script, source):
            script.calendar()
            script.holds(OFFICE, LUNCH)
            stored = Stored()
            stored.apply(await source.changes(WINDOW, None))
            script.replies["states", CALENDAR] = TOKEN_2
            script.replies["sync-collection", CALENDAR] = multistatus(
                response(href(LUNCH), "<getetag>2</getetag>"), token="t2"
            )
            script.replies["calendar-multiget", CALENDAR] = multistatus()
            script.replies["", href(LUNCH)] = web.Response(status=500)
            stored.apply(await source.changes(WINDOW, stored.token))
            assert stored.facts == facts(OFFICE, LUNCH)

    async def test_when_every_item_fails_the_read_fails(self) -> None:
        async with scripted() as (script, source):
            script.calendar()
            script.replies["calendar-query", CALENDAR] = multistatus(response(href(OFFICE), whole=500))
            script.replies["", "*"] = web.Response(status=500)
            with pytest.raises(SourceUnavailable):
                await source.changes(WINDOW, None)

    async def test_when_too_many_fail_the_read_fails(self) -> None:
        failing = [response(f"{CALENDAR}{n}.ics", whole=500) for n in range(11)]
        async with scripted(limits=CalDavLimits(failures=10)) as (script, source):
            script.calendar()
            script.replies["calendar-query", CALENDAR] = multistatus(response(href(OFFICE), data(OFFICE)), *failing)
            script.replies["", "*"] = web.Response(status=500)
            with pytest.raises(SourceUnavailable, match="more than 10"):
                await source.changes(WINDOW, None)

    async def test_an_item_too_large_is_named(self) -> None:
        large = THIRD.but(subject="x" * 5_000)
        async with scripted(limits=CalDavLimits(item_bytes=4_000)) as (script, source):
            script.calendar()
            script.holds(OFFICE, large)
            changes = await source.changes(WINDOW, None)
        assert [(r.resource, "4000 bytes" in r.because) for r in changes.rejected] == [(href(THIRD), True)]
        assert [entry.uid for entry in changes.entries] == ["office"]


class TestWaysAround:
    """A query by time that fails is answered by name, in smaller and smaller pieces."""

    @pytest.mark.parametrize(
        "answer",
        [
            web.Response(status=403),
            web.Response(status=500),
            web.Response(status=501),
            multistatus(response(href(OFFICE), data(OFFICE)), response(CALENDAR, whole=507)),
            web.Response(status=207, text=f"<multistatus>\x0b{OFFICE.ics()}</multistatus>"),
            web.Response(status=207, body=b" " * 40_000),
        ],
        ids=["403", "500", "501", "truncated", "spoilt", "large"],
    )
    async def test_reading_by_name(self, answer: web.Response) -> None:
        limits = CalDavLimits(answer_bytes=30_000)
        async with scripted(limits=limits) as (script, source):
            script.calendar()
            script.replies["calendar-query", CALENDAR] = answer
            script.replies["etags", CALENDAR] = multistatus(
                response(CALENDAR, "<getetag>0</getetag>"),
                *(response(href(event), "<getetag>1</getetag>") for event in (OFFICE, LUNCH, THIRD)),
            )

            def multiget(_request: web.BaseRequest, body: str) -> web.Response:
                wanted = [event for event in (OFFICE, LUNCH, THIRD) if href(event) in body]
                if THIRD in wanted:
                    return web.Response(status=207, text="<multistatus>\x00</multistatus>")
                return multistatus(*(response(href(event), data(event)) for event in wanted))

            script.replies["calendar-multiget", CALENDAR] = multiget
            script.replies["", href(THIRD)] = web.Response(text=THIRD.ics())
            stored = Stored()
            stored.apply(await source.changes(WINDOW, None))
            assert stored.facts == facts(OFFICE, LUNCH, THIRD)

    async def test_a_server_that_hangs_over_the_query(self) -> None:
        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            if "calendar-query" in await request.text():
                await asyncio.sleep(30)
            return await script(request)

        async with scripted() as (script, _), serving(handler) as url, Http(deadline=0.2) as http:
            source = CalDavSource(http, InlineReader(), url + CALENDAR, zone="UTC")
            script.calendar()
            script.replies["etags", CALENDAR] = multistatus(response(href(OFFICE), "<getetag>1</getetag>"))
            script.replies["calendar-multiget", CALENDAR] = multistatus(response(href(OFFICE), data(OFFICE)))
            assert len((await source.changes(WINDOW, None)).entries) == 1

    @pytest.mark.parametrize("status", [401, 429, 503])
    async def test_there_is_no_way_around_the_account_or_the_load(self, status: int) -> None:
        async with scripted() as (script, source):
            script.calendar()
            script.replies["calendar-query", CALENDAR] = web.Response(status=status)
            with pytest.raises(SourceError):
                await source.changes(WINDOW, None)
            assert ("etags", CALENDAR) not in script.asked


class TestBounds:
    async def test_on_resources_in_an_answer(self) -> None:
        many = [response(f"{CALENDAR}{n}.ics", "<getetag>1</getetag>") for n in range(12)]
        async with scripted(limits=CalDavLimits(items=10)) as (script, source):
            script.calendar("")
            script.replies["etags", CALENDAR] = multistatus(*many)
            with pytest.raises(SourceTooLarge, match="10"):
                await source.changes(WINDOW, None)

    async def test_on_calendar_data_altogether(self) -> None:
        async with scripted(limits=CalDavLimits(total_bytes=300)) as (script, source):
            script.calendar()
            script.holds(OFFICE, LUNCH)
            with pytest.raises(SourceTooLarge, match="300 bytes"):
                await source.changes(WINDOW, None)

    async def test_on_collections(self) -> None:
        many = [response(f"{HOME}{n}/", IS_CALENDAR) for n in range(5)]
        async with scripted(HOME, CalDavLimits(collections=4)) as (script, source):
            script.replies["where", HOME] = multistatus(response(HOME, IS_COLLECTION))
            script.replies["collections", HOME] = multistatus(response(HOME, IS_COLLECTION), *many)
            with pytest.raises(SourceTooLarge, match="4 collections"):
                await source.changes(WINDOW, None)

    async def test_on_time(self) -> None:
        async def handler(_request: web.BaseRequest) -> web.StreamResponse:
            await asyncio.sleep(30)
            return web.Response()

        async with serving(handler) as url, Http() as http:
            limits = CalDavLimits(seconds=0.2)
            source = CalDavSource(http, InlineReader(), url + CALENDAR, zone="UTC", limits=limits)
            with pytest.raises(SourceUnavailable, match=r"0\.2 s"):
                await source.changes(WINDOW, None)


async def test_a_poisoned_calendar_takes_nothing_from_the_other() -> None:
    """Both are one person's: the read fails, and nothing that is stored is touched."""
    other = f"{HOME}other/"
    states = [response(path, "<sync-token>t1</sync-token>") for path in (CALENDAR, other)]
    async with scripted(HOME) as (script, source):
        script.replies["where", HOME] = multistatus(response(HOME, IS_COLLECTION))
        script.replies["collections", HOME] = multistatus(
            *(response(path, IS_CALENDAR + "<sync-token>t1</sync-token>") for path in (CALENDAR, other))
        )
        script.replies["states", HOME] = multistatus(response(HOME), *states)
        script.holds(OFFICE)
        script.holds(LUNCH, path=other)
        stored = Stored()
        stored.apply(await source.changes(WINDOW, None))
        assert stored.facts == facts(OFFICE, LUNCH)
        script.replies["states", HOME] = multistatus(
            response(HOME), states[0], response(other, "<sync-token>t2</sync-token>")
        )
        for poison in (web.Response(text="<html/>"), web.Response(status=500), multistatus(token="")):
            script.replies["sync-collection", other] = poison
            with pytest.raises(SourceError):
                await source.changes(WINDOW, stored.token)
        script.replies["sync-collection", other] = multistatus(token="t2")
        assert not stored.apply(await source.changes(WINDOW, stored.token)).touched
        assert stored.facts == facts(OFFICE, LUNCH)


@pytest.mark.parametrize("by_tokens", [True, False])
async def test_a_change_during_a_complete_read_is_not_lost(by_tokens: bool) -> None:
    """What is remembered is what was there before the data were asked for."""
    now, new = ("<sync-token>t1</sync-token>", "<sync-token>t2</sync-token>") if by_tokens else ("", "")
    later = OFFICE.but(minutes=5)
    async with scripted() as (script, source):

        def query(_request: web.BaseRequest, _body: str) -> web.Response:
            script.replies["states", CALENDAR] = multistatus(response(CALENDAR, new))
            script.replies["etags", CALENDAR] = multistatus(response(href(OFFICE), "<getetag>2</getetag>"))
            return multistatus(response(href(OFFICE), data(OFFICE)))

        script.calendar(now)
        script.replies["etags", CALENDAR] = multistatus(response(href(OFFICE), "<getetag>1</getetag>"))
        script.replies["calendar-query", CALENDAR] = query
        script.replies["sync-collection", CALENDAR] = multistatus(
            response(href(OFFICE), "<getetag>2</getetag>"), token="t2"
        )
        script.replies["calendar-multiget", CALENDAR] = multistatus(response(href(later), data(later)))
        stored = Stored()
        stored.apply(await source.changes(WINDOW, None))
        assert stored.facts == facts(OFFICE)
        stored.apply(await source.changes(WINDOW, stored.token))
        assert stored.facts == facts(later)


@pytest.mark.parametrize("etag", ["", "<getetag/>"])
async def test_without_any_version_everything_is_asked_for_each_time(etag: str) -> None:
    async with scripted() as (script, source):
        script.calendar("")
        script.holds(OFFICE)
        script.replies["etags", CALENDAR] = multistatus(response(href(OFFICE), etag))
        later = OFFICE.but(minutes=5)
        script.replies["calendar-multiget", CALENDAR] = multistatus(response(href(later), data(later)))
        stored = Stored()
        stored.apply(await source.changes(WINDOW, None))
        stored.apply(await source.changes(WINDOW, stored.token))
        assert stored.facts == facts(later)


async def test_an_unchanged_ctag_spares_the_versions() -> None:
    async with scripted() as (script, source):
        script.calendar("<S:getctag>c1</S:getctag>")
        script.holds(OFFICE)
        script.replies["etags", CALENDAR] = multistatus(response(href(OFFICE), "<getetag>1</getetag>"))
        token = (await source.changes(WINDOW, None)).sync_token
        script.asked.clear()
        assert not (await source.changes(WINDOW, token)).touched
        assert script.asked == [("states", CALENDAR)]


async def test_an_unchanged_home_costs_one_request() -> None:
    states = multistatus(response(HOME), response(CALENDAR, "<sync-token>t1</sync-token>"), response(f"{HOME}inbox/"))
    async with scripted(HOME) as (script, source):
        script.replies["where", HOME] = multistatus(response(HOME, IS_COLLECTION))
        script.replies["collections", HOME] = multistatus(
            response(HOME, IS_COLLECTION),
            response(CALENDAR, IS_CALENDAR + "<sync-token>t1</sync-token>"),
            response(f"{HOME}inbox/", IS_COLLECTION),
        )
        script.replies["states", HOME] = states
        script.holds(OFFICE)
        first = await source.changes(WINDOW, None)
        script.asked.clear()
        assert not (await source.changes(WINDOW, first.sync_token)).touched
        assert script.asked == [("states", HOME)]


@pytest.mark.parametrize("there", [(CALENDAR, f"{HOME}new/"), (f"{HOME}new/",)])
async def test_a_home_with_other_collections_is_read_whole(there: tuple[str, ...]) -> None:
    async with scripted(HOME) as (script, source):

        def holds(*paths: str) -> None:
            tokens = [response(path, IS_CALENDAR + "<sync-token>t1</sync-token>") for path in paths]
            script.replies["collections", HOME] = script.replies["states", HOME] = multistatus(response(HOME), *tokens)

        script.replies["where", HOME] = multistatus(response(HOME, IS_COLLECTION))
        script.holds(OFFICE)
        script.holds(LUNCH, path=f"{HOME}new/")
        holds(CALENDAR)
        stored = Stored()
        stored.apply(await source.changes(WINDOW, None))
        holds(*there)
        assert stored.apply(await source.changes(WINDOW, stored.token)).complete
        assert stored.facts == facts(LUNCH, *([OFFICE] if CALENDAR in there else []))


async def test_a_window_that_has_moved_less_than_a_day_needs_no_complete_read() -> None:
    async with scripted() as (script, source):
        script.calendar()
        script.holds(OFFICE)
        token = (await source.changes(WINDOW, None)).sync_token
        for hours, complete in ((23, False), (24, True), (-24, True)):
            shift = timedelta(hours=hours)
            changes = await source.changes(Window(WINDOW.start + shift, WINDOW.end + shift), token)
            assert changes.complete is complete


@pytest.mark.parametrize(
    "other", [{"path": f"{HOME}other/"}, {"zone": "Europe/London"}, {"owner": frozenset({"anna@x.example"})}]
)
async def test_a_token_of_other_settings_is_none(other: dict[str, Any]) -> None:
    script = Scripted()
    for path in (CALENDAR, f"{HOME}other/"):
        script.calendar(path=path)
        script.holds(OFFICE, path=path)
    async with serving(script) as url, Http() as http:

        def source(path: str = CALENDAR, zone: str = "Europe/Oslo", **settings: Any) -> CalDavSource:
            return CalDavSource(http, InlineReader(), url + path, zone=zone, **settings)

        token = (await source().changes(WINDOW, None)).sync_token
        assert not (await source().changes(WINDOW, token)).complete
        assert (await source(**other).changes(WINDOW, token)).complete


@pytest.mark.parametrize("address", ["calendar.example", "ftp://x/", "http://a:b@x/", "http://x/?a=b"])
async def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(BadAddress):
        CalDavSource(Http(), InlineReader(), address, zone="UTC")
