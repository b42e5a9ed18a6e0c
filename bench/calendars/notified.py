"""How soon a change in a mailbox is on the telephones: 350 changes a second told by Microsoft 365's notifications.

The simulated Graph runs as a process, and takes 200 ms for each answer. It books and cancels meetings that go on now,
and sends its notifications in batches over HTTP to `/hooks/graph` of a whole Backsoon, which stores them, reads each
mailbox's delta from the simulator and tells a switchboard in memory. Timed from when a notification first goes out to
when the lamp of that person changed; both on this machine's clock.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from backsoon.store.base import Store
from backsoon.wiring import Backsoon
from bench.calendars.first_read import VENDORS, enrol, graph_settings, post, simulator, told
from bench.calendars.serving import Served
from bench.common import StampingBoard, folder, number_of, on_our_loop, opened, progress, running, spread, utc_now

MAILBOXES, RATE, SECONDS, LATENCY = 3500, 350.0, 20.0, 0.2
AT_ONCE = 128
"""Reads under way together: 350 a second that take 200 ms each are 70, and some must catch up."""
QUICK = (100, 20.0, 4.0)
PUBLIC = "https://backsoon.example.com"
DEADLINE = 900.0


def run(asked: argparse.Namespace) -> Mapping[str, object]:
    """`notification_to_switchboard_ms.p50`, `.p99`, `.max`; `notified_changes`, and how many of them never showed."""
    mailboxes, rate, seconds = QUICK if asked.quick else (MAILBOXES, RATE, SECONDS)
    return on_our_loop(lambda: _measured(mailboxes, rate, seconds))


async def _measured(mailboxes: int, rate: float, seconds: float) -> dict[str, object]:
    board = StampingBoard()
    address = VENDORS["graph"].address
    with simulator("graph", mailboxes, LATENCY, "--busy-every", "0", limits=False) as sim, folder() as work:
        async with opened(work, full=True) as store:
            settings = graph_settings(sim, work) | {"at_once": AT_ONCE}
            await enrol(store, "graph", mailboxes, address, settings)
            async with running(work, store, board, network=True, prepare=_public) as backsoon:
                listen = backsoon.config.api.listen
                assert listen is not None
                post(sim, "hook", {"public": PUBLIC, "here": f"http://{listen.host}:{listen.port}"})
                await _covered(sim, store, mailboxes)
                board.forget_stamps()
                post(sim, "rate", {"rate": rate, "seconds": seconds})
                await _shown(sim, board, int(rate * seconds))
        changes = told(sim, "changes")
    assert isinstance(changes, list)
    return _figures(changes, board)


def _public(backsoon: Backsoon) -> None:
    """As if this were the address at which it can be reached from outside."""
    object.__setattr__(backsoon.config.api, "public", PUBLIC)


async def _covered(sim: Served, store: Store, mailboxes: int) -> None:
    """Wait until every mailbox was read and is told of."""
    async with asyncio.timeout(DEADLINE):
        while True:
            (health,) = await store.connections_health("acme", utc_now())
            counts: Any = await asyncio.to_thread(told, sim, "counts")
            if health.unread == 0 and counts.get("watched", 0) >= mailboxes:
                break
            progress(f"{health.unread} unread, {counts.get('watched', 0)} told of")
            await asyncio.sleep(2)
    await asyncio.sleep(5)  # what follows each order (a look whether anything was missed) is done by then


async def _shown(sim: Served, board: StampingBoard, changes: int) -> None:
    """Wait until every change is shown; at most half a minute after the last lamp changed."""
    before, idle = 0, 0
    while len(board.lit) < changes and idle < 60:
        await asyncio.sleep(0.5)
        idle = idle + 1 if len(board.lit) == before else 0
        before = len(board.lit)


def _figures(changes: list[dict[str, Any]], board: StampingBoard) -> dict[str, object]:
    lamps: dict[int, list[float]] = defaultdict(list)
    for extension, at in zip(board.lit, board.lamps, strict=True):
        lamps[number_of(extension)].append(at)
    by_mailbox: dict[int, list[float]] = defaultdict(list)
    for change in changes:
        number = int(change["address"].partition("@")[0].rpartition(".")[2])
        by_mailbox[number].append(change["sent"] or change["made"])
    took = [
        1000 * (lamp - sent)
        for number, times in by_mailbox.items()
        for sent, lamp in zip(times, lamps[number], strict=False)
    ]
    missing = sum(max(0, len(times) - len(lamps[number])) for number, times in by_mailbox.items())
    return {
        **spread("notification_to_switchboard_ms", took),
        "notified_changes": len(changes),
        "notified_missing": missing,
    }
