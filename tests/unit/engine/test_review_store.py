"""A store that cannot write for a while: telling goes on, and afterwards nothing is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backsoon.domain.model import AVAILABLE, Override
from backsoon.store.base import PersonState, StoreUnavailable
from backsoon.switchboards.base import SwitchboardError
from tests.unit.engine.world import NINE, World, at, entry, world

WRITES = ("save_states", "save_told", "save_read", "save_health", "save_override")


@contextmanager
def disk_full(w: World, *methods: str) -> Iterator[None]:
    """Every write of the store fails (or only the methods named)."""

    async def fail(*_args: object, **_named: object) -> None:
        raise StoreUnavailable("the disk is full")

    patch = pytest.MonkeyPatch()
    for method in methods or WRITES:
        patch.setattr(w.store, method, fail)
    try:
        yield
    finally:
        patch.undo()


async def test_on_a_full_disk_a_meeting_still_begins_and_ends(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(9, 5), at(9, 10)))
        async with w.running():
            await w.read(anna)
            await w.until(lambda: "1001" in w.switchboard.held)
            with disk_full(w):
                await minutes(w, 5)
                await w.shows("1001", "meeting")
                await minutes(w, 10)
                await w.shows("1001", "")
                assert w.publisher.health.connected
            await w.move_to(at(9, 10, 5))
            await w.until(lambda: not w.stage.unwritten)
        history = await w.store.history(anna.id, NINE, at(10))
        (state,) = (await w.store.states([anna.id])).values()
    assert [(h.at, h.availability.reason) for h in history][-2:] == [(at(9, 5), "meeting"), (at(9, 10), None)]
    assert state.due is None


async def minutes(w: World, minute: int) -> None:
    """Let time pass up to that minute after nine, in steps as an unfrozen clock has them."""
    while w.clock.now() < at(9, minute):
        ahead = (w.clock.now() - NINE).total_seconds() + 5
        await w.move_to(min(at(9, int(ahead // 60), int(ahead % 60)), at(9, minute)))


async def test_on_a_full_disk_a_switchboard_that_comes_back_is_told(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            await w.service.refer(anna, "lunch")
            await w.shows("1001", "lunch")
            with disk_full(w):
                w.switchboard.held.clear()
                w.switchboard.cut()
                await w.until(lambda: not w.publisher.health.connected)
                await w.move_to(at(9, 0, 5))
                await w.shows("1001", "lunch")
                assert w.publisher.health.connected
            await w.move_to(at(9, 0, 10))
            await w.until(lambda: bool(w.switchboard.held))
            told = await w.store.told("acme", "pbx")
    assert told["1001"].lamp


async def test_a_change_that_could_not_be_settled_is_settled_later(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(8), at(11)))
        async with w.running():
            await w.until(lambda: w.publisher.health.connected)
            with disk_full(w, "save_states"), pytest.raises(StoreUnavailable):
                await w.read(anna)
            w.switchboard.held.clear()  # told, but nobody knows it any more
            await w.move_to(at(9, 0, 5))
            await w.until(lambda: True)
            await asyncio.sleep(0.05)
            (state,) = (await w.store.states([anna.id])).values()
    assert state.availability.reason == "meeting"
    assert state.due == at(11)


async def test_while_somebody_late_cannot_be_settled_others_are_told_in_time(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna, bo = await w.person(), await w.person("1002", "Bo Ek")
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(9, 0, 10), at(11)))
        (await w.calendar_of(bo)).put("b", entry("b", "m: x", at(9, 0, 40), at(11)))
        async with w.running():
            await w.read(anna)
            await w.read(bo)
            await w.until(lambda: len(w.switchboard.held) == 2)
            with disk_full(w):
                w.clock.step_to(at(9, 0, 30))  # Anna's transition is late by more than may be
                await w.move_to(at(9, 0, 40))
                await w.shows("1002", "meeting")
            await w.move_to(at(9, 0, 45))
            await w.shows("1001", "meeting")


async def test_what_a_death_left_undecided_is_decided_though_no_switchboard_answers(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        await w.store.save_override(anna.id, Override(NINE, at(12), "lunch"))
        w.switchboard.fail(SwitchboardError("no route to host"))
        async with w.running():
            async with asyncio.timeout(5):
                while await reason_of(w, anna.id) != "lunch":
                    await asyncio.sleep(0.005)


async def test_what_overtook_a_decision_before_a_death_is_decided_a_minute_after_the_start(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        await w.store.save_override(anna.id, Override(NINE, at(12), "lunch"))
        await w.store.save_states([PersonState(anna.id, AVAILABLE, None)])  # by what was known before it
        w.switchboard.fail(SwitchboardError("no route to host"))
        async with w.running():
            rest = asyncio.create_task(w.settler.settle_the_rest())
            await w.move_to(at(9, 0, 59))
            assert await reason_of(w, anna.id) is None
            with disk_full(w, "save_states"):
                await w.move_to(at(9, 1))
            await w.move_to(at(9, 1, 2))
            await rest
            assert await reason_of(w, anna.id) == "lunch"


async def reason_of(w: World, person: int) -> str | None:
    """What was decided about somebody last."""
    state = (await w.store.states([person])).get(person)
    return None if state is None else state.availability.reason
