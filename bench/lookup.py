"""Look-ups at call time, over HTTP with a token, from another process: 2,000 a second for a minute, while all goes on.

Within the minute 100,000 people's meetings begin in one second, and end in one; all calendars are read whole anew; and
the settings have the process for look-ups. The load is open: each look-up has its instant, whether those before it were
answered or not, and its latency counts from that instant. Who is asked about is picked anew each time among everybody,
so most answers are not at hand. The callers' process runs as promptly as the one that answers: callers are elsewhere.
`--people N --rate N --seconds N` for shorter runs, `--inside` for the same without the process: the API answers.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import select
import socket
import sqlite3
import time
from array import array
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backsoon.domain.access import Role
from backsoon.domain.model import CalendarEntry, Timed
from backsoon.domain.organisation import Calendar, Person
from backsoon.engine.sync import Sync, SyncSettings
from backsoon.promptly import run_promptly
from backsoon.sources.base import CalendarSource, Changes, Window
from backsoon.store.sqlite import SqliteStore
from backsoon.wiring import Backsoon, run_blocking
from bench.common import (
    StampingBoard,
    extension,
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

CONNECTIONS = 32
LEAD = 45
"""Seconds from the start of the engine to the beginning of the load at the earliest."""
NEAR = 1.0
"""Seconds around a transition within which an answer may be of before or after it."""
GIVEN_UP = 5.0
"""Seconds after the last look-up until those not answered are errors."""


@dataclass(frozen=True)
class Times:
    """When what happens, in seconds since 1970: the load, and the meeting that everybody has within it."""

    begin: float
    seconds: float

    @property
    def meeting(self) -> tuple[float, float]:
        """A third into the load, and at two thirds."""
        return self.begin + round(self.seconds / 3), self.begin + round(self.seconds * 2 / 3)


def run(argv: list[str]) -> dict[str, object]:
    """Latency in ms from the instant at which each look-up was to be sent, errors, and wrong answers."""
    options = argparse.ArgumentParser(prog="bench lookup")
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--rate", type=int, default=2000)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--inside", action="store_true")
    asked = options.parse_args(argv)
    figures: dict[str, object] = {"people": asked.people, "rate": asked.rate, "seconds": asked.seconds}
    with folder() as place:
        run_blocking(lambda: _lookup(place, asked, figures))
    return figures


async def _lookup(place: Path, asked: argparse.Namespace, figures: dict[str, object]) -> None:
    async with opened(place, full=True) as store:
        progress(f"storing {asked.people} people with three referrals each")
        made_for = utc_now().replace(microsecond=0)
        await fill_store(store, asked.people, lambda _: _spans(made_for, asked.seconds))
        times = Times(int(time.time()) + LEAD + asked.people // 4000, asked.seconds)
        _shift(store, made_for, times)
        reading = Reading(times)
        board = StampingBoard()
        async with running(place, store, board, network=True, prepare=reading.join) as backsoon:
            await told(backsoon)
            progress(f"all plans told {times.begin - time.time():.0f} s before the load, {rss_mib()} MiB")
            await _under_load(backsoon, times, asked, figures)
            figures |= {"lamps": len(board.lit), "calendars_read": reading.count}
            figures["resync_left"] = await _left_to_read(backsoon)
    figures["rss_mib"] = rss_mib()


def _spans(first: datetime, seconds: float) -> list[tuple[datetime, datetime]]:
    """Everybody's meetings: one within the load, one on each of the two days that follow."""
    length = timedelta(seconds=round(seconds * 2 / 3) - round(seconds / 3))
    days = [first + timedelta(days=day) for day in (1, 2)]
    return [(first, first + length), *((day, day + timedelta(hours=1)) for day in days)]


def _shift(store: SqliteStore, made_for: datetime, times: Times) -> None:
    shift = int((times.meeting[0] - made_for.timestamp()) * 1_000_000)
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("update referral set start_at = start_at + ?1, end_at = end_at + ?1", (shift,))


async def _under_load(backsoon: Backsoon, times: Times, asked: argparse.Namespace, figures: dict[str, object]) -> None:
    api = backsoon.config.api
    secret = await token(backsoon, Role.SWITCHBOARD)
    if backsoon.lookup_process is not None:
        await backsoon.lookup_process.caught_up()
    address = str(api.listen if asked.inside else api.lookup)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=load, args=(theirs, address, secret, times, asked.rate, asked.people))
    child.start()
    await backsoon.clock.sleep_until(datetime.fromtimestamp(times.begin - 1, UTC))
    await backsoon.store.read_soon(whole=True)
    backsoon.wake_sync(whole=True)
    cpu = time.process_time()
    heard: dict[str, object] = await asyncio.to_thread(ours.recv)
    figures |= heard | {"cpu_s": round(time.process_time() - cpu, 1)}
    await asyncio.to_thread(child.join)


async def _left_to_read(backsoon: Backsoon) -> int:
    return len(await backsoon.store.calendars_due(utc_now(), 1_000_000))


