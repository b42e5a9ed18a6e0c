"""Streams of who is in sight, over TCP: with the lamps of everybody they know in the end what the board says."""

import asyncio
import json
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backsoon.domain.access import Role
from backsoon.domain.organisation import Organisation, Person
from backsoon.engine.hub import Hub, News
from backsoon.store.base import StoreUnavailable
from tests.sse import Client, Event, Parser, listening
from tests.unit.api.serving import Serving, _serving
from tests.unit.engine.world import acme, at, entry, world

EVENTS, INDEX = "/api/v1/events", "/api/v1/people/index"


@asynccontextmanager
async def served(folder: Path, ring: int = 16_384) -> AsyncIterator[Serving]:
    """The whole API on a free port."""
    with tempfile.TemporaryDirectory(prefix="backsoon-") as short:
        async with world(folder) as w:
            w.hub = w.settler._hub = w.stage._hub = Hub(ring=ring)
            w.service.announce = w.hub.announce_people
            async with _serving(w, Path(short), {}) as api:
                yield api


@asynccontextmanager
async def attendant(api: Serving, role: Role = Role.ATTENDANT, **more: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with api.network(await api.token(role, **more)) as session:
        yield session


async def look(session: aiohttp.ClientSession, people: list[int], name: str = "desk", **query: str) -> Any:
    """Have these people in sight."""
    async with session.put(f"{EVENTS}/sight/{name}", json={"people": people}, params=query) as response:
        assert response.status == 200, await response.text()
        return await response.json()


def number_of(id: str) -> int:
    return int(id.partition("-")[2])


class Console:
    """What a page knows that does as `docs/events.md` says."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.lamps: dict[int, str] = {}
        self.sight: list[int] = []
        self.rows: dict[int, tuple[int, Any]] = {}
        self.last, self.restarts = "", 0

    async def begin(self) -> None:
        """Read everybody, and look at those in sight."""
        async with self.session.get(INDEX) as response:
            answer = await response.json()
        self.lamps = {row[0]: row[6] for row in answer["people"]}
        self.last = answer["listen_after"]
        self.rows = {}
        await self.look(self.sight)

    async def look(self, people: list[int]) -> None:
        """Others come in sight; an event that is later than the answer counts, however it overtook it."""
        self.sight = people
        answer = await look(self.session, people)
        after = number_of(answer["listen_after"])
        for row in answer["rows"]:
            id = row["person"]["id"]
            if self.rows.get(id, (-1, None))[0] < after:
                self.rows[id] = after, row["availability"]

    def hear(self, event: Event) -> bool:
        """Take an event; whether all must be read anew."""
        value = event.value
        if event.name == "restart":
            self.restarts += 1
            return True
        if event.name == "lamps":
            self.lamps |= {int(id): lamp for id, lamp in value["lamps"].items()}
            return False
        id = value["person"]["id"]
        if event.name == "availability":
            self.rows[id] = number_of(event.id), value["availability"]
        elif value["row"] is None:
            self.lamps.pop(id, None)
            self.rows.pop(id, None)
        else:
            self.lamps[id] = value["row"]["lamp"]
            self.rows[id] = number_of(event.id), value["row"]["availability"]
        return False

    async def listen(self, most: int, want: str = "") -> None:
        """Hear so many bytes, or all up to an id; then be cut off."""
        parser = Parser()
        headers = {"Last-Event-ID": self.last}
        async with self.session.get(EVENTS, params={"sight": "desk"}, headers=headers) as response:
            while most > 0 and self.last != want:
                data = await asyncio.wait_for(response.content.read(min(most, 300)), 10)
                most -= len(data)
                for event in parser.feed(data):
                    if self.hear(event):
                        return await self.begin()
                self.last = parser.last_id or self.last
        return None

    async def catch_up(self, hub: Hub) -> None:
        """Hear everything."""
        while self.last != hub.id_of(hub.number):
            await self.listen(1 << 30, hub.id_of(hub.number))

    async def is_right(self) -> None:
        """Whether it knows what is read anew."""
        async with self.session.get(INDEX) as response:
            assert self.lamps == {row[0]: row[6] for row in (await response.json())["people"]}
        async with self.session.get("/api/v1/board") as response:
            rows = {row["person"]["id"]: row["availability"] for row in (await response.json())["rows"]}
        for id in self.sight:
            assert self.rows.get(id, (0, None))[1] == rows.get(id)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["lunch", "lunch", "back", "meet", "look", "listen", "add", "remove", "off", "age"]),
        st.integers(0, 5),
        st.integers(1, 4000),
    ),
    min_size=1,
    max_size=16,
)


async def play(folder: Path, steps: list[tuple[str, int, int]], ring: int) -> None:
    async with served(folder, ring) as api, attendant(api) as session:
        w = api.world
        people = [await w.person(f"10{n}", f"Person {n}") for n in range(4)]
        console = Console(session)
        await console.begin()
        for step, number, most in steps:
            person = people[number % len(people)]
            if step == "look":
                await console.look([p.id for p in people[number % len(people) :][:2]])
            elif step == "listen":
                await console.listen(most, w.hub.id_of(w.hub.number))
            else:
                await happen(api, people, person, step, most)
        await console.catch_up(w.hub)
        await console.is_right()


async def happen(api: Serving, people: list[Person], person: Person, step: str, number: int) -> None:
    """Something happens to somebody."""
    w = api.world
    if step == "add":
        free = f"20{max(each.id for each in people)}"  # whoever was added after that one is gone
        people += await w.service.save_people([Person("acme", free, "New")])
    elif step == "remove" and len(people) > 2:
        people.remove(person)
        await w.service.remove_people([person])
    elif step == "off":
        await w.service.save_people([Person(**{**_fields(person), "active": number % 2 == 0})])
    elif step == "lunch":
        stored = (await w.store.people([person.id]))[person.id]
        if stored.active:
            await w.service.refer(stored, "lunch", note=f"n{number}")
    elif step == "back":
        await w.service.back(person)
    elif step == "meet" and await w.store.calendars(person=person.id):
        (await w.calendar_of(person)).put("r", entry("u", "m: x", w.clock.now(), at(20)))
        await w.read(person)
        await _anew(api, person)  # it is confirmed from now on
    elif step == "age":
        await _anew(api, person)


async def _anew(api: Serving, person: Person) -> None:
    """Tell of somebody's age as `engine.ageing` does: of who is there, as they are."""
    stored = (await api.world.store.people([person.id])).get(person.id)
    if stored is not None and stored.active:
        api.world.hub.announce_people([stored], News.ANEW)


def _fields(person: Person) -> dict[str, Any]:
    return {name: getattr(person, name) for name in Person.__dataclass_fields__}


@settings(max_examples=20, deadline=None)
@given(STEPS, st.sampled_from([3, 1000]))
@example([("meet", 0, 1), ("back", 0, 1)], 3)
@example([("lunch", 0, 1)] * 4 + [("listen", 0, 57)], 3)  # cut off before it is told that it has missed something
def test_it_knows_what_the_board_says_however_it_is_cut_off(steps: list[tuple[str, int, int]], ring: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), steps, ring))


