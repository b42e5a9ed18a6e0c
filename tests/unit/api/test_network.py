"""The API on the network: only for those with a token, and nothing for pages of other sites."""

import asyncio
import json
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from backsoon.api import gate, serve, wire
from backsoon.api.server import CannotListen, Listening, listening_at
from backsoon.domain.access import Role
from tests.unit.api.serving import Parts, Serving, reachable, serving
from tests.unit.engine.world import world
from tools.ports import free_port

PERSON = "/api/v1/people/101"


async def status(api: Serving, method: str, path: str, token: str = "", **more: Any) -> int:
    """The status of one exchange on the network."""
    async with api.network(token) as session, session.request(method, path, **more) as response:
        await response.read()
        return response.status


async def test_only_with_a_token(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.world.person("101", "Anna")
        token = await api.token(Role.ATTENDANT)
        assert await status(api, "GET", PERSON) == 401
        assert await status(api, "GET", PERSON, token) == 200
        assert await status(api, "GET", PERSON, token[:-1] + "~") == 401
        assert await status(api, "GET", "/api/v1/nothing") == 401, "nor what there is"
        assert await status(api, "GET", "/api/v1/nothing", token) == 404
        assert await status(api, "GET", "/api/v1/openapi.json") == 200
        async with api.http() as session, session.get(PERSON) as response:
            assert response.status == 200, "the socket needs none"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /api/v1/peo",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /heal",
        b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n"
        b'Content-Length: 500\r\n\r\n{"user": ',
    ],
    ids=["silence", "half a line", "half a head", "half of the next one", "half a body"],
)
async def test_half_a_request_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(wire, "WHOLE_WITHIN", 0.1)
    async with serving(tmp_path) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(sent)
        async with asyncio.timeout(10):
            await reader.read()
        writer.close()


async def test_who_has_asked_is_not_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "WHOLE_WITHIN", 0.1)
    async with (
        serving(tmp_path) as api,
        asyncio.timeout(20),
        api.network(await api.token(Role.ATTENDANT)) as session,
        session.get("/api/v1/events") as stream,
    ):
        await api.world.person("101", "Anna")
        silent, writer = await asyncio.open_connection("127.0.0.1", api.port)
        await silent.read()  # it came later than the stream, whose turn would have been before
        writer.close()
        async with session.put(f"{PERSON}/override", json={"reason": "lunch"}) as response:
            assert response.status == 200
        told = b""
        while b"event: availability" not in told:
            assert not stream.content.at_eof()
            told += await stream.content.readline()


