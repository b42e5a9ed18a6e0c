"""Nothing is lost and nothing comes twice, however often and wherever a client is cut off."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from hypothesis import given, settings
from hypothesis import strategies as st

from backsoon.engine.hub import Hub
from tests.sse import Parser, listening
from tests.unit.api.streaming import Streaming, streaming
from tests.unit.engine.world import world

CUTS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9000)), min_size=1, max_size=8)
"""How many changes are announced, and after how many bytes more the client is cut off."""


async def read_some(streams: Streaming, after: str, most: int, want: int) -> tuple[str, list[int]]:
    """What a client hears that is cut off after so many bytes, or once it has heard number `want`."""
    parser, numbers = Parser(), list[int]()
    headers = {"Last-Event-ID": after} if after else {}
    async with streams.http() as session, session.get("/api/v1/events", headers=headers) as response:
        while most > 0 and (not numbers or numbers[-1] < want) and parser.last_id != streams.hub.id_of(want):
            data = await asyncio.wait_for(response.content.read(min(most, 700)), 10)
            most -= len(data)
            for event in parser.feed(data):
                assert event.name == "availability", event
                numbers.append(int(event.value["availability"]["note"]))
    return parser.last_id or after, numbers


async def cut_again_and_again(folder: Path, cuts: Sequence[tuple[int, int]]) -> None:
    async with world(folder) as w, streaming(w) as streams:
        anna = await w.person()
        async with streams.http() as session, listening(session) as client:
            last = client.parser.last_id
        heard: list[int] = []
        said = 0
        for count, most in cuts:
            streams.announce(anna, [str(said + n + 1) for n in range(count)])
            said += count
            last, numbers = await read_some(streams, last, most, said)
            heard += numbers
        while not heard or heard[-1] < said:
            last, numbers = await read_some(streams, last, 1 << 30, said)
            heard += numbers
            if not said:
                break
        assert heard == list(range(1, said + 1))


@settings(max_examples=20, deadline=None)
@given(CUTS)
def test_a_client_that_comes_back_has_heard_everything_once(cuts: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(cut_again_and_again(Path(folder), cuts))


async def test_the_id_is_told_before_the_first_event(tmp_path: Path) -> None:
    """Who is cut off while all is quiet knows where they were."""
    async with world(tmp_path) as w, streaming(w) as streams, streams.http() as session:
        anna = await w.person()
        async with listening(session) as client:
            last = client.parser.last_id
            assert client.parser.retry == 2000
        streams.announce(anna, ["1", "2"])
        async with listening(session, header=last) as client:
            assert [(await client.next()).value["availability"]["note"] for _ in range(2)] == ["1", "2"]


async def test_the_header_goes_before_the_address(tmp_path: Path) -> None:
    """A browser comes back to the address that it was given first, with the id that it heard last."""
    async with world(tmp_path) as w, streaming(w) as streams, streams.http() as session:
        anna = await w.person()
        first = streams.hub.position()
        streams.announce(anna, ["1", "2", "3"])
        async with listening(session, after=first) as client:
            assert (await client.next()).id == streams.hub.id_of(1)
        async with listening(session, after=first, header=streams.hub.id_of(2)) as client:
            assert (await client.next()).id == streams.hub.id_of(3)


async def test_many_listeners_get_the_same_bytes(tmp_path: Path) -> None:
    async def body(session: aiohttp.ClientSession, last: int) -> bytes:
        async with session.get("/api/v1/events", params={"after": first}) as response:
            data = b""
            while b"\nid: %s\n" % streams.hub.id_of(last).encode() not in data or not data.endswith(b"\n\n"):
                data += await asyncio.wait_for(response.content.readany(), 10)
            return data

    async with world(tmp_path) as w, streaming(w) as streams, streams.http() as session:
        anna = await w.person()
        first = streams.hub.position()
        streams.announce(anna, [str(n) for n in range(300)])
        bodies = await asyncio.gather(*(body(session, 300) for _ in range(10)))
    assert len(set(bodies)) == 1
    assert len(Parser().feed(bodies[0])) == 300


async def test_a_small_ring_never_loses_silently(tmp_path: Path) -> None:
    """Whatever was missed: either all of it comes, or a restart that says where it goes on."""
    async with world(tmp_path) as w, streaming(w, hub=Hub(ring=16)) as streams, streams.http() as session:
        anna = await w.person()
        async with listening(session) as client:
            last = client.parser.last_id
        for missed in (3, 16, 17, 40):
            streams.announce(anna, [str(n) for n in range(missed)])
            async with listening(session, header=last) as client:
                event = await client.next()
                if missed <= 16:
                    numbers = [int(event.value["availability"]["note"])]
                    while len(numbers) < missed:
                        numbers.append(int((await client.next()).value["availability"]["note"]))
                    assert numbers == list(range(missed))
                    last = client.parser.last_id
                else:
                    assert (event.name, event.value["because"]) == ("restart", "unknown_id")
                    assert event.value["listen_after"] == event.id == streams.hub.id_of(streams.hub.number)
                    last = event.id