async def test_a_row_made_earlier_does_not_take_back_the_lamp_of_its_piece(tmp_path: Path) -> None:
    async with served(tmp_path) as api, attendant(api) as session, listening(session) as other:
        hub, console = api.world.hub, Console(session)
        await console.begin()
        [bo] = await api.world.service.save_people([Person("acme", "201", "Bo")])
        while (await other.next()).name != "person":
            pass  # the row is made for those who hear it at once
        await api.world.service.refer(bo, "lunch")
        assert (await other.next()).name == "availability"  # both are one piece now
        await console.catch_up(hub)
        assert console.lamps[bo.id] == "h"
        await console.is_right()


async def test_who_comes_in_sight_while_everything_changes_is_right(tmp_path: Path) -> None:
    """What changes after the answer comes as an event: nothing falls between."""
    async with served(tmp_path) as api, attendant(api) as session:
        people = [await api.world.person(f"1{n:02}", f"Person {n}") for n in range(12)]
        consoles = [Console(session) for _ in range(2)]
        chance = random.Random(7)  # the same each time

        async def change() -> None:
            for number in range(120):
                person = chance.choice(people)
                await (api.world.service.refer(person, "lunch", note=str(number)) if number % 3 else
                       api.world.service.back(person))  # fmt: skip

        async def turn(console: Console) -> None:
            for _ in range(15):
                await console.look([p.id for p in chance.sample(people, 4)])

        async with listening(session, sight="desk") as client:
            console = consoles[0]
            hearing = asyncio.create_task(hear_on(console, client))
            await asyncio.gather(change(), turn(console))
            last = api.world.hub.id_of(api.world.hub.number)
            await api.world.until(lambda: client.parser.last_id == last)
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
        async with session.get("/api/v1/board") as response:
            rows = {row["person"]["id"]: row["availability"] for row in (await response.json())["rows"]}
        assert {id: console.rows[id][1] for id in console.sight} == {id: rows[id] for id in console.sight}


