"""Minutes of calls at one Asterisk while everybody changes at once, each between two in which nobody does.

A whole Backsoon with its store, a process of its own, has told everything beforehand; then it is up, was stopped, or is
hung (SIGSTOP). Meetings of many people begin at one instant in the first half of the minute and end at one in the
second.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from backsoon.switchboards.base import Switchboard
from backsoon.wiring import run_blocking
from bench.asterisk_watchers import Watchers, watching
from bench.calls_load import Loaded, Loads
from bench.common import at_share, extension, fill_store, opened, progress, running, told, utc_now
from tools.peers.asterisk_server import PrivateAsterisk

RATE = 50
OTHERS = 90
"""People beside those who change, with eight meetings each, none of them now."""
AHEAD = 75
"""Seconds from the start of Backsoon to the instant at which all meetings begin.

What it tells at its start (20,000 keys of AstDB) makes Asterisk slower for half a minute: by then that is over, and
what is measured is the instant's.
"""
QUIET = "quiet"
HOW = ("up", "stopped", "hung")


@dataclass(frozen=True)
class Minute:
    """What Backsoon was meanwhile (one of `HOW`, or `QUIET`), how the load went, what watching telephones were told."""

    how: str
    loaded: Loaded
    notified: int


@dataclass(frozen=True)
class Storm:
    """Who changes, who watches, how long a "minute" is, and what is measured in which order."""

    people: int
    watchers: int
    seconds: float
    order: Sequence[str]


def storm_figures(minutes: Sequence[Minute]) -> dict[str, object]:
    """The figures of minutes, in their order; of several with one name together."""
    figures: dict[str, object] = {"lost": sum(one.loaded.lost for one in minutes if one.how != QUIET)}
    quiet = [one for one in minutes if one.how == QUIET]
    figures |= {"lost_quiet": sum(one.loaded.lost for one in quiet)}
    for how in dict.fromkeys(one.how for one in minutes if one.how != QUIET):
        stormy = [one for one in minutes if one.how == how]
        figures |= {
            f"lost_{how}": sum(one.loaded.lost for one in stormy),
            f"told_{how}": sum(one.loaded.told for one in stormy),
            f"notified_{how}": sum(one.notified for one in stormy),
            f"retransmitted_{how}": sum(one.loaded.retransmitted for one in stormy),
            f"undisturbed_share.{how}": round(_share(stormy), 2),
            f"setup_p95_ms.{how}": round(_p95(stormy, _undisturbed), 2),
        }
        around = [one for n, one in enumerate(minutes) if one.how == QUIET and how in _beside(minutes, n)]
        for name, which in (("setup_p95_ratio", _undisturbed), ("setup_p95_ratio_of_all", _all)):
            figures[f"{name}.{how}"] = round(_p95(stormy, which) / _p95(around, which), 3)
    figures |= {"undisturbed_share.quiet": round(_share(quiet), 2)}
    figures |= {"setup_p95_ms.quiet": round(_p95(quiet, _undisturbed), 2)}
    for name, which in (("setup_p95_ratio", _undisturbed), ("setup_p95_ratio_of_all", _all)):
        two = pairwise(_p95([one], which) for one in quiet)
        figures[f"{name}.quiet"] = round(max(max(pair) / min(pair) for pair in two), 3)
    return figures


def _beside(minutes: Sequence[Minute], number: int) -> set[str]:
    return {one.how for one in minutes[max(0, number - 1) : number + 2]}


def _all(loaded: Loaded) -> Sequence[float]:
    return loaded.setup_ms


def _undisturbed(loaded: Loaded) -> Sequence[float]:
    return loaded.undisturbed_ms


def _share(minutes: Sequence[Minute]) -> float:
    return sum(len(one.loaded.undisturbed_ms) for one in minutes) / sum(len(one.loaded.setup_ms) for one in minutes)


def _p95(minutes: Sequence[Minute], which: Callable[[Loaded], Sequence[float]]) -> float:
    values = list(chain.from_iterable(which(one.loaded) for one in minutes))
    if not values:
        raise SystemExit("bench calls: in no half-second had this machine its processors for itself")
    return at_share(values, 95)


class Storms:
    """The same load of calls while nothing changes, and while everybody does."""

    def __init__(self, server: PrivateAsterisk, place: Path, storm: Storm, board: Callable[[int], Switchboard]) -> None:
        """`board` makes the driver, in the other process, of the port of the manager interface."""
        self._server = server
        self._place = place
        self._storm = storm
        self._board = board
        self._made_for = utc_now().replace(microsecond=0)
        others = [extension(storm.people + number) for number in range(OTHERS)]
        changing = [extension(number * 997 % storm.people) for number in range(OTHERS // 9)]
        called = [one for n, name in enumerate(changing) for one in (*others[9 * n : 9 * n + 9], name)]
        self._loads = Loads(server, called)

    def run(self) -> list[Minute]:
        """What is asked for, each between two quiet minutes."""
        progress(f"storing {self._storm.people} people")
        run_blocking(self._fill)
        return asyncio.run(self._watched())

    async def _fill(self) -> None:
        async with opened(self._place) as store:
            await fill_store(store, self._storm.people + OTHERS, self._spans)

    def _spans(self, number: int) -> list[tuple[datetime, datetime]]:
        days = [self._made_for + timedelta(days=day) for day in range(1, 9)]
        later = [(day, day + timedelta(hours=1)) for day in days]
        if number >= self._storm.people:
            return later
        return [(self._made_for, self._made_for + timedelta(seconds=self._storm.seconds / 2)), *later[:2]]

    async def _watched(self) -> list[Minute]:
        people, count = self._storm.people, self._storm.watchers
        watched = [extension(n) for n in range(0, people, max(1, people // max(1, count)))]
        async with watching(self._server.sip_port, watched if count else [], Watchers) as watchers:
            return await asyncio.to_thread(self._minutes, watchers)

    def _minutes(self, watchers: Watchers) -> list[Minute]:
        with self._loads.telephones():
            self._loads.run("with", RATE, 3)
            minutes = [self._minute(QUIET, watchers)]
            for how in self._storm.order:
                with self._changing(how):
                    minutes.append(self._minute(how, watchers))
                minutes.append(self._minute(QUIET, watchers))
            return minutes

    def _minute(self, how: str, watchers: Watchers) -> Minute:
        before = watchers.notified
        loaded = self._loads.run("with", RATE, self._storm.seconds)
        minute = Minute(how, loaded, watchers.notified - before)
        progress(
            f"{how}: {loaded.lost} of {loaded.calls} calls lost, {loaded.told} told who is away, "
            f"{minute.notified} notifications, {loaded.retransmitted} messages sent again, "
            f"set-up p50 {at_share(loaded.setup_ms, 50):.2f} p95 {at_share(loaded.setup_ms, 95):.2f} ms; "
            f"undisturbed {_share([minute]):.0%}"
        )
        return minute

    @contextmanager
    def _changing(self, how: str) -> Iterator[None]:
        """A Backsoon that has told all plans, and has a quarter of the load until everybody's meeting begins."""
        at = utc_now().replace(microsecond=0) + timedelta(seconds=AHEAD)
        self._shift(at)
        with self._backsoon() as process:
            if how == "stopped":
                os.kill(process, signal.SIGKILL)
            begin = at - timedelta(seconds=self._storm.seconds / 4 + 1)
            left = (begin - utc_now()).total_seconds()
            if left < 0:
                raise SystemExit(f"bench calls: everything was told {-left:.0f} s too late")
            time.sleep(left)
            if how == "hung":
                os.kill(process, signal.SIGSTOP)
            yield

    def _shift(self, at: datetime) -> None:
        """Let the first meeting of those who change begin at that instant."""
        with closing(sqlite3.connect(self._place / "backsoon.db")) as database, database:
            shift = int((at - self._made_for).total_seconds()) * 1_000_000
            database.execute("update referral set start_at = start_at + ?1, end_at = end_at + ?1", (shift,))
        self._made_for = at

    @contextmanager
    def _backsoon(self) -> Iterator[int]:
        """A whole Backsoon in a process of its own, from when all is told; its process."""
        ours, its = get_context("spawn").Pipe()
        args = (self._place, self._server.ami_port, self._board, its)
        process = get_context("spawn").Process(target=_serve, args=args, daemon=True)
        process.start()
        try:
            if not ours.poll(AHEAD):
                raise SystemExit("bench calls: Backsoon did not tell everything in time")
            yield int(process.pid or 0)
        finally:
            process.kill()
            process.join()


def _serve(place: Path, ami_port: int, board: Callable[[int], Switchboard], ready: Connection) -> None:
    async def work() -> None:
        async with opened(place) as store, running(place, store, board(ami_port)) as backsoon:
            await told(backsoon)
            ready.send("told")
            await asyncio.Event().wait()

    run_blocking(work)
