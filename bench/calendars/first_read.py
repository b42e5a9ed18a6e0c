"""The first read of 10,000 mailboxes at each vendor, through a whole Backsoon with its store, and how that compares
with what the vendor's limits allow.

The simulators run as processes, with the vendor's limits and with latency. The floor of a vendor is what its limits (or
where they do not bind, its usual latency and as many requests together as it takes) allow for the requests that a first
read needs: Graph two for a mailbox (calendar, automatic reply), 64 together of 250 ms; Exchange two, 27 together of
100 ms; Google one, 10,000 a minute. Every twentieth person is in a meeting when it begins.

Exchange's floor holds nothing but those two requests and that latency: not the first look at who is busy (one request
for a hundred mailboxes), nor the subscriptions to streams, which are ordered behind the first reads, nor the processor
time that the simulator needs for each answer. The account is given all 27 that the default policy allows
(`EWSMaxConcurrency`); what is usual leaves three to others who use it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from backsoon.domain.organisation import Calendar, Connection, Person, SwitchboardSettings
from backsoon.store.base import Store
from bench.calendars.serving import Served, served
from bench.common import (
    ACME,
    PAGE,
    StampingBoard,
    extension,
    folder,
    number_of,
    on_our_loop,
    opened,
    progress,
    running,
    utc_now,
)

MAILBOXES, QUICK = 10_000, 300
ENTRIES = 50
BUSY_EVERY = 20
LONGEST = 1800.0
"""Seconds after which a first read that is not done is given up."""


@dataclass(frozen=True)
class Vendor:
    """How one vendor is set up: latency in seconds, and how many mailboxes a second its limits allow to be read."""

    latency: float
    per_second: float
    address: Callable[[int], str]
    settings: Callable[[Served, Path], dict[str, object]]
    busy: Callable[[Served, str], None]


def graph_settings(sim: Served, work: Path) -> dict[str, object]:
    """The settings of a connection to the simulated Graph."""
    os.environ["BENCH_SECRET"] = str(sim.told["client_secret"])
    told = {name: sim.told[name] for name in ("tenant", "client_id", "url", "sign_in_url", "ca_file")}
    return {**told, "client_secret": "env:BENCH_SECRET", "at_once": 64}


def _google_settings(sim: Served, work: Path) -> dict[str, object]:
    credentials = work / "service-account.json"
    credentials.write_text(str(sim.told["credentials"]))
    origin = str(sim.told["origin"])
    return {"credentials": str(credentials), "access": "delegation", "url": f"{origin}/calendar/v3"}


def _ews_settings(sim: Served, work: Path) -> dict[str, object]:
    os.environ["BENCH_SECRET"] = str(sim.told["password"])
    secret = "env:BENCH_SECRET"
    return {
        "url": sim.told["url"],
        "username": sim.told["account"],
        "password": secret,
        "sign_in": "basic",
        "at_once": 27,
    }


def _busy_at_google(sim: Served, address: str) -> None:
    start, end = _now_in("UTC")
    post(sim, "put", {"address": address, "uid": "now", "start": start, "end": end, "subject": "m: Now"})


def _busy_at_exchange(sim: Served, address: str) -> None:
    start, end = _now_in("Europe/Stockholm")
    sim.order({"change": address, "uid": "now", "start": start, "end": end, "subject": "m: Now"})


VENDORS: Mapping[str, Vendor] = {
    "graph": Vendor(
        0.25, 64 / 0.25 / 2, lambda n: f"anna.berg.{n}@acme.example", graph_settings, lambda _sim, _who: None
    ),
    "google": Vendor(0.1, 10_000 / 60, lambda n: f"user{n}@example.com", _google_settings, _busy_at_google),
    "ews": Vendor(0.1, 27 / 0.1 / 2, lambda n: f"anna.berg.{n}@acme.example", _ews_settings, _busy_at_exchange),
}


def run(asked: argparse.Namespace) -> Mapping[str, object]:
    """`first_read_s.VENDOR`, `first_read_ratio.VENDOR` (to the floor), `busy_now_s.VENDOR` (when the last of those who
    are in a meeting was shown so), `first_read_requests.VENDOR` for each mailbox."""
    count = QUICK if asked.quick else MAILBOXES
    figures: dict[str, object] = {"first_read_mailboxes": count}
    for name, vendor in VENDORS.items():
        progress(f"{name}: {count} mailboxes")
        figures |= on_our_loop(partial(_measured, name, vendor, count))
    return figures


async def _measured(name: str, vendor: Vendor, count: int) -> dict[str, object]:
    busy = range(0, count, BUSY_EVERY)
    with simulator(name, count, vendor.latency) as sim, folder() as work:
        for number in busy:
            vendor.busy(sim, vendor.address(number))
        board = StampingBoard()
        async with opened(work) as store:
            await enrol(store, name, count, vendor.address, vendor.settings(sim, work))
            began = time.time()
            async with running(work, store, board):
                took = await _all_read(store, began)
        lit = {number_of(extension): at for extension, at in zip(board.lit, board.lamps, strict=True)}
    floor = count / vendor.per_second
    missing = [number for number in busy if number not in lit]
    assert not missing, f"{name}: {len(missing)} people who are busy now were not shown so"
    return {
        f"first_read_s.{name}": round(took, 1),
        f"first_read_ratio.{name}": round(took / floor, 2),
        f"busy_now_s.{name}": round(max(lit[number] for number in busy) - began, 1),
    }


@contextmanager
def simulator(name: str, count: int, latency: float, *more: str, limits: bool = True) -> Iterator[Served]:
    """The vendor's simulator, with its limits."""
    arguments = ["--mailboxes", str(count), "--entries", str(ENTRIES), "--latency", str(latency), *more]
    with served(name, [*arguments, *(["--limits"] if limits else [])]) as sim:
        yield sim


