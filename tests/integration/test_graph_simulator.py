"""The simulator of Microsoft Graph does what Microsoft's reference says, seen with msal, prism and a plain client."""

from __future__ import annotations

import asyncio
import functools
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msal  # type: ignore[import-untyped]
import pytest
import requests
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from yarl import URL

from backsoon.sources.account import Ordered, Wanted
from backsoon.sources.base import Window
from backsoon.sources.graph import GraphAccount, GraphSettings
from backsoon.wire.http import Http
from tests.node_servers import running_prism
from tests.peers import require_peer
from tests.simulators.graph import GraphSimulator, Limits
from tests.simulators.model import AutomaticReply, Mailbox, Meeting, Repeats, World

ANNA, BO, CARL = "anna@example.test", "bo@example.test", "carl@example.test"
MONDAY = datetime(2026, 11, 23, 9)  # noqa: DTZ001 - the wall clock where it takes place
YEARS_AHEAD = MONDAY + timedelta(days=800)
SUNDAY_AT_13 = MONDAY - timedelta(hours=20)
WINDOW: dict[str, Any] = {"startDateTime": "2026-11-20T00:00:00Z", "endDateTime": "2026-12-20T00:00:00Z"}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCOPE = ["https://graph.microsoft.com/.default"]
DATA = os.environ.get("BACKSOON_DATA")
PUBLIC = "https://backsoon.example.test"


def meeting(uid: str = "one", start: datetime = MONDAY, **more: Any) -> Meeting:
    return Meeting(uid, start, start + timedelta(hours=1), more.pop("subject", "m: Budget"), **more)


def series(**more: Any) -> Meeting:
    return meeting("series", repeats=Repeats(count=5), **more)


