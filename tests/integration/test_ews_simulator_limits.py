"""What the simulated Exchange allows, where it says no, and what goes wrong there on demand: asked word for word."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import spnego

from tests.integration.test_ews_simulator import ANNA, BO, CARL, DORA, at, world
from tests.simulators.ews import EwsSimulator, Limits
from tests.simulators.ews.asking import (
    Asker,
    asker,
    availability,
    calendar_of,
    find,
    get_events,
    get_item,
    reply,
    shape,
    streaming,
    subscribe,
    sync,
    unsubscribe,
)
from tests.simulators.ews.availability import REPLY, Change, Zone
from tests.simulators.ews.crowd import Crowd, address
from tests.simulators.model import Mailbox, Meeting, Repeats, World

WEEK = ("2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z")
AFFINE = {"X_PreferServerAffinity": "true"}


@asynccontextmanager
async def asking(everybody: World | None = None, **settings: Any) -> AsyncIterator[Asker]:
    """A client of a simulated server."""
    async with EwsSimulator(everybody or world(), **settings) as sim, asker(sim) as ask:
        yield ask


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it; no longer than ten seconds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


# -- what is given -----------------------------------------------------------------------------------------------------


async def test_only_the_properties_that_were_asked_for_are_given() -> None:
    async with asking() as ask:
        found = await ask.ask(find(*WEEK, wanted=shape(["calendar:UID", "item:Subject"])), ANNA)
        assert {tuple(names) for names in found.names()} == {("ItemId", "Subject", "UID")}
        bare = await ask.ask(find(*WEEK, wanted=shape([])), ANNA)
        assert {tuple(names) for names in bare.names()} == {("ItemId",)}
        assert ask.sim.asked == {"calendar:UID": 1, "item:Subject": 1}
        body = await ask.ask(find(*WEEK, wanted=shape(["item:Body"])), ANNA)
        assert body.codes == ["ErrorInvalidPropertyRequest"]
        assert ask.sim.asked["item:Body"] == 1
        await ask.ask(find(*WEEK, wanted=shape([], "AllProperties")), ANNA)
        assert ask.sim.asked["shape:AllProperties"] == 1


async def test_a_view_holds_what_overlaps_it() -> None:
    async with asking() as ask:
        during = await ask.ask(find("2026-11-23T08:30:00Z", "2026-11-23T08:31:00Z"), ANNA)
        assert during.all("Subject") == ["m: Budget"]
        after = await ask.ask(find("2026-11-23T09:00:00+00:00", "2026-11-23T10:00:00Z"), ANNA)
        assert after.all("Subject") == []
        assert after.codes == ["NoError"]
        backwards = await ask.ask(find(*reversed(WEEK)), ANNA)
        assert backwards.codes == ["ErrorCalendarEndDateIsEarlierThanStartDate"]
        long = await ask.ask(find("2026-01-01T00:00:00Z", "2028-06-01T00:00:00Z"), ANNA)
        assert long.codes == ["ErrorCalendarViewRangeTooBig"]


async def test_an_occurrence_has_an_id_of_its_own_and_a_deleted_one_is_gone() -> None:
    everybody = world()
    async with asking(everybody) as ask:
        found = await ask.ask(find("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"), ANNA)
        (id,) = found.ids()
        item = await ask.ask(get_item(id), ANNA)
        assert (item.all("CalendarItemType"), item.all("Start")) == (["Occurrence"], ["2026-11-24T11:00:00Z"])
        series = next(s.meeting for s in everybody[ANNA].items.values() if s.meeting.uid == "series")
        everybody[ANNA].put(Meeting(**vars(series) | {"exceptions": {at(24, 12): None}}))
        gone = await ask.ask(get_item(id), ANNA)
        assert gone.codes == ["ErrorCalendarOccurrenceIsDeletedFromRecurrence"]
        everybody[ANNA].remove("series")
        assert (await ask.ask(get_item(id), ANNA)).codes == ["ErrorItemNotFound"]


async def test_changes_come_in_pages() -> None:
    everybody = World([Mailbox(ANNA)])
    for number in range(5):
        everybody[ANNA].put(Meeting(str(number), at(23, 9), at(23, 10)))
    async with asking(everybody) as ask:
        state, uids = "", []
        for last in ("false", "false", "true"):
            found = await ask.ask(sync(state, most=2), ANNA)
            assert found.all("IncludesLastItemInRange") == [last]
            uids += found.all("UID")
            (state,) = found.all("SyncState")
        assert uids == list("01234")
        assert (await ask.ask(sync(state), ANNA)).ids() == []
        assert (await ask.ask(sync(state), act_for="", version="")).codes == ["ErrorMissingEmailAddress"]
        assert (await ask.ask(sync(most=513), ANNA)).codes == ["ErrorInvalidSyncStateData"]


async def test_a_first_state_says_nothing_of_what_was_deleted_before() -> None:
    everybody = world()
    everybody[ANNA].remove("one")
    async with asking(everybody) as ask:
        found = await ask.ask(sync(), ANNA)
        assert "<t:Delete>" not in found.text
        everybody[ANNA].remove("day")
        (state,) = found.all("SyncState")
        assert "<t:Delete>" in (await ask.ask(sync(state), ANNA)).text


async def test_the_times_of_the_availability_are_those_of_the_zone_that_was_asked_for() -> None:
    pacific = Zone(
        480,
        Change(0, 11, 1, "Sunday", timedelta(hours=2)),
        Change(-60, 3, 2, "Sunday", timedelta(hours=2)),
    )
    for utc, local in (
        (datetime(2026, 11, 1, 8, 59, tzinfo=UTC), "01:59"),
        (datetime(2026, 11, 1, 9, 0, tzinfo=UTC), "01:00"),
        (datetime(2026, 3, 8, 9, 59, tzinfo=UTC), "01:59"),
        (datetime(2026, 3, 8, 10, 0, tzinfo=UTC), "03:00"),
    ):
        assert f"{pacific.local(utc):%H:%M}" == local
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert pacific.utc(pacific.local(summer)) == summer


async def test_availability_says_less_of_whom_one_may_see_less() -> None:
    async with asking() as ask:
        found = await ask.ask(availability([ANNA, BO, CARL], "2026-11-23T00:00:00", "2026-11-24T00:00:00"))
        assert found.codes == ["NoError", "NoError", "ErrorNoFreeBusyAccess"]
        assert found.all("FreeBusyViewType") == ["DetailedMerged", "FreeBusyMerged", "None"]
        assert "canary" not in found.text
        many = await ask.ask(availability([ANNA] * 101, "2026-11-23T00:00:00", "2026-11-24T00:00:00"))
        assert (many.status, many.codes) == (500, ["ErrorIdentityArrayTooBig"])
        long = await ask.ask(availability([ANNA], "2026-11-23T00:00:00", "2027-01-04T00:00:01"))
        assert (long.status, long.codes) == (500, ["ErrorTimeIntervalTooBig"])


async def test_the_zone_of_the_availability_may_be_left_out_since_2010() -> None:
    async with asking() as ask:
        body = availability([ANNA], "2026-11-23T00:00:00", "2026-11-24T00:00:00")
        without = f"{body.split('<t:TimeZone>')[0]}{body.split('</t:TimeZone>')[1]}"
        assert (await ask.ask(without, ANNA)).all("StartTime") == ["2026-11-23T08:00:00"]
        assert (await ask.ask(without, ANNA, version="Exchange2007_SP1")).codes == ["ErrorTimeZone"]


async def test_ntlm_signs_in_a_connection() -> None:
    async with EwsSimulator(world(), sign_in=frozenset({"ntlm"})) as sim:
        for password, statuses in ((sim.password, [401, 200, 200]), ("wrong", [401, 401, 401])):
            connector = aiohttp.TCPConnector(limit=1)
            async with aiohttp.ClientSession(connector=connector) as session:
                assert await _ntlm(sim, session, password) == statuses
        async with aiohttp.ClientSession() as session, session.get(sim.url) as response:
            assert response.status == 401
            assert response.headers.getall("WWW-Authenticate") == ["NTLM"]


async def _ntlm(sim: EwsSimulator, session: aiohttp.ClientSession, password: str) -> list[int]:
    """The statuses of the two legs of a handshake, and of a request on the same connection after it."""
    context = spnego.client("EXAMPLE\\service", password, protocol="ntlm")
    statuses, challenge = [], None
    for _ in range(2):
        token = base64.b64encode(context.step(challenge) or b"").decode()
        async with session.get(sim.url, headers={"Authorization": f"NTLM {token}"}) as response:
            statuses.append(response.status)
            told = response.headers.get("WWW-Authenticate", "").removeprefix("NTLM ")
            challenge = base64.b64decode(told) if told and not context.complete else None
            await response.read()
    async with session.get(sim.url) as response:
        return [*statuses, response.status]


async def test_the_text_of_an_automatic_reply_comes_unasked() -> None:
    async with asking() as ask:
        assert REPLY in (await ask.ask(reply(ANNA), ANNA)).text


async def test_autodiscover_says_where_ews_is() -> None:
    pox = (
        '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>'
        f"<EMailAddress>{ANNA}</EMailAddress></Request></Autodiscover>"
    )
    soap = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:a="http://schemas.microsoft.com/exchange/2010/Autodiscover"><s:Body><a:GetUserSettingsRequestMessage>'
        f"<a:Request><a:Users><a:User><a:Mailbox>{ANNA}</a:Mailbox></a:User></a:Users><a:RequestedSettings><a:Setting>"
        "ExternalEwsUrl</a:Setting></a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body>"
        "</s:Envelope>"
    )
    async with asking() as ask:
        for path, body in (("Autodiscover.xml", pox), ("autodiscover.svc", soap)):
            url = f"{ask.sim.base}/autodiscover/{path}"
            async with ask.session.post(url, data=body, headers=ask.headers({})) as response:
                assert ask.sim.url in await response.text()
            unknown = body.replace(ANNA, "nobody@example.com")
            async with ask.session.post(url, data=unknown, headers=ask.headers({})) as response:
                assert ask.sim.url not in await response.text()


# -- what is refused ---------------------------------------------------------------------------------------------------


async def test_nobody_comes_in_unknown() -> None:
    async with asking() as ask:
        good = aiohttp.encode_basic_auth(ask.sim.account, ask.sim.password)
        for authorization, status in (
            ("", 401),
            (aiohttp.encode_basic_auth(ask.sim.account, "wrong"), 401),
            (aiohttp.encode_basic_auth("somebody@example.com", ask.sim.password), 401),
            ("Bearer nonsense", 401),
            ("Basic nonsense", 401),
            (good, 200),
            ("Bearer a-bearer-token", 200),
        ):
            answer = await ask.ask(find(*WEEK), ANNA, Authorization=authorization)
            assert answer.status == status, authorization
        ask.sim.sign_in = frozenset({"bearer"})
        assert (await ask.ask(find(*WEEK), ANNA, Authorization=good)).status == 401


@pytest.mark.parametrize("version", ["2007_SP1", "2010", "2010_SP1", "2013", "2016"])
async def test_a_version_that_is_newer_than_the_server_is_refused(version: str) -> None:
    async with asking(version=version) as ask:
        own = await ask.ask(find(*WEEK), ANNA)
        assert (own.status, own.codes) == (200, ["NoError"])
        assert f'Version="{ask.sim.version.schema}"' in own.text
        newer = await ask.ask(find(*WEEK), ANNA, version="Exchange2099")
        assert (newer.status, newer.codes) == (500, ["ErrorInvalidServerVersion"])
        older = await ask.ask(find(*WEEK), ANNA, version="Exchange2007_SP1")
        assert older.codes == ["NoError"]


async def test_streams_came_with_2010_sp1() -> None:
    async with asking(version="2010") as ask:
        assert "ErrorSchemaValidation" in (await ask.ask(subscribe(), ANNA)).text
        assert "ErrorSchemaValidation" in (await ask.ask(streaming(["x"]), ANNA)).text


async def test_rights_are_those_of_each_mailbox() -> None:
    async with asking(impersonation=False) as ask:
        assert "ErrorImpersonateUserDenied" in (await ask.ask(find(*WEEK), ANNA)).text
        assert (await ask.ask(find(*WEEK, folder=calendar_of(ANNA)))).codes == ["NoError"]
        assert (await ask.ask(find(*WEEK, folder=calendar_of(BO)))).codes == ["ErrorAccessDenied"]
        ask.sim.denied = "ErrorItemNotFound"
        assert (await ask.ask(find(*WEEK, folder=calendar_of(BO)))).codes == ["ErrorItemNotFound"]
        ask.sim.impersonation = True
        other = await ask.ask(find(*WEEK, folder=calendar_of(DORA)), ANNA)
        assert other.codes == ["ErrorItemNotFound"], "whoever acts for Anna may not what the account may"


async def test_limits_are_kept_where_they_are_switched_on() -> None:
    crowd = Crowd(1, 1200, datetime(2026, 11, 23))  # noqa: DTZ001
    window = ("2026-11-22T00:00:00Z", "2026-12-30T00:00:00Z")
    async with asking(crowd) as ask:
        assert len((await ask.ask(find(*window), address(0))).ids()) == 1200
        ask.sim.limits = Limits()
        found = await ask.ask(find(*window), address(0))
        assert (len(found.ids()), 'IncludesLastItemInRange="false"' in found.text) == (1000, True)
        assert len((await ask.ask(find(*window, most=5), address(0))).ids()) == 5
        old = await ask.ask(find(*window), address(0), version="Exchange2007_SP1")
        assert old.codes == ["ErrorExceededFindCountLimit"]


async def test_too_many_requests_at_once_are_refused() -> None:
    async with asking(limits=Limits(concurrent=3), latency=0.2) as ask:
        answers = await asyncio.gather(*(ask.ask(find(*WEEK), ANNA) for _ in range(5)))
        assert sorted(answer.status for answer in answers) == [200, 200, 200, 500, 500]
        assert all("ErrorServerBusy" in answer.text for answer in answers if answer.status == 500)
        assert ask.sim.most_at_once == 4, "whoever is refused is gone at once"


# -- notifications -----------------------------------------------------------------------------------------------------


async def subscribed(ask: Asker, who: str = ANNA, **headers: str) -> tuple[str, str]:
    """The id of a subscription to stream, and the affinity cookie."""
    made = await ask.ask(subscribe(), who, **headers)
    assert made.codes == ["NoError"], made.text
    return made.all("SubscriptionId")[0], made.cookie


@asynccontextmanager
async def listening(ask: Asker, ids: list[str], who: str = ANNA, **headers: str) -> AsyncIterator[list[str]]:
    """What comes on a stream, envelope by envelope."""
    heard: list[str] = []

    async def listen() -> None:
        text = ""
        async with ask.asking(streaming(ids), who, **headers) as response:
            async for chunk in response.content.iter_any():
                *whole, text = (text + chunk.decode()).split("</s:Envelope>")
                heard.extend(whole)

    task = asyncio.create_task(listen())
    try:
        await until(lambda: bool(heard) or task.done())
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_stream_says_ok_then_what_happens_then_that_it_lives_then_that_it_is_over() -> None:
    everybody = world()
    async with asking(everybody, minute=1.0, heartbeat=0.2) as ask:
        id, _ = await subscribed(ask)
        async with listening(ask, [id]) as heard:
            assert "<m:ConnectionStatus>OK<" in heard[0]
            everybody[ANNA].put(Meeting("new", at(24, 9), at(24, 10)))
            await until(lambda: len(heard) >= 2)
            assert "CreatedEvent" in heard[1]
            assert id in heard[1]
            await until(lambda: "<m:ConnectionStatus>Closed<" in heard[-1])
            assert any("<m:ConnectionStatus>OK<" in each for each in heard[2:]), "signs of life"
        everybody[ANNA].put(Meeting("new", at(24, 9), at(24, 11)))
        async with listening(ask, [id]) as heard:
            await until(lambda: len(heard) >= 2)
            assert "ModifiedEvent" in heard[1], "what happened between two streams is not lost"


async def test_a_stream_that_says_ok_and_is_dead() -> None:
    everybody = world()
    async with asking(everybody, heartbeat=0.05) as ask:
        id, _ = await subscribed(ask)
        ask.sim.faults.add("hang", match="GetStreamingEvents")
        async with listening(ask, [id]) as heard:
            everybody[ANNA].put(Meeting("new", at(24, 9), at(24, 10)))
            await until(lambda: bool(ask.sim.notices.subscriptions[id].events))
            assert len(heard) == 1
        async with listening(ask, [id]) as heard:
            await until(lambda: len(heard) >= 2)
            assert "CreatedEvent" in heard[1]


@pytest.mark.parametrize(
    ("fault", "told", "events"),
    [
        ("drop", {}, ["2"]),
        ("duplicate", {"times_sent": 3}, ["1", "1", "1", "2"]),
        ("reorder", {}, ["2", "1"]),
    ],
)
async def test_notifications_go_wrong_on_demand(fault: str, told: dict[str, Any], events: list[str]) -> None:
    everybody = world()
    async with asking(everybody) as ask:
        id, _ = await subscribed(ask)
        ask.sim.faults.add(fault, match=ANNA, **told)
        stored = {each: everybody[ANNA].put(Meeting(each, at(24, 9), at(24, 10))).id for each in ("1", "2")}
        async with listening(ask, [id]) as heard:
            await until(lambda: len(heard) >= 2)
            told_of = heard[1].split("<t:CreatedEvent>")[1:]
            kept = {each: base64.b64encode(f"AAMk\0I\0{ANNA}\0{id}\0".encode()).decode() for each, id in stored.items()}
            assert [next(each for each, id in kept.items() if id in text) for text in told_of] == events


async def test_one_stream_holds_many_mailboxes_of_one_server() -> None:
    everybody = world()
    async with asking(everybody, backends=1) as ask:
        first, cookie = await subscribed(ask, ANNA, X_AnchorMailbox=ANNA, **AFFINE)
        second, _ = await subscribed(ask, DORA, X_AnchorMailbox=ANNA, Cookie=f"X-BackEndOverrideCookie={cookie}")
        async with listening(ask, [first, second], Cookie=f"X-BackEndOverrideCookie={cookie}") as heard:
            everybody[DORA].put(Meeting("new", at(24, 9), at(24, 10)))
            await until(lambda: len(heard) >= 2)
            assert second in heard[1]
            assert first not in heard[1]


async def test_a_lost_cookie_is_a_lost_subscription() -> None:
    async with asking(backends=7) as ask:
        assert ask.sim.backend(ANNA) != ask.sim.backend(DORA)
        id, cookie = await subscribed(ask, DORA, X_AnchorMailbox=ANNA, **AFFINE)
        assert cookie == ask.sim.backend(ANNA)
        async with listening(ask, [id], DORA) as heard:
            await until(lambda: bool(heard))
            assert "ErrorInvalidSubscription" in heard[0]
            assert f"<t:SubscriptionId>{id}<" in heard[0]
        async with listening(ask, [id], DORA, Cookie=f"X-BackEndOverrideCookie={cookie}") as heard:
            assert "ErrorInvalidSubscription" not in heard[0]


async def test_streams_have_limits() -> None:
    async with asking(limits=Limits(hanging=1, ids=2, subscriptions=3), heartbeat=0.05) as ask:
        ids = [(await subscribed(ask))[0] for _ in range(3)]
        assert (await ask.ask(subscribe(), ANNA)).codes == ["ErrorExceededSubscriptionCount"]
        assert "ErrorInvalidSubscriptionRequest" in (await ask.ask(streaming(ids), ANNA)).text
        async with listening(ask, ids[:1]):
            assert (await ask.ask(streaming(ids[1:]), ANNA)).codes == ["ErrorExceededConnectionCount"]
            other, _ = await subscribed(ask, DORA)
            async with listening(ask, [other], DORA) as heard:
                assert "<m:ConnectionStatus>OK<" in heard[0], "who is acted for has streams of their own"


async def test_subscriptions_that_the_server_forgot() -> None:
    async with asking() as ask:
        id, _ = await subscribed(ask)
        async with listening(ask, [id]) as heard:
            ask.sim.notices.forget()
            await until(lambda: "ErrorSubscriptionNotFound" in heard[-1])
        assert (await ask.ask(unsubscribe(id), ANNA)).codes == ["ErrorSubscriptionNotFound"]
        assert "ErrorSubscriptionNotFound" in (await ask.ask(streaming([id]), ANNA)).text


async def test_events_that_are_asked_for_stay_until_they_are_acknowledged() -> None:
    everybody = world()
    async with asking(everybody, version="2007_SP1") as ask:
        made = await ask.ask(subscribe("Pull"), ANNA)
        (id,), (mark,) = made.all("SubscriptionId"), made.all("Watermark")
        everybody[ANNA].put(Meeting("new", at(24, 9), at(24, 10)))
        for _ in range(2):
            found = await ask.ask(get_events(id, mark), ANNA)
            assert "CreatedEvent" in found.text
        last = found.all("Watermark")[-1]
        assert "StatusEvent" in (await ask.ask(get_events(id, last), ANNA)).text
        assert (await ask.ask(get_events(id, "nonsense"), ANNA)).codes == ["ErrorInvalidWatermark"]
        assert (await ask.ask(unsubscribe(id), ANNA)).codes == ["NoError"]
        assert (await ask.ask(get_events(id, last), ANNA)).codes == ["ErrorSubscriptionNotFound"]


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "told", "status", "text"),
    [
        ("throttle", {"seconds": 7}, 500, '<t:Value Name="BackOffMilliseconds">7000<'),
        ("unavailable", {}, 503, "<html"),
        ("sign_in", {}, 401, "401"),
        ("html", {}, 200, "<form>"),
        ("redirect", {}, 302, ""),
        ("deny", {}, 200, "ErrorAccessDenied"),
        ("missing", {}, 200, "ErrorNonExistentMailbox"),
        ("empty", {}, 200, 'TotalItemsInView="0"'),
        ("vendor", {"code": "ErrorMailboxMoveInProgress"}, 200, "ErrorMailboxMoveInProgress"),
        ("vendor", {"code": "ErrorMailboxMoveInProgress", "status": 500}, 500, "<s:Fault>"),
    ],
)
async def test_requests_go_wrong_on_demand(kind: str, told: dict[str, Any], status: int, text: str) -> None:
    async with asking() as ask:
        ask.sim.faults.add(kind, match=ANNA, **told)
        assert (await ask.ask(find(*WEEK), DORA)).codes == ["NoError"], "another mailbox is none of its business"
        wrong = await ask.ask(find(*WEEK), ANNA)
        assert (wrong.status, text in wrong.text) == (status, True), wrong.text
        assert len((await ask.ask(find(*WEEK), ANNA)).ids()) == 6, "and it happened once"


async def test_a_state_expires() -> None:
    async with asking() as ask:
        (state,) = (await ask.ask(sync(), ANNA)).all("SyncState")
        ask.sim.faults.add("expire")
        assert (await ask.ask(sync(state), ANNA)).codes == ["ErrorInvalidSyncStateData"]
        assert (await ask.ask(sync(state), ANNA)).codes == ["NoError"]


async def test_half_an_answer_and_none() -> None:
    async with asking() as ask:
        ask.sim.faults.add("half")
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask.ask(find(*WEEK), ANNA)
        ask.sim.faults.add("hang")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await ask.ask(find(*WEEK), ANNA)
        assert (await ask.ask(find(*WEEK), ANNA)).codes == ["NoError"]


@pytest.mark.parametrize(("raw", "written"), [(False, "x&#xB;y"), (True, "x\x0by")])
async def test_what_xml_forbids_is_sent_as_real_servers_send_it(raw: bool, written: str) -> None:
    async with asking(raw=raw) as ask:
        assert f"<t:Subject>{written}</t:Subject>" in (await ask.ask(find(*WEEK), ANNA)).text


async def test_every_request_is_noted() -> None:
    async with asking() as ask:
        await ask.ask(find(*WEEK, folder=calendar_of(ANNA)))
        await ask.ask(availability([ANNA, BO], WEEK[0][:-1], WEEK[1][:-1]))
        await ask.ask("<m:NoSuchThing/>")
        assert ask.sim.requests == [
            ("FindItem", "/EWS/Exchange.asmx", ANNA),
            ("GetUserAvailability", "/EWS/Exchange.asmx", f"{ANNA} {BO}"),
            ("NoSuchThing", "/EWS/Exchange.asmx", ask.sim.account),
        ]
        assert ask.sim.count == {"FindItem": 1, "GetUserAvailability": 1, "NoSuchThing": 1}


async def test_a_crowd_is_made_when_it_is_asked_for() -> None:
    crowd = Crowd(10_000, 50, datetime(2026, 11, 23))  # noqa: DTZ001
    assert not crowd.mailboxes
    assert crowd.get("nobody@acme.example") is crowd.get(address(10_000)) is None
    last = crowd[address(9_999)]
    assert (len(last.items), last.version) == (50, 50)
    last.put(Meeting("new", at(24, 9), at(24, 10), repeats=Repeats()))
    for number in range(2_500):
        assert crowd.get(address(number)) is not None
    assert len(crowd.mailboxes) <= 2_000
    assert crowd[address(9_999)] is last, "what was changed is kept"
