"""Everybody in one answer: right up to its `listen_after`, whatever happened, and as much as whoever asks may know."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backsoon.api import Verbs
from backsoon.api.peopleindex import PeopleIndex
from backsoon.api.routes.console import takes_gzip
from backsoon.domain.access import LOCAL, Identity, Role
from backsoon.domain.organisation import Organisation, Person
from backsoon.engine.hub import Hub, News
from backsoon.store.base import StoreUnavailable
from tests.unit.api.serving import Parts, Serving, serving
from tests.unit.engine.world import World, acme, at, entry, world

ATTENDANT = Identity(Role.ATTENDANT, "acme")
INDEX = "/api/v1/people/index"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        yield one


async def rows_of(index: PeopleIndex, who: Identity = ATTENDANT, organisation: str | None = "acme") -> dict[str, Any]:
    """Rows by extension."""
    answer = json.loads(await index.answer(organisation, who, zipped=False))
    return {row[1]: row for row in answer["people"]}


async def lamps_of(index: PeopleIndex, who: Identity = ATTENDANT) -> dict[str, str]:
    return {extension: row[6] for extension, row in (await rows_of(index, who)).items()}


async def by_board(made: World, who: Identity = ATTENDANT) -> dict[str, str]:
    """The lamps as the board has them, which is made anew each time."""
    board = await Verbs(Parts(made), who).board(None)
    return {row["person"]["extension"]: row["lamp"] for row in board["rows"]}


async def read_person(made: World, extension: str, **more: object) -> Person:
    """Somebody whose calendar was read."""
    person = await made.person(extension, f"Person {extension}", **more)
    await made.read(person)
    return person


async def test_everybody_in_the_order_of_names(api: Serving) -> None:
    await api.world.person("103", "åsa Öberg", department="Sales", title="Manager", competences=("VAT", "Årsbokslut"))
    await api.world.person("102", "Bo Ek")
    await api.world.person("101", "anna Berg")
    await api.world.person("104", "Dan Off", active=False)
    async with api.network(await api.token(Role.ATTENDANT)) as session, session.get(INDEX) as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        answer = await response.json()
    assert [row[1] for row in answer["people"]] == ["101", "102", "103"]
    assert answer["people"][2][1:] == ["103", "åsa Öberg", "Sales", "Manager", ["VAT", "Årsbokslut"], "u"]
    assert answer["listen_after"] == api.world.hub.id_of(api.world.hub.number)


async def test_it_is_compressed_for_whoever_takes_that(api: Serving) -> None:
    await api.world.person("101", "Anna")
    async with api.network(await api.token(Role.ATTENDANT)) as session:
        bodies = []
        for accepted in ("gzip", "identity", "gzip;q=0"):
            async with session.get(INDEX, headers={"Accept-Encoding": accepted}, auto_decompress=False) as response:
                body = await response.read()
                zipped = response.headers.get("Content-Encoding") == "gzip"
                assert zipped == (accepted == "gzip")
                assert response.headers["Vary"] == "Accept-Encoding"
                bodies.append(gzip.decompress(body) if zipped else body)
    assert len(set(bodies)) == 1


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [("", False), ("br, GZIP", True), ("gzip; q=0.5", True), ("*", True), ("*;q=0", False), ("gzip;q=0.000", False)],
)
def test_who_takes_gzip(accepted: str, taken: bool) -> None:
    assert takes_gzip(accepted) is taken


async def test_each_sees_their_part(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna, bo = await read_person(w, "101"), await read_person(w, "102")
        await read_person(w, "103")
        await w.service.refer(anna, "lunch")
        await w.service.refer(bo, "sick")
        (await w.calendar_of(dan := await read_person(w, "104"))).put("r", entry("u", "m: x", at(9, 30), at(10)))
        await w.read(dan)
        index = PeopleIndex(Parts(w))
        assert "".join((await lamps_of(index)).values()) == "hhas"
        assert "".join((await lamps_of(index, Identity(Role.ADMINISTRATOR, "acme"))).values()) == "hhaa"
        assert "".join((await lamps_of(index, Identity(Role.PERSON, "acme", 10**6))).values()) == "rraa"
        for person, seen in ((anna, "hraa"), (dan, "rras")):
            who = Identity(Role.PERSON, "acme", person.id)
            assert "".join((await lamps_of(index, who)).values()) == seen
            zipped = gzip.decompress(await index.answer("acme", who, zipped=True))
            assert zipped == await index.answer("acme", who, zipped=False)


async def test_of_several_organisations_each_sees_its_own(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.store.save_organisation(Organisation("other", "Other", acme().rules))
        await w.directory.refresh()
        await w.person("101", "Anna")
        await w.store.save_people([Person("other", "201", "aaron"), Person("other", "202", "Zoe")])
        index = PeopleIndex(Parts(w))
        assert (await rows_of(index)).keys() == {"101"}
        assert (await rows_of(index, Identity(Role.ATTENDANT, "other"), "other")).keys() == {"201", "202"}
        assert list(await rows_of(index, LOCAL, None)) == ["201", "101", "202"]
        del w.directory.organisations["other"]
        assert list(await rows_of(index, LOCAL, None)) == ["101"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["lunch", "back", "meet", "move", "rename", "off", "on", "add", "remove", "age", "ask"]),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=14,
)


class Company:
    """A world that something happens in."""

    def __init__(self, made: World) -> None:
        self.world, self.added = made, 0
        self.ids: list[int] = []
        made.service.announce = made.hub.announce_people

    async def begin(self) -> None:
        """With three people."""
        for _ in range(3):
            await self.add()

    async def add(self) -> None:
        self.added += 1
        (person,) = await self.world.service.save_people(
            [Person("acme", f"10{self.added}", f"Person {self.added}", competences=("VAT",) * (self.added % 2))]
        )
        self.ids.append(person.id)

    async def play(self, step: str, number: int) -> None:
        """One thing happens."""
        w = self.world
        if step == "add" or not self.ids:
            return await self.add()
        person = (await w.store.people(self.ids))[self.ids[number % len(self.ids)]]
        if step == "lunch" and person.active:
            await w.service.refer(person, "lunch", lasting=timedelta(minutes=7))
        elif step == "back":
            await w.service.back(person)
        elif step == "move":
            await w.clock.move_to(w.clock.now().replace(microsecond=0) + timedelta(minutes=5 * number + 1))
            await w.settler.settle([person.id for person in await w.store.page_people()], _clock())
        elif step == "rename":
            await w.service.save_people([replace(person, name=f"{'Zz' if number else 'Aa'} {person.extension}")])
        elif step in ("on", "off"):
            await w.service.save_people([replace(person, active=step == "on")])
        elif step == "remove":
            await w.service.remove_people([person])
            self.ids.remove(person.id)
        elif step == "age":
            w.hub.announce_people([person], News.ANEW)


def _clock() -> Any:
    from backsoon.engine.settling import Cause
    from backsoon.store.base import Trigger

    return Cause(Trigger.CLOCK)


async def play(folder: Path, steps: list[tuple[str, int]], ring: int) -> None:
    async with world(folder) as w:
        w.hub = w.settler._hub = w.stage._hub = Hub(ring=ring)
        company = Company(w)
        await company.begin()
        kept = PeopleIndex(Parts(w))
        for step, number in steps:
            if step == "ask":
                await rows_of(kept)
            else:
                await company.play(step, number)
        await w.until(lambda: w.hub.told == w.hub.number)
        assert await rows_of(kept) == await rows_of(PeopleIndex(Parts(w)))
        assert await lamps_of(kept) == await by_board(w)


@settings(max_examples=25, deadline=None)
@given(STEPS, st.sampled_from([2, 1000]))
def test_what_is_kept_is_what_is_read_anew(tmp_path_factory: Any, steps: list[tuple[str, int]], ring: int) -> None:
    asyncio.run(play(tmp_path_factory.mktemp("index"), steps, ring))


async def test_it_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path) as w:
        anna, pages = await w.person("101", "Anna"), 0
        page_people = w.store.page_people

        async def counted(*args: Any, **more: Any) -> Any:
            nonlocal pages
            pages += 1
            return await page_people(*args, **more)

        monkeypatch.setattr(w.store, "page_people", counted)
        index = PeopleIndex(Parts(w))
        for lamp in ("u", "h", "u"):
            assert (await lamps_of(index))["101"] == lamp
            await (w.service.refer(anna, "lunch") if lamp == "u" else w.service.back(anna))
            await w.until(lambda: w.hub.told == w.hub.number)
        assert pages == 2, "one page, and the empty one after it"


async def test_those_who_ask_at_once_get_one_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path) as w:
        await w.person("101", "Anna")
        index, made = PeopleIndex(Parts(w)), 0
        make = index._make

        async def counted(*args: Any) -> None:
            nonlocal made
            made += 1
            await make(*args)

        monkeypatch.setattr(index, "_make", counted)
        await asyncio.gather(*(index.answer("acme", ATTENDANT, zipped=True) for _ in range(50)))
        assert made <= 2


async def test_a_store_that_fails_leaves_nothing_half_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path) as w:
        company = Company(w)
        await company.begin()
        index, freshness, failing = PeopleIndex(Parts(w)), w.store.freshness, True

        async def sometimes(*args: Any) -> Any:
            if failing:
                raise StoreUnavailable("gone")
            return await freshness(*args)

        monkeypatch.setattr(w.store, "freshness", sometimes)
        asked = await asyncio.gather(*(rows_of(index) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(each, StoreUnavailable) for each in asked)
        failing = False
        assert len(await rows_of(index)) == 3
        failing = True
        await company.play("rename", 0)
        await w.until(lambda: w.hub.told == w.hub.number)
        with pytest.raises(StoreUnavailable):
            await rows_of(index)
        failing = False
        assert (await rows_of(index))["101"][2] == "Aa 101", "who was to be read anew still is"


async def test_whoever_is_due_is_decided_for_now(tmp_path: Path) -> None:
    """What was decided last holds no more, and nobody has decided since: as after a night out of work."""
    async with world(tmp_path) as w:
        anna = await read_person(w, "101")
        await read_person(w, "102")
        (await w.calendar_of(anna)).put("r", entry("u", "m: x", at(9, 30), at(10)))
        await w.read(anna)
        assert await lamps_of(PeopleIndex(Parts(w))) == {"101": "s", "102": "a"}
        w.clock.step_to(at(9, 25))
        await w.read(anna)
        w.clock.step_to(at(9, 31))
        assert await lamps_of(PeopleIndex(Parts(w))) == {"101": "r", "102": "u"} == await by_board(w)


async def test_what_is_announced_and_not_stored_yet_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read while a decision is on its way to the store, after those who listen have heard of it."""
    async with world(tmp_path) as w:
        anna = await read_person(w, "101")
        w.hub.position()
        save_states, go, announced = w.store.save_states, asyncio.Event(), w.hub.number

        async def slow(*args: Any) -> None:
            await go.wait()
            await save_states(*args)

        monkeypatch.setattr(w.store, "save_states", slow)
        referring = asyncio.create_task(w.service.refer(anna, "lunch"))
        await w.until(lambda: w.hub.number > announced)
        reading = asyncio.create_task(lamps_of(PeopleIndex(Parts(w))))
        await w.until(lambda: True)
        go.set()
        await referring
        assert await reading == {"101": "h"}


async def test_what_a_page_begins_with(api: Serving) -> None:
    await api.world.person("101", "Anna", department="Sales")
    await api.world.person("102", "Bo", department="IT")
    await api.world.person("103", "Cia", department="Gone", active=False)
    async with api.network(await api.token(Role.ATTENDANT)) as session:
        async with session.get("/api/v1/here", params={"language": "sv"}) as response:
            here = await response.json()
        async with session.get("/api/v1/reasons", params={"language": "sv"}) as response:
            assert here["reasons"] == (await response.json())["reasons"]
    assert here["organisation"] == {"id": "acme", "name": "Acme", "zone": "UTC", "language": "en"}
    assert (here["warn_before_minutes"], here["confirmed_within_minutes"]) == (60, 30)
    assert here["departments"] == ["IT", "Sales"]
    assert here["now"] == "2026-11-23T09:00:00Z"
