"""How soon a notification is acknowledged: 1,000 requests a second to `/hooks/graph`, each stored before its answer.

They come over HTTP from another process, in connections that are kept, each with one notification; then the same number
of notifications with twenty in a request. The load is open: each request has its instant, whether those before it were
answered or not, and latency counts from that instant. A whole Backsoon answers, and reads each mailbox that it is told
of meanwhile: from memory, 200 ms a reading, 128 together, so that it is busy with what it is told.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import time
import uuid
from array import array
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from typing import Any

import msgspec

from backsoon.domain.organisation import Calendar, Person
from backsoon.engine.pace import PUSHED
from backsoon.engine.sync import Sync, SyncSettings
from backsoon.sources.base import CalendarSource, Changes, Window
from backsoon.store.base import Store, Subscription
from backsoon.wiring import Backsoon, run_blocking
from bench.common import ACME, StampingBoard, fill_store, folder, opened, progress, running, told, utc_now

MAILBOXES, RATE, SECONDS = 5000, 1000, 20.0
QUICK = (200, 100, 2.0)
TOGETHER = 20
"""Notifications in a request of the second load."""
CONNECTIONS = 32
AT_ONCE, LATENCY = 128, 0.2
LEAD = 2.0
GIVEN_UP = 10.0
"""Seconds after the last request until those not answered are errors."""
PLACE = (ACME.id, "caldav")


def run(asked: argparse.Namespace) -> Mapping[str, object]:
    """`hooks_ms.p50`, `.p99`, `.p99_9`, `.max`, `hooks_per_s` (answered 202), `hooks_errors`, `hooks_cpu_ms` (of the
    whole process, for a notification), `hooks_reads`; the same of `hooks_together` for many in a request."""
    mailboxes, rate, seconds = QUICK if asked.quick else (MAILBOXES, RATE, SECONDS)
    figures: dict[str, object] = {"hooks_mailboxes": mailboxes}
    run_blocking(lambda: _measured(mailboxes, rate, seconds, figures))
    return figures


async def _measured(mailboxes: int, rate: int, seconds: float, figures: dict[str, object]) -> None:
    reading = Reading()
    with folder() as work:
        async with opened(work) as store:
            await fill_store(store, mailboxes, lambda _: ())
            async with running(work, store, StampingBoard(), network=True, prepare=reading.join) as backsoon:
                await told(backsoon)
                bodies = await _ordered(store, backsoon)
                for name, together in (("hooks", 1), ("hooks_together", TOGETHER)):
                    progress(f"{name}: {rate} notifications a second, {together} in a request")
                    load = Load(str(backsoon.config.api.listen), rate / together, seconds, together, bodies)
                    figures |= await _under(name, load, reading)


async def _under(name: str, load: Load, reading: Reading) -> dict[str, object]:
    """What one load met."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=send, args=(theirs, load))
    child.start()
    theirs.close()  # if it dies, `ours` ends
    await asyncio.to_thread(ours.recv)
    cpu, read = time.process_time(), reading.count
    took, errors = await asyncio.to_thread(ours.recv)
    cpu = time.process_time() - cpu
    await asyncio.to_thread(child.join)
    good = len(took)
    return {
        **_ranked(f"{name}_ms", took),
        f"{name}_per_s": round(good / load.seconds, 1),
        f"{name}_errors": errors,
        f"{name}_cpu_ms": round(1000 * cpu / max(1, good * load.together), 3),
        f"{name}_reads": reading.count - read,
    }


