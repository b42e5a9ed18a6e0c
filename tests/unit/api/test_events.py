"""Server-sent events, and how the server ends."""

import asyncio
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from starlette.types import Message

from backsoon.api import serve
from backsoon.api.events import Streams
from backsoon.api.gate import KEY, OpenGate
from backsoon.api.server import SocketTaken
from backsoon.commands.board import Shown, _listen, cells, lamp
from backsoon.commands.remote import Refused, Remote, Unanswered, answers
from backsoon.engine.hub import News
from tests.sse import Parser, listening
from tests.unit.api.serving import Parts, Serving, serving
from tests.unit.api.streaming import streaming
from tests.unit.engine.world import world


async def test_a_change_is_an_event(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, api.http() as session, listening(session, organisation="acme") as client:
        await api.world.person("101", "Anna")
        await api.remote.refer("101", None, "lunch", note="soup", by="bo", through="cli")
        event = await client.next()
        assert (event.name, event.id) == ("availability", api.world.hub.id_of(1))
        assert event.value["person"]["extension"] == "101"
        assert (event.value["trigger"], event.value["by"], event.value["through"]) == ("override", "bo", "cli")
        assert (event.value["availability"]["reason"], event.value["availability"]["note"]) == ("lunch", "soup")
        assert (event.value["calendars"], event.value["unconfirmed"]) == (1, "not read yet")


async def test_the_head_of_a_stream_may_be_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, api.http() as session, session.head("/api/v1/events") as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert response.headers["Cache-Control"] == "no-store"


async def test_silence_is_told_with_what_was_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backsoon.api.events.QUIET", 0.05)
    async with serving(tmp_path) as api, api.http() as session, listening(session) as client:
        while " quiet" not in client.parser.comments:
            assert await client.read()
        assert client.parser.last_id == api.world.hub.id_of(0)


async def test_any_asgi_server_will_do(tmp_path: Path) -> None:
    """Without the connection below it writes as any application does."""
    sent: list[Message] = []
    gone = asyncio.Event()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async with world(tmp_path) as w:
        streams = Streams(Parts(w), asyncio.Event())
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": "/api/v1/events",
            "headers": [],
            "query_string": b"",
        }
        scope[KEY] = await OpenGate().admit(HTTPConnection(scope))
        running = asyncio.ensure_future(streams.route().app(scope, receive, send))
        await w.until(lambda: w.hub.listeners == 1)
        w.hub.announce_people([await w.person()])
        await w.until(lambda: len(sent) == 3)
        gone.set()
        await asyncio.wait_for(running, 5)
    parser = Parser()
    (event,) = parser.feed(b"".join(message.get("body", b"") for message in sent))
    assert event.name == "availability"


@pytest.mark.parametrize("reads", [True, False])
async def test_a_connection_that_takes_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: bool
) -> None:
    monkeypatch.setattr("backsoon.api.events.STUCK", 0.2)
    monkeypatch.setattr("backsoon.api.events.CHECK", 0.02)
    async with world(tmp_path) as w, streaming(w) as streams, streams.http() as session:
        anna = await w.person()
        async with listening(session) as client:
            for _ in range(60):
                streams.announce(anna, ["x" * 200] * 500)
                await w.until(lambda: streams.hub.told == streams.hub.number)
                while reads and client.parser.last_id != streams.hub.id_of(streams.hub.number):
                    await client.read()
                if not reads and streams.streams.stuck:
                    break
            assert streams.streams.stuck == (0 if reads else 1)


async def test_open_streams_do_not_keep_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, api.http() as session, session.get("/api/v1/events") as response:
        await response.content.readany()
        api.stop.set()
        await asyncio.wait_for(response.content.read(), 30)
    assert not api.socket.exists(), "the socket goes with the server"


async def test_the_commands_listen(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.world.person("101", "Anna")
        stream = api.remote.events("acme", (await api.remote.board("acme"))["listen_after"])
        assert await asyncio.to_thread(next, stream) == ("", {})
        await api.remote.refer("101", None, "lunch")
        name, value = await asyncio.to_thread(next, stream)
        assert (name, value["availability"]["reason"]) == ("availability", "lunch")
        with pytest.raises(Refused):
            await asyncio.to_thread(next, api.remote.events("nowhere"))
        api.stop.set()
        with pytest.raises(Unanswered):
            await asyncio.to_thread(list, stream)


async def test_a_live_board_follows_by_events(tmp_path: Path) -> None:
    """Rows change by events alone; a restart, or the end of the stream, has it read anew."""
    async with serving(tmp_path) as api:
        await api.world.person("101", "Anna")
        await api.world.person("102", "Bo")
        shown = Shown(api.remote, "acme")
        await shown.read()
        _listen(api.remote, "acme", shown.listen_after, asyncio.get_running_loop(), shown)
        await api.remote.refer("101", None, "lunch", note="soup")
        assert not await shown.out_of_date()
        assert [lamp(row)[0] for row in shown.now()["rows"]] == ["◆", "○"]
        assert "At lunch, back 10:00 (soup)" in cells(shown.now()["rows"][0], shown.now()["at"])
        carl = await api.world.person("100", "Carl")
        api.world.hub.announce_people([carl], News.ADDED)
        assert not await shown.out_of_date()
        assert [row["person"]["name"] for row in shown.now()["rows"]] == ["Anna", "Bo", "Carl"]
        api.world.hub.announce_people([carl], News.REMOVED)
        assert not await shown.out_of_date()
        assert len(shown.now()["rows"]) == 2
        api.stop.set()
        assert await shown.out_of_date(), "the stream has ended"
    shown.hear("restart", {})
    assert await shown.out_of_date()


async def test_the_socket_is_for_its_owner_and_group(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        assert stat.S_IMODE(os.stat(api.socket).st_mode) == 0o660


async def serve_briefly(tmp_path: Path, path: Path) -> None:
    """Serve until it answers."""
    async with world(tmp_path) as made:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(Parts(made), path, stop))
            await made.until(lambda: answers(path))
            await Serving(made, Parts(made), path).remote.health()
            stop.set()


async def test_a_dead_ones_socket_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("backsoon.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()
    assert not answers(path)
    await serve_briefly(tmp_path, path)


async def test_a_living_ones_socket_and_other_files_are_not(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        with pytest.raises(SocketTaken, match="another Backsoon answers there") as caught:
            await serve(api.parts, api.socket, api.stop)
        assert caught.value.remedy
        assert (await api.remote.health())["people"] == 0, "the first one goes on"
    file = tmp_path / "file"
    file.write_text("precious")
    async with world(tmp_path) as made:
        with pytest.raises(SocketTaken, match="no socket"):
            await serve(Parts(made), file, asyncio.Event())
        with pytest.raises(SocketTaken):
            await serve(Parts(made), file / "below", asyncio.Event())
    assert file.read_text() == "precious"


async def test_nobody_answers(tmp_path: Path) -> None:
    path = tmp_path / "none.sock"
    assert not answers(path)
    with pytest.raises(Unanswered):
        await Remote(path).health()