async def test_the_socket_and_the_network_are_one(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.world.person("101", "Anna")
        token = await api.token(Role.ATTENDANT)
        override = {"reason": "lunch", "note": "soup"}
        assert await status(api, "PUT", f"{PERSON}/override", token, json=override) == 200
        shown = await api.remote.show("101", None)
        assert shown["override"]["by"] == "attendant", "the token's name"
        tokens = await api.ask("GET", "/tokens")
        await api.ask("DELETE", f"/tokens/{tokens[2]['tokens'][0]['id']}")
        assert await status(api, "GET", PERSON, token) == 401


async def test_history_says_who_made_a_token(tmp_path: Path) -> None:
    wanted: dict[str, str] = {"name": "console", "role": "attendant"}
    async with serving(tmp_path) as api:
        token = await api.token(Role.ADMINISTRATOR)
        async with api.network(token) as session:
            async with session.post("/api/v1/tokens", json=wanted | {"by": "somebody"}) as response:
                assert (response.status, (await response.json())["remedy"]) == (403, "leave `by` out")
            async with session.post("/api/v1/tokens", json=wanted) as response:
                assert (await response.json())["created_by"] == "administrator", "the token's name"
        assert (await api.remote.add_token(None, "app", Role.ATTENDANT, by="bo"))["created_by"] == "bo"


async def test_what_is_wrong_is_said_in_our_words(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as api,
        api.network(await api.token(Role.ATTENDANT)) as session,
        session.get("/api/v1/people/101", params={"at": "2026-11-23T09:00"}) as response,
    ):
        assert (await response.json())["detail"].startswith("query.at: write a time with its zone")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_no_page_of_another_site(tmp_path: Path, site: str) -> None:
    async with serving(tmp_path) as api:
        token = await api.token(Role.ADMINISTRATOR)
        for method, path in (("GET", "/api/v1/people"), ("POST", "/api/v1/sync"), ("GET", "/api/v1/openapi.json")):
            assert await status(api, method, path, token, headers={"Sec-Fetch-Site": site}) == 403
        assert await status(api, "GET", "/api/v1/people", token, headers={"Sec-Fetch-Site": "same-origin"}) == 200


async def test_nobody_is_told_that_other_sites_may(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, api.network(await api.token(Role.ADMINISTRATOR)) as session:
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
        async with session.options("/api/v1/people", headers=asked) as response:
            assert response.status == 405
            assert response.headers["Allow"] == "GET, PUT"
            assert not [name for name in response.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", ""],
)
async def test_only_json_is_read(tmp_path: Path, kind: str) -> None:
    async with serving(tmp_path) as api:
        await api.world.person("101", "Anna")
        token = await api.token(Role.ATTENDANT)
        data, headers = b'{"reason": "lunch"}', {"Content-Type": kind}
        assert await status(api, "PUT", f"{PERSON}/override", token, data=data, headers=headers) == 415
        assert (await api.remote.show("101", None))["override"] is None
        good = {"Content-Type": "application/json; charset=utf-8"}
        assert await status(api, "PUT", f"{PERSON}/override", token, data=data, headers=good) == 200


async def test_bodies_have_an_end(tmp_path: Path) -> None:
    async def stream(size: int) -> Any:
        yield b'{"reason": "' + b"x" * size + b'"}'

    json_kind = {"Content-Type": "application/json"}
    async with serving(tmp_path) as api:
        await api.world.person("101", "Anna")
        attendant, administrator = await api.token(Role.ATTENDANT), await api.token(Role.ADMINISTRATOR)
        large = {"reason": "x" * gate.LARGEST}
        assert await status(api, "PUT", f"{PERSON}/override", attendant, json=large) == 413
        assert await status(api, "PUT", f"{PERSON}/override", json=large) == 401, "nor is it read"
        counted = stream(gate.LARGEST)
        assert await status(api, "PUT", f"{PERSON}/override", attendant, data=counted, headers=json_kind) == 413
        rows = {"rows": [{"values": {"extension": str(n), "name": "N" * 150}} for n in range(1000, 2000)]}
        assert len(json.dumps(rows)) > gate.LARGEST
        assert await status(api, "PUT", "/api/v1/people?dry_run=true", administrator, json=rows) == 200


async def test_a_hundred_thousand_people_by_the_socket(tmp_path: Path) -> None:
    from backsoon.engine.roster import Row

    async with serving(tmp_path) as api:
        rows = [Row(n, {"extension": str(n), "name": f"Person {n}"}) for n in range(100_000)]
        assert (await api.remote.import_people(rows, None, dry_run=True))["added"] == 100_000


async def test_stops_while_somebody_listens(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        session = api.network(await api.token(Role.ATTENDANT))
        async with session, session.get("/api/v1/events") as response:
            await asyncio.wait_for(response.content.readline(), 10)
            api.stop.set()
            await asyncio.wait_for(response.content.read(), 30)
    assert not reachable(api.port)


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with world(tmp_path) as made:
            with pytest.raises(
                CannotListen, match=f"api.listen: another program listens at 127.0.0.1:{port}"
            ) as caught:
                await serve(Parts(made), tmp_path / "s", asyncio.Event(), Listening("127.0.0.1", port))
    assert 'listen = ""' in caught.value.remedy
    assert not (tmp_path / "s").exists()


def test_small_answers_do_not_wait() -> None:
    with listening_at(Listening("127.0.0.1", 0)) as listening:
        assert listening.proto == socket.IPPROTO_TCP, "what asyncio goes by when it turns Nagle's algorithm off"


async def test_an_address_that_is_not_ours_is_told(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        with pytest.raises(CannotListen, match=r"api\.listen"):
            await serve(Parts(made), tmp_path / "s", asyncio.Event(), Listening("192.0.2.77", 1))


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of one's own for localhost."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(cert), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


async def test_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    async with serving(tmp_path, certificate=cert, key=key) as api:
        token = await api.token(Role.ATTENDANT)
        trusted = ssl.create_default_context(cafile=str(cert))
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            async with session.get(f"https://localhost:{api.port}/api/v1/people", ssl=trusted) as response:
                assert response.status == 200
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"http://localhost:{api.port}/api/v1/people")


@pytest.mark.parametrize("which", ["missing", "not PEM", "of another key"])
async def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path, which: str) -> None:
    cert, key = certificate(tmp_path)
    if which == "missing":
        cert = tmp_path / "none.pem"
    elif which == "not PEM":
        cert.write_text("cert")
    else:
        (tmp_path / "other").mkdir()
        key = certificate(tmp_path / "other")[1]
    async with world(tmp_path) as made:
        with pytest.raises(CannotListen, match=r"api\.certificate") as caught:
            await serve(Parts(made), tmp_path / "s", asyncio.Event(), Listening("127.0.0.1", free_port(), cert, key))
    assert "PEM" in caught.value.remedy


async def test_behind_a_proxy_its_word_counts_for_who_guesses(tmp_path: Path) -> None:
    async def guesses(api: Serving, address: str, count: int) -> list[int]:
        headers = {"X-Forwarded-For": address}
        return [await status(api, "GET", PERSON, "bsn_" + "A" * 43, headers=headers) for _ in range(count)]

    async with serving(tmp_path, behind_proxy=True) as api:
        assert set(await guesses(api, "203.0.113.1", 30)) == {401}
        assert await guesses(api, "203.0.113.1", 1) == [429]
        assert await guesses(api, "203.0.113.2", 1) == [401]
    (tmp_path / "second").mkdir()
    async with serving(tmp_path / "second") as api:
        assert set(await guesses(api, "203.0.113.1", 30)) == {401}
        assert await guesses(api, "203.0.113.2", 1) == [429], "without a proxy anybody could say so"
