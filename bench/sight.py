"""200 consoles in another process, 40 people in sight of each, 10,000 of 20,000 people changing within one second.

`last_ms` is, for each change of somebody in sight, the time from the instant at which it holds until the last console
that has them in sight has read it whole; `lamps_ms`, for each change, until the last console of all has read the lamp.
`index_ms` is asking for everybody at once, compressed: `cold` after the start, `warm` where nothing changed, `changed`
after the 10,000 changes, `together` until the last of 200 has it that ask at once. What is driven is real from the
clock to the socket. `--people N --listeners N --sight N --changes N` change the size.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import http.client
import json
import multiprocessing
import random
import select
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
from bench.fanout import LASTING, OVER, PATIENCE, STEPS, Listener, asked, read_some

LEAD = 75
"""Seconds from the start of the engine to the first change."""
ROOM = 4 * 2**20
"""More bytes than one console reads."""
LATER = 4
"""Referrals of each person that come on later days."""


def run(argv: list[str]) -> dict[str, object]:
    """Milliseconds to the last console, and to read everybody."""
    options = argparse.ArgumentParser(prog="bench sight")
    options.add_argument("--people", type=int, default=20_000)
    options.add_argument("--changes", type=int, default=10_000)
    options.add_argument("--listeners", type=int, default=200)
    options.add_argument("--sight", type=int, default=40)
    size = options.parse_args(argv)
    figures: dict[str, object] = dict(vars(size))
    with folder() as place:
        run_blocking(lambda: _measured(place, size, figures))
    return figures


async def _measured(place: Path, size: argparse.Namespace, figures: dict[str, object]) -> None:
    async with opened(place, full=True) as store:
        at = await _prepare(store, size)
        async with running(place, store, StampingBoard(), network=True) as backsoon:
            await told(backsoon)
            secret, address = await token(backsoon, Role.ATTENDANT), str(backsoon.config.api.listen)
            await _index(address, secret, figures)
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            child = context.Process(target=listen, args=(theirs, address, secret, size, at.timestamp()))
            child.start()
            await asyncio.to_thread(ours.recv)
            progress(f"{size.listeners} listen, {(at - utc_now()).total_seconds():.1f} s to go, {rss_mib()} MiB")
            await _storm(backsoon, at, ours, figures)
            await _index_after(address, secret, size, figures)
            await asyncio.to_thread(child.join)


async def _prepare(store: SqliteStore, size: argparse.Namespace) -> datetime:
    """Fill the store; the instant of the first change. Whose number is below `changes` changes then."""
    progress(f"storing {size.people} people")
    made_for = utc_now().replace(microsecond=0)

    def spans(number: int) -> list[tuple[datetime, datetime]]:
        later = [made_for + timedelta(days=day + 1, minutes=number % 400) for day in range(LATER)]
        starts = [made_for + timedelta(seconds=offset(number, size.changes))] if number < size.changes else []
        return [(start, start + LASTING) for start in (*starts, *later)]

    await fill_store(store, size.people, spans)
    at = utc_now().replace(microsecond=0) + timedelta(seconds=LEAD + 1)
    shift = int((at - made_for).total_seconds()) * 1_000_000
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("update referral set start_at = start_at + ?1, end_at = end_at + ?1", (shift,))
    return at


def offset(number: int, changes: int) -> float:
    """Seconds from the first change to that of a person by number."""
    return number * STEPS // changes / STEPS


async def _storm(backsoon: Backsoon, at: datetime, ours: Any, figures: dict[str, object]) -> None:
    await backsoon.clock.sleep_until(at - timedelta(seconds=1))
    cpu = time.process_time()
    heard: dict[str, object] = await asyncio.to_thread(ours.recv)
    figures |= heard | {"cpu_s": round(time.process_time() - cpu, 2), "rss_mib": rss_mib()}


# -- everybody in one answer -------------------------------------------------------------------------------------------


def ask(address: str, secret: str) -> tuple[float, bytes]:
    """Milliseconds to have everybody, and the compressed body."""
    connection = http.client.HTTPConnection(address, timeout=60)
    headers = {"Authorization": f"Bearer {secret}", "Accept-Encoding": "gzip"}
    begun = time.perf_counter()
    connection.request("GET", "/api/v1/people/index", headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    taken = (time.perf_counter() - begun) * 1000
    if answer.status != 200:
        raise SystemExit(f"the index was answered with {answer.status}")
    connection.close()
    return taken, body


async def _index(address: str, secret: str, figures: dict[str, object]) -> None:
    cold, body = await asyncio.to_thread(ask, address, secret)
    whole = gzip.decompress(body)
    figures |= {"index_ms.cold": round(cold, 1), "index_kib": len(body) // 1024, "index_plain_kib": len(whole) // 1024}
    figures["index_people"] = len(json.loads(whole)["people"])
    warm = [(await asyncio.to_thread(ask, address, secret))[0] for _ in range(20)]
    figures["index_ms.warm"] = round(sorted(warm)[len(warm) // 2], 1)
    progress(f"everybody: {cold:.0f} ms cold, {figures['index_ms.warm']} ms warm")


async def _index_after(address: str, secret: str, size: argparse.Namespace, figures: dict[str, object]) -> None:
    changed, body = await asyncio.to_thread(ask, address, secret)
    lamps = [row[6] for row in json.loads(gzip.decompress(body))["people"]]
    figures["index_ms.changed"] = round(changed, 1)
    figures["index_right"] = lamps.count("r") == size.changes
    begun = time.perf_counter()
    with ThreadPoolExecutor(size.listeners) as pool:
        await asyncio.gather(
            *(asyncio.get_running_loop().run_in_executor(pool, ask, address, secret) for _ in range(size.listeners))
        )
    figures["index_ms.together"] = round((time.perf_counter() - begun) * 1000, 1)


# -- the consoles' process ---------------------------------------------------------------------------------------------


@dataclass
class Console:
    """One console: who is in sight, and when it had what."""

    listener: Listener
    sight: frozenset[int]
    whole: dict[int, float] = field(default_factory=dict)
    lamps: dict[int, float] = field(default_factory=dict)
    times: int = 0

    def take(self) -> None:
        """Part what was read into events."""
        raw = self.listener.data
        place = raw.index(b"\r\n\r\n") + 4
        while place < len(raw):
            line = raw.index(b"\r\n", place)
            length = int(raw[place:line], 16)
            end = line + 2 + length + 2
            had = self.listener.had(end)
            for block in raw[line + 2 : line + 2 + length].split(b"\n\n"):
                self._take(block.decode(), had)
            place = end

    def _take(self, block: str, had: float) -> None:
        lines = block.split("\n")
        data: Any = next((json.loads(line[6:]) for line in lines if line.startswith("data: ")), None)
        if lines[0] == "event: lamps":
            self.lamps |= {int(id): had for id, lamp in data["lamps"].items() if lamp == "r"}
        elif lines[0] == "event: availability" and data["availability"]["state"] == "referred":
            self.whole[data["person"]["id"]] = had
            self.times += 1


def listen(pipe: Any, address: str, secret: str, size: argparse.Namespace, at: float) -> None:
    """Listen until nothing more comes, then say what was measured."""
    chance = random.Random(1)  # the same sights each time
    consoles = []
    for number in range(size.listeners):
        sight = chance.sample(range(1, size.people + 1), size.sight)
        _look(address, secret, f"desk{number}", sight)
        sock = asked(address, secret, f"?sight=desk{number}")
        consoles.append(Console(Listener(sock, bytearray(b"\1" * ROOM)), frozenset(sight)))
    poll = select.epoll()
    by_file = {each.listener.sock.fileno(): each.listener for each in consoles}
    for file in by_file:
        poll.register(file, select.EPOLLIN)
    while not all(b"listening after" in each.data for each in by_file.values()):
        read_some(poll, by_file)
    pipe.send("listening")
    _hear(lambda: read_some(poll, by_file), at)
    for each in consoles:
        each.take()
    pipe.send(figures_of(consoles, size, at))


def _look(address: str, secret: str, name: str, sight: list[int]) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    connection.request("PUT", f"/api/v1/events/sight/{name}", json.dumps({"people": sight}), headers)
    answer = connection.getresponse()
    if answer.status != 200 or len(json.loads(answer.read())["rows"]) != len(sight):
        raise SystemExit(f"a sight was answered with {answer.status}")
    connection.close()


def _hear(read: Callable[[], bool], at: float) -> None:
    until = at + PATIENCE
    while time.time() < until:
        if read() and time.time() > at:
            until = time.time() + OVER


def figures_of(consoles: list[Console], size: argparse.Namespace, at: float) -> dict[str, object]:
    """What was measured; a person's id is one more than their number."""
    begins = {number + 1: at + offset(number, size.changes) for number in range(size.changes)}
    lamps = [max(each.lamps.get(id, float("inf")) for each in consoles) - begun for id, begun in begins.items()]
    seen = {id: [each for each in consoles if id in each.sight] for id in begins}
    whole = [
        max(each.whole.get(id, float("inf")) for each in theirs) - begins[id] for id, theirs in seen.items() if theirs
    ]
    right = all(each.whole.keys() == each.sight & begins.keys() and each.times == len(each.whole) for each in consoles)
    return {
        **spread("last_ms", [each * 1000 for each in whole]),
        **spread("lamps_ms", [each * 1000 for each in lamps]),
        "in_sight": len(whole),
        "heard_once": right and all(each.lamps.keys() == begins.keys() for each in consoles),
        "kib_each": round(sum(each.listener.lengths[-1] for each in consoles) / len(consoles) / 1024),
        "listeners_cpu_s": round(time.process_time(), 2),
    }
