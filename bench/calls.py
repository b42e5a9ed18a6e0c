"""Calls at a real Asterisk: what a referral decision adds to a call, and what calls suffer while everybody changes.

`added_ms`: the set-up of calls that pass `backsoon-answer` and ring, less that of calls by the same dialplan without
that line, in one run, one call at a time in an order picked anew in each round (`bench.calls_one`). `added_again_ms` is
the same of calls without the line against such calls: what the figures are worth.

`lost`, `setup_p95_ratio`: SIPp places 50 calls a second for a minute, nine in ten to people who are available and whose
telephones ring, the tenth to somebody of 10,000 whose meetings begin at one instant in the first half of the minute and
end at one in the second. A whole Backsoon with its store, a process of its own, tells the same Asterisk: it is up, was
stopped before the load, or is hung (SIGSTOP) before it. The set-up's p95 is compared with the mean of the same load's
where nothing changes and no Backsoon runs, just before and just after, for a machine's pace drifts; `.quiet` compares
those with each other, the two neighbours that differ most: what the figures are worth. `told`: calls that the referral
answered; `notified`: what watching telephones were told meanwhile, which is nothing where nobody tells.

`calls_per_s`: the highest rate, in steps of a fifth, at which no call was lost and at most one in a hundred calls had
to send a message again; `_without` the line. `--quick`, `--people N`, `--watchers N`, `--rounds N`, `--seconds N`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime, timedelta
from itertools import chain, pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import fmean

from backsoon.switchboards.asterisk import AsteriskSettings, AsteriskSwitchboard
from backsoon.switchboards.asterisk.dialplan import dialplan_text
from backsoon.switchboards.base import NOTHING, Order, PlannedReferral, Presentation
from backsoon.voice.dialplan import spoken_text
from backsoon.wire.ami_client import AmiAccount, AmiAddress
from backsoon.wiring import run_blocking
from bench.asterisk_watchers import Watchers, watching
from bench.calls_load import Loaded, Loads
from bench.calls_one import Kind, interleaved
from bench.common import extension, fill_store, folder, opened, progress, running, told, utc_now
from tools.peers import Absent, find_peer
from tools.peers.asterisk_server import AsteriskSettings as ServerSettings
from tools.peers.asterisk_server import ManagerAccount, PrivateAsterisk

ACCOUNT = AmiAccount("backsoon", "bench")
RATE = 50
OTHERS = 90
"""People beside those who change, with eight meetings each, none of them now."""
AHEAD = 75
"""Seconds from the start of Backsoon to the instant at which all meetings begin.

What it tells at its start (20,000 keys of AstDB) makes Asterisk slower for half a minute: by then that is over, and
what is measured is the instant's.
"""
INCOMING = """
[with]
exten => _X!,1,Gosub(backsoon-answer,s,1(${EXTEN}))
 same => n,Dial(PJSIP/phone/sip:${EXTEN}@127.0.0.1:@PHONE@,30)
 same => n,Hangup(17)

[without]
exten => _X!,1,Dial(PJSIP/phone/sip:${EXTEN}@127.0.0.1:@PHONE@,30)
 same => n,Hangup(17)
