"""Who cannot take up where they were is told so, once, and with the board is where they would have been."""

import asyncio
import socket
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backsoon.api import Verbs
from backsoon.domain.organisation import Person
from backsoon.engine.hub import Hub
from backsoon.store.base import Freshness, StoreUnavailable
from tests.sse import Client, Event, Parser, listening
from tests.unit.api.serving import Parts
from tests.unit.api.streaming import Streaming, streaming
from tests.unit.engine.world import World, at, entry, world

NOTE = "x" * 200


class Console:
    """What a client knows by the board and the events after it, as `docs/events.md` says to do it."""

    def __init__(self) -> None:
        self.rows: dict[int, Any] = {}
        self.restarts = 0

    async def read_board(self, world: World) -> str:
        """Take the board; the id to listen after."""
        board = await Verbs(Parts(world)).board("acme")
        self.rows = {row["person"]["id"]: row for row in board["rows"]}
        return str(board["listen_after"])

    def hear(self, event: Event) -> bool:
        """Take an event; whether the board must be read anew."""
        value = event.value
        if event.name == "restart":
            self.restarts += 1
            return True
        id = value["person"]["id"]
        if event.name == "availability" and id in self.rows:
            known = ("availability", "calendars", "confirmed_at", "unconfirmed_since", "unconfirmed", "problem")
            self.rows[id] |= {key: value[key] for key in known}
        elif event.name == "person":
            self.rows.pop(id, None)
            if value["row"] is not None:
                self.rows[id] = value["row"]
        return False


async def heard_all(console: Console, client: Client, streams: Streaming, after: str) -> bool:
    """Hear everything that was announced after an id; whether the board must be read anew."""
    again, last = False, streams.hub.id_of(streams.hub.number)
    while after != last:
        event = await client.next()
        again, after = again | console.hear(event), event.id
    return again


STEPS = st.lists(st.sampled_from(["lunch", "meeting", "back", "meet", "move", "cut"]), min_size=1, max_size=12)


async def play(folder: Path, steps: list[str], ring: int) -> None:
    """What a client that is cut off and starts again knows in the end is what one knows that never was."""
    async with world(folder) as w:
        w.hub = w.settler._hub = w.stage._hub = Hub(ring=ring)
        async with streaming(w) as streams, streams.http() as session:
            people = [await w.person(f"10{n}", f"Person {n}") for n in range(3)]
            uncut, cut = Console(), Console()
            after = await uncut.read_board(w)
            last = await cut.read_board(w)
            async with listening(session, after=after) as whole:
                for number, step in enumerate(steps):
                    person = people[number % 3]
                    if step in ("lunch", "meeting"):
                        await w.service.refer(person, step, note=f"n{number}")
                    elif step == "back":
                        await w.service.back(person)
                    elif step == "meet":
                        now = w.clock.now()
                        (await w.calendar_of(person)).put(f"r{number}", entry(f"u{number}", "m: x", now, at(20)))
                        await w.read(person)
                    elif step == "move":
                        await w.clock.move_to(w.clock.now().replace(microsecond=0))
                    else:
                        async with listening(session, header=last) as client:
                            if await heard_all(cut, client, streams, last):
                                last = await cut.read_board(w)
                            else:
                                last = streams.hub.id_of(streams.hub.number)
                async with listening(session, header=last) as client:
                    if await heard_all(cut, client, streams, last):
                        await cut.read_board(w)
                if await heard_all(uncut, whole, streams, after):
                    await uncut.read_board(w)
            await uncut_is(uncut, cut, w)


async def uncut_is(uncut: Console, cut: Console, w: World) -> None:
    now = Console()
    await now.read_board(w)
    assert {id: row["availability"] for id, row in cut.rows.items()} == {
        id: row["availability"] for id, row in uncut.rows.items()
    }
    assert {id: row["availability"]["reason"] for id, row in cut.rows.items()} == {
        id: row["availability"]["reason"] for id, row in now.rows.items()
    }


@settings(max_examples=12, deadline=None)
@given(STEPS, st.sampled_from([2, 1000]))
def test_restart_and_board_are_as_if_never_cut(tmp_path_factory: Any, steps: list[str], ring: int) -> None:
    asyncio.run(play(tmp_path_factory.mktemp("cut"), steps, ring))


async def test_after_a_restart_of_backsoon_the_old_id_starts_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        async with streaming(w) as streams, streams.http() as session:
            streams.hub.position()
            streams.announce(anna, ["1", "2"])
            async with listening(session, after=streams.hub.id_of(1)) as client:
                last = (await client.next()).id
        async with (
            streaming(w, hub=Hub()) as streams,
            streams.http() as session,
            listening(session, header=last) as client,
        ):
            event = await client.next()
            assert (event.name, event.value["because"]) == ("restart", "unknown_id")
            streams.announce(anna, ["3"])
            assert (await client.next()).value["availability"]["note"] == "3", "and it goes on"


async def test_an_id_of_nothing_starts_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w, streaming(w) as streams, streams.http() as session:
        for header in ("7", "nonsense", "x" * 4000):
            async with listening(session, header=header) as client:
                assert (await client.next()).name == "restart"