class Client:
    """What Graph is asked with."""

    def __init__(self, sim: GraphSimulator, session: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.session = session
        self.base = sim.url
        self.headers: dict[str, str] = {}

    async def sign_in(self, **form: str) -> None:
        told = {
            "client_id": self.sim.client_id,
            "client_secret": self.sim.client_secret,
            "grant_type": "client_credentials",
            "scope": SCOPE[0],
        }
        where = f"{self.sim.url.removesuffix('/v1.0')}/{self.sim.tenant}/oauth2/v2.0/token"
        async with self.session.post(where, data=told | form) as answer:
            self.headers["Authorization"] = f"Bearer {(await answer.json())['access_token']}"

    async def ask(
        self, path: str, method: str = "GET", body: Any = None, status: int = 200, prefer: str = "", **query: str
    ) -> Any:
        """The body of the answer, which must have that status."""
        headers = self.headers | ({"Prefer": prefer} if prefer else {})
        url = URL(path, encoded=True) if path.startswith("http") else URL(self.base + path)
        async with self.session.request(method, url, params=query or None, json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == status, text
            self.answered = answer.headers
            return await answer.json() if text else None

    async def code(self, path: str, status: int, **more: Any) -> str:
        """The code of the error that is answered."""
        return str((await self.ask(path, status=status, **more))["error"]["code"])

    async def all(self, path: str, **more: Any) -> tuple[list[dict[str, Any]], str, int]:
        """All entities, the delta link and how many pages there were."""
        body = await self.ask(path, **more)
        found, pages = list(body["value"]), 1
        while following := body.get("@odata.nextLink"):
            body = await self.ask(following, prefer=more.get("prefer", ""))
            found += body["value"]
            pages += 1
        return found, str(body.get("@odata.deltaLink", "")), pages


Anything = Callable[..., Any]


@asynccontextmanager
async def simulated(*meetings: Meeting, **options: Any) -> AsyncIterator[tuple[GraphSimulator, Client]]:
    """Anna's meetings, Bo and Carl without any; a client that has signed in."""
    world = World([Mailbox(ANNA), Mailbox(BO), Mailbox(CARL)])
    for each in meetings:
        world[ANNA].put(each)
    async with GraphSimulator(world, **options) as sim, aiohttp.ClientSession() as session:
        client = Client(sim, session)
        await client.sign_in()
        yield sim, client


VIEW, DELTA = f"/users/{ANNA}/calendarView", f"/users/{ANNA}/calendarView/delta"


class TestSignIn:
    """With msal, which we did not write."""

    @staticmethod
    def application(
        sim: GraphSimulator, session: requests.Session, credential: Any, more: Mapping[str, str]
    ) -> msal.ConfidentialClientApplication:
        session.request = functools.partial(session.request, verify=sim.ca_file, timeout=30)  # type: ignore[method-assign]
        return msal.ConfidentialClientApplication(
            more.get("client_id", sim.client_id),
            client_credential=credential,
            authority=f"{sim.sign_in_url}/{more.get('tenant', sim.tenant)}",
            instance_discovery=False,
            http_client=session,
        )

    async def token(self, sim: GraphSimulator, credential: Any = None, **more: str) -> Mapping[str, Any]:
        def acquire() -> Any:
            with requests.Session() as session:
                application = self.application(sim, session, credential or sim.client_secret, more)
                return application.acquire_token_for_client([more["scope"]] if "scope" in more else SCOPE)

        return await asyncio.to_thread(acquire)

    async def test_a_secret(self) -> None:
        async with simulated(meeting()) as (sim, client):
            told = await self.token(sim)
            client.headers = {"Authorization": f"Bearer {told['access_token']}"}
            assert told["expires_in"] == 3599
            assert len((await client.ask(VIEW, **WINDOW))["value"]) == 1

    async def test_a_certificate_that_is_registered(self) -> None:
        async with simulated() as (sim, _):
            private, public = made_certificate()
            credential = {"private_key": private, "public_certificate": public}
            assert (await self.token(sim, credential))["error_codes"] == [700027]
            sim.certify(public.encode())
            assert "access_token" in await self.token(sim, credential)

    async def test_what_is_refused(self) -> None:
        async with simulated() as (sim, _):
            assert (await self.token(sim, "wrong"))["error_codes"] == [7000215]
            assert (await self.token(sim, client_id="other"))["error_codes"] == [700016]
            assert (await self.token(sim, scope="https://elsewhere.test/.default"))["error_codes"] == [1002012]
            sim.registration.secret_expired = True
            assert (await self.token(sim))["error_codes"] == [7000222]
            with pytest.raises(ValueError, match="tenant"):
                await self.token(sim, tenant="nobodys")

    async def test_scripted_refusals(self) -> None:
        async with simulated() as (sim, _):
            sim.faults.add("vendor", match="/token", code="AADSTS700024")
            assert (await self.token(sim))["error_codes"] == [700024]
            assert "access_token" in await self.token(sim)

    async def test_a_token_ends(self) -> None:
        now = [NOW]
        async with simulated(now=lambda: now[0]) as (sim, client):
            await client.ask(VIEW, **WINDOW)
            now[0] += timedelta(seconds=3600)
            assert await client.code(VIEW, 401, **WINDOW) == "InvalidAuthenticationToken"
            await client.sign_in()
            await client.ask(VIEW, **WINDOW)
            sim.expire_tokens()
            assert await client.code(VIEW, 401, **WINDOW) == "InvalidAuthenticationToken"

    async def test_a_right_that_was_not_granted(self) -> None:
        async with simulated() as (sim, client):
            sim.registration.roles = ("Calendars.Read",)
            await client.sign_in()
            await client.ask(VIEW, **WINDOW)
            settings = f"/users/{ANNA}/mailboxSettings/automaticRepliesSetting"
            assert await client.code(settings, 403) == "ErrorAccessDenied"


class TestCalendarView:
    async def test_a_series_is_expanded_and_its_exceptions_kept(self) -> None:
        moved = meeting("series", MONDAY + timedelta(days=1, hours=3))
        exceptions = {MONDAY + timedelta(days=1): moved, MONDAY + timedelta(days=2): None}
        async with simulated(series(exceptions=exceptions)) as (_, client):
            value = (await client.ask(VIEW, **WINDOW))["value"]
        assert [each["type"] for each in value] == ["occurrence", "exception", "occurrence", "occurrence"]
        assert [each["start"]["dateTime"][:16] for each in value] == [
            "2026-11-23T08:00", "2026-11-24T11:00", "2026-11-26T08:00", "2026-11-27T08:00",
        ]  # fmt: skip
        assert len({each["id"] for each in value}) == 4
        assert len({each["seriesMasterId"] for each in value}) == 1

    async def test_pages_hold_everything_once(self) -> None:
        meetings = [meeting(f"{n}", MONDAY + timedelta(hours=n)) for n in range(25)]
        async with simulated(*meetings) as (_, client):
            found, _, pages = await client.all(VIEW, **WINDOW)
            assert (len(found), pages) == (25, 3)
            assert len({each["id"] for each in found}) == 25
            found, _, pages = await client.all(VIEW, **(WINDOW | {"$top": "1000"}))
            assert (len(found), pages) == (25, 1)

    async def test_select_leaves_what_was_asked_for(self) -> None:
        async with simulated(meeting(body="ZQ-CANARY", attendees=(BO,))) as (sim, client):
            (one,) = (await client.ask(VIEW, **(WINDOW | {"$select": "subject,start,showAs"})))["value"]
            assert set(one) == {"@odata.etag", "@odata.type", "id", "subject", "start", "showAs"}
            assert sim.selected() == {"subject", "start", "showAs"}
            (whole,) = (await client.ask(VIEW, **WINDOW))["value"]
            assert whole["body"]["content"] == "ZQ-CANARY"
            assert await client.code(VIEW, 400, **WINDOW, **{"$select": "nothing"}) == "RequestBroker--ParseUri"

    async def test_zones_and_ids_as_preferred(self) -> None:
        async with simulated(meeting()) as (_, client):
            (one,) = (await client.ask(VIEW, prefer='outlook.timezone="W. Europe Standard Time"', **WINDOW))["value"]
            assert one["start"] == {"dateTime": "2026-11-23T09:00:00.0000000", "timeZone": "W. Europe Standard Time"}
            (other,) = (await client.ask(VIEW, prefer='IdType="ImmutableId"', **WINDOW))["value"]
            assert "idtype" in client.answered["Preference-Applied"]
            assert one["id"] != other["id"]
            for each in (one, other):
                assert (await client.ask(f"/users/{ANNA}/events/{each['id']}"))["subject"] == "m: Budget"

    async def test_an_all_day_entry_is_midnights_in_any_zone(self) -> None:
        day = Meeting("day", date(2026, 11, 23), date(2026, 11, 25), "h: Away")
        async with simulated(day) as (_, client):
            (one,) = (await client.ask(VIEW, **WINDOW))["value"]
        assert one["isAllDay"]
        assert one["start"]["dateTime"].startswith("2026-11-23T00:00")
        assert one["end"]["dateTime"].startswith("2026-11-25T00:00")

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ({}, "ErrorInvalidRequest"),
            ({"startDateTime": "2026-11-20T00:00:00Z"}, "ErrorInvalidRequest"),
            (WINDOW | {"startDateTime": "yesterday"}, "ErrorInvalidParameter"),
            (WINDOW | {"endDateTime": "2036-01-01T00:00:00Z"}, "ErrorCalendarViewRangeTooBig"),
            (WINDOW | {"$top": "0"}, "ErrorInvalidUrlQuery"),
        ],
    )
    async def test_what_it_does_not_take(self, query: dict[str, str], code: str) -> None:
        async with simulated() as (_, client):
            assert await client.code(VIEW, 400, **query) == code

    async def test_a_plus_sign_that_was_not_encoded(self) -> None:
        async with simulated(meeting()) as (_, client):
            query = "startDateTime=2026-11-20T00:00:00+01:00&endDateTime=2026-12-20T00:00:00%2B01:00"
            assert len((await client.ask(f"{client.base}{VIEW}?{query}"))["value"]) == 1

    async def test_single_events_by_their_ids(self) -> None:
        async with simulated(series()) as (_, client):
            occurrence = (await client.ask(VIEW, **WINDOW))["value"][2]
            master = await client.ask(f"/users/{ANNA}/events/{occurrence['seriesMasterId']}")
            assert (master["type"], master["recurrence"]["range"]["numberOfOccurrences"]) == ("seriesMaster", 5)
            again = await client.ask(f"/users/{ANNA}/events/{occurrence['id']}")
            assert again["start"] == occurrence["start"]
            assert await client.code(f"/users/{ANNA}/events/AAkAnothing", 404) == "ErrorItemNotFound"