async def hear_on(console: Console, client: Client) -> None:
    while True:
        assert not console.hear(await client.next(60))


async def test_only_those_in_sight_are_told_whole(tmp_path: Path) -> None:
    async with served(tmp_path) as api, attendant(api) as session:
        anna, bo = await api.world.person("101", "Anna"), await api.world.person("102", "Bo")
        answer = await look(session, [anna.id, 10**6])
        assert [row["person"]["name"] for row in answer["rows"]] == ["Anna"]
        assert answer["rows"][0]["lamp"] == "u"
        async with listening(session, sight="desk") as client, listening(session, sight="none") as blind:
            await api.world.service.refer(anna, "lunch")
            await api.world.service.refer(bo, "lunch")
            lamps = {str(anna.id): "h", str(bo.id): "h"}
            heard = [await client.next() for _ in range(2)]
            while {k for e in heard if e.name == "lamps" for k in e.value["lamps"]} != lamps.keys():
                heard.append(await client.next())
            whole = [e.value["person"]["name"] for e in heard if e.name == "availability"]
            assert whole == ["Anna"]
            assert heard[1].value["lamp"] == "h"
            seen: dict[str, str] = {}
            while seen != lamps:
                event = await blind.next()
                assert event.name == "lamps"
                seen |= event.value["lamps"]


async def test_people_who_come_and_go_are_told_to_everybody(tmp_path: Path) -> None:
    async with served(tmp_path) as api, attendant(api) as session, listening(session, sight="desk") as client:
        (anna,) = await api.world.service.save_people([Person("acme", "101", "Anna")])
        while (event := await client.next()).name != "person":
            assert event.name == "lamps"
        assert (event.value["what"], event.value["row"]["lamp"]) == ("added", "a")
        await api.world.service.remove_people([anna])
        while (event := await client.next()).name != "person":
            assert event.name == "lamps"
        assert event.value["row"] is None


async def test_lamps_alone_are_the_same_bytes_for_all(tmp_path: Path) -> None:
    async with served(tmp_path) as api, attendant(api) as session:
        anna = await api.world.person("101", "Anna")
        first = api.world.hub.position()
        for number in range(40):
            await api.world.service.refer(anna, "lunch", note=str(number))
        await api.world.until(lambda: api.world.hub.told == api.world.hub.number)
        last = api.world.hub.id_of(api.world.hub.number).encode()

        async def body(name: str) -> bytes:
            async with session.get(EVENTS, params={"after": first, "sight": name}) as response:
                data = b""
                while b"\nid: %s\n\n" % last not in data:
                    data += await asyncio.wait_for(response.content.readany(), 10)
                return data

        bodies = await asyncio.gather(*(body(f"desk{n}") for n in range(5)))
    assert len(set(bodies)) == 1
    assert b"availability" not in bodies[0]


@pytest.mark.parametrize(("role", "letters"), [(Role.ATTENDANT, "hs"), (Role.ADMINISTRATOR, "ha"), (Role.PERSON, "ra")])
async def test_lamps_tell_no_more_than_rows(tmp_path: Path, role: Role, letters: str) -> None:
    async with served(tmp_path) as api:
        anna, bo, cia = [await api.world.person(f"10{n}", name) for n, name in enumerate(("Anna", "Bo", "Cia"))]
        await api.world.read(anna)
        more = {"person": cia} if role is Role.PERSON else {}
        async with attendant(api, role, **more) as session, listening(session, sight="desk") as client:
            (await api.world.calendar_of(bo)).put("r", entry("u", "m: x", at(9, 30), at(10)))
            await api.world.read(bo)
            await api.world.service.refer(anna, "lunch")
            seen: dict[str, str] = {}
            while len(seen) < 2:
                seen |= (await client.next()).value["lamps"]
            assert seen[str(anna.id)] + seen[str(bo.id)] == letters
            if role is Role.PERSON:
                await api.world.service.refer(cia, "lunch")
                assert (await client.next()).value["lamps"] == {str(cia.id): "h"}, "of themselves they know"


