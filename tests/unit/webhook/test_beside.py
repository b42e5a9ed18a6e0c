"""Receivers that are slow, dead or refuse, beside a switchboard that is well, in one engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.publisher import Publisher
from backsoon.store.base import Told
from backsoon.switchboards.webhook import WebhookSettings, WebhookSwitchboard
from backsoon.wire.outward import Resolve, system_resolve
from tests.unit.engine.world import World, at, entry, world
from tests.webhook_receiver import QUICK, Took, WebhookReceiver, answering, around, receiving

HOSTILE = '"}],"x":[{\r\nwebhook-id: 1\r\n\r\n\u202e${SHELL(id)} <script> \\" \\u0000 \0'


@asynccontextmanager
async def told(w: World, settings: WebhookSettings, resolve: Resolve = system_resolve) -> AsyncIterator[Publisher]:
    """The world at work, with a receiver beside its switchboard in memory."""
    known = SwitchboardSettings("acme", settings.name, "webhook")
    driver = WebhookSwitchboard(settings, around(), resolve)
    publisher = Publisher(known, driver, w.store, w.clock, w.settler.settle_everybody)
    w.publishers["acme"].append(publisher)
    await w.store.save_switchboards("acme", [w.publisher.settings, known])
    async with w.running():
        telling = asyncio.create_task(publisher.run())
        try:
            yield publisher
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            w.publishers["acme"].remove(publisher)


async def test_transitions_reach_the_receiver_at_their_instants(tmp_path: Path) -> None:
    async with world(tmp_path) as w, receiving() as receiver:
        anna = await w.person(email="anna@acme.example")
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "m: Budget", at(10), at(11)))
        calendar.put("b", entry("b", "Private dinner", at(11), at(12)))
        calendar.put("c", entry("c", "l; Sandwich", at(12), at(13)))
        await w.read(anna)
        async with told(w, receiver.settings()):
            await w.until(lambda: "1001" in receiver.people)
            assert receiver.people["1001"]["state"] == "available"
            assert [each["start"][11:16] for each in receiver.people["1001"]["coming"]] == ["10:00", "12:00"]
            for instant, state, reason in (
                *((at(10), "referred", "meeting"), (at(11), "available", "")),
                *((at(12), "informing", "lunch"), (at(13), "available", "")),
            ):
                await w.move_to(instant - timedelta(seconds=1))
                before = len(receiver.took)
                await w.move_to(instant)
                await w.until(lambda before=before: len(receiver.took) > before)  # type: ignore[misc]
                person = receiver.people["1001"]
                assert (person["state"], person["reason"], person["name"]) == (state, reason, "Anna Berg")
        said = b"".join(took.body for took in receiver.took)
        assert b"dinner" not in said
        assert b"Budget" not in said  # a note, which the settings keep from colleagues


async def test_hostile_text_arrives_as_text(tmp_path: Path) -> None:
    async with world(tmp_path) as w, receiving() as receiver:
        anna = await w.person(name=f"Anna {HOSTILE}")
        (await w.calendar_of(anna)).put("a", entry("a", f"m: {HOSTILE}", at(8), at(10)))
        await w.read(anna)
        async with told(w, receiver.settings()):
            await w.until(lambda: "1001" in receiver.people)
            name = receiver.people["1001"]["name"]
            assert "${SHELL(id)} <script>" in name
            assert not any(c in name for c in "\r\n\0\u202e")
            assert "x" not in receiver.people["1001"]


@pytest.mark.parametrize("fault", ["dead", "hangs", "fails", "refuses", "elsewhere"])
async def test_a_receiver_that_takes_nothing_delays_nobody(tmp_path: Path, fault: str) -> None:
    end = asyncio.Event()

    async def hang(took: Took) -> web.Response:
        await end.wait()
        return web.Response(status=500)

    answers = {"hangs": hang, "fails": answering(500), "refuses": answering(422), "elsewhere": answering(301)}
    async with world(tmp_path) as w, receiving() as receiver:
        people = [await w.person(str(1001 + number), f"P {number}") for number in range(20)]
        receiver.answer = answers.get(fault)
        if fault == "dead":
            await receiver.close()
        async with told(w, receiver.settings()) as publisher:
            for reason in ("lunch", "holiday", "meeting"):
                for person in people:
                    await w.service.refer(person, reason)
                for person in people:
                    await w.shows(person.extension, reason)
            assert receiver.people == {}
            await w.until(lambda: bool(publisher.health.refused or publisher.health.problem) or fault == "hangs")
            receiver.answer = None
            end.set()
            if fault == "dead":
                await receiver.open()
            if fault != "refuses":
                await heals(w, receiver, {person.extension for person in people})


@pytest.mark.parametrize("fault", ["drops", "hangs", "fails"])
async def test_people_whom_the_receiver_cannot_take_delay_nobody_else(tmp_path: Path, fault: str) -> None:
    """Nobody else is told of at that time; later others are, at their instants, and the rest when they can be."""
    end = asyncio.Event()
    whose = {"1001", "1002", "1003"}

    async def fail(took: Took) -> web.Response:
        if took.data.get("extension") not in whose:
            return web.Response()
        if fault == "hangs":
            await end.wait()
        return web.Response(status=500)

    async with world(tmp_path) as w, receiving() as receiver:
        people = [await w.person(str(1001 + number), f"P {number}") for number in range(4)]
        dan = people.pop()
        receiver.drops = set(whose) if fault == "drops" else set()
        receiver.answer = None if fault == "drops" else fail
        async with told(w, receiver.settings(times=replace(QUICK, deadline=1.0))) as publisher:
            await w.until(lambda: publisher.health.connected)
            for person in people:
                await w.service.refer(person, "meeting")
            await w.until(lambda: publisher.health.refused.keys() == whose)
            for reason in ("lunch", "holiday"):
                await w.service.refer(dan, reason)
                await w.until(lambda reason=reason: receiver.states() == {"1004": reason})  # type: ignore[misc]
            assert publisher.health.connected
            receiver.answer = None
            receiver.drops.clear()
            end.set()
            await heals(w, receiver, whose, {"1004": "holiday"})
            async with asyncio.timeout(30):
                while publisher.health.refused or not publisher.health.connected:
                    await w.move_to(w.clock.now() + timedelta(seconds=1))
                    await asyncio.sleep(0.02)


async def heals(
    w: World, receiver: WebhookReceiver, extensions: set[str], others: Mapping[str, str] | None = None
) -> None:
    """Time passes, and the receiver is told what holds then: once each, not what it missed."""
    async with asyncio.timeout(30):
        while receiver.states() != {**dict.fromkeys(extensions, "meeting"), **(others or {})}:
            await w.move_to(w.clock.now() + timedelta(seconds=1))
            await asyncio.sleep(0.02)


async def test_a_pause_that_the_receiver_asks_for_is_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as w, receiving() as receiver:
        anna = await w.person()
        receiver.answer = answering(503, headers={"Retry-After": "600"})
        async with told(w, receiver.settings()) as publisher:
            await w.until(lambda: publisher.health.connected)
            await w.service.refer(anna, "holiday")
            await w.until(lambda: not publisher.health.connected)
            assert "600 s" in publisher.health.problem
            receiver.answer = None
            await w.move_to(at(9, 9, 50))
            assert receiver.requests == 1
            await w.move_to(at(9, 10, 10))
            await w.until(lambda: receiver.states() == {"1001": "holiday"})


async def test_what_is_back_where_it_was_is_not_told(tmp_path: Path) -> None:
    """While nobody is there changes replace each other."""
    async with world(tmp_path) as w, receiving() as receiver:
        anna, bo = await w.person(), await w.person("1002", "Bo")
        async with told(w, receiver.settings()) as publisher:
            await w.service.refer(anna, "holiday")
            await w.until(lambda: receiver.states() == {"1001": "holiday"})
            await receiver.close()
            await w.until(lambda: not publisher.health.connected)
            for reason in ("lunch", "meeting", "holiday"):
                await w.service.refer(anna, reason)
            for reason in ("lunch", "meeting"):
                await w.service.refer(bo, reason)
            await w.shows("1002", "meeting")
            took = len(receiver.took)
            await receiver.open()
            async with asyncio.timeout(30):
                while receiver.states() != {"1001": "holiday", "1002": "meeting"}:
                    await w.move_to(w.clock.now() + timedelta(seconds=1))
                    await asyncio.sleep(0.02)
            assert {each.data["extension"] for each in receiver.took[took:]} == {"1002"}


async def test_a_sensitive_reason_is_nobodys_business(tmp_path: Path) -> None:
    async with world(tmp_path) as w, receiving() as receiver:
        anna = await w.person()
        async with told(w, receiver.settings()):
            await w.service.refer(anna, "sick")
            await w.until(lambda: "1001" in receiver.people)
        assert (receiver.people["1001"]["state"], receiver.people["1001"]["told_callers"]) == (
            "referred",
            "not_available",
        )
        assert b"sick" not in b"".join(took.body for took in receiver.took)


class Counted:
    """Resolves as the machine does, and counts how often somebody wanted to connect."""

    def __init__(self) -> None:
        self.attempts = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.attempts += 1
        return [host]


async def test_hours_without_the_receiver(tmp_path: Path) -> None:
    """It is tried again all the while, no more than four times an hour in the end, and told what holds at last."""
    counted, receiver = Counted(), WebhookReceiver()
    async with world(tmp_path) as w:
        anna = await w.person()
        async with told(w, receiver.settings(), counted) as publisher:
            since = publisher.health.since
            for hour in range(6):
                await w.service.refer(anna, ("lunch", "holiday")[hour % 2])
                for _ in range(4):
                    before = counted.attempts
                    await w.move_to(w.clock.now() + timedelta(seconds=900))
                    await w.until(lambda before=before: counted.attempts > before)  # type: ignore[misc]
                    await w.until(lambda: not publisher.health.connected)
            assert 24 <= counted.attempts <= 24 + 12
            assert publisher.health.since == since
            assert "nothing got through since" in publisher.health.problem
            await receiver.open()
            try:
                await w.move_to(w.clock.now() + timedelta(seconds=900))
                await w.until(lambda: receiver.states() == {"1001": "holiday"})
                assert len(receiver.took) == 1
            finally:
                await receiver.close()


async def test_a_crash_after_the_answer_leaves_nobody_away(tmp_path: Path) -> None:
    """What was taken, and not stored as told when we died, is told again whatever is wanted by then."""
    async with world(tmp_path) as w, receiving() as receiver:
        anna = await w.person()
        stored: dict[str, Told] = {}

        async def taken(took: Took) -> web.Response:
            stored.update(await w.store.told("acme", "desk"))  # what a crash at this moment would leave
            return web.Response()

        async with told(w, receiver.settings()) as publisher:
            await w.until(lambda: publisher.health.connected)
            receiver.answer = taken
            await w.service.refer(anna, "lunch")
            await w.until(lambda: receiver.states() == {"1001": "lunch"})
            receiver.answer = None
        await w.service.back(anna)
        await w.store.save_told("acme", "desk", list(stored.values()))
        async with told(w, receiver.settings()):
            await w.until(lambda: receiver.states() == {"1001": "available"})