class TestDelta:
    async def test_series_come_with_their_master_and_shortened_occurrences(self) -> None:
        async with simulated(series()) as (_, client):
            found, link, _ = await client.all(DELTA, **WINDOW)
            assert [each["type"] for each in found] == ["seriesMaster"] + 5 * ["occurrence"]
            assert found[0]["subject"] == "m: Budget"
            assert all("subject" not in each for each in found[1:])
            assert "$deltatoken" in link

    async def test_nothing_then_what_changed(self) -> None:
        async with simulated(meeting(), meeting("two")) as (sim, client):
            _, link, _ = await client.all(DELTA, **WINDOW)
            found, link, _ = await client.all(link)
            assert found == []
            sim.world[ANNA].put(meeting("two", subject="l: Lunch"))
            sim.world[ANNA].put(meeting("three"))
            sim.world[ANNA].remove("one")
            found, link, _ = await client.all(link)
            assert [each.get("subject") for each in found] == ["l: Lunch", "m: Budget", None]
            assert found[2]["@removed"] == {"reason": "deleted"}
            assert (await client.all(link))[0] == []

    async def test_removed_is_told_of_what_was_never_in_the_window(self) -> None:
        far = meeting("far", YEARS_AHEAD)
        async with simulated(meeting(), far) as (sim, client):
            found, link, _ = await client.all(DELTA, **WINDOW)
            assert len(found) == 1
            sim.world[ANNA].remove("far")
            sim.world[ANNA].put(meeting("one", YEARS_AHEAD))
            found, link, _ = await client.all(link)
            assert [set(each) for each in found] == 2 * [{"@odata.type", "id", "@removed"}]
            sim.world[ANNA].put(meeting("one"))
            assert [each["subject"] for each in (await client.all(link))[0]] == ["m: Budget"]

    async def test_what_went_before_the_first_round_is_not_told(self) -> None:
        async with simulated(meeting(), meeting("two")) as (sim, client):
            sim.world[ANNA].remove("one")
            found, link, _ = await client.all(DELTA, **WINDOW)
            assert len(found) == 1
            assert (await client.all(link))[0] == []

    async def test_what_changes_between_two_pages_is_not_lost(self) -> None:
        async with simulated(*(meeting(f"{n}") for n in range(6))) as (sim, client):
            prefer = "odata.maxpagesize=2"
            first = await client.ask(DELTA, prefer=prefer, **WINDOW)
            sim.world[ANNA].remove("0")
            sim.world[ANNA].put(meeting("1", subject="l: Later"))
            sim.world[ANNA].put(meeting("5", subject="l: Later"))
            rest, _, _ = await client.all(first["@odata.nextLink"], prefer=prefer)
        last = {each["id"]: each for each in (*first["value"], *rest)}
        assert sorted(each.get("subject", "gone") for each in last.values()) == 1 * ["gone"] + 2 * ["l: Later"] + 3 * [
            "m: Budget"
        ]

    async def test_a_series_is_not_cut_in_two_and_a_deleted_occurrence_just_lacks(self) -> None:
        async with simulated(meeting("a"), series(), meeting("b")) as (sim, client):
            first = await client.ask(DELTA, prefer="odata.maxpagesize=2", **WINDOW)
            assert len(first["value"]) == 7
            _, link, _ = await client.all(first["@odata.nextLink"])
            sim.world[ANNA].put(series(exceptions={MONDAY: None}))
            found, _, _ = await client.all(link)
        assert [each["type"] for each in found] == ["seriesMaster"] + 4 * ["occurrence"]

    async def test_the_same_entity_may_come_twice(self) -> None:
        async with simulated(meeting(), meeting("two")) as (sim, client):
            sim.behaviour.repeat_in_delta = True
            found, _, _ = await client.all(DELTA, **WINDOW)
        assert [found[0]["id"], found[1]["id"], found[0]["id"]] == [each["id"] for each in found]

    @pytest.mark.parametrize("option", ["$select", "$filter", "$orderby", "$expand", "$search"])
    async def test_options_that_are_refused(self, option: str) -> None:
        async with simulated() as (_, client):
            assert await client.code(DELTA, 400, **WINDOW, **{option: "subject"}) == "ErrorInvalidUrlQuery"

    async def test_tokens_end_and_are_not_made_up(self) -> None:
        async with simulated(meeting()) as (sim, client):
            _, link, _ = await client.all(DELTA, **WINDOW)
            sim.expire_delta_tokens()
            assert await client.code(link, 410) == "SyncStateNotFound"
            assert client.answered["Location"].endswith("$deltatoken=")
            assert await client.code(f"{client.base}{DELTA}?$deltatoken=nonsense", 400) == "SyncStateInvalid"
            _, link, _ = await client.all(DELTA, **WINDOW)
            assert await client.code(link.replace(ANNA, BO), 400) == "SyncStateInvalid"