def _ranked(name: str, values: Sequence[float]) -> dict[str, object]:
    ranked = sorted(values) or [float("inf")]
    last = len(ranked) - 1
    at = {"p50": last // 2, "p99": last * 99 // 100, "p99_9": last * 999 // 1000, "max": last}
    return {f"{name}.{key}": round(ranked[index], 2) for key, index in at.items()}


# -- what is told of -------------------------------------------------------------------------------------------------


async def _ordered(store: Store, backsoon: Backsoon) -> list[bytes]:
    """Everybody's notifications as if they were ordered; one entry of a request for each calendar, in JSON."""
    secrets, ends = await backsoon.pushing.hearing.secrets(), utc_now() + timedelta(days=3)
    calendars = [read.calendar.id async for read in _calendars(store)]
    rows = [Subscription(*PLACE, calendar, str(uuid.uuid4()), ends, ends) for calendar in calendars]
    await store.save_subscriptions(rows)
    return [_entry(row, secrets.of(*PLACE, row.calendar)) for row in rows]


async def _calendars(store: Store) -> Any:
    after = 0
    while page := await store.calendars_at(*PLACE, after=after):
        for read in page:
            yield read
        after = page[-1].calendar.id


def _entry(row: Subscription, secret: str) -> bytes:
    """As Microsoft Graph writes it (resource type `changeNotification`)."""
    item = "AAMkAGUwNjQ4ZjIxLTQ3Y2YtNDViMi1iZjc4LTMxZGQxOWRkMGE1ZgBGAAAAAAC" + row.id
    resource = f"Users/{row.id}/Events/{item}"
    return msgspec.json.encode(
        {
            "subscriptionId": row.id,
            "subscriptionExpirationDateTime": f"{row.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            "changeType": "updated",
            "resource": resource,
            "resourceData": {
                "@odata.type": "#Microsoft.Graph.Event",
                "@odata.id": resource,
                "@odata.etag": 'W/"DwAAABYAAAB1bXkS7VQSSJy9mB6YqXzGAAA0cGN7"',
                "id": item,
            },
            "clientState": secret,
            "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
        }
    )


class Reading:
    """Everybody's calendars, in which nothing has changed."""

    def __init__(self) -> None:
        self.count = 0

    def join(self, backsoon: Backsoon) -> None:
        """Have these read instead of a server's."""
        b = backsoon
        settings = SyncSettings(pace_of=lambda _: PUSHED, at_once_of=lambda *_: AT_ONCE)
        b.sync = Sync(
            b.store, b.directory, b.clock, self._source, b.settler.settle, settings, b.ageing.first_read, b._found
        )

    async def _source(self, calendar: Calendar, person: Person) -> CalendarSource:
        self.count += 1
        return _Unchanged()


class _Unchanged(CalendarSource):
    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        """None, after a while."""
        await asyncio.sleep(LATENCY)
        return Changes((), complete=sync_token is None, sync_token="token")

    async def close(self) -> None:
        """There is nothing to close."""


# -- the vendor's process --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """What is sent: `rate` requests a second, with so many of the entries together in each, picked at random."""

    address: str
    rate: float
    seconds: float
    together: int
    entries: Sequence[bytes]

    def requests(self) -> Iterator[bytes]:
        """Every request, ready to be written."""
        chance = random.Random(11)
        head = f"POST /hooks/graph/bench HTTP/1.1\r\nHost: {self.address}\r\nContent-Type: application/json\r\n"
        for _ in range(int(self.rate * self.seconds)):
            body = b'{"value":[' + b",".join(chance.choices(self.entries, k=self.together)) + b"]}"
            yield f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def send(pipe: Pipe, load: Load) -> None:
    """In a process of its own: says when it begins, and then how long each took in ms and how many went wrong."""
    run_blocking(lambda: _send(pipe, load))


async def _send(pipe: Pipe, load: Load) -> None:
    loop = asyncio.get_running_loop()
    host, _, port = load.address.rpartition(":")
    sender = Sender(list(load.requests()), 1 / load.rate)
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Kept(sender), host, int(port))
    pipe.send(datetime.now(UTC))
    sender.begin(time.perf_counter() + LEAD)
    try:
        async with asyncio.timeout(LEAD + load.seconds + GIVEN_UP):
            await sender.done.wait()
    except TimeoutError:
        pass
    pipe.send((sender.took, len(sender.requests) - len(sender.took)))


class Sender:
    """Sends each request at its instant, or as soon as a connection is free."""

    def __init__(self, requests: list[bytes], every: float) -> None:
        self.requests, self.every = requests, every
        self.took = array("d")
        self.free: deque[Kept] = deque()
        self.done = asyncio.Event()
        self._next = self._answered = 0
        self._loop = asyncio.get_running_loop()

    def begin(self, at: float) -> None:
        """Send the first one at an instant of `time.perf_counter`: uvloop's own clock counts milliseconds."""
        self._at = at
        self._loop.call_later(at - time.perf_counter(), self._tick)

    def _tick(self) -> None:
        """Send what is due, and come again when the next is."""
        now = time.perf_counter()
        while self.free and self._next < len(self.requests) and (due := self._at + self._next * self.every) <= now:
            self.free.popleft().post(self.requests[self._next], due)
            self._next += 1
        if self._next < len(self.requests):
            self._loop.call_later(max(self._at + self._next * self.every - now, 0.0), self._tick)

    def answered(self, due: float, good: bool) -> None:
        """One was."""
        self._answered += 1
        if good:
            self.took.append(1000 * (time.perf_counter() - due))
        if self._answered == len(self.requests):
            self.done.set()


class Kept(asyncio.Protocol):
    """A connection in which one request at a time is under way."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._due, self._got = 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport: Any = transport
        self._sender.free.append(self)

    def post(self, request: bytes, due: float) -> None:
        """Send a request that was due then."""
        self._due, self._got = due, b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. Only a good answer has no body, and leaves the connection as it was."""
        self._got += data
        head, found, _ = self._got.partition(b"\r\n\r\n")
        if not found:
            return
        good = head.startswith(b"HTTP/1.1 202 ")
        self._sender.answered(self._due, good)
        if good:
            self._sender.free.append(self)
        else:
            self._transport.abort()