async def test_who_is_cut_off_before_they_are_told_keeps_the_old_id(tmp_path: Path) -> None:
    """Else they come back with the present one, and what they missed is never told."""
    async with world(tmp_path) as w, streaming(w) as streams, streams.http() as session:
        await w.person()
        async with listening(session, header="0-17") as client:
            assert (await client.next()).name == "restart"
        async with session.get("/api/v1/events", headers={"Last-Event-ID": "0-17"}) as response:
            heard = b""
            while b"data:" not in heard or not heard.endswith(b"\n\n"):
                heard += await response.content.readany()
    for length in range(len(heard) + 1):
        parser = Parser()
        told = [event.name for event in parser.feed(heard[:length])]
        assert bool(parser.last_id) == (told == ["restart"]), heard[:length]


async def test_who_does_not_read_is_told_to_start_again(tmp_path: Path) -> None:
    """A real socket that nobody reads: what is heard is whole up to the restart, and goes on after it."""
    async with world(tmp_path) as w, streaming(w, hub=Hub(ring=512)) as streams:
        anna = await w.person()
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(slow, streams.address)
            await loop.sock_sendall(slow, b"GET /api/v1/events HTTP/1.0\r\n\r\n")
            await w.until(lambda: streams.hub.listeners == 1)
            while streams.streams.restarts == 0 and streams.hub.number < 40_000:
                streams.announce(anna, [NOTE] * 256)
                await w.until(lambda: streams.hub.told == streams.hub.number)
                if streams.hub.number > 20_000:
                    break
            parser = Parser()
            events = await read_until(slow, parser, lambda found: any(e.name == "restart" for e in found))
            place = next(n for n, e in enumerate(events) if e.name == "restart")
            before = [int(e.id.partition("-")[2]) for e in events[:place]]
            assert before == list(range(1, len(before) + 1)), "what came before it is whole"
            assert events[place].value["because"] == "too_slow"
            gone_on = int(events[place].id.partition("-")[2])
            assert gone_on > before[-1]
            streams.announce(anna, ["after"])
            last = streams.hub.id_of(streams.hub.number)
            events += await read_until(slow, parser, lambda found: bool(found) and found[-1].id == last)
            after = [int(e.id.partition("-")[2]) for e in events[place + 1 :]]
            assert after == list(range(gone_on + 1, streams.hub.number + 1))


async def read_until(slow: socket.socket, parser: Parser, done: Any) -> list[Event]:
    """Events from a raw socket, whose chunks are taken off."""
    loop, events = asyncio.get_running_loop(), list[Event]()
    state = parser.__dict__.setdefault("chunks", bytearray())
    async with asyncio.timeout(60):
        while not done(events):
            state += await loop.sock_recv(slow, 65536)
            events += parser.feed(unchunked(state))
    return events


def unchunked(state: bytearray) -> bytes:
    """The whole chunks at the beginning, taken off."""
    if state.startswith(b"HTTP/"):
        end = state.find(b"\r\n\r\n")
        if end < 0:
            return b""
        del state[: end + 4]
    found = b""
    while (line := state.find(b"\r\n")) >= 0:
        length = int(state[:line], 16)
        if len(state) < line + 2 + length + 2:
            break
        found += state[line + 2 : line + 2 + length]
        del state[: line + 2 + length + 2]
    return found


async def test_more_at_once_than_there_is_room_for(tmp_path: Path) -> None:
    async with world(tmp_path) as w, streaming(w, hub=Hub(ring=64)) as streams, streams.http() as session:
        anna = await w.person()
        async with listening(session) as client:
            streams.announce(anna, ["x"] * 65)
            event = await client.next()
            assert (event.name, event.value["because"]) == ("restart", "too_slow")
            streams.announce(anna, ["next"])
            assert (await client.next()).id == streams.hub.id_of(66)
        assert streams.streams.restarts == 1


async def test_what_cannot_be_read_is_told_as_a_restart(tmp_path: Path) -> None:
    class Failing:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def freshness(self, people: Any) -> dict[int, Freshness]:
            raise StoreUnavailable("the disk is gone")

        async def claims(self, *args: Any) -> Any:
            raise StoreUnavailable("the disk is gone")

    async with world(tmp_path) as w, streaming(w) as streams, streams.http() as session:
        anna = await w.person()
        parts: Any = streams.streams.parts
        parts.store = Failing(w.store)
        async with listening(session) as client:
            streams.announce(anna, ["said all the same"])
            told = (await client.next()).value
            assert told["availability"]["note"] == "said all the same"
            assert "confirmed_at" not in told, "not known is not the same as never"
            streams.hub.announce_people([anna])
            event = await client.next()
            assert (event.name, event.value["because"]) == ("restart", "unreadable")


async def test_a_defect_in_one_event_keeps_nobody_behind(tmp_path: Path) -> None:
    async with world(tmp_path) as w, streaming(w) as streams, streams.http() as session:
        anna = await w.person()
        broken = streams.change(Person("gone", "9", "Nobody", id=9), "y")
        async with listening(session) as client:
            streams.hub.announce([broken, streams.change(anna, "x")])
            event = await client.next()
            assert (event.name, event.value["because"]) == ("restart", "unknown")
            assert (await client.next()).value["availability"]["note"] == "x"