class TestRights:
    async def test_who_may_not_be_read(self) -> None:
        async with simulated() as (sim, client):
            sim.world[BO].access = "none"
            sim.on_premises.add(CARL)
            assert await client.code(f"/users/{BO}/calendarView", 403, **WINDOW) == "ErrorAccessDenied"
            assert await client.code(f"/users/{CARL}/calendarView", 404, **WINDOW) == "MailboxNotEnabledForRESTAPI"
            assert await client.code("/users/x@example.test/calendarView", 404, **WINDOW) == "ErrorInvalidUser"
            assert await client.code("/me/calendarView", 400, **WINDOW) == "BadRequest"
            assert await client.code(f"/users/{ANNA}", 403) == "ErrorAccessDenied"

    async def test_no_token(self) -> None:
        async with simulated() as (_, client):
            client.headers.clear()
            assert await client.code(VIEW, 401, **WINDOW) == "InvalidAuthenticationToken"


async def test_automatic_replies_with_their_texts() -> None:
    async with simulated() as (sim, client):
        sim.world[ANNA].reply = AutomaticReply("scheduled", NOW, NOW + timedelta(days=2))
        told = await client.ask(f"/users/{ANNA}/mailboxSettings/automaticRepliesSetting")
        assert told["status"] == "scheduled"
        assert told["scheduledEndDateTime"] == {"dateTime": "2026-11-24T12:00:00.0000000", "timeZone": "UTC"}
        assert "CANARY" in told["internalReplyMessage"]
        assert (await client.ask(f"/users/{BO}/mailboxSettings"))["automaticRepliesSetting"]["status"] == "disabled"


class TestGetSchedule:
    PATH = f"/users/{ANNA}/calendar/getSchedule"

    @staticmethod
    def body(*who: str, days: int = 1, **more: Any) -> dict[str, Any]:
        start, end = ({"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"} for at in (NOW, NOW + timedelta(days)))
        return {"schedules": list(who), "startTime": start, "endTime": end} | more

    async def test_who_is_busy(self) -> None:
        private = meeting("p", SUNDAY_AT_13 + timedelta(hours=1), sensitivity="private", show_as="oof")
        async with simulated(meeting("m", SUNDAY_AT_13), private) as (_, client):
            asked = self.body(ANNA, "x@example.test", BO, availabilityViewInterval=60)
            anna, unknown, bo = (await client.ask(self.PATH, "POST", asked))["value"]
        assert anna["availabilityView"] == "230" + 21 * "0"
        assert [each.get("subject") for each in anna["scheduleItems"]] == ["m: Budget", None]
        assert unknown["error"]["responseCode"] == "ErrorMailRecipientNotFound"
        assert bo["scheduleItems"] == []

    async def test_its_bounds(self) -> None:
        async with simulated() as (_, client):
            many = self.body(*(f"{n}@example.test" for n in range(21)))
            assert await client.code(self.PATH, 400, method="POST", body=many) == "ErrorInvalidRequest"
            wide = self.body(ANNA, days=62)
            assert await client.code(self.PATH, 400, method="POST", body=wide) == "ErrorInvalidParameter"


