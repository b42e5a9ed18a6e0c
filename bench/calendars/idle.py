"""How many requests an idle mailbox costs in a day, where the vendor tells of changes.

A whole Backsoon and a simulator live through days of a clock that is set forward in steps; nobody books anything. The
mailboxes hold untagged entries, as idle mailboxes do. What is counted is what goes over the wire from the second day
on: HTTP requests, and for Microsoft 365 the parts of batches too, for its limits count these.

Google's requests include those for tokens, though these go to another host and count for none of the Calendar's
limits: `idle_token_requests_per_mailbox_day` says how many they are. Where one account asks for everybody a token an
hour serves all; with delegation (`google_delegation`) each mailbox needs its own. A token is good for an hour, and
those hours go by the machine's clock; so all are forgotten at each full hour of the stepped one, sooner than they end.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from backsoon.sources.google import GoogleAccount
from bench.common import folder, progress
from tests.integration.pushed import PUBLIC, Pushed, StepClock, pushed
from tests.simulators.ews import EwsSimulator
from tests.simulators.google import GoogleSimulator
from tests.simulators.graph import GraphSimulator
from tests.simulators.model import Mailbox, Meeting, World

MAILBOXES, DAYS, QUICK = 400, 8, (20, 2)
STEP = timedelta(minutes=3)
STREAM_CONNECTIONS = 48 / 200
"""Requests of listening to a mailbox at Exchange: a connection lasts half an hour and serves 200. Its server's minutes
are real ones, so they do not pass here; that is added by reckoning."""


class SteppedClock(StepClock):
    """The machine's clock, set forward in steps; whoever sleeps wakes at once when that makes it due."""

    def __init__(self) -> None:
        super().__init__()
        self._moved = asyncio.Event()
        self.each_hour: Callable[[], None] = lambda: None

    def step_to(self, at: datetime) -> None:
        """See `StepClock`."""
        before = self.now()
        super().step_to(at)
        if at.hour != before.hour:
            self.each_hour()
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, at: datetime) -> None:
        """See `SystemClock`."""
        while (left := (at - self.now()).total_seconds()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._moved.wait()
            except TimeoutError:
                continue

    async def sleep(self, seconds: float) -> None:
        """See `SystemClock`."""
        await self.sleep_until(self.now() + timedelta(seconds=seconds))


def run(asked: argparse.Namespace) -> Mapping[str, object]:
    """`idle_requests_per_mailbox_day.VENDOR`, of Google's those for tokens, and `idle_parts_per_mailbox_day.graph`."""
    mailboxes, days = QUICK if asked.quick else (MAILBOXES, DAYS)
    figures: dict[str, object] = {"idle_mailboxes": mailboxes, "idle_days": days - 1}
    logging.disable(logging.WARNING)
    for name, vendor in _VENDORS.items():
        progress(f"{name}: {mailboxes} mailboxes, {days} days")
        figures |= asyncio.run(_measured(name, vendor, mailboxes, days))
    return figures


async def _measured(name: str, vendor: Any, mailboxes: int, days: int) -> dict[str, object]:
    world, clock = World(), SteppedClock()
    monday = datetime(2027, 1, 4, tzinfo=UTC)
    clock.step_to(monday)
    for number in range(mailboxes):
        box = world.add(Mailbox(f"p{number}@example.com", zone="UTC"))
        for day in range(days):
            start = monday.replace(tzinfo=None) + timedelta(days=day, hours=9 + number % 8)
            box.put(Meeting(f"u{day}", start, start + timedelta(minutes=30), "Budget", zone="UTC"))
    with folder() as work:
        async with vendor(work, world, clock) as (p, counted):
            await _pass(p, counted, monday + timedelta(days=1))
            before = counted()
            await _pass(p, counted, monday + timedelta(days=days))
            after = counted()
    share = mailboxes * (days - 1)
    found = {key: (after[key] - before[key]) / share for key in after}
    found["requests"] += STREAM_CONNECTIONS if name == "ews" else 0
    figures: dict[str, object] = {f"idle_requests_per_mailbox_day.{name}": round(found["requests"], 2)}
    for some in ("parts", "token_requests"):
        if some in found:
            figures[f"idle_{some}_per_mailbox_day.{name}"] = round(found[some], 2)
    return figures


async def _pass(p: Pushed, counted: Callable[[], Mapping[str, int]], to: datetime) -> None:
    """Let time go by; each step is lived through before the next."""
    while p.clock.now() < to:
        p.clock.step_to(min(p.clock.now() + STEP, to))
        quiet, said = 0, counted()
        while quiet < 3:
            await asyncio.sleep(0.004)
            quiet = quiet + 1 if counted() == said else 0
            said = counted()


@asynccontextmanager
async def _graph(work: Path, world: World, clock: StepClock) -> AsyncIterator[Any]:
    async with GraphSimulator(world, now=clock.now) as sim:
        os.environ["BENCH_SECRET"] = sim.client_secret
        settings: dict[str, object] = {
            "tenant": sim.tenant, "client_id": sim.client_id, "client_secret": "env:BENCH_SECRET",
            "url": sim.url, "sign_in_url": sim.sign_in_url, "ca_file": sim.ca_file,
        }  # fmt: skip

        def counted() -> dict[str, int]:
            http = sim.count["http"]
            return {"requests": http, "parts": sum(sim.count.values()) - http - sim.count["$batch"]}

        def deliver_to(local: str) -> None:
            sim.hooks[PUBLIC] = local

        async with pushed(work, "graph", world, settings, deliver_to, clock) as p:
            yield p, counted


@asynccontextmanager
async def _google(work: Path, world: World, clock: SteppedClock, access: str = "shared") -> AsyncIterator[Any]:
    async with GoogleSimulator(world) as sim:
        sim.channels._now = clock.now  # signing in goes by the machine's clock, as Google's library does
        credentials = work / "credentials.json"
        credentials.write_text(sim.service_account())
        settings: dict[str, object] = {
            "credentials": str(credentials), "url": sim.url, "access": access,
            "requests_per_minute": 600_000,  # limits go by real minutes, of which there are few here
        }  # fmt: skip

        def deliver_to(local: str) -> None:
            sim.channels.deliver_to = local

        def counted() -> dict[str, int]:
            return {"requests": sum(sim.count.values()), "token_requests": sim.count["token"]}

        async with pushed(work, "google", world, settings, deliver_to, clock) as p:
            account = p.backsoon.sources.account_of("acme", "google")
            assert isinstance(account, GoogleAccount)
            clock.each_hour = account._api.tokens._held.clear
            yield p, counted


@asynccontextmanager
async def _ews(work: Path, world: World, clock: StepClock) -> AsyncIterator[Any]:
    async with EwsSimulator(world) as sim:
        os.environ["BENCH_SECRET"] = sim.password
        settings: dict[str, object] = {"url": sim.url, "username": sim.account, "password": "env:BENCH_SECRET"}
        async with pushed(work, "ews", world, settings, lambda _local: None, clock) as p:
            yield p, lambda: {"requests": sum(sim.count.values())}


_VENDORS: Mapping[str, Any] = {
    "graph": _graph,
    "google": _google,
    "google_delegation": partial(_google, access="delegation"),
    "ews": _ews,
}
