"""Notifications from Exchange: streaming and pulled; dead streams, lost subscriptions, others wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backsoon.sources.ews.stream import EwsStream
from tests.simulators.ews import Limits
from tests.simulators.model import Mailbox
from tests.unit.ews.server import ANNA, BERIT, Ear, Office, meeting, office, until

BOTH = {ANNA, BERIT}


@asynccontextmanager
async def listening(
    version: str = "2016", *, want: set[str] | None = None, tune: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Office, Ear, EwsStream]]:
    async with office(version, sim=settings.pop("sim", None), **settings) as made:
        stream = EwsStream(made.account._client, **{"first_pause": 0.01, "pull_every": 0.02, **(tune or {})})
        ear = Ear()
        stream.want(BOTH if want is None else want)
        task = asyncio.create_task(stream.run(ear))
        try:
            yield made, ear, stream
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("access", ["impersonation", "delegate"])
async def test_changes_are_heard_on_one_connection(access: str) -> None:
    async with listening(access=access) as (made, ear, _):
        await until(lambda: ear.live == BOTH)
        assert sorted(ear.told) == sorted(BOTH)  # what happened before anybody listened may have been missed
        ear.told.clear()
        made.anna.put(meeting("a"))
        await until(lambda: ear.told == [ANNA])
        made.anna.remove("a")
        await until(lambda: ear.told == [ANNA, ANNA])
        assert made.sim.streams == 1
        assert made.sim.count["Subscribe"] == 2


async def test_the_agreed_end_of_a_connection_loses_nothing() -> None:
    async with listening(sim={"minute": 0.005}) as (made, ear, _):
        await until(lambda: made.sim.count["GetStreamingEvents"] >= 4)
        assert ear.lost == 0
        ear.told.clear()
        made.anna.put(meeting("a"))
        await until(lambda: ANNA in ear.told)
        assert BERIT not in ear.told


async def test_a_stream_that_says_ok_and_knows_nothing_of_the_subscription_is_left() -> None:
    async with listening() as (made, ear, _):
        await until(lambda: ear.live == BOTH)
        ear.told.clear()
        made.sim.notices.forget()
        await until(lambda: ear.lost > 0 and ear.live == BOTH)
        assert sorted(ear.told) == sorted(BOTH)
        ear.told.clear()
        made.anna.put(meeting("a"))
        await until(lambda: ANNA in ear.told)


async def test_a_stream_without_signs_of_life_is_dead() -> None:
    async with listening(tune={"heartbeat": 0.1}) as (_, ear, _stream):
        await until(lambda: ear.live == BOTH and ear.lost >= 1)


async def test_a_stream_with_signs_of_life_is_not() -> None:
    async with listening(tune={"heartbeat": 2.0}, sim={"heartbeat": 0.02}) as (made, ear, _):
        await until(lambda: ear.live == BOTH)
        await asyncio.sleep(0.2)
        assert (ear.lost, made.sim.count["GetStreamingEvents"]) == (0, 1)


async def test_a_cut_connection_is_made_anew() -> None:
    async with listening() as (made, ear, _):
        await until(lambda: ear.live == BOTH)
        ear.told.clear()
        made.sim.cut_streams()
        await until(lambda: ear.lost > 0 and ear.live == BOTH)
        assert sorted(set(ear.told)) == sorted(BOTH)


@pytest.mark.parametrize("fault", ["throttle", "unavailable", "html", "redirect", "expire", "sign_in"])
async def test_what_fails_is_tried_again(fault: str) -> None:
    async with listening(want=set()) as (made, ear, stream):
        made.sim.faults.add(fault, match="GetStreamingEvents", seconds=0.01)
        stream.want(BOTH)
        await until(lambda: ear.live == BOTH)
        assert made.sim.count["GetStreamingEvents"] == 2


async def test_a_mailbox_that_cannot_be_listened_to_does_not_keep_the_others_from_it() -> None:
    async with listening(want={"aaron@example.com", ANNA}) as (made, ear, _):
        await until(lambda: ear.live == {ANNA})
        made.anna.put(meeting("a"))
        await until(lambda: ear.told.count(ANNA) == 2)


async def test_others_are_wanted() -> None:
    async with listening(want={ANNA}) as (made, ear, stream):
        await until(lambda: ear.live == {ANNA})
        ear.told.clear()
        stream.want(BOTH)
        await until(lambda: ear.live == BOTH)
        assert set(ear.told) == BOTH  # what was on its way when the connection was made anew
        stream.want({BERIT})
        await until(lambda: ear.live == {BERIT})
        await until(lambda: len(made.sim.notices.subscriptions) == 1)
        stream.want(())
        await until(lambda: ear.live == set())
        await until(lambda: made.sim.streams == 0)


async def test_many_mailboxes_share_connections_within_the_servers_limits() -> None:
    many = {f"p{n}@example.com" for n in range(430)}
    async with listening(want=set(), sim={"limits": None}, at_once=8) as (made, ear, stream):
        for address in many:
            made.sim.world.add(Mailbox(address))
        stream.want(many)
        await until(lambda: ear.live == many, 60)
        assert made.sim.streams == 3
        made.sim.world["p77@example.com"].put(meeting("a"))
        await until(lambda: ear.told.count("p77@example.com") == 2)


@pytest.mark.parametrize("version", ["2007_SP1", "2010"])
async def test_old_servers_are_asked_what_happened(version: str) -> None:
    async with listening(version) as (made, ear, _):
        await until(lambda: ear.live == BOTH)
        ear.told.clear()
        made.anna.put(meeting("a"))
        await until(lambda: ear.told == [ANNA])
        made.anna.put(meeting("b"))
        made.anna.put(meeting("c"))
        await until(lambda: ear.told == [ANNA, ANNA])
        before = made.sim.count["GetEvents"]
        await until(lambda: made.sim.count["GetEvents"] > before + 2)
        assert ear.told == [ANNA, ANNA]


async def test_an_old_subscription_that_ended_is_ordered_anew_and_its_mailbox_read() -> None:
    async with listening("2007_SP1", want={ANNA}) as (made, ear, _):
        await until(lambda: ear.live == {ANNA} and made.sim.count["GetEvents"] > 1)
        ear.told.clear()
        made.sim.notices.forget()
        await until(lambda: made.sim.count["Subscribe"] >= 2 and ear.live == {ANNA} and ANNA in ear.told)


async def test_mailboxes_on_another_server_get_a_connection_of_their_own() -> None:
    """The server that a group is on does not take some of its mailboxes."""
    people = [f"p{n}@example.com" for n in range(8)]
    async with listening(want=set()) as (made, ear, stream):
        for address in people:
            made.sim.world.add(Mailbox(address))
        for address in people[3:6]:
            made.sim.faults.add("vendor", match=f"Subscribe {address}", code="ErrorProxyRequestNotAllowed")
        stream.want(people)
        await until(lambda: ear.live == set(people))
        assert made.sim.streams == 2
        made.sim.world[people[4]].put(meeting("a"))
        await until(lambda: ear.told.count(people[4]) == 2)


@pytest.mark.parametrize("fault", ["duplicate", "reorder", "drop"])
async def test_notifications_that_come_twice_late_or_never_harm_nobody(fault: str) -> None:
    async with listening() as (made, ear, _):
        await until(lambda: ear.live == BOTH)
        ear.told.clear()
        made.sim.faults.add(fault, match=ANNA)
        made.anna.put(meeting("a"))
        made.anna.put(meeting("b"))
        await until(lambda: ANNA in ear.told)
        assert ear.lost == 0
        assert BERIT not in ear.told


async def test_one_subscription_that_is_lost_is_made_anew() -> None:
    async with listening() as (made, ear, _):
        await until(lambda: ear.live == BOTH)
        lost = next(s.id for s in made.sim.notices.subscriptions.values() if s.mailbox is made.anna)
        made.sim.notices.forget(lost)
        await until(lambda: ear.lost > 0 and ear.live == BOTH)
        ear.told.clear()
        for address in BOTH:
            made.sim.world[address].put(meeting("a"))
        await until(lambda: set(ear.told) == BOTH)


async def test_a_delegate_holds_no_more_connections_than_the_server_lets_it() -> None:
    async with listening(want=set(), access="delegate", sim={"limits": Limits()}) as (made, ear, stream):
        many = [f"p{n}@example.com" for n in range(650)]
        for address in many:
            made.sim.world.add(Mailbox(address))
        stream.want(many)
        await until(lambda: len(ear.live) == 600, 60)
        assert made.sim.streams == 3
        assert ear.lost == 0


@pytest.mark.parametrize("left", [7, 12], ids=["a group is empty", "groups have room"])
async def test_who_waits_for_a_connection_takes_the_place_of_those_who_are_gone(
    monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    monkeypatch.setattr("backsoon.sources.ews.stream.TOGETHER", 5)
    async with listening(want=set(), access="delegate") as (made, ear, stream):
        many = [f"p{n:02}@example.com" for n in range(17)]
        for address in many:
            made.sim.world.add(Mailbox(address))
        stream.want(many)
        await until(lambda: len(ear.live) == 15)
        assert "2 mailboxes are polled" in str(stream.problem)
        stream.want(many[-left:])
        await until(lambda: ear.live == set(many[-left:]))
        await until(lambda: stream.problem is None)


async def test_mailboxes_on_another_server_take_a_delegates_connection_that_nobody_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backsoon.sources.ews.stream.TOGETHER", 5)
    async with listening(want=set(), access="delegate") as (made, ear, stream):
        many = [f"p{n:02}@example.com" for n in range(15)]
        for address in many:
            made.sim.world.add(Mailbox(address))
        stream.want(many)
        await until(lambda: len(ear.live) == 15)
        stream.want(many[5:])
        await until(lambda: ear.live == set(many[5:]))
        group = next(each for each in stream._groups if many[5] in each.members)
        stream._stray(group, {many[5]})
        await until(lambda: any(each.moved and each.begun and many[5] in each.members for each in stream._groups))
        await until(lambda: ear.live == set(many[5:]) and stream.problem is None)


# -- what the health report says -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "told", "words"),
    [
        ("unavailable", {}, "answered 503"),
        ("sign_in", {}, "refused the account"),
        ("throttle", {"seconds": 0.01}, "asks to wait"),
        ("redirect", {}, "leads elsewhere"),
    ],
)
async def test_a_connection_that_fails_says_why_until_it_is_made(fault: str, told: dict[str, Any], words: str) -> None:
    async with listening(want=set()) as (made, ear, stream):
        made.sim.faults.add(fault, times=None, match="GetStreamingEvents", **told)
        stream.want(BOTH)
        await until(lambda: stream.problem is not None)
        assert words in str(stream.problem)
        assert stream.problem is not None
        assert stream.problem.remedy
        assert not ear.live
        made.sim.faults.clear()
        await until(lambda: ear.live == BOTH)
        assert stream.problem is None


async def test_a_dead_connection_says_that_a_proxy_may_keep_what_it_brings() -> None:
    async with listening(tune={"heartbeat": 0.1, "first_pause": 60.0}) as (_, ear, stream):
        await until(lambda: ear.lost >= 1)
        assert "said nothing for 0.1 s" in str(stream.problem)
        assert stream.problem is not None
        assert "proxy" in stream.problem.remedy


async def test_mailboxes_for_which_a_delegate_has_no_connection_left_are_said_to_be_polled() -> None:
    async with listening(want=set(), access="delegate", sim={"limits": Limits()}) as (made, ear, stream):
        many = [f"p{n}@example.com" for n in range(610)]
        for address in many:
            made.sim.world.add(Mailbox(address))
        stream.want(many)
        await until(lambda: len(ear.live) == 600, 60)
        assert "10 mailboxes are polled" in str(stream.problem)
        assert stream.problem is not None
        assert "impersonation" in stream.problem.remedy


# -- where the server allows no more subscriptions -------------------------------------------------------------------


def crowded(made: Office, count: int) -> list[str]:
    """So many mailboxes, for all of which but the first two the server allows no subscription."""
    people = [f"p{n:03}@example.com" for n in range(count)]
    for address in people:
        made.sim.world.add(Mailbox(address))
    for address in people[2:]:
        made.sim.faults.add("vendor", times=None, match=f"Subscribe {address}", code="ErrorExceededSubscriptionCount")
    return people


async def test_where_no_more_subscriptions_are_allowed_the_rest_is_polled_and_nobody_hammers() -> None:
    async with listening(want=set()) as (made, ear, stream):
        people = crowded(made, 60)
        stream.want(people)
        await until(lambda: ear.live == set(people[:2]))
        assert made.sim.count["Subscribe"] <= 2 + 8  # those that were under way together
        assert "no more subscriptions (ErrorExceededSubscriptionCount): 58 mailboxes are polled" in str(stream.problem)
        assert stream.problem is not None
        assert "EWSMaxSubscriptions" in stream.problem.remedy
        assert made.account._client.throttle.blocked_for() == 0  # who reads does not wait for it
        assert made.account._client.throttle.limit == made.account._client.settings.at_once
        asked = made.sim.count["Subscribe"]
        made.sim.cut_streams()
        await until(lambda: ear.lost > 0 and ear.live == set(people[:2]))  # who had one has another
        assert made.sim.count["Subscribe"] == asked + 2
        stream.want(people[:2])
        await until(lambda: stream.problem is None)


async def test_one_mailbox_with_too_many_subscriptions_keeps_nobody_else_from_having_one() -> None:
    async with listening(want=set()) as (made, ear, stream):
        made.sim.faults.add("vendor", times=None, match=f"Subscribe {ANNA}", code="ErrorExceededSubscriptionCount")
        many = {f"p{n}@example.com" for n in range(20)} | {ANNA}
        for address in many - {ANNA}:
            made.sim.world.add(Mailbox(address))
        stream.want(many)
        await until(lambda: ear.live == many - {ANNA})
        assert "1 mailboxes are polled" in str(stream.problem)


async def test_subscriptions_are_ordered_again_after_a_while() -> None:
    async with listening(want=set(), sim={"minute": 0.01}) as (made, ear, stream):
        stream._orders._pause = 0.2
        people = crowded(made, 12)
        stream.want(people)
        await until(lambda: ear.live == set(people[:2]))
        made.sim.faults.clear()
        await until(lambda: ear.live == set(people))
        assert stream.problem is None


async def test_where_nobody_may_be_listened_to_it_is_tried_less_and_less_often() -> None:
    """The role was taken away, say: each try is a request for each mailbox."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0)

    async with listening(want=set(), tune={"sleep": sleep}) as (made, _ear, stream):
        made.sim.faults.add("vendor", times=None, match="Subscribe ", code="ErrorImpersonateUserDenied")
        stream.want(BOTH)
        await until(lambda: len(waited) >= 6)
        assert waited[:6] == [300, 600, 1200, 2400, 3600, 3600]
        assert "may not act for this mailbox" in str(stream.problem)


async def test_old_servers_are_not_hammered_either() -> None:
    async with listening("2007_SP1", want=set()) as (made, ear, stream):
        people = crowded(made, 8)
        stream.want(people)
        await until(lambda: ear.live == set(people[:2]) and made.sim.count["GetEvents"] >= 2)
        assert made.sim.count["Subscribe"] == 2 + 3
        assert "6 mailboxes are polled" in str(stream.problem)