class TestBatch:
    @staticmethod
    def of(*urls: str) -> dict[str, Any]:
        return {"requests": [{"id": str(n), "method": "GET", "url": url} for n, url in enumerate(urls)]}

    async def test_each_part_is_answered_and_counted_by_itself(self) -> None:
        query = f"?startDateTime={WINDOW['startDateTime']}&endDateTime={WINDOW['endDateTime']}"
        async with simulated(meeting()) as (sim, client):
            sim.faults.add("throttle", match=BO, seconds=7)
            body = self.of(VIEW + query, f"/users/{BO}/calendarView{query}", "/users/nobody/calendarView" + query)
            told = {each["id"]: each for each in (await client.ask("/$batch", "POST", body))["responses"]}
            assert [told[each]["status"] for each in "012"] == [200, 429, 404]
            assert told["1"]["headers"]["Retry-After"] == "7"
            assert len(told["0"]["body"]["value"]) == 1
            assert (sim.count["http"], sim.count["batch"], sim.count["calendarView"]) == (2, 1, 3)

    async def test_twenty_and_no_more(self) -> None:
        async with simulated() as (_, client):
            twenty = self.of(*20 * [f"/users/{ANNA}/calendar"])
            assert len((await client.ask("/$batch", "POST", twenty))["responses"]) == 20
            more = self.of(*21 * [f"/users/{ANNA}/calendar"])
            assert await client.code("/$batch", 400, method="POST", body=more) == "BadRequest"
            double = {"requests": 2 * self.of("/subscriptions")["requests"]}
            assert await client.code("/$batch", 400, method="POST", body=double) == "BadRequest"


class TestLimits:
    async def test_four_at_once_for_a_mailbox(self) -> None:
        async with simulated(limits=True, latency=0.2) as (sim, client):

            async def status(who: str) -> int:
                url = URL(f"{client.base}/users/{who}/calendar")
                async with client.session.get(url, headers=client.headers) as answer:
                    return answer.status

            done = await asyncio.gather(*(status(ANNA) for _ in range(6)), *(status(BO) for _ in range(4)))
            assert sorted(done) == 8 * [200] + 2 * [429]
            assert sim.gate.throttled == {"at_once": 2}

    async def test_so_many_in_a_window_then_a_wait_is_named(self) -> None:
        async with simulated(limits=Limits(mailbox=(3, 600))) as (sim, client):
            path = f"/users/{ANNA}/calendar"
            for _ in range(3):
                await client.ask(path)
            assert await client.code(path, 429) == "TooManyRequests"
            assert 590 < int(client.answered["Retry-After"]) <= 601
            assert sim.gate.impatient == 0
            assert await client.code(path, 429) == "TooManyRequests"
            assert sim.gate.impatient == 1
            await client.ask(f"/users/{BO}/calendar")

    async def test_published_limits(self) -> None:
        limits = Limits()
        assert (limits.app, limits.mailbox, limits.subscriptions) == ((130_000, 10.0), (10_000, 600.0), (1_000, 20.0))


