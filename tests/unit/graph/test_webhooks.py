"""Ordering notifications, with a receiver that answers Microsoft's validation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web

from backsoon.sources.account import Ordered, Wanted, Webhooks
from backsoon.sources.base import SourceError, SourceMissing
from backsoon.sources.graph import webhooks
from tests.simulators.graph import Limits
from tests.unit.graph.tenant import ANNA, BERIT, Tenant, meeting, tenant

PUBLIC = "https://phone.example.com/hooks/graph"
MINUTE = timedelta(minutes=1)


class Receiver:
    """Where notifications arrive."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []

    async def take(self, request: web.Request) -> web.Response:
        if "validationToken" in request.query:
            return web.Response(text=request.query["validationToken"])
        self.heard += (await request.json())["value"]
        return web.Response(status=202)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hooks/graph", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield receiver, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def made(receiver: tuple[Receiver, str]) -> AsyncIterator[Tenant]:
    async with tenant() as made:
        made.sim.hooks["https://phone.example.com"] = receiver[1]
        made.now = made.sim.now()
        yield made


def hooks_of(made: Tenant) -> Webhooks:
    """The account's."""
    hooks = made.account.webhooks
    assert hooks is not None
    return hooks


def wanted(number: int = 1, address: str = ANNA) -> Wanted:
    """Notifications of one mailbox."""
    return Wanted(number, address, "proposal", PUBLIC, f"secret-{number}")


def good(made: Ordered | SourceError) -> Ordered:
    """What was ordered."""
    assert isinstance(made, Ordered), made
    return made


async def test_what_is_ordered_is_told(made: Tenant, receiver: tuple[Receiver, str]) -> None:
    hooks = hooks_of(made)
    assert (hooks.path, hooks.together, hooks.renewable) == ("/hooks/graph", 20, True)
    first, second = [good(one) for one in await hooks.order([wanted(1), wanted(2, BERIT)])]
    assert (first.calendar, first.address, second.calendar, second.address) == (1, ANNA, 2, BERIT)
    assert made.now + 10_000 * MINUTE < first.expires_at <= made.now + 10_080 * MINUTE
    assert made.sim.count["batch"] == 1
    made.anna.put(meeting())
    made.sim.world[BERIT].put(meeting())
    await made.sim.settled()
    heard = {one["subscriptionId"]: one["clientState"] for one in receiver[0].heard}
    assert heard == {first.id: "secret-1", second.id: "secret-2"}
    assert made.sim.lifecycle("missed") == 2
    await made.sim.settled()
    assert sum(one.get("lifecycleEvent") == "missed" for one in receiver[0].heard) == 2


async def test_the_life_that_is_given_is_the_truth(made: Tenant) -> None:
    hooks = hooks_of(made)
    (one,) = await hooks.order([wanted()])
    made.now += 3 * 1440 * MINUTE
    made.sim.subscriptions.now = lambda: made.now
    (renewed,) = await hooks.renew([good(one)])
    assert good(renewed).id == good(one).id
    assert good(renewed).expires_at == good(one).expires_at + 3 * 1440 * MINUTE


async def test_what_is_listed_can_be_taken_over(made: Tenant) -> None:
    hooks = hooks_of(made)
    (one,) = await hooks.order([wanted()])
    (found,) = await hooks.listed() or ()
    assert (found.id, found.expires_at, found.url) == (good(one).id, good(one).expires_at, PUBLIC)
    assert (found.calendar, found.address) == (0, ANNA)
    again = await hooks.order([wanted()])
    assert isinstance(again[0], SourceError)
    assert "409" in str(again[0])


async def test_the_list_is_read_to_its_end(receiver: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PER_SECOND", 10_000.0)
    people = [f"p{n}@example.com" for n in range(230)]
    async with tenant(people) as made:
        made.sim.hooks["https://phone.example.com"] = receiver[1]
        made.now, hooks = made.sim.now(), hooks_of(made)
        ordered = await hooks.order([wanted(n, address) for n, address in enumerate(people)])
        listed = await hooks.listed() or ()
        assert {one.id for one in listed} == {good(one).id for one in ordered}
        assert {one.address for one in listed} == set(people)
        await hooks.cancel(listed)
        assert await hooks.listed() == []


async def test_what_is_gone_cannot_be_renewed_and_need_not_be_cancelled(made: Tenant) -> None:
    hooks = hooks_of(made)
    (one,) = await hooks.order([wanted()])
    await hooks.cancel([good(one)])
    await hooks.cancel([good(one)])
    (renewed,) = await hooks.renew([good(one)])
    assert isinstance(renewed, SourceMissing)


async def test_one_that_fails_leaves_the_others(made: Tenant) -> None:
    made.sim.world[BERIT].access = "none"
    first, second, third = await hooks_of(made).order([wanted(1), wanted(2, BERIT), wanted(3, "nobody@example.com")])
    assert good(first).address == ANNA
    assert isinstance(second, SourceError)
    assert isinstance(third, SourceError)


async def test_an_address_that_does_not_answer_is_said_once(made: Tenant) -> None:
    made.sim.hooks["https://phone.example.com"] = "http://127.0.0.1:9"
    (refused,) = await hooks_of(made).order([wanted()])
    assert isinstance(refused, SourceError)
    assert "/hooks/graph" in refused.remedy
    assert made.sim.count["subscribe"] == 1


async def test_a_shorter_life_is_asked_for_where_the_longest_is_refused(
    made: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.simulators.graph.subscriptions.LONGEST", 4230 * MINUTE)
    hooks = hooks_of(made)
    (one,) = await hooks.order([wanted()])
    assert made.now + 4200 * MINUTE < good(one).expires_at <= made.now + 4230 * MINUTE
    (renewed,) = await hooks.renew([good(one)])
    assert isinstance(renewed, Ordered)
    assert (made.sim.count["subscribe"], made.sim.count["renew"]) == (2, 1)


async def test_no_more_are_ordered_at_a_time_than_the_vendor_takes(
    receiver: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits of 20 s in a fifth of a second."""
    monkeypatch.setattr(webhooks, "PER_SECOND", 96.0)
    people = [f"p{n}@example.com" for n in range(60)]
    async with tenant(people, limits=Limits(subscriptions=(60, 0.5))) as made:
        made.sim.hooks["https://phone.example.com"] = receiver[1]
        made.now = made.sim.now()
        ordered = await hooks_of(made).order([wanted(n, address) for n, address in enumerate(people)])
        assert all(isinstance(one, Ordered) for one in ordered)
        assert not made.sim.gate.throttled
