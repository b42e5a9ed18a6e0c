"""What was set by hand is undone exactly, for ten seconds, unless something else was set since."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backsoon.domain.model import Override
from backsoon.domain.organisation import Person
from backsoon.engine.undoing import CannotUndo
from tests.unit.engine.world import World, at, entry, world

SECOND = timedelta(seconds=1)


async def present(w: World, person: Person) -> Override | None:
    """What is stored as set by hand."""
    claims = (await w.store.claims([person.id], w.clock.now())).get(person.id)
    return None if claims is None else claims.override


async def undo_id(w: World, person: Person) -> str:
    """Of the last act, as whoever did it is told."""
    act = w.service.acts.last(person.id, await present(w, person), w.clock.now())
    assert act is not None
    return act.id


async def in_a_meeting(w: World) -> Person:
    """Somebody whose meeting runs until ten."""
    anna = await w.person()
    (await w.calendar_of(anna)).put("r", entry("u", "m: x", at(8), at(10)))
    await w.read(anna)
    return anna


@pytest.mark.parametrize("before", ["nothing", "a referral", "available"])
@pytest.mark.parametrize("act", ["refer", "back"])
async def test_exactly_what_was_there_is_there_again(tmp_path: Path, before: str, act: str) -> None:
    async with world(tmp_path) as w:
        anna = await (in_a_meeting(w) if before == "available" or act == "back" else w.person())
        async with w.running():
            if before == "a referral":
                await w.service.refer(anna, "lunch", note="Thai", divert_to="1234", by="Bo", through="phone")
            elif before == "available":
                await w.service.back(anna, by="Bo", through="phone")
            there, shown = await present(w, anna), await w.service.show(anna)
            await w.move_to(at(9, 1))
            if act == "back" and before != "available":
                await w.service.back(anna, by="Cia", through="console")
            else:
                await w.service.refer(anna, "sick", by="Cia", through="console")
            assert await present(w, anna) != there
            id = await undo_id(w, anna)
            await w.move_to(at(9, 1, 9))
            await w.service.undo(anna, id, by="Cia", through="console")
            assert await present(w, anna) == there
            again = await w.service.show(anna)
            assert (again.availability, again.override) == (shown.availability, shown.override)
            await w.shows("1001", again.availability.reason or "")


async def test_history_says_who_undid_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            await w.until(lambda: w.publisher.settled)  # what the start decides is decided
            first = await w.service.refer(anna, "lunch", by="Bo", through="phone")
            await w.move_to(at(9, 1))
            second = await w.service.refer(anna, "sick", by="Cia", through="console")
            await w.move_to(at(9, 1, 5))
            await w.service.undo(anna, await undo_id(w, anna), by="Dan", through="app")
            changes = await w.store.history(anna.id, at(8), at(12))
            assert [(c.availability.reason, c.by, c.through) for c in changes] == [
                ("lunch", "Bo", "phone"),
                ("sick", "Cia", "console"),
                ("lunch", "Dan", "app"),
            ]
            for instant, override in ((at(9, 0, 30), first), (at(9, 1, 2), second), (at(9, 1, 6), first)):
                known = (await w.store.grounds(anna.id, instant)).override
                assert known is not None
                assert known.override == override
                if override == second:
                    replaced = known.replaced_at, known.replaced_by, known.replaced_through
                    assert replaced == (at(9, 1, 5), "Dan", "app")


async def test_after_ten_seconds_it_is_too_late(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            await w.service.refer(anna, "lunch")
            id, there = await undo_id(w, anna), await present(w, anna)
            await w.move_to(at(9, 0, 10))
            assert w.service.acts.last(anna.id, there, w.clock.now()) is None, "nor is it offered any more"
            with pytest.raises(CannotUndo, match="any more"):
                await w.service.undo(anna, id)
            assert await present(w, anna) == there


@pytest.mark.parametrize("meanwhile", ["refer", "phone", "phone and back", "back"])
async def test_what_somebody_else_set_since_stays(tmp_path: Path, meanwhile: str) -> None:
    async with world(tmp_path) as w:
        anna, bo = await w.person(), await w.person("1002", "Bo")
        async with w.running():
            await w.service.refer(anna, "lunch", by="Cia")
            await w.move_to(at(9, 1))
            await w.service.back(anna, by="Cia")
            id = await undo_id(w, anna)
            await w.service.refer(bo, "lunch")
            await w.move_to(at(9, 1, 1))
            if meanwhile == "refer":
                await w.service.refer(anna, "holiday", by="Dan")
            elif meanwhile == "back":
                await w.service.back(anna, by="Dan")
            else:
                await w.store.save_override(anna.id, Override(at(9, 1, 1), at(11), "meeting", by="1001"))
                if meanwhile == "phone and back":
                    await w.store.remove_override(anna.id, at(9, 1, 2), by="1001")
                    await w.move_to(at(9, 1, 2))
            there = await present(w, anna)
            if meanwhile == "back":
                await w.service.undo(anna, id)
                back = await present(w, anna)
                assert back is not None, "they were available already: nothing was set"
                assert back.reason == "lunch"
            else:
                with pytest.raises(CannotUndo):
                    await w.service.undo(anna, id)
                assert await present(w, anna) == there
            await w.service.undo(bo, await undo_id(w, bo))
            assert await present(w, bo) is None, "what is another person's does not matter"


async def test_the_same_request_again_is_undone_as_one(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            await w.service.refer(anna, "lunch")
            id = await undo_id(w, anna)
            await w.move_to(at(9, 0, 2))
            await w.service.refer(anna, "lunch")
            assert await undo_id(w, anna) == id
            await w.service.undo(anna, id)
            assert await present(w, anna) is None
            with pytest.raises(CannotUndo):
                await w.service.undo(anna, id)


async def test_what_is_over_meanwhile_does_not_come_back(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            await w.service.refer(anna, "lunch", lasting=timedelta(seconds=30))
            await w.move_to(at(9, 0, 25))
            await w.service.refer(anna, "sick")
            id = await undo_id(w, anna)
            await w.move_to(at(9, 0, 31))
            await w.service.undo(anna, id)
            assert await present(w, anna) is None
            assert (await w.service.show(anna)).availability.reason is None


async def test_an_id_is_of_one_person_and_one_act(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna, bo = await w.person(), await w.person("1002", "Bo")
        async with w.running():
            await w.service.refer(anna, "lunch")
            await w.service.refer(bo, "lunch")
            for person, id in ((anna, await undo_id(w, bo)), (anna, "0" * 32), (anna, "")):
                with pytest.raises(CannotUndo):
                    await w.service.undo(person, id)


async def test_acts_are_forgotten(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        people = [await w.person(f"10{n}", f"Person {n}") for n in range(4)]
        async with w.running():
            for person in people:
                await w.service.refer(person, "lunch")
                await w.move_to(w.clock.now() + 6 * SECOND)
        assert len(w.service.acts._acts) == 2


async def test_an_override_without_an_end_comes_back_whole(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with w.running():
            there = await w.service.refer(anna, "sick", note="flu", by="Anna", through="app")
            assert there.end is None
            await w.move_to(at(9, 0, 1))
            await w.service.back(anna)
            await w.service.undo(anna, await undo_id(w, anna))
            assert await present(w, anna) == replace(there)
