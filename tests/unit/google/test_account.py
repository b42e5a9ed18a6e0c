"""An account at Google beside its reads: free/busy, notification channels, `check`, `discover`, what is counted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from backsoon.sources.account import Account, BusyTime, Finding, Ordered, Wanted
from backsoon.sources.base import (
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceUnavailable,
    Window,
)
from backsoon.sources.google import GoogleAccount, GoogleSettings
from backsoon.sources.google.api import _quota_user
from backsoon.sources.google.busy import free_busy
from backsoon.sources.google.errors import NotShared
from backsoon.sources.google.settings import CALENDAR_LIST, EVENTS
from backsoon.sources.google.webhooks import AddressRefused, GoogleWebhooks
from tests.simulators.google.signing import ALL, SERVICE
from tests.simulators.model import Mailbox
from tests.unit.google.world import ANNA, BO, CARL, MONDAY, WINDOW, Office, meeting, office

NINE = datetime(2027, 3, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def at_work() -> AsyncIterator[Office]:
    async with office() as made:
        yield made


@pytest.fixture
async def delegated() -> AsyncIterator[Office]:
    async with office(access="delegation", role="none") as made:
        yield made


def user(at_work: Office) -> GoogleAccount:
    return GoogleAccount(GoogleSettings(at_work.simulator.authorised_user(), url=at_work.simulator.url), at_work.http)


async def test_is_an_account(at_work: Office) -> None:
    account: Account = at_work.account
    assert (account.at_once, account.busy_at_once, account.stream) == (20, 250, None)
    assert account.webhooks is not None
    await account.close()
    await account.close()


def crowd(at_work: Office, count: int) -> list[str]:
    """So many more mailboxes, none of them busy."""
    boxes = [Mailbox(f"p{number}@example.com", zone="UTC", access="none") for number in range(count)]
    return [at_work.simulator.world.add(box).address for box in boxes]


MONTH = Window(WINDOW.start, WINDOW.start + timedelta(days=30))


class TestBusy:
    async def test_times_of_several_in_one_request(self, at_work: Office) -> None:
        at_work.put(meeting())
        at_work.put(meeting("two", start=MONDAY + timedelta(hours=9, minutes=30)))
        at_work.put(meeting("free", show_as="free", start=MONDAY + timedelta(hours=15)))
        at_work.simulator.share(CARL, "none")
        found = await at_work.account.busy([ANNA, BO, CARL], MONTH)
        assert found[ANNA] == (BusyTime(NINE, NINE + HOUR * 1.5),)
        assert found[BO] == ()
        assert isinstance(found[CARL], NotShared)
        assert at_work.account.counts == {"freebusy.query": 1, "token": 1}
        assert await at_work.account.busy([], MONTH) == {}

    async def test_the_consent_does_not_cover_it(self, at_work: Office) -> None:
        at_work.simulator.signing.consented = frozenset({EVENTS, CALENDAR_LIST})
        account = user(at_work)
        with pytest.raises(SourceDenied):
            await account.busy([ANNA], MONTH)
        assert account.busy_at_once == 0

    async def test_in_a_domain_it_is_asked_in_one_persons_name(self, delegated: Office) -> None:
        delegated.put(meeting(), BO)
        found = await delegated.account.busy([ANNA, BO], MONTH)
        assert (found[ANNA], found[BO]) == ((), (BusyTime(NINE, NINE + HOUR),))
        await delegated.account.busy([BO, CARL], MONTH)
        assert delegated.account.counts == {"freebusy.query": 2, "token": 1}

    async def test_somebody_who_has_left_does_not_stop_it(self, delegated: Office) -> None:
        found = await delegated.account.busy(["gone@example.com", ANNA], MONTH)
        assert found[ANNA] == ()
        assert isinstance(found["gone@example.com"], SourceError)

    async def test_those_who_lend_no_name_do_not_keep_the_others_from_being_asked_about(
        self, delegated: Office
    ) -> None:
        """Fax machines and meeting rooms that are nobody at Google often come first in a list of extensions."""
        people = crowd(delegated, 60)
        delegated.put(meeting(), people[5])
        delegated.put(meeting(), people[55])
        nobody = [f"gone{number}@example.com" for number in range(3)]
        found = await delegated.account.busy([*nobody, *people], MONTH)
        assert {who for who, times in found.items() if isinstance(times, SourceError)} == set(nobody)
        assert {who for who, times in found.items() if times == (BusyTime(NINE, NINE + HOUR),)} == {
            people[5],
            people[55],
        }
        assert set(found) == {*nobody, *people}

    async def test_a_user_without_a_calendar_lends_no_name(self, delegated: Office) -> None:
        people = crowd(delegated, 3)
        refuse = {"error": {"code": 403, "errors": [{"reason": "notACalendarUser"}]}}
        real = delegated.account._api._http.request

        async def request(method: str, url: str, **more: Any) -> Any:
            response = await real(method, url, **more)
            return (
                replace(response, status=403, body=json.dumps(refuse).encode())
                if _quota_user(ANNA)["quotaUser"] in url
                else response
            )

        delegated.account._api._http.request = request  # type: ignore[method-assign]
        found = await delegated.account.busy([ANNA, *people], MONTH)
        assert [found[who] for who in people] == [(), (), ()]

    async def test_many_are_asked_for_together_with_one_persons_token(
        self, delegated: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asking: list[int] = []
        together: list[int] = []

        async def counted(*told: Any, **more: Any) -> Any:
            asking.append(1)
            together.append(len(asking))
            try:
                return await free_busy(*told, **more)
            finally:
                asking.pop()

        monkeypatch.setattr("backsoon.sources.google.account.free_busy", counted)
        people = crowd(delegated, 210)
        delegated.put(meeting(), people[205])
        found = await delegated.account.busy(people, MONTH)
        assert list(found) == people
        assert [who for who, times in found.items() if times] == [people[205]]
        assert delegated.account.counts == {"freebusy.query": 5, "token": 1}
        assert max(together) == 4  # the first found out in whose name

    async def test_one_query_that_fails_concerns_its_own_mailboxes(self, delegated: Office) -> None:
        people = crowd(delegated, 120)
        await delegated.account.busy(people[:1], MONTH)
        delegated.simulator.faults.add("unavailable", match="freebusy")
        found = await delegated.account.busy(people, MONTH)
        assert sum(isinstance(times, SourceUnavailable) for times in found.values()) in (20, 50)
        delegated.simulator.faults.add("unavailable", match="freebusy", times=None)
        with pytest.raises(SourceUnavailable):
            await delegated.account.busy(people, MONTH)

    async def test_another_lends_the_name_when_one_has_asked_often(
        self, delegated: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("backsoon.sources.google.account._IN_ONE_NAME", 2)
        for who in (ANNA, BO, CARL):
            await delegated.account.busy([who], MONTH)
        assert delegated.account.counts == {"freebusy.query": 3, "token": 2}

    async def test_throttled(self, at_work: Office) -> None:
        at_work.simulator.faults.add("throttle", seconds=60)
        with pytest.raises(SourceBusy):
            await at_work.account.busy([ANNA], MONTH)


class Hooks:
    """Somebody who is told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.status = 204
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.heard.append({name: value for name, value in request.headers.items() if name.startswith("X-Goog-")})
        self.bodies.append(await request.read())
        return web.Response(status=self.status)

    def numbers(self) -> list[int]:
        return [int(each["X-Goog-Message-Number"]) for each in self.heard]


