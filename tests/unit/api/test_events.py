"""Server-sent events, and how the server ends."""

import asyncio
import json
import os
import socket
import stat
from pathlib import Path

import aiohttp
import pytest

from backsoon.api import serve
from backsoon.api.server import SocketTaken
from backsoon.commands.remote import Remote, Unanswered, answers
from tests.unit.api.serving import Parts, Serving, serving
from tests.unit.engine.world import world


async def lines(response: aiohttp.ClientResponse) -> list[str]:
    """The lines of the next event."""
    found: list[str] = []
    while True:
        line = (await asyncio.wait_for(response.content.readline(), 10)).decode().rstrip("\n")
        if not line:
            return found
        found.append(line)


async def test_a_change_is_an_event_for_its_organisation(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as api,
        api.http() as session,
        session.get("/api/v1/events?organisation=acme") as ours,
        session.get("/api/v1/events?organisation=other") as others,
    ):
        await api.world.person("101", "Anna")
        assert ours.content_type == "text/event-stream"
        assert (await lines(ours))[0].startswith(": listening")
        assert (await lines(others))[0].startswith(": listening")
        await api.remote.refer("101", None, "lunch", note="soup", by="bo", through="cli")
        kind, number, data = await lines(ours)
        event = json.loads(data.removeprefix("data: "))
        assert (kind, number) == ("event: availability", "id: 1")
        assert event["person"]["extension"] == "101"
        assert (event["trigger"], event["by"], event["through"]) == ("override", "bo", "cli")
        assert (event["availability"]["reason"], event["availability"]["note"]) == ("lunch", "soup")
        api.stop.set()
        assert await asyncio.wait_for(others.content.read(), 10) in (b"", b": quiet\n\n"), "nothing of ours"


async def test_who_is_too_slow_is_told_to_read_anew(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, api.http() as session, session.get("/api/v1/events") as response:
        anna = await api.world.person("101", "Anna")
        await lines(response)
        shown = await api.world.service.show(anna)
        from backsoon.store.base import AvailabilityChange, Trigger

        change = AvailabilityChange(anna.id, shown.at, shown.at, shown.availability, Trigger.CLOCK)
        api.world.hub.announce([(anna, change)] * 3000)
        seen: list[str] = []
        while (event := (await lines(response))[0]) != "event: restart":
            seen.append(event)
        assert set(seen) == {"event: availability"}
        assert len(seen) < 3000


async def test_open_streams_do_not_keep_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, api.http() as session, session.get("/api/v1/events") as response:
        await lines(response)
        api.stop.set()
        await asyncio.wait_for(response.content.read(), 30)
    assert not api.socket.exists(), "the socket goes with the server"


async def test_the_commands_listen(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.world.person("101", "Anna")
        stream = api.remote.events("acme")
        assert await asyncio.to_thread(next, stream) == ""
        await api.remote.refer("101", None, "lunch")
        assert await asyncio.to_thread(next, stream) == "availability"
        api.stop.set()
        with pytest.raises(Unanswered):
            await asyncio.to_thread(list, stream)


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
