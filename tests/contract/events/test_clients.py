"""Readers that others wrote: a browser's EventSource (as Node has it) and sseclient-py."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import sseclient

from tests.sse import Parser
from tests.unit.api.streaming import Streaming, streaming
from tests.unit.engine.world import world

EVENT_SOURCE = """
const [url, wanted] = process.argv.slice(1);
const heard = [], source = new EventSource(url);
const take = name => event => {
  heard.push([name, event.lastEventId, JSON.parse(event.data)]);
  if (heard.length >= Number(wanted)) { console.log(JSON.stringify(heard)); process.exit(0); }
};
for (const name of ["availability", "person", "restart", "message"]) source.addEventListener(name, take(name));
setInterval(() => {}, 1000); // its own timer does not keep node running
"""


def node() -> str:
    """Node with an EventSource, or a visible skip."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no node here, whose EventSource would listen")
    probe = [found, "--experimental-eventsource", "-e", "process.exit(typeof EventSource === 'function' ? 0 : 1)"]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("this node has no EventSource")
    return found


async def listening_node(streams: Streaming, after: str, wanted: int) -> asyncio.subprocess.Process:
    url = f"http://{streams.address[0]}:{streams.address[1]}/api/v1/events?after={after}"
    return await asyncio.create_subprocess_exec(
        *(node(), "--no-warnings", "--experimental-eventsource", "-e", EVENT_SOURCE, url, str(wanted)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_an_event_source_comes_back_by_itself_and_misses_nothing(tmp_path: Path) -> None:
    """The server drops every connection in the middle: the browser's own code takes up where it was."""
    async with world(tmp_path) as w, streaming(w) as streams:
        anna = await w.person("101", 'Anna "ö" \u2028')
        process = await listening_node(streams, streams.hub.position(), 30)
        try:
            for first in range(0, 30, 10):
                await w.until(lambda: streams.hub.listeners == 1, 30)
                streams.announce(anna, [str(first + n) for n in range(10)])
                await w.until(lambda: streams.hub.told == streams.hub.number)
                await cut(streams)
            out, _ = await asyncio.wait_for(process.communicate(), 60)
        finally:
            if process.returncode is None:
                process.kill()
    heard: list[Any] = json.loads(out)
    assert [int(data["availability"]["note"]) for _, _, data in heard] == list(range(30))
    assert [id for _, id, _ in heard] == [streams.hub.id_of(n + 1) for n in range(30)]
    assert heard[0][2]["person"]["name"] == 'Anna "ö" \u2028'


async def cut(streams: Streaming) -> None:
    """End what is open as a proxy would, without ending the server: the streams stop, and begin anew."""
    streams.streams.stop.set()
    await streams.world.until(lambda: streams.hub.listeners == 0)
    streams.streams.stop.clear()


async def test_an_event_source_is_told_to_start_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w, streaming(w) as streams:
        process = await listening_node(streams, "0-7", 1)
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    ((name, id, data),) = json.loads(out)
    assert (name, data["because"], data["listen_after"]) == ("restart", "unknown_id", id)


async def test_sseclient_reads_what_our_reader_reads(tmp_path: Path) -> None:
    async with world(tmp_path) as w, streaming(w) as streams, streams.http() as session:
        anna = await w.person("101", "Anna\u2028\x85 ö")
        first = streams.hub.position()
        streams.announce(anna, ["line\nend", "carriage\rreturn", "tab\t", 'quote " and \\', "ö" * 200, ""])
        async with session.get("/api/v1/events", params={"after": first}) as response:
            raw = b""
            while b"id: %s\n" % streams.hub.id_of(6).encode() not in raw or not raw.endswith(b"\n\n"):
                raw += await asyncio.wait_for(response.content.readany(), 10)
    theirs = [(e.event, e.id, e.data) for e in sseclient.SSEClient(iter([raw])).events() if e.data]
    assert theirs == [(e.name, e.id, e.data) for e in Parser().feed(raw)]
    assert len(theirs) == 6