@pytest.fixture
async def hooks() -> AsyncIterator[Hooks]:
    hooks = Hooks()
    app = web.Application()
    app.router.add_post("/hooks/google", hooks.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hooks.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/google"
    yield hooks
    await runner.cleanup()


def wanted(hooks: Hooks, address: str = ANNA, id: str = "channel-1") -> Wanted:
    return Wanted(7, address, id, hooks.url, "hush")


async def one(webhooks: GoogleWebhooks, order: Wanted) -> Ordered:
    (made,) = await webhooks.order([order])
    assert isinstance(made, Ordered), made
    return made


class TestWebhooks:
    @pytest.fixture
    def webhooks(self, at_work: Office) -> GoogleWebhooks:
        found = at_work.account.webhooks
        assert isinstance(found, GoogleWebhooks)
        return found

    async def test_a_channel_is_ordered_and_told(self, at_work: Office, webhooks: GoogleWebhooks, hooks: Hooks) -> None:
        at_work.simulator.channels.longest = timedelta(days=3)
        made = await one(webhooks, wanted(hooks))
        assert (made.id, made.calendar, made.address, made.url) == ("channel-1", 7, ANNA, hooks.url)
        left = made.expires_at - datetime.now(UTC)
        assert timedelta(days=2, hours=23) < left <= timedelta(days=3)
        at_work.put(meeting())
        at_work.put(meeting("else"), BO)
        await at_work.simulator.channels.settled()
        assert [each["X-Goog-Resource-State"] for each in hooks.heard] == ["sync", "exists"]
        for each in hooks.heard:
            assert each["X-Goog-Channel-Token"] == "hush"
            assert each["X-Goog-Channel-ID"] == "channel-1"
            assert each["X-Goog-Resource-ID"] == made.resource
        assert hooks.numbers() == [1, 2]
        assert hooks.bodies == [b"", b""]
        assert "hush" not in repr(wanted(hooks))

    async def test_seven_days_are_asked_for(self, at_work: Office, webhooks: GoogleWebhooks, hooks: Hooks) -> None:
        made = await one(webhooks, wanted(hooks))
        assert timedelta(days=6, hours=23) < made.expires_at - datetime.now(UTC) <= timedelta(days=7)

    async def test_an_old_one_and_a_new_one_overlap(
        self, at_work: Office, webhooks: GoogleWebhooks, hooks: Hooks
    ) -> None:
        assert not webhooks.renewable
        old = await one(webhooks, wanted(hooks))
        new = await one(webhooks, wanted(hooks, id="channel-2"))
        await webhooks.cancel([old])
        at_work.put(meeting())
        await at_work.simulator.channels.settled()
        assert [each["X-Goog-Channel-ID"] for each in hooks.heard if each["X-Goog-Resource-State"] == "exists"] == [
            new.id
        ]
        assert all(isinstance(each, SourceMissing) for each in await webhooks.renew([new]))
        assert await webhooks.listed() is None

    async def test_one_that_is_gone_is_no_failure_and_one_that_cannot_be_stopped_is(
        self, at_work: Office, webhooks: GoogleWebhooks, hooks: Hooks
    ) -> None:
        made = await one(webhooks, wanted(hooks))
        await webhooks.cancel([made])
        await webhooks.cancel([made])
        at_work.simulator.faults.add("unavailable", match="channels.stop")
        with pytest.raises(SourceError):
            await webhooks.cancel([made])

    async def test_each_has_its_own_answer(self, at_work: Office, webhooks: GoogleWebhooks, hooks: Hooks) -> None:
        at_work.simulator.share(CARL, "freeBusyReader")
        orders = [
            wanted(hooks),
            wanted(hooks),
            wanted(hooks, "nobody@example.com", "c3"),
            wanted(hooks, CARL, "c4"),
            Wanted(1, BO, "c5", "http://public.example/hooks/google", "x"),
        ]
        found = await webhooks.order(orders)
        assert sum(isinstance(each, Ordered) for each in found[:2]) == 1  # an id is good for one
        assert isinstance(found[2], NotShared)
        assert isinstance(found[3], SourceDenied)
        assert isinstance(found[4], AddressRefused)
        assert "https" in found[4].remedy

    async def test_throttled_as_a_whole(self, at_work: Office, webhooks: GoogleWebhooks, hooks: Hooks) -> None:
        at_work.simulator.faults.add("throttle", times=None, seconds=30)
        with pytest.raises(SourceBusy):
            await webhooks.order([wanted(hooks), wanted(hooks, BO, "c2")])

    async def test_in_an_owners_name(self, delegated: Office, hooks: Hooks) -> None:
        webhooks = delegated.account.webhooks
        assert isinstance(webhooks, GoogleWebhooks)
        made = await one(webhooks, wanted(hooks))
        assert delegated.simulator.channels.open[made.id].user == ANNA
        await webhooks.cancel([made])
        assert delegated.simulator.channels.open == {}

    async def test_the_simulator_drops_doubles_mixes_and_repeats(
        self, at_work: Office, webhooks: GoogleWebhooks, hooks: Hooks
    ) -> None:
        channels, faults = at_work.simulator.channels, at_work.simulator.faults
        await one(webhooks, wanted(hooks))
        await channels.settled()
        hooks.heard.clear()
        faults.add("drop")
        faults.add("duplicate", times_sent=3)
        faults.add("reorder", times=2)
        for number in range(4):
            at_work.put(meeting(f"{number}"))
        await channels.settled()
        channels.release()
        await channels.settled()
        assert sorted(hooks.numbers()) == [3, 3, 3, 4, 5]
        hooks.status, channels.retry_after = 503, 0.0
        hooks.heard.clear()
        at_work.put(meeting("again"))
        await channels.settled()
        assert len(hooks.heard) == 4

    async def test_a_channel_ends(self, at_work: Office, webhooks: GoogleWebhooks, hooks: Hooks) -> None:
        await one(webhooks, wanted(hooks))
        at_work.simulator.now = lambda: datetime.now(UTC) + timedelta(days=8)
        at_work.put(meeting())
        await at_work.simulator.channels.settled()
        assert hooks.numbers() == [1]


def levels(findings: object) -> list[str]:
    assert isinstance(findings, list)
    return [each.level for each in findings if isinstance(each, Finding)]


class TestCheck:
    async def test_all_is_well(self, at_work: Office) -> None:
        found = await at_work.account.check([ANNA, BO])
        assert set(levels(found)) == {"ok"}
        assert any(SERVICE in each.text for each in found)
        assert sum("can be read" in each.text for each in found) == 2

    async def test_each_mailbox_in_words(self, at_work: Office) -> None:
        at_work.simulator.share(ANNA, "reader")
        at_work.simulator.share(BO, "freeBusyReader")
        at_work.simulator.share(CARL, "none")
        annas, bos, carls = (await at_work.account.check([ANNA, BO, CARL]))[-3:]
        assert (annas.level, bos.level, carls.level) == ("ok", "warning", "error")
        assert "private entries show their times only" in annas.text
        assert "shared without details, keywords cannot be read" in bos.text
        assert SERVICE in carls.remedy

    async def test_the_api_is_not_enabled(self, at_work: Office) -> None:
        at_work.simulator.faults.add("vendor", times=None, status=403, code="accessNotConfigured")
        found = await at_work.account.check([ANNA, BO])
        assert levels(found).count("error") == 1
        assert "enable the Google Calendar API" in found[-1].remedy

    async def test_what_keeps_everybody_out_is_said_once(self, at_work: Office) -> None:
        at_work.simulator.signing.key_enabled = False
        (found,) = await at_work.account.check([ANNA, BO])
        assert (found.level, "new key" in found.remedy) == ("error", True)

    async def test_a_user_whose_consent_is_too_wide_or_too_narrow(self, at_work: Office) -> None:
        at_work.simulator.signing.consented = frozenset({EVENTS, ALL})
        found = await user(at_work).check([])
        assert any(each.level == "warning" and "wider than needed" in each.text for each in found)
        at_work.simulator.signing.consented = frozenset({EVENTS, CALENDAR_LIST})
        found = await user(at_work).check([ANNA])
        assert [each.level for each in found] == ["ok", "ok", "warning", "ok"]
        assert "free/busy" in found[2].text

    async def test_delegation_that_is_too_wide(self, delegated: Office) -> None:
        assert set(levels(await delegated.account.check([ANNA]))) == {"ok"}
        delegated.simulator.signing.delegated |= {ALL}
        found = await GoogleAccount(delegated.account._settings, delegated.http).check([ANNA])
        assert any(each.level == "warning" and ALL in each.text for each in found)

    async def test_no_mailbox_is_known(self, delegated: Office, at_work: Office) -> None:
        assert levels(await at_work.account.check([])) == ["ok", "ok", "ok"]
        assert "error" not in levels(await delegated.account.check([]))


class TestDiscover:
    async def test_a_users_list_to_its_last_page(self, at_work: Office) -> None:
        at_work.simulator.listing.most_per_page = 2
        at_work.simulator.share(BO, "freeBusyReader")
        found = await user(at_work).discover([ANNA, "nobody@example.com"])
        assert [(each.address, each.access, each.details) for each in found] == [
            (ANNA, "writer", True),
            (BO, "freeBusyReader", False),
            (CARL, "writer", True),
        ]
        assert at_work.simulator.count["calendarList.list"] == 2
        assert at_work.simulator.count["events.list"] == 1  # the one that the list lacks is tried

    async def test_a_service_account_tries_the_addresses(self, at_work: Office) -> None:
        at_work.simulator.share(CARL, "none")
        found = await at_work.account.discover([ANNA, CARL])
        assert [(each.address, each.access) for each in found] == [(ANNA, "writer")]

    async def test_in_a_domain_there_is_no_list(self, delegated: Office) -> None:
        found = await delegated.account.discover([ANNA, "nobody@elsewhere.example"])
        assert [(each.address, each.access) for each in found] == [(ANNA, "owner")]

    async def test_what_cannot_be_asked_is_not_left_out(self, at_work: Office) -> None:
        at_work.simulator.faults.add("unavailable", match="events.list")
        with pytest.raises(SourceError):
            await at_work.account.discover([ANNA])


class TestQuota:
    async def test_whom_a_request_is_counted_for_is_said_by_a_hash(self, at_work: Office) -> None:
        await at_work.read(address=ANNA)
        await at_work.read(address=BO)
        first, second = (each["quotaUser"] for each in at_work.simulator.queries)
        assert first != second
        assert "anna" not in first
        assert len(first) <= 40

    async def test_the_budget_of_a_day(self, at_work: Office) -> None:
        """A first read, three reconciles, a channel: within ten requests for a mailbox."""
        token = (await at_work.read()).sync_token
        for _ in range(3):
            token = (await at_work.read(token)).sync_token
        assert sum(at_work.account.counts.values()) <= 5

    @pytest.mark.parametrize(
        ("access", "a_minute", "expected"),
        [
            ("shared", 600, 600),
            ("shared", 60, 60),
            ("shared", 20_000, 20_000),
            ("delegation", 600, 10_000),
            ("delegation", 20_000, 20_000),
        ],
    )
    async def test_whose_limit_is_kept(self, access: str, a_minute: int, expected: int) -> None:
        """One account's where it asks for all, the project's where each mailbox is a user of its own."""
        async with office(access=access, requests_per_minute=a_minute) as at_work:
            throttle = at_work.account._api.throttle
            assert throttle._per_second is not None
            assert throttle.limit == min(96, expected // 30)
            assert expected - 10 <= throttle._per_second * 60 + throttle._burst <= expected