"""
WITHOUT, AGAIN = Kind("without", "without", "9000"), Kind("again", "without", "9000")
WITH = (Kind("without_plan", "with", "9000"), Kind("plan", "with", "9001"), Kind("plan_of_eight", "with", "9008"))


def run(argv: list[str]) -> dict[str, object]:
    """The figures; see above."""
    parser = argparse.ArgumentParser(prog="bench calls")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--watchers", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    chosen = parser.parse_args(argv)
    rounds = chosen.rounds or (300 if chosen.quick else 2000)
    seconds = chosen.seconds or (10 if chosen.quick else 60)
    with _asterisk() as server:
        figures: dict[str, object] = {"people": chosen.people, "watchers": chosen.watchers, "calls_at_once_per_s": RATE}
        figures |= _added(server, rounds)
        with folder() as place:
            figures |= _Storms(server, place, chosen.people, chosen.watchers, seconds).run()
        figures |= _highest(server, "calls_per_s", "with", 3 if chosen.quick else 10)
        figures |= _highest(server, "calls_per_s_without", "without", 3 if chosen.quick else 10)
    return figures


@contextmanager
def _asterisk() -> Iterator[PrivateAsterisk]:
    chroot = find_peer("asterisk")
    if isinstance(chroot, Absent):
        raise SystemExit(f"bench calls: {chroot.reason}")
    accounts = {ACCOUNT.username: ManagerAccount(ACCOUNT.secret)}
    phones = {"with": "with", "without": "without", "phone": "without", "watcher": "without"}
    server = PrivateAsterisk(chroot, ServerSettings("", accounts, phones))
    with server:
        text = dialplan_text(spoken=spoken_text()) + INCOMING.replace("@PHONE@", str(server.phone_port))
        (server.folder / "extensions.conf").write_text(text)
        server.cli("dialplan reload")
        yield server


def _board(ami_port: int) -> AsteriskSwitchboard:
    return AsteriskSwitchboard(AsteriskSettings(AmiAddress(port=ami_port), ACCOUNT))


# -- what a decision adds -------------------------------------------------------------------------------------


def _added(server: PrivateAsterisk, rounds: int) -> dict[str, object]:
    asyncio.run(_write_ahead(server))
    took = interleaved(server.sip_port, server.phone_port, [WITHOUT, AGAIN, *WITH], rounds)
    base = took[WITHOUT.name]
    figures: dict[str, object] = {"setup_ms.p50": round(_at(base, 50), 3), "setup_ms.p99": round(_at(base, 99), 3)}
    pooled = list(chain.from_iterable(took[kind.name] for kind in WITH))
    for name, values in (("added_ms", pooled), ("added_again_ms", took[AGAIN.name])):
        figures |= _difference(name, values, base)
    for kind in WITH:
        figures |= _difference(f"added_{kind.name}_ms", took[kind.name], base)
    return figures


def _difference(name: str, values: Sequence[float], base: Sequence[float]) -> dict[str, object]:
    return {f"{name}.p{share}": round(_at(values, share) - _at(base, share), 3) for share in (50, 99)}


def _at(values: Sequence[float], share: float) -> float:
    ranked = sorted(values)
    return ranked[int((len(ranked) - 1) * share / 100)]


async def _write_ahead(server: PrivateAsterisk) -> None:
    """One meeting to come; and seven that are over (nobody has told Asterisk since) before one to come."""
    now = utc_now().replace(microsecond=0)
    board = _board(server.ami_port)
    plans = {"9001": [now + timedelta(hours=6)], "9008": [now + timedelta(hours=hour) for hour in (*range(-8, -1), 6)]}
    async with board.session() as session:
        for called, starts in plans.items():
            plan = tuple(PlannedReferral(at, at + timedelta(hours=1), None, "meeting") for at in starts)
            await session.show([Order(called, NOTHING, board.render(Presentation(called, plan=plan)))])


# -- while everybody changes ----------------------------------------------------------------------------------


class _Storms:
    """The same load of calls while nothing changes, and while everybody does."""

    def __init__(self, server: PrivateAsterisk, place: Path, people: int, watchers: int, seconds: float) -> None:
        self._server = server
        self._place = place
        self._people = people
        self._watchers = watchers
        self._seconds = seconds
        self._made_for = utc_now().replace(microsecond=0)
        self._notified: dict[str, int] = {}
        others = [extension(people + number) for number in range(OTHERS)]
        changing = [extension(number * 997 % people) for number in range(OTHERS // 9)]
        called = [one for n, name in enumerate(changing) for one in (*others[9 * n : 9 * n + 9], name)]
        self._loads = Loads(server, called)

    def run(self) -> dict[str, object]:
        """The figures."""
        progress(f"storing {self._people} people")
        run_blocking(self._fill)
        quiet, stormy = asyncio.run(self._watched())
        calm = [_at(one.setup_ms, 95) for one in quiet]
        around = {name: fmean(two) for name, two in zip(stormy, pairwise(calm), strict=True)}
        figures: dict[str, object] = {"lost": sum(loaded.lost for loaded in stormy.values())}
        figures |= {f"lost_{name}": loaded.lost for name, loaded in stormy.items()}
        figures |= {f"told_{name}": loaded.told for name, loaded in stormy.items()}
        figures |= {f"notified_{name}": self._notified[name] for name in stormy}
        figures |= {f"retransmitted_{name}": loaded.retransmitted for name, loaded in stormy.items()}
        figures |= {"lost_quiet": sum(one.lost for one in quiet), "setup_p95_ms.quiet": round(fmean(calm), 2)}
        p95 = {name: _at(one.setup_ms, 95) for name, one in stormy.items()}
        figures |= {f"setup_p95_ms.{name}": round(ms, 2) for name, ms in p95.items()}
        figures |= {f"setup_p95_ratio.{name}": round(ms / around[name], 3) for name, ms in p95.items()}
        return figures | {"setup_p95_ratio.quiet": round(max(max(two) / min(two) for two in pairwise(calm)), 3)}

    async def _fill(self) -> None:
        async with opened(self._place) as store:
            await fill_store(store, self._people + OTHERS, self._spans)

    def _spans(self, number: int) -> list[tuple[datetime, datetime]]:
        days = [self._made_for + timedelta(days=day) for day in range(1, 9)]
        later = [(day, day + timedelta(hours=1)) for day in days]
        if number >= self._people:
            return later
        return [(self._made_for, self._made_for + timedelta(seconds=self._seconds / 2)), *later[:2]]

    def _phase(self, name: str, watchers: Watchers | None = None, *, quiet: bool = False, seconds: float = 0) -> Loaded:
        """One load; in a storm the meetings begin when a quarter of it has passed and end when three have."""
        lasting = seconds or self._seconds
        with nullcontext() if quiet else self._changing(name):
            before = watchers.notified if watchers else 0
            loaded = self._loads.run("with", RATE, lasting)
            self._notified[name] = (watchers.notified if watchers else 0) - before
        progress(
            f"{name}: {loaded.lost} of {loaded.calls} calls lost, {loaded.told} told who is away, "
            f"{self._notified[name]} notifications, {loaded.retransmitted} messages sent again, "
            f"set-up p50 {_at(loaded.setup_ms, 50):.2f} p95 {_at(loaded.setup_ms, 95):.2f} ms"
        )
        return loaded

    async def _watched(self) -> tuple[list[Loaded], dict[str, Loaded]]:
        watched = [extension(n) for n in range(0, self._people, max(1, self._people // max(1, self._watchers)))]
        async with watching(self._server.sip_port, watched if self._watchers else [], Watchers) as watchers:
            return await asyncio.to_thread(self._phases, watchers)

    def _phases(self, watchers: Watchers) -> tuple[list[Loaded], dict[str, Loaded]]:
        """What changes, by how; and a load before, between and after these where nothing does."""
        with self._loads.telephones():
            self._phase("warm", quiet=True, seconds=3)
            quiet = [self._phase("quiet", quiet=True)]
            stormy: dict[str, Loaded] = {}
            for name in ("up", "stopped", "hung"):
                stormy[name] = self._phase(name, watchers)
                quiet.append(self._phase("quiet again", quiet=True))
            return quiet, stormy

    @contextmanager
    def _changing(self, how: str) -> Iterator[None]:
        """A Backsoon that has told all plans, and has a quarter of the load until everybody's meeting begins."""
        at = utc_now().replace(microsecond=0) + timedelta(seconds=AHEAD)
        self._shift(at)
        with _backsoon(self._place, self._server.ami_port) as process:
            if how == "stopped":
                os.kill(process, signal.SIGKILL)
            begin = at - timedelta(seconds=self._seconds / 4 + 1)
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
def _backsoon(place: Path, ami_port: int) -> Iterator[int]:
    """A whole Backsoon in a process of its own, from when all is told; its process."""
    ours, its = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(place, ami_port, its), daemon=True)
    process.start()
    try:
        if not ours.poll(AHEAD):
            raise SystemExit("bench calls: Backsoon did not tell everything in time")
        yield int(process.pid or 0)
    finally:
        process.kill()
        process.join()