class Receiver:
    """A switchboard's side of notifications: validates, and writes down what comes."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        """What the next requests are answered with; 202 where there is none."""
        self.validates = True
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        if (token := request.query.get("validationToken")) is not None:
            return web.Response(text=token if self.validates else "no")
        status = self.statuses.pop(0) if self.statuses else 202
        if status == 202:
            self.told += (await request.json())["value"]
        return web.Response(status=status)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hooks/graph", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def wanted(who: str = ANNA, minutes: int = 10_080, now: datetime = NOW, **more: Any) -> dict[str, Any]:
    return {
        "changeType": "created,updated,deleted",
        "notificationUrl": f"{PUBLIC}/hooks/graph",
        "lifecycleNotificationUrl": f"{PUBLIC}/hooks/graph",
        "resource": f"/users/{who}/events",
        "expirationDateTime": f"{now + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}",
        "clientState": "secret of ours",
    } | more


@asynccontextmanager
async def subscribed(
    receiver: Receiver, **options: Any
) -> AsyncIterator[tuple[GraphSimulator, Client, dict[str, Any]]]:
    async with simulated(meeting(), now=options.pop("now", lambda: NOW), **options) as (sim, client):
        sim.hooks[PUBLIC] = receiver.url
        sim.subscriptions.retry_after = (0.01, 0.01)
        yield sim, client, await client.ask("/subscriptions", "POST", wanted(), status=201)


class TestSubscriptions:
    async def test_one_is_made_listed_renewed_and_taken_back(self, receiver: Receiver) -> None:
        async with subscribed(receiver) as (_, client, made):
            where = f"/subscriptions/{made['id']}"
            assert made["clientState"] == "secret of ours"
            assert made["expirationDateTime"] == "2026-11-29T12:00:00.0000000Z"
            (listed,) = (await client.ask("/subscriptions"))["value"]
            assert listed == {k: v for k, v in made.items() if k != "@odata.context"} | {"clientState": None}
            body = {"expirationDateTime": "2026-11-22T12:10:00Z"}
            assert (await client.ask(where, "PATCH", body))["expirationDateTime"] == "2026-11-22T12:45:00.0000000Z"
            await client.ask(where, "DELETE", status=204)
            assert await client.code(where, 404) == "ResourceNotFound"

    async def test_the_list_has_pages(self, receiver: Receiver) -> None:
        async with subscribed(receiver) as (sim, client, _):
            for number in range(150):
                sim.world.add(Mailbox(f"{number}@example.test"))
                await client.ask("/subscriptions", "POST", wanted(f"{number}@example.test"), status=201)
            found, _, pages = await client.all("/subscriptions")
            assert (len(found), pages) == (151, 2)

    async def test_what_is_refused(self, receiver: Receiver) -> None:
        async with subscribed(receiver) as (sim, client, _):
            ask = functools.partial(client.code, "/subscriptions", method="POST")
            sim.world[BO].access = "none"
            assert await ask(409, body=wanted()) == "ExtensionError"
            assert await ask(403, body=wanted(BO)) == "ErrorAccessDenied"
            assert await ask(400, body=wanted(CARL, minutes=10_090)) == "ValidationError"
            assert await ask(400, body=wanted(CARL, minutes=-1)) == "ValidationError"
            assert await ask(400, body=wanted(CARL, notificationUrl="https://elsewhere.test/")) == "ValidationError"
            assert await ask(400, body=wanted(CARL, changeType="moved")) == "InvalidRequest"
            assert await ask(400, body=wanted(CARL, clientState=129 * "x")) == "InvalidRequest"
            assert await ask(400, body=wanted(CARL, resource="/groups")) == "InvalidRequest"
            receiver.validates = False
            assert await ask(400, body=wanted(CARL)) == "ValidationError"

    async def test_it_ends(self, receiver: Receiver) -> None:
        now = [NOW]
        async with subscribed(receiver, now=lambda: now[0]) as (sim, client, made):
            now[0] += timedelta(days=8)
            await client.sign_in()
            assert (await client.ask("/subscriptions"))["value"] == []
            assert await client.code(f"/subscriptions/{made['id']}", 404, method="PATCH") == "ResourceNotFound"
            sim.world[ANNA].put(meeting("two"))
            await sim.settled()
            assert receiver.told == []


class TestNotifications:
    async def test_every_change_with_the_secret(self, receiver: Receiver) -> None:
        async with subscribed(receiver) as (sim, _, made):
            sim.world[ANNA].put(meeting("two"))
            sim.world[ANNA].put(meeting("two", subject="l: Lunch"))
            sim.world[ANNA].remove("two")
            sim.world[BO].put(meeting())
            await sim.settled()
            assert [each["changeType"] for each in receiver.told] == ["created", "updated", "deleted"]
            assert {each["clientState"] for each in receiver.told} == {"secret of ours"}
            assert {each["subscriptionId"] for each in receiver.told} == {made["id"]}
            assert sim.subscriptions.sent["requests"] == 1

    async def test_one_that_is_not_taken_is_sent_again(self, receiver: Receiver) -> None:
        async with subscribed(receiver) as (sim, _, _):
            receiver.statuses = [500, 503]
            sim.world[ANNA].put(meeting("two"))
            await sim.settled()
            assert len(receiver.told) == 1
            receiver.statuses = [500, 500, 500]
            sim.world[ANNA].put(meeting("three"))
            await sim.settled()
            assert (len(receiver.told), sim.subscriptions.sent["given up"]) == (1, 1)

    async def test_dropped_doubled_and_in_another_order(self, receiver: Receiver) -> None:
        async with subscribed(receiver) as (sim, _, _):
            sim.faults.add("drop")
            sim.world[ANNA].put(meeting("two"))
            sim.faults.add("duplicate", times_sent=3)
            sim.world[ANNA].put(meeting("two"))
            await sim.settled()
            assert [each["changeType"] for each in receiver.told] == 3 * ["updated"]
            receiver.told.clear()
            sim.faults.add("reorder")
            sim.world[ANNA].put(meeting("three"))
            sim.world[ANNA].remove("three")
            await sim.settled()
            assert [each["changeType"] for each in receiver.told] == ["deleted", "created"]

    async def test_lifecycle(self, receiver: Receiver) -> None:
        async with subscribed(receiver) as (sim, client, made):
            sim.lifecycle("reauthorizationRequired")
            sim.world[ANNA].put(meeting("two"))
            await sim.settled()
            assert [each.get("lifecycleEvent") for each in receiver.told] == ["reauthorizationRequired"]
            await client.ask(f"/subscriptions/{made['id']}/reauthorize", "POST", status=204)
            sim.world[ANNA].put(meeting("two"))
            sim.lifecycle("missed")
            sim.lifecycle("subscriptionRemoved", ANNA)
            sim.world[ANNA].put(meeting("two"))
            await sim.settled()
            assert [each.get("lifecycleEvent") for each in receiver.told[1:]] == [None, "missed", "subscriptionRemoved"]
            assert {each["clientState"] for each in receiver.told} == {"secret of ours"}


class TestFaults:
    @pytest.mark.parametrize(
        ("kind", "status", "code"),
        [
            ("throttle", 429, "TooManyRequests"),
            ("unavailable", 503, "ServiceUnavailable"),
            ("expire", 410, "SyncStateNotFound"),
            ("deny", 403, "ErrorAccessDenied"),
            ("sign_in", 401, "InvalidAuthenticationToken"),
            ("missing", 404, "ErrorInvalidUser"),
        ],
    )
    async def test_once(self, kind: str, status: int, code: str) -> None:
        async with simulated(meeting()) as (sim, client):
            sim.faults.add(kind, match=ANNA)
            assert await client.code(VIEW, status, **WINDOW) == code
            assert len((await client.ask(VIEW, **WINDOW))["value"]) == 1

    async def test_by_the_line(self) -> None:
        async with simulated(meeting()) as (sim, client):
            sim.faults.add("empty")
            assert (await client.ask(VIEW, **WINDOW))["value"] == []
            sim.faults.add("half")
            with pytest.raises(aiohttp.ClientPayloadError):
                await client.ask(VIEW, **WINDOW)
            sim.faults.add("html")
            with pytest.raises(aiohttp.ContentTypeError):
                await client.ask(VIEW, **WINDOW)
            sim.faults.add("hang")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.ask(VIEW, **WINDOW)
            assert len((await client.ask(VIEW, **WINDOW))["value"]) == 1


@pytest.fixture
def description() -> Path:
    """Microsoft's description of the calendar part, where `BACKSOON_DATA` names the folder that has it."""
    found = Path(DATA or "") / "graph" / "graph-calendar.openapi.json"
    if not DATA or not found.exists():
        pytest.skip("BACKSOON_DATA does not name a folder with graph/graph-calendar.openapi.json")
    return found


