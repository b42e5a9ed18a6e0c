"""200 listeners to the event stream in another process, 10,000 changes within one second: when the last of them has it.

What is driven is real from the clock to the socket: 10,000 people whose meetings begin at 100 instants, 10 ms apart;
staged, fired, told to a switchboard, announced, encoded and sent over TCP. `last_ms` is, for each change, the time from
the instant at which it holds until the last listener has read it. `--at-once` has all of them begin at one instant,
`--people N --listeners N` change the size.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import select
import socket
import sqlite3
import time
from bisect import bisect_left
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backsoon.domain.access import Role
from backsoon.store.sqlite import SqliteStore
from backsoon.wiring import Backsoon, run_blocking
from bench.common import (
    StampingBoard,
    fill_store,
    folder,
    opened,
    progress,
    rss_mib,
    running,
    spread,
    token,
    told,
    utc_now,
)

LEAD = 20
"""Seconds from the start of the engine to the first change."""
STEPS = 100
LASTING = timedelta(minutes=5)
PATIENCE = 60.0
"""Seconds after which what has not come is lost."""
OVER = 3.0
"""Seconds without anything after which all has come."""
EVENT = 800
"""More than an event has bytes."""


def run(argv: list[str]) -> dict[str, object]:
    """Milliseconds from each change to its last listener, and whether every listener heard each change once."""
    options = argparse.ArgumentParser(prog="bench fanout")
    options.add_argument("--people", type=int, default=10_000)
    options.add_argument("--listeners", type=int, default=200)
    options.add_argument("--at-once", action="store_true")
    asked = options.parse_args(argv)
    figures: dict[str, object] = {"changes": asked.people, "listeners": asked.listeners}
    with folder() as place:
        run_blocking(lambda: _fanout(place, asked, figures))
    return figures


async def _fanout(place: Path, asked: argparse.Namespace, figures: dict[str, object]) -> None:
    async with opened(place, full=True) as store:
        steps = 1 if asked.at_once else STEPS
        at = await _prepare(store, asked.people, steps)
        board = StampingBoard()
        async with running(place, store, board, network=True) as backsoon:
            await told(backsoon)
            secret, address = await token(backsoon, Role.ATTENDANT), str(backsoon.config.api.listen)
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            child = context.Process(target=listen, args=(theirs, address, secret, asked.listeners, asked.people))
            child.start()
            await asyncio.to_thread(ours.recv)
            progress(f"{asked.listeners} listen, {(at - utc_now()).total_seconds():.1f} s to go, {rss_mib()} MiB")
            await _measured(backsoon, at, ours, figures)
            await asyncio.to_thread(child.join)


async def _prepare(store: SqliteStore, people: int, steps: int) -> datetime:
    """Fill the store; the instant of the first change."""
    progress(f"storing {people} people")
    made_for = utc_now().replace(microsecond=0)

    def spans(number: int) -> list[tuple[datetime, datetime]]:
        start = made_for + timedelta(seconds=number * steps // people / steps)
        return [(start, start + LASTING)]

    await fill_store(store, people, spans)
    at = utc_now().replace(microsecond=0) + timedelta(seconds=LEAD + 1)
    shift = int((at - made_for).total_seconds()) * 1_000_000
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("update referral set start_at = start_at + ?1, end_at = end_at + ?1", (shift,))
    return at


async def _measured(backsoon: Backsoon, at: datetime, ours: Any, figures: dict[str, object]) -> None:
    await backsoon.clock.sleep_until(at - timedelta(seconds=1))
    cpu = time.process_time()
    heard: dict[str, object] = await asyncio.to_thread(ours.recv)
    figures |= heard | {"cpu_s": round(time.process_time() - cpu, 2), "rss_mib": rss_mib()}


# -- the listeners' process --------------------------------------------------------------------------------------------


@dataclass
class Listener:
    """One connection: what it read, and when it had read how much."""

    sock: socket.socket
    room: bytearray
    lengths: list[int] = field(default_factory=lambda: [0])
    times: list[float] = field(default_factory=lambda: [0.0])

    def read(self) -> None:
        """Take what is there, straight to where it stays: reading must cost less than writing does."""
        length = self.lengths[-1]
        read = self.sock.recv_into(memoryview(self.room)[length:])
        if not read:
            raise SystemExit("a stream ended, or there is no room for more of it")
        self.lengths.append(length + read)
        self.times.append(time.time())

    @property
    def data(self) -> bytes:
        """All that was read."""
        return bytes(memoryview(self.room)[: self.lengths[-1]])

    def had(self, length: int) -> float:
        """When it had read so much."""
        return self.times[bisect_left(self.lengths, length)]


def listen(pipe: Any, address: str, secret: str, count: int, changes: int) -> None:
    """Listen until nothing more comes, then say what was measured."""
    room = b"\1" * (changes * EVENT + 65_536)  # touched beforehand: the kernel gives memory by pages
    listeners = [Listener(asked(address, secret), bytearray(room)) for _ in range(count)]
    poll = select.epoll()
    by_file = {each.sock.fileno(): each for each in listeners}
    for file in by_file:
        poll.register(file, select.EPOLLIN)
    while not all(b"listening after" in each.data for each in listeners):
        read_some(poll, by_file)
    pipe.send("listening")
    begun = [each.lengths[-1] for each in listeners]
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if read_some(poll, by_file) and min(e.lengths[-1] - b for e, b in zip(listeners, begun, strict=True)) > changes:
            until = time.monotonic() + OVER
    pipe.send(figures_of(listeners, changes))


def read_some(poll: select.epoll, by_file: dict[int, Listener]) -> bool:
    """Read what has come on any of them; whether there was anything."""
    ready = poll.poll(0.2)
    for file, _ in ready:
        by_file[file].read()
    return bool(ready)


def asked(address: str, secret: str, query: str = "") -> socket.socket:
    """A connection on which the stream was asked for."""
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host, int(port)))
    sock.sendall(
        f"GET /api/v1/events{query} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {secret}\r\n"
        "Accept: text/event-stream\r\n\r\n".encode()
    )
    sock.setblocking(False)
    return sock


@dataclass(frozen=True)
class Heard:
    """One event: where it ends in what was read, whose it is, and the instant from which it holds."""

    end: int
    person: int
    at: float


def figures_of(listeners: list[Listener], changes: int) -> dict[str, object]:
    """What was measured."""
    raw = [each.data for each in listeners]
    heard = events_of(raw[0])
    same = body_of(raw[0])
    others = [events_of(each) if body_of(each) != same else heard for each in raw]
    whole = all(len(each) == changes == len({e.person for e in each}) for each in others)
    last = [
        max(listener.had(events[number].end) for listener, events in zip(listeners, others, strict=True))
        - heard[number].at
        for number in range(min(map(len, others)))
    ]
    figures = spread("last_ms", [each * 1000 for each in last])
    first = min(each.at for each in heard)
    return figures | {
        "heard_once": whole,
        "all_heard_s": round(max(e.at + late for e, late in zip(heard, last, strict=False)) - first, 3),
        "mib": round(sum(map(len, raw)) / 2**20),
        "event_bytes": len(same) // max(1, len(heard)),
        "listeners_cpu_s": round(time.process_time(), 2),
    }


def body_of(raw: bytes) -> bytes:
    """What follows the head."""
    return raw[raw.index(b"\r\n\r\n") + 4 :]


def events_of(raw: bytes) -> list[Heard]:
    """The events of a stream in order; fails for one that is no change."""
    heard: list[Heard] = []
    place = raw.index(b"\r\n\r\n") + 4
    text, ends = [], []
    while place < len(raw):
        line = raw.index(b"\r\n", place)
        length = int(raw[place:line], 16)
        text.append(raw[line + 2 : line + 2 + length])
        place = line + 2 + length + 2
        ends.append(place)
    for chunk, end in zip(text, ends, strict=True):
        offset = end - 2 - len(chunk)
        for block in chunk.split(b"\n\n"):
            offset += len(block) + 2
            if block.startswith(b"event: "):
                name, _, data = block.decode().split("\n")
                assert name == "event: availability", name
                value = json.loads(data.removeprefix("data: "))
                at = datetime.fromisoformat(value["at"]).timestamp()
                heard.append(Heard(min(offset, end), value["person"]["id"], at))
    return heard