def _serve(place: Path, ami_port: int, ready: Connection) -> None:
    async def work() -> None:
        async with opened(place) as store, running(place, store, _board(ami_port)) as backsoon:
            await told(backsoon)
            ready.send("told")
            await asyncio.Event().wait()

    run_blocking(work)


# -- calls a second -------------------------------------------------------------------------------------------


def _highest(server: PrivateAsterisk, name: str, account: str, seconds: float) -> dict[str, object]:
    """The highest rate that went through; a rate that fails is tried once more."""
    loads = Loads(server, [kind.called for kind in WITH])
    asyncio.run(_write_ahead(server))
    rate, best, missed = 100.0, 0.0, 0
    with loads.telephones():
        while missed < 2:
            loaded = loads.run(account, round(rate), seconds)
            fits = _fits(loaded, seconds)
            progress(f"{name} {rate:.0f}: {loaded.lost} lost, {loaded.retransmitted} sent again, fits: {fits}")
            missed = 0 if fits else missed + 1
            best, rate = (loaded.calls / seconds, rate * 1.2) if fits else (best, rate)
            time.sleep(1 if fits else 5)
    return {name: round(best)}


def _fits(loaded: Loaded, seconds: float) -> bool:
    """Whether the load went through, at the rate at which it was meant to be placed."""
    in_time = loaded.seconds < 1.1 * seconds + 1
    return in_time and not loaded.lost and loaded.retransmitted <= loaded.calls / 100