class TestAgainstTheDescription:
    """prism passes on only what Microsoft's OpenAPI description allows, and only such answers."""

    @asynccontextmanager
    async def proxied(
        self, description: Path, work: Path, receiver: Receiver, *meetings: Meeting
    ) -> AsyncIterator[tuple[GraphSimulator, Client]]:
        async with AsyncExitStack() as stack:
            sim, client = await stack.enter_async_context(simulated(*meetings, now=lambda: NOW))
            sim.hooks[PUBLIC] = receiver.url
            proxy = running_prism(require_peer("node"), work, description, sim.url)
            client.base = sim.links = await asyncio.to_thread(proxy.__enter__)
            stack.push_async_callback(asyncio.to_thread, proxy.__exit__, None, None, None)
            yield sim, client

    async def test_all_that_is_asked_and_answered(self, description: Path, tmp_path: Path, receiver: Receiver) -> None:
        day = Meeting("day", date(2026, 11, 23), date(2026, 11, 25), "h: Away", sensitivity="private")
        moved = meeting("series", MONDAY + timedelta(days=1, hours=3))
        repeated = series(exceptions={MONDAY + timedelta(days=1): moved, MONDAY: None})
        rest = [
            meeting(f"{n}", show_as=s, attendees=(BO,), body="x") for n, s in enumerate(("oof", "workingElsewhere"))
        ]
        async with self.proxied(description, tmp_path, receiver, day, repeated, *rest) as (sim, client):
            await client.all(
                VIEW, prefer='outlook.timezone="UTC"', **WINDOW, **{"$top": "3", "$select": "subject,start"}
            )
            await client.all(VIEW, **WINDOW)
            found, link, pages = await client.all(DELTA, prefer="odata.maxpagesize=2", **WINDOW)
            assert (len(found), pages) == (8, 2)
            sim.world[ANNA].remove("day")
            assert len((await client.all(link))[0]) == 1
            await client.ask(f"/users/{ANNA}/events/{found[1]['id']}")
            await client.ask(f"/users/{ANNA}/calendar")
            await client.ask(f"/users/{ANNA}/mailboxSettings")
            asked = TestGetSchedule.body(ANNA, BO, "x@example.test", availabilityViewInterval=60)
            capitals = {
                name[0].upper() + name[1:]: value for name, value in asked.items()
            }  # as the description has them
            await client.ask(TestGetSchedule.PATH, "POST", capitals)
            await client.ask("/$batch", "POST", TestBatch.of(f"/users/{ANNA}/calendar", "/subscriptions"))
            made = await client.ask("/subscriptions", "POST", wanted(), status=201)
            await client.ask("/subscriptions")
            await client.ask(f"/subscriptions/{made['id']}", "PATCH", {"expirationDateTime": "2026-11-25T12:00:00Z"})
            await client.ask(f"/subscriptions/{made['id']}/reauthorize", "POST", status=204)
            await client.ask(f"/subscriptions/{made['id']}", "DELETE", status=204)
            assert await client.code("/users/x@example.test/calendarView", 404, **WINDOW) == "ErrorInvalidUser"

    async def test_what_backsoon_asks(self, description: Path, tmp_path: Path, receiver: Receiver) -> None:
        """Its source and its orders of notifications, parts of batches too, which prism does not look into."""
        moved = meeting("series", MONDAY + timedelta(days=1, hours=3))
        repeated = series(exceptions={MONDAY + timedelta(days=1): moved, MONDAY: None})
        async with self.proxied(description, tmp_path, receiver, meeting(), repeated) as (sim, client):
            sim.parts = []
            http = Http()
            settings = GraphSettings(
                sim.tenant,
                sim.client_id,
                sim.client_secret,
                url=sim.url,
                sign_in_url=sim.sign_in_url,
                ca_file=sim.ca_file,
            )
            sim.links = sim.url
            account = GraphAccount(settings, http, clock=lambda: NOW)
            source = account.source(ANNA, zone="Europe/Stockholm", owner=frozenset({ANNA}))
            window = Window(NOW - timedelta(days=1), NOW + timedelta(days=30))
            first = await source.changes(window, None)
            sim.world[ANNA].put(series(exceptions={MONDAY: None}))
            sim.world[ANNA].remove("one")
            assert (await source.changes(window, first.sync_token)).touched
            where = Wanted(1, ANNA, "proposed", f"{PUBLIC}/hooks/graph", "secret")
            assert account.webhooks is not None
            (ordered,) = await account.webhooks.order([where])
            assert isinstance(ordered, Ordered)
            await account.webhooks.renew([ordered])
            await account.webhooks.cancel([ordered])
            await account.close()
            await http.close()
            asked, sim.parts = sim.parts, None
            assert {"GET", "POST", "PATCH", "DELETE"} >= {part.method for part in asked} >= {"GET"}
            described = [each for each in asked if "automaticRepliesSetting" not in each.path]  # a sample only has that
            for part in (each for each in described if each.method in ("GET", "POST")):
                prefer = part.headers.get("prefer", "")
                status = 201 if part.method == "POST" else 200
                await client.ask(part.path, part.method, part.body, status, prefer, **dict(part.query))

    async def test_prism_does_refuse(self, description: Path, tmp_path: Path, receiver: Receiver) -> None:
        async with self.proxied(description, tmp_path, receiver, meeting(show_as="asleep")) as (_, client):
            await client.ask(VIEW, status=422)
            await client.ask(VIEW, status=500, **WINDOW)


