"""The lean HTTP of the process that answers look-ups, against raw bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from backsoon.api.gate import TokenGate
from backsoon.api.lookup import Calls, LookupApp
from backsoon.api.lookup_http import LARGEST, LookupProtocol
from backsoon.domain.access import Role
from backsoon.engine.lookup import Lookup
from backsoon.engine.meters import Histogram
from backsoon.engine.tokens import Tokens
from tests.unit.engine.world import World, world


class Lean:
    """The server over a world."""

    def __init__(self, world: World, address: tuple[str, int], token: str, lookup: Lookup, seconds: Histogram) -> None:
        self.world, self.address, self.token, self.lookup, self.seconds = world, address, token, lookup, seconds

    def request(self, path: str = "/api/v1/lookup/101", more: str = "") -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n{more}\r\n".encode()

    async def say(self, sent: bytes, *, answers: int = 1) -> list[tuple[int, bytes]]:
        """Status and body of the answers to raw bytes; fewer where the connection was closed before."""
        reader, writer = await asyncio.open_connection(*self.address)
        try:
            writer.write(sent)
            async with asyncio.timeout(10):
                return [each for _ in range(answers) if (each := await one(reader)) is not None]
        finally:
            writer.close()


async def one(reader: asyncio.StreamReader) -> tuple[int, bytes] | None:
    """One answer, by its length; None at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


@asynccontextmanager
async def leanly(folder: Path, **broken: Any) -> AsyncIterator[Lean]:
    async with world(folder) as w:
        lookup, seconds = Lookup(w.store, w.directory, w.clock), Histogram([1.0])
        w.settler.observers.append(lookup.touched)
        tokens = Tokens(w.store, w.clock)
        app = LookupApp(Calls(lookup, w.directory, seconds), TokenGate(tokens, w.clock))
        app.__dict__.update(broken)
        token = (await tokens.issue("acme", "pbx", Role.SWITCHBOARD)).text
        loop = asyncio.get_running_loop()
        async with await loop.create_server(lambda: LookupProtocol(app), "127.0.0.1", 0) as server:
            yield Lean(w, server.sockets[0].getsockname(), token, lookup, seconds)


@pytest.fixture
async def lean(tmp_path: Path) -> AsyncIterator[Lean]:
    async with leanly(tmp_path) as one:
        yield one


async def test_answers_at_hand_and_others_are_the_same(lean: Lean) -> None:
    anna = await lean.world.person("101")
    first = await lean.say(lean.request())
    assert lean.lookup.kept("acme", "101") == first[0][1]
    assert await lean.say(lean.request() * 3, answers=3) == first * 3
    assert lean.seconds.total == 4
    await lean.world.service.refer(anna, "lunch")
    ((status, body),) = await lean.say(lean.request())
    assert (status, b'"phone":"closed"' in body) == (200, True)


async def test_requests_that_come_together_are_answered_in_turn(lean: Lean) -> None:
    await lean.world.person("101")
    sent = lean.request("/nowhere") + lean.request() + lean.request("/api/v1/lookup/%31%30%31") + lean.request()
    found = await lean.say(sent, answers=4)
    assert [status for status, _ in found] == [404, 200, 200, 200]
    assert len({body for _, body in found[1:]}) == 1


async def test_it_is_read_however_it_is_cut(lean: Lean) -> None:
    await lean.world.person("101")
    for place in range(1, len(lean.request()), 7):
        reader, writer = await asyncio.open_connection(*lean.address)
        writer.write(lean.request()[:place])
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(lean.request()[place:])
        found = await asyncio.wait_for(one(reader), 10)
        writer.close()
        assert found is not None
        assert found[0] == 200


async def test_a_connection_that_is_not_to_be_kept_is_closed(lean: Lean) -> None:
    found = await lean.say(lean.request(more="Connection: close\r\n") + lean.request(), answers=2)
    assert [status for status, _ in found] == [200]


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * LARGEST + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n" + b"x" * (2 * LARGEST),
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
async def test_what_is_no_request_is_refused(lean: Lean, sent: bytes) -> None:
    found = await lean.say(sent)
    assert [status for status, _ in found] in ([400], [401], [])
    assert (await lean.say(lean.request()))[0][0] == 200, "the others are answered"


@pytest.mark.parametrize("header", ["", "Authorization: Bearer other\r\n"])
async def test_two_tokens_are_none(lean: Lean, header: str) -> None:
    await lean.say(lean.request())
    ((status, _),) = await lean.say(lean.request(more=header))
    assert status == (401 if header else 200)


async def test_a_token_that_was_good_is_asked_about_again(lean: Lean, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backsoon.api.lookup.MOMENT", 0.0)
    await lean.say(lean.request())
    (token,) = await lean.world.store.tokens("acme")
    await lean.world.store.remove_token("acme", token.id)
    await lean.world.clock.move_to(lean.world.clock.now().replace(minute=1))
    assert (await lean.say(lean.request()))[0][0] == 401


async def test_a_defect_answers_this_call_only(tmp_path: Path) -> None:
    async def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    async with leanly(tmp_path, _answer=fail) as lean:
        assert await lean.say(lean.request() * 2, answers=2) == [(500, b"")] * 2


async def test_who_says_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backsoon.api.lookup_http.IDLE", 0.05)
    async with leanly(tmp_path) as lean:
        assert await lean.say(b"GET ") == []


async def test_an_ordinary_client_keeps_its_connection(lean: Lean) -> None:
    await lean.world.person("101")
    headers = {"Authorization": f"Bearer {lean.token}"}
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        for _ in range(20):
            async with session.get(f"http://127.0.0.1:{lean.address[1]}/api/v1/lookup/101") as response:
                assert (response.status, (await response.json())["phone"]) == (200, "")
                assert response.headers["Cache-Control"] == "no-store"