async def enrol(
    store: Store, kind: str, count: int, address: Callable[[int], str], settings: dict[str, object]
) -> None:
    """An organisation of `count` people, whose calendars are at one connection and were never read."""
    await store.save_organisation(ACME)
    await store.save_connections(ACME.id, [Connection(ACME.id, kind, kind, settings)])
    await store.save_switchboards(ACME.id, [SwitchboardSettings(ACME.id, "pbx", "memory")])
    for first in range(0, count, PAGE):
        numbers = range(first, min(first + PAGE, count))
        people = [Person(ACME.id, extension(n), f"Anna Berg {n}", address(n)) for n in numbers]
        saved = await store.save_people(people)
        await store.save_calendars([Calendar(person.id, ACME.id, kind, "") for person in saved])


async def _all_read(store: Store, began: float) -> float:
    """Seconds until every calendar was read whole."""
    said = 0.0
    while (took := time.time() - began) < LONGEST:
        (health,) = await store.connections_health(ACME.id, utc_now() - timedelta(hours=1))
        if health.unread == 0:
            return took
        if took > said + 15:
            said = took
            progress(f"{took:.0f} s: {health.unread} unread, {health.failing} failing")
        await asyncio.sleep(0.25)
    raise TimeoutError(f"{health.unread} calendars are still unread, {health.failing} failing")


def post(sim: Served, what: str, body: Mapping[str, object]) -> None:
    """Tell a simulator something by its control address."""
    url = f"http://127.0.0.1:{sim.port}/_sim/{what}"
    data = json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": "application/json"})):
        pass


def told(sim: Served, what: str) -> object:
    """What a simulator's control address tells."""
    with urllib.request.urlopen(f"http://127.0.0.1:{sim.port}/_sim/{what}") as answer:
        return json.load(answer)


def _now_in(zone: str) -> tuple[str, str]:
    """From half an hour ago for two hours, as a wall clock there shows it."""
    start = utc_now().astimezone(ZoneInfo(zone)).replace(tzinfo=None) - timedelta(minutes=30)
    return start.isoformat(), (start + timedelta(hours=2)).isoformat()
