"""Referring by hand through the service: asked for again, by several at once, given up half-way, refused."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backsoon.api.follows import follows_view
from backsoon.domain.errors import BadOverride, UnknownReason
from backsoon.domain.model import Override
from backsoon.domain.phrase import Audience
from backsoon.engine.service import SwitchedOff
from backsoon.engine.turns import Turns
from backsoon.store.base import StoreUnavailable
from tests.unit.engine.world import NINE, World, at, entry, world


class Written:
    """Notes what is set by hand in the store, and holds it back while it may not go on."""

    def __init__(self, w: World) -> None:
        self.overrides: list[Override | None] = []
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()
        self._save, self._remove = w.store.save_override, w.store.remove_override
        w.store.save_override = self.save  # type: ignore[method-assign]
        w.store.remove_override = self.remove  # type: ignore[method-assign]

    async def save(self, person: int, override: Override) -> None:
        self.begun.set()
        await self.go.wait()
        await self._save(person, override)
        self.overrides.append(override)

    async def remove(self, person: int, *given: object, **named: object) -> None:
        await self._remove(person, *given, **named)  # type: ignore[arg-type]
        self.overrides.append(None)


async def changes(w: World, person: int) -> int:
    """How many changes there are in their history."""
    return len(await w.store.history(person, NINE - timedelta(days=1), NINE + timedelta(days=9)))


async def test_the_same_request_again_writes_and_records_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        written = Written(w)
        async with w.running():
            first = await w.service.refer(anna, "lunch", note="Thai", by="Anna", through="cli")
            await w.shows("1001", "lunch")
            told, known = len(w.switchboard.shown), await changes(w, anna.id)
            await w.move_to(at(9, 0, 59))
            again = await w.service.refer(anna, "lunch", note="Thai", by="Anna", through="cli")
            assert again == first
            assert written.overrides == [first]
            assert (len(w.switchboard.shown), await changes(w, anna.id)) == (told, known)
            await w.move_to(at(9, 1, 1))
            later = await w.service.refer(anna, "lunch", note="Thai", by="Anna", through="cli")
            assert later == replace(first, start=at(9, 1, 1), end=at(10, 1, 1))


async def test_the_same_end_again_is_the_same_request_whenever_it_comes(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        written = Written(w)
        async with w.running():
            first = await w.service.refer(anna, "lunch", until=at(11))
            await w.move_to(at(10, 30))
            assert await w.service.refer(anna, "lunch", until=at(11)) == first
            assert (await w.service.refer(anna, "lunch", until=at(11, 15))).start == at(10, 30)
            assert len(written.overrides) == 2


async def test_back_again_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "m: x", at(8), at(10)))
        await w.read(anna)
        written = Written(w)
        async with w.running():
            first = await w.service.back(anna, by="Anna")
            assert first is not None
            assert first.end == at(10)
            known = await changes(w, anna.id)
            assert await w.service.back(anna, by="Bo") == first
            assert written.overrides == [first]
            assert await changes(w, anna.id) == known
            calendar.put("b", entry("b", "m: y", at(10), at(11)))
            await w.read(anna)
            longer = await w.service.back(anna)
            assert longer is not None
            assert longer.end == at(11)
            calendar.remove("a")
            calendar.remove("b")
            await w.read(anna)
            assert await w.service.back(anna) == longer
            assert len(written.overrides) == 2


async def test_back_of_somebody_available_writes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        written = Written(w)
        async with w.running():
            assert await w.service.back(anna) is None
            await w.service.refer(anna, "lunch", lasting=timedelta(minutes=1))
            await w.move_to(at(9, 5))
            assert await w.service.back(anna) is None
            assert len(written.overrides) == 1
            await w.service.refer(anna, "lunch")
            assert await w.service.back(anna) is None
            assert written.overrides[-1] is None


async def test_of_two_at_once_the_last_counts_whole(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        written = Written(w)
        async with w.running():
            written.go.clear()
            first = asyncio.create_task(w.service.refer(anna, "lunch", note="first", divert_to="1234"))
            await written.begun.wait()
            second = asyncio.create_task(w.service.back(anna))
            third = asyncio.create_task(w.service.refer(anna, "sick"))
            await w.until(lambda: True)
            assert not second.done()
            written.go.set()
            await asyncio.gather(first, second, third)
            assert written.overrides == [first.result(), None, third.result()]
            shown = await w.service.show(anna)
            assert shown.override == third.result()
            await w.shows("1001", "not_available")


async def test_whoever_gives_up_half_way_has_set_it_all_the_same(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        written = Written(w)
        async with w.running():
            written.go.clear()
            asking = asyncio.create_task(w.service.refer(anna, "lunch"))
            await written.begun.wait()
            asking.cancel()
            await w.until(lambda: True)
            written.go.set()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await w.shows("1001", "lunch")


async def test_what_was_stored_and_not_decided_about_has_effect_soon_and_when_asked_for_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        written = Written(w)
        save = w.store.save_states

        async def fails(*_: object) -> None:
            raise StoreUnavailable("the disk is full")

        async with w.running():
            await w.until(lambda: w.publisher.settled)
            w.store.save_states = fails  # type: ignore[assignment, method-assign]
            with pytest.raises(StoreUnavailable):
                await w.service.refer(anna, "lunch")
            w.store.save_states = save  # type: ignore[method-assign]
            first = written.overrides[0]
            assert await w.service.refer(anna, "lunch") == first
            assert written.overrides == [first]
            await w.shows("1001", "lunch")
            assert (await w.store.states([anna.id]))[anna.id].availability.reason == "lunch"


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda w, p: w.service.refer(p, "lunch", until=at(8)), BadOverride, "a time that is to come"),
        (lambda w, p: w.service.refer(p, "lunch", until=NINE), BadOverride, "a time that is to come"),
        (lambda w, p: w.service.refer(p, "lunch", lasting=timedelta(0)), BadOverride, "a time that is to come"),
        (lambda w, p: w.service.refer(p, "lunch", divert_to="1001"), BadOverride, "another number"),
        (lambda w, p: w.service.refer(p, "fishing"), UnknownReason, "lunch"),
        (lambda w, p: w.service.refer(replace(p, active=False), "lunch"), SwitchedOff, "people on 1001"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_what_to_do(
    tmp_path: Path, ask: Callable[..., Awaitable[object]], error: type[Exception], says: str
) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        written = Written(w)
        with pytest.raises(error) as caught:
            await ask(w, anna)
        assert says in f"{caught.value} {getattr(caught.value, 'remedy', '')}"
        assert written.overrides == []


async def test_what_follows_is_for_those_who_may_know_what_is_coming(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: Merger", at(9, 30), at(11)))
        await w.read(anna)
        async with w.running():
            await w.service.refer(anna, "lunch", until=at(10))
            shown = await w.service.show(anna)
            views = {audience: follows_view(shown, w.directory, audience) for audience in Audience}
            coming = {
                "at": "2026-11-23T10:00:00Z",
                "state": "referred",
                "reason": "meeting",
                "words": "In a meeting",
                "until": "2026-11-23T11:00:00Z",
                "back_at": "2026-11-23T11:00:00Z",
            }
            assert views.pop(Audience.ATTENDANT) == views.pop(Audience.PERSON) == coming
            assert set(views.values()) == {None}
            following = await w.service.follows(anna)
            assert following is not None
            assert (following.start, following.availability.reason) == (at(10), "meeting")
            await w.move_to(at(10, 30))
            after = follows_view(await w.service.show(anna), w.directory, Audience.ATTENDANT)
            assert after is not None
            assert (after["state"], after["reason"], after["until"]) == ("available", None, None)
            switched_off = await w.service.show(replace(anna, active=False))
            assert follows_view(switched_off, w.directory, Audience.PERSON) is None
            assert await w.service.follows(replace(anna, active=False)) is None


async def test_each_has_its_turn_and_different_things_do_not_wait() -> None:
    turns: Turns[int] = Turns()
    seen: list[str] = []
    go = asyncio.Event()

    async def act(key: int, name: str) -> None:
        async with turns.of(key):
            seen.append(name)
            await go.wait()

    acting = [asyncio.create_task(act(key, name)) for key, name in ((1, "a"), (1, "b"), (2, "c"), (1, "d"))]
    await asyncio.sleep(0.01)
    assert seen == ["a", "c"]
    acting[1].cancel()
    go.set()
    await asyncio.gather(*acting, return_exceptions=True)
    assert seen == ["a", "c", "d"]
    acting.clear()
    await asyncio.sleep(0)
    gc.collect()  # a task that was called off holds on to what it was at
    assert not turns._locks