async def test_of_another_organisation_nothing_is_in_sight(tmp_path: Path) -> None:
    async with served(tmp_path) as api, attendant(api) as session:
        store = api.world.store
        await store.save_organisation(Organisation("other", "Other", acme().rules))
        await api.world.directory.refresh()
        (stranger,) = await store.save_people([Person("other", "201", "Stranger")])
        anna = await api.world.person("101", "Anna")
        assert (await look(session, [stranger.id]))["rows"] == []
        async with listening(session, sight="desk") as client:
            await api.world.service.refer(stranger, "lunch")
            await api.world.service.refer(anna, "lunch")
            assert (await client.next()).value["lamps"] == {str(anna.id): "h"}


async def test_a_sight_is_its_askers_own(tmp_path: Path) -> None:
    async with served(tmp_path) as api, attendant(api) as session:
        anna = await api.world.person("101", "Anna")
        async with attendant(api, Role.ADMINISTRATOR) as other:
            await look(other, [anna.id])
            async with listening(session, sight="desk") as client:
                await api.world.service.refer(anna, "lunch")
                assert (await client.next()).name == "lamps"
                await api.world.service.back(anna)
                assert (await client.next()).name == "lamps"


async def test_it_is_there_when_the_stream_comes_back(tmp_path: Path) -> None:
    async with served(tmp_path) as api, attendant(api) as session:
        anna = await api.world.person("101", "Anna")
        await look(session, [anna.id])
        async with listening(session, sight="desk") as client:
            last = await client.begun()
        await api.world.until(lambda: api.world.hub.listeners == 0)
        await api.world.service.refer(anna, "lunch")
        await api.world.clock.move_to(api.world.clock.now() + timedelta(seconds=50))
        async with listening(session, header=last, sight="desk") as client:
            assert [(await client.next()).name for _ in range(2)] == ["lamps", "availability"]
        await api.world.until(lambda: api.world.hub.listeners == 0)
        await api.world.clock.move_to(api.world.clock.now() + timedelta(seconds=61))
        async with listening(session, header=last, sight="desk") as client:
            assert (await client.next()).name == "lamps"
            await api.world.service.back(anna)
            assert (await client.next()).name == "lamps", "it was forgotten"


async def test_what_cannot_be_known_is_no_lamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How old the knowledge is cannot be read: nobody is shown as available by a guess."""
    async with served(tmp_path) as api, attendant(api) as session:
        anna = await api.world.person("101", "Anna")
        async with listening(session, sight="desk") as client:

            async def gone(*_: Any) -> Any:
                raise StoreUnavailable("gone")

            with monkeypatch.context() as patched:
                patched.setattr(api.world.store, "freshness", gone)
                await api.world.service.refer(anna, "lunch")
                event = await client.next()
            assert (event.name, event.value["because"]) == ("restart", "unreadable")
            await api.world.service.back(anna)
            assert (await client.next()).value["lamps"] == {str(anna.id): "u"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"people": list(range(501))}, 422),
        ({"people": [-1]}, 422),
        ({"people": ["1"]}, 422),
        ({"people": [True]}, 422),
        ({}, 422),
        ({"people": [], "more": 1}, 422),
        ({"people": [10**15, 1.0]}, 200),
    ],
)
async def test_what_may_be_looked_at(tmp_path: Path, body: Any, status: int) -> None:
    async with (
        served(tmp_path) as api,
        attendant(api) as session,
        session.put(f"{EVENTS}/sight/desk", json=body) as response,
    ):
        assert response.status == status, await response.text()


@pytest.mark.parametrize("name", ["a b", "x" * 65, "%00", "ä"])
async def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    async with served(tmp_path) as api, attendant(api) as session:
        async with session.get(EVENTS, params={"sight": name}) as response:
            assert (response.status, response.content_type) == (422, "application/problem+json")
            assert "1 to 64" in json.dumps(await response.json(content_type=None))
        async with session.put(f"{EVENTS}/sight/{name}", json={"people": []}) as response:
            assert response.status == 422