class TestAgainstOfficialSamples:
    """What Microsoft's own samples tell, the simulator tells too."""

    @pytest.fixture
    def samples(self, description: Path) -> Mapping[tuple[str, str], Any]:
        """By method and what the address ends in."""
        mocks = json.loads((description.parent / "official-samples.json").read_text(encoding="utf-8"))["mocks"]
        return {
            (each["request"]["method"], each["request"]["url"].partition("?")[0].partition("/v1.0")[2]): each[
                "response"
            ]
            for each in mocks
        }

    async def test_names(self, samples: Mapping[tuple[str, str], Any], receiver: Receiver) -> None:
        def names(method: str, path: str) -> set[str]:
            body = samples[method, path]["body"]
            one = body["value"][0] if "value" in body else body
            return set(one) - {"notificationContentType", "@odata.context"}

        async with subscribed(receiver) as (_, client, made):
            (seen,) = (await client.ask(VIEW, **WINDOW))["value"]
            assert names("GET", "/me/calendarView") <= set(seen)
            assert names("GET", "/me/calendarView/delta") <= set((await client.ask(DELTA, **WINDOW))["value"][0])
            replies = "/mailboxSettings/automaticRepliesSetting"
            assert names("GET", f"/me{replies}") <= set(await client.ask(f"/users/{ANNA}{replies}"))
            (schedule,) = (await client.ask(TestGetSchedule.PATH, "POST", TestGetSchedule.body(ANNA)))["value"]
            assert names("POST", "/me/calendar/getSchedule") <= set(schedule)
            assert names("POST", "/subscriptions") <= set(made)
            assert names("GET", "/subscriptions") <= set((await client.ask("/subscriptions"))["value"][0])


def made_certificate() -> tuple[str, str]:
    """A private key and a certificate for it, in PEM."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "backsoon")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()