class Reading:
    """Everybody's calendars as they are stored, read whole again and again."""

    def __init__(self, times: Times) -> None:
        self._first = datetime.fromtimestamp(times.meeting[0], UTC)
        self._seconds = times.seconds
        self.count = 0

    def join(self, backsoon: Backsoon) -> None:
        """Have these read instead of a server's."""
        b = backsoon
        settings = SyncSettings(pace_of=b.sources.pace_of)
        b.sync = Sync(b.store, b.directory, b.clock, self._source, b.settler.settle, settings, b.ageing.first_read)

    async def _source(self, calendar: Calendar, person: Person) -> CalendarSource:
        self.count += 1
        return _Stored(calendar.id, _spans(self._first, self._seconds))


class _Stored(CalendarSource):
    def __init__(self, calendar: int, spans: list[tuple[datetime, datetime]]) -> None:
        self._entries = tuple(
            CalendarEntry(
                f"{calendar:08x}-{number:04x}-4b1d-9f5a-0c0ffee{calendar:05x}@acme.example",
                Timed(start, end),
                f"m: Budget {number}",
                resource=f"{calendar:08x}-{number}.ics",
            )
            for number, (start, end) in enumerate(spans)
        )

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        """The whole calendar."""
        await asyncio.sleep(0.002)
        return Changes(self._entries, complete=True, sync_token="token")

    async def close(self) -> None:
        """There is nothing to close."""


# -- the callers' process --------------------------------------------------------------------------------------------


@dataclass
class Connection:
    """One that is kept open: at most one look-up is on its way in it."""

    sock: socket.socket
    due: float = 0.0
    sent: float = 0.0
    got: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes, due: float) -> None:
        """Send a look-up that was due then."""
        self.due, self.sent = due, time.time()
        self.sock.sendall(request)

    def read(self) -> bytes | None:
        """The answer once it is there; raises `ConnectionError` for anything but a good one."""
        data = self.sock.recv(65536) or b"HTTP/1.1 000 \r\n\r\n"
        if not self.got and data.startswith(b"HTTP/1.1 200") and data.endswith(b"}"):
            return data  # as it always is: little is to be measured of ourselves
        self.got += data
        head, found, body = bytes(self.got).partition(b"\r\n\r\n")
        if not found:
            return None
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(head[:40].decode())
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        self.got.clear()
        return body


class Load:
    """Sends what is due, reads what comes."""

    def __init__(self, address: str, secret: str, times: Times, rate: int, people: int) -> None:
        self._address = address
        self._tail = f" HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {secret}\r\n\r\n".encode()
        self._times = times
        self._rate = rate
        self._people = people
        self._free: deque[Connection] = deque()
        self._busy: dict[socket.socket, Connection] = {}
        self._random = random.Random(1)
        self.latency = array("d")
        self.errors = 0
        self.wrong = 0

    def run(self) -> None:
        """The whole of it."""
        self._free.extend(self._connected() for _ in range(CONNECTIONS))
        begin, total = self._times.begin, int(self._times.seconds * self._rate)
        sent = 0
        while sent < total or (self._busy and time.time() < begin + self._times.seconds + GIVEN_UP):
            now = time.time()
            while sent < total and self._free and begin + sent / self._rate <= now:
                self._send(begin + sent / self._rate)
                sent += 1
            due = begin + sent / self._rate if sent < total and self._free else now + 0.1
            for sock in select.select(list(self._busy), (), (), max(0.0, due - time.time()))[0]:
                self._read(self._busy[sock])
        self.errors += len(self._busy)

    def _connected(self) -> Connection:
        host, _, port = self._address.rpartition(":")
        sock = socket.create_connection((host, int(port)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(sock)

    def _send(self, due: float) -> None:
        connection = self._free.popleft()
        about = extension(self._random.randrange(self._people))
        connection.send(b"GET /api/v1/lookup/%s" % about.encode() + self._tail, due)
        self._busy[connection.sock] = connection

    def _read(self, connection: Connection) -> None:
        try:
            body = connection.read()
        except (OSError, ValueError):
            self.errors += 1
            del self._busy[connection.sock]
            connection.sock.close()
            self._free.append(self._connected())
            return
        if body is None:
            return
        now = time.time()
        self.latency.append((now - connection.due) * 1000)
        self.wrong += not self._right(body, connection.sent, now)
        del self._busy[connection.sock]
        self._free.append(connection)

    def _right(self, body: bytes, sent: float, now: float) -> bool:
        """Whether it says what was true between the sending and the answer."""
        start, end = self._times.meeting
        closed = b'"phone":"closed"' in body
        if any(sent - NEAR <= edge <= now + NEAR for edge in (start, end)):
            return True
        return closed == (start <= sent < end)


def load(pipe: Any, address: str, secret: str, times: Times, rate: int, people: int) -> None:
    """In a process of its own: the load, then what was measured."""
    run_promptly()
    asking = Load(address, secret, times, rate, people)
    asking.run()
    figures = spread("latency_ms", asking.latency, digits=3)
    ranked = sorted(asking.latency)
    figures["latency_ms.p99_9"] = round(ranked[(len(ranked) - 1) * 999 // 1000], 3)
    slow = sum(1 for each in ranked if each > 100)
    figures |= {"answered": len(ranked), "errors": asking.errors, "wrong": asking.wrong, "slower_than_100_ms": slow}
    pipe.send(figures | {"achieved_rate": round(len(ranked) / times.seconds), "callers_cpu_s": time.process_time()})
