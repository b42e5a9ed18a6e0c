"""Answers to look-ups of calls: at hand, right at every instant, and never older than what was settled."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backsoon.api.views import shown_view
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience
from backsoon.engine.directory import UnknownOrganisation
from backsoon.engine.lookup import LASTS, Lookup
from backsoon.engine.settling import Cause
from backsoon.store.base import StoreUnavailable, Trigger
from tests.unit.engine.world import NINE, World, acme, at, entry, world


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[tuple[World, Lookup]]:
    async with world(tmp_path) as w:
        lookup = Lookup(w.store, w.directory, w.clock)
        w.settler.observers.append(lookup.touched)
        yield w, lookup


async def asked(lookup: Lookup, extension: str, organisation: str = "acme") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await lookup.answer(organisation, extension))
    return found


async def as_shown(w: World, lookup: Lookup, person: Person) -> None:
    """The answer must say what callers are told of the person."""
    view = shown_view(await w.service.show(person), w.directory, Audience.CALLER)
    found, availability = await asked(lookup, person.extension), view["availability"]
    assert found["phone"] == ("closed" if availability["state"] == "referred" else found["phone"])
    assert (found["phone"] == "closed") == (availability["state"] == "referred")
    assert (found["reason"] or None, found["words"]) == (availability["reason"], availability["words"])
    assert found["back_at"] == availability["back_at"]


async def test_what_is_kept_is_nothing_to_look_for_cycles_in(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    people = [await w.person(str(number)) for number in range(100, 130)]
    for person in people[::2]:
        await w.service.refer(person, "lunch")
    for person in people:
        await asked(lookup, person.extension)
        await asked(lookup, f"nobody's {person.extension}")
    kept: list[dict[Any, Any]] = [lookup._answers, lookup._keys, lookup._nobodys]
    assert [len(each) for each in kept] == [30, 30, 30]
    assert not any(gc.is_tracked(each) for table in kept for pair in table.items() for each in pair)


@pytest.mark.parametrize("other", [("acme 101", ""), ("acm", "e 101"), ("4 acme", "101"), ("acme", " 101")])
async def test_no_organisation_is_answered_as_another(here: tuple[World, Lookup], other: tuple[str, str]) -> None:
    w, lookup = here
    await w.service.refer(await w.person("101"), "lunch")
    assert (await asked(lookup, "101"))["reason"] == "lunch"
    assert lookup.kept("acme", "101") is not None
    assert lookup.kept(*other) is None


async def test_what_a_call_meets(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    anna = await w.person("101", language="sv", zone="Europe/Stockholm")
    available = {"phone": "", "reason": "", "words": "Anträffbar", "until": None, "back_at": None, "divert_to": ""}
    assert await asked(lookup, "101") == available | {"language": "sv", "zone": "Europe/Stockholm"}
    await w.service.refer(anna, "lunch", note="secret soup", divert_to="102")
    found = await asked(lookup, "101")
    assert (found["phone"], found["reason"], found["words"]) == ("closed", "lunch", "På lunch, åter 11:00")
    assert (found["until"], found["back_at"]) == ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z")
    assert found["divert_to"] == "102"
    assert "soup" not in str(found)


async def test_what_is_sensitive_is_neutral(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    await w.service.refer(await w.person("101"), "sick")
    found = await asked(lookup, "101")
    assert (found["phone"], found["reason"], found["until"]) == ("closed", "not_available", None)
    assert "sick" not in str(found).lower()


async def test_what_only_informs_lets_it_ring(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    anna = await w.person("101")
    (await w.calendar_of(anna)).put("r", entry("u", "m; in the room", at(8), at(10)))
    await w.read(anna)
    found = await asked(lookup, "101")
    assert (found["phone"], found["reason"], found["words"]) == ("open", "", "Available")


async def test_nobody_is_told_from_somebody_available(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    await w.person("101")
    await w.person("102", active=False)
    assert len({await lookup.answer("acme", e) for e in ("101", "102", "999", "x" * 500, "1'or'1")}) == 1


async def test_an_organisation_that_is_not(here: tuple[World, Lookup]) -> None:
    with pytest.raises(UnknownOrganisation):
        await here[1].answer("nowhere", "101")


async def test_the_future_needs_no_message(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    anna = await w.person("101")
    (await w.calendar_of(anna)).put("r", entry("u", "m: x", at(9, 1), at(9, 2)))
    await w.read(anna)
    seen = []
    for second in (0, 59, 60, 119, 120):
        await w.clock.move_to(max(w.clock.now(), NINE + timedelta(seconds=second)))
        seen.append((await asked(lookup, "101"))["phone"])
    assert seen == ["", "", "closed", "closed", ""]


async def test_an_answer_is_at_hand_until_somebody_is_touched(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    anna, bo = await w.person("101"), await w.person("102", "Bo")
    for extension in ("101", "102"):
        await lookup.answer("acme", extension)
    assert lookup.kept("acme", "101") is not None
    lookup.touched([anna.id])
    assert (lookup.kept("acme", "101"), lookup.kept("acme", "102") is None) == (None, False)
    lookup.forget()
    assert (lookup.kept("acme", "102"), len(lookup)) == (None, 0)
    await lookup.answer("acme", "102")
    await w.clock.move_to(w.clock.now() + LASTS)
    assert lookup.kept("acme", "102") is None, "whatever was forgotten to be said"
    assert bo.id


async def test_a_clock_that_is_set_back_is_believed(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    await w.person("101")
    await lookup.answer("acme", "101")
    lookup._clock = type(w.clock)(NINE - timedelta(hours=1))
    assert lookup.kept("acme", "101") is None


async def test_words_change_at_midnight(tmp_path: Path) -> None:
    evening = NINE.replace(hour=23, minute=59, second=50)
    async with world(tmp_path, evening) as w:
        lookup = Lookup(w.store, w.directory, w.clock)
        await w.service.refer(await w.person("101"), "meeting", until=evening + timedelta(hours=2))
        before = (await asked(lookup, "101"))["words"]
        await w.clock.move_to(evening + timedelta(seconds=10))
        after = (await asked(lookup, "101"))["words"]
    assert (before, after) == ("In a meeting, back Tue 01:59", "In a meeting, back 01:59")


async def test_an_extension_that_passes_on(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    anna = await w.person("101")
    await w.service.refer(anna, "sick")
    assert (await asked(lookup, "101"))["phone"] == "closed"
    assert (await asked(lookup, "202"))["phone"] == ""
    await w.service.save_people([replace(anna, extension="202")])
    assert ((await asked(lookup, "101"))["phone"], (await asked(lookup, "202"))["phone"]) == ("", "closed")
    await w.service.remove_people([replace(anna, extension="202")])
    assert (await asked(lookup, "202"))["phone"] == ""


async def test_only_so_many_are_kept(here: tuple[World, Lookup]) -> None:
    w, _ = here
    lookup = Lookup(w.store, w.directory, w.clock, most=3)
    people = [await w.person(f"10{n}", f"Person {n}") for n in range(6)]
    for person in people:
        await lookup.answer("acme", person.extension)
        await lookup.answer("acme", f"9{person.extension}")
    assert len(lookup) == 6
    assert [lookup.kept("acme", p.extension) is not None for p in people] == [False] * 3 + [True] * 3
    lookup.touched([p.id for p in people])
    assert len(lookup) == 0


async def test_upper_and_lower_case_are_one(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    anna = await w.person("Anna.Berg")
    await lookup.answer("acme", "ANNA.BERG")
    await w.service.refer(anna, "lunch")
    assert {(await asked(lookup, e))["phone"] for e in ("anna.berg", "ANNA.BERG", "Anna.Berg")} == {"closed"}


async def test_a_change_while_it_is_made_is_not_kept_out(here: tuple[World, Lookup]) -> None:
    w, lookup = here
    anna = await w.person("101")
    read, go_on = asyncio.Event(), asyncio.Event()
    first_claim = w.store.first_claim

    async def slow(*args: Any) -> Any:
        found = await first_claim(*args)
        read.set()
        await go_on.wait()
        return found

    lookup._store = Wrapped(w.store, first_claim=slow)
    asking = asyncio.ensure_future(asked(lookup, "101"))
    await read.wait()
    await w.service.refer(anna, "lunch")
    go_on.set()
    await asking  # it may be of before
    assert (await asked(lookup, "101"))["phone"] == "closed"


async def test_while_the_store_fails_what_holds_is_said(here: tuple[World, Lookup]) -> None:
    async def fail(*_: Any) -> Any:
        raise StoreUnavailable("the disk is gone")

    w, lookup = here
    anna = await w.person("101")
    await w.service.refer(anna, "meeting", until=at(9, 5))
    await lookup.answer("acme", "101")
    lookup._store = Wrapped(w.store, first_claim=fail)
    await w.clock.move_to(at(9, 4))
    assert (await asked(lookup, "101"))["phone"] == "closed"
    for extension, instant in (("102", at(9, 4)), ("101", at(9, 5))):
        await w.clock.move_to(instant)
        with pytest.raises(StoreUnavailable):
            await lookup.answer("acme", extension)


class Wrapped:
    """A store some of whose methods are others."""

    def __init__(self, store: Any, **methods: Any) -> None:
        self._store = store
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


STEP = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 4000)),
    st.tuples(st.just("refer"), st.integers(1, 90)),
    st.tuples(st.just("back"), st.just(0)),
    st.tuples(st.just("meet"), st.integers(-30, 120)),
    st.tuples(st.just("cancel"), st.just(0)),
    st.tuples(st.just("probe"), st.just(0)),
    st.tuples(st.just("rules"), st.integers(0, 1)),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), STEP), min_size=1, max_size=14))
def test_it_says_what_callers_are_shown(tmp_path_factory: Any, steps: list[tuple[int, tuple[str, int]]]) -> None:
    async def play() -> None:
        async with world(tmp_path_factory.mktemp("lookup")) as w:
            lookup = Lookup(w.store, w.directory, w.clock)
            w.settler.observers.append(lookup.touched)
            people = [await w.person(f"10{n}", f"Person {n}") for n in range(2)]
            for who, (what, size) in steps:
                await act(w, lookup, people[who], what, size)
                for person in people:
                    await as_shown(w, lookup, person)

    asyncio.run(play())


async def act(w: World, lookup: Lookup, person: Person, what: str, size: int) -> None:
    now, calendar = w.clock.now(), await w.calendar_of(person)
    if what == "wait":
        await w.clock.move_to(now + timedelta(seconds=size))
    elif what == "refer":
        await w.service.refer(person, "lunch" if size % 2 else "sick", until=now + timedelta(minutes=size))
    elif what == "back":
        await w.service.back(person)
    elif what in ("meet", "cancel"):
        start = now + timedelta(minutes=size)
        if what == "meet":
            calendar.put("r", entry("u", "m: x" if size % 3 else "m; x", start, start + timedelta(minutes=40)))
        else:
            with suppress(KeyError):  # there was none
                calendar.remove("r")
        await w.read(person)
    elif what == "rules":
        await w.store.save_organisation(acme(chain_gap=timedelta(minutes=60 * size)))
        await w.directory.refresh()
        lookup.forget()
        await w.settler.settle([person.id], Cause(Trigger.SETTINGS))
