"""A real Asterisk of our own: how fast plans are written ahead, and how many lamps a second harm no call.

`plans_per_s` is the driver's, `raw_dbput_per_s` that of frames made beforehand and answers that are only counted, on
the same Asterisk, in turns; `share_of_raw` is the one by the other. `lamps_per_s` is the highest of the rates tried at
which, while telephones watch, none of the calls that SIPp places meanwhile failed or had to send anything again, and
no task processor of Asterisk was fuller than nine tenths of its high-water mark (`taskprocessor_share.max`).
`--people N`, `--watchers N`, `--rates A,B`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backsoon.switchboards.asterisk import AsteriskSession, AsteriskSettings, AsteriskSwitchboard
from backsoon.switchboards.asterisk.dialplan import dialplan_text
from backsoon.switchboards.asterisk.pace import PaceSettings
from backsoon.switchboards.base import NOTHING, Lamp, Order, PlannedReferral, Presentation, Rendered
from backsoon.wire.ami import encode
from backsoon.wire.ami_client import AmiAccount, AmiAddress
from bench.asterisk_watchers import Watchers, watching
from bench.common import progress
from tools.peers import Absent, find_peer
from tools.peers.asterisk_server import AsteriskSettings as ServerSettings
from tools.peers.asterisk_server import ManagerAccount, PrivateAsterisk, may_run_in_real_time
from tools.peers.sipp import Calls, LoadOutcome

ACCOUNT = AmiAccount("backsoon", "bench")
WINDOW = 1000
FIRST = 10_000
CALLS_PER_S = 50
FULL = 0.9
INCOMING = """
[incoming]
exten => _X!,1,Gosub(backsoon,s,1(${EXTEN}))
 same => n,Answer()
 same => n,Wait(30)
"""


def run(argv: list[str]) -> dict[str, object]:
    """Rates, the share of the raw rate, and what the calls and task processors suffered."""
    options = argparse.ArgumentParser(prog="bench asterisk")
    options.add_argument("--people", type=int, default=10_000)
    options.add_argument("--watchers", type=int, default=500)
    options.add_argument("--rates", default="1000,2000,4000")
    options.add_argument("--runs", type=int, default=5)
    chosen = options.parse_args(argv)
    rates = [int(rate) for rate in chosen.rates.split(",")]
    with _asterisk() as server:
        figures = asyncio.run(_write_ahead(server, chosen.people, chosen.runs))
        figures |= asyncio.run(_lamps(server, chosen.people, chosen.watchers, rates))
        return {"people": chosen.people, "asterisk": server.cli("core show version").split()[1], **figures}


@contextmanager
def _asterisk() -> Iterator[PrivateAsterisk]:
    chroot = find_peer("asterisk")
    if isinstance(chroot, Absent):
        raise SystemExit(f"bench asterisk: {chroot.reason}")
    accounts = {ACCOUNT.username: ManagerAccount(ACCOUNT.secret)}
    phones = {"caller": "incoming", "watcher": "incoming"}
    settings = ServerSettings(dialplan_text() + INCOMING, accounts, phones, high_priority=may_run_in_real_time())
    with PrivateAsterisk(chroot, settings) as server:
        yield server


def _board(server: PrivateAsterisk, lamps_per_s: float = 1000) -> AsteriskSwitchboard:
    pace = PaceSettings(limit=lamps_per_s, least=lamps_per_s, slow=60)
    return AsteriskSwitchboard(AsteriskSettings(AmiAddress(port=server.ami_port), ACCOUNT, pace))


def _rendered(people: int) -> dict[str, Rendered]:
    """Three meetings each, the first one running."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    starts = [start + timedelta(hours=3 * number) for number in range(3)]
    plan = tuple(PlannedReferral(at, at + timedelta(hours=2), at + timedelta(hours=2), "meeting") for at in starts)
    board = AsteriskSwitchboard(AsteriskSettings(AmiAddress(), ACCOUNT))
    whole = Presentation("", Lamp("meeting", "In a meeting, back 10:00"), plan, "sv", "Europe/Stockholm")
    return dict.fromkeys((str(FIRST + number) for number in range(people)), board.render(whole))


# -- plans ----------------------------------------------------------------------------------------------------


async def _write_ahead(server: PrivateAsterisk, people: int, runs: int) -> dict[str, object]:
    plans = {name: Rendered(plan=one.plan) for name, one in _rendered(people).items()}
    orders = [Order(name, NOTHING, after) for name, after in plans.items()]
    ours, raw = list[float](), list[float]()
    async with _board(server).session() as session:
        for _ in range(runs):
            raw.append(await _raw(server, plans))
            began = time.perf_counter()
            await session.show(orders)
            ours.append(people / (time.perf_counter() - began))
        await session.show([Order(name, after, NOTHING) for name, after in plans.items()])
    shares = [mine / theirs for mine, theirs in zip(ours, raw, strict=True)]
    progress(f"plans: {statistics.median(ours):.0f}/s, raw {statistics.median(raw):.0f}/s")
    return {
        "plans_per_s": round(statistics.median(ours)),
        "raw_dbput_per_s": round(statistics.median(raw)),
        "share_of_raw": round(statistics.median(shares), 2),
    }


class _Raw(asyncio.Protocol):
    """The least that pipelines: frames made beforehand, answers counted and not read."""

    def __init__(self) -> None:
        self.answers = 0
        self.changed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.answers += data.count(b"\nActionID:")
        self.changed.set()


async def _raw(server: PrivateAsterisk, plans: dict[str, Rendered]) -> float:
    """DBPut a second, as fast as a window of `WINDOW` unanswered ones goes."""
    loop = asyncio.get_running_loop()
    transport, raw = await loop.create_connection(_Raw, "127.0.0.1", server.ami_port)
    transport.write(encode("Login", [("Username", ACCOUNT.username), ("Secret", ACCOUNT.secret)], "0"))
    await _answers(raw, 1)
    frames = [_put(name, after.plan, number) for number, (name, after) in enumerate(plans.items(), 1)]
    began, sent = time.perf_counter(), 0
    while sent < len(frames):
        more = max(0, min(len(frames), raw.answers - 1 + WINDOW) - sent)
        if more < WINDOW // 2 and sent + more < len(frames):
            await _answers(raw, raw.answers + 1)
            continue
        transport.write(b"".join(frames[sent : sent + more]))
        sent += more
    await _answers(raw, 1 + len(frames))
    took = time.perf_counter() - began
    transport.close()
    return len(frames) / took


def _put(name: str, plan: str, number: int) -> bytes:
    return encode("DBPut", [("Family", "backsoon"), ("Key", name), ("Val", plan)], str(number))


async def _answers(raw: _Raw, count: int) -> None:
    while raw.answers < count:
        raw.changed.clear()
        await asyncio.wait_for(raw.changed.wait(), 30)


# -- lamps ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Trial:
    """One rate tried: what was reached, how the calls went and how deep the task processors were."""

    rate: int
    reached: float
    calls: LoadOutcome
    depth: float
    late: float

    @property
    def harmless(self) -> bool:
        return not self.calls.failed and not self.calls.retransmitted and self.depth < FULL


async def _lamps(server: PrivateAsterisk, people: int, watchers: int, rates: Sequence[int]) -> dict[str, object]:
    lamps = {name: Rendered(lamp=one.lamp) for name, one in _rendered(people).items()}
    trials: list[_Trial] = []
    async with watching(server.sip_port, list(lamps)[:: max(1, people // watchers)], Watchers) as watched:
        quiet = await _quiet(server)
        for rate in rates:
            trials.append(await _try(server, lamps, rate, watched))
            if not trials[-1].harmless:
                break
    best = max((trial for trial in trials if trial.harmless), key=lambda trial: trial.rate, default=None)
    return {
        "watchers": watchers,
        "calls_per_s": CALLS_PER_S,
        "lamps_per_s": round(best.reached) if best else 0,
        "calls_retransmitted_without_lamps": quiet.retransmitted,
        **dict(itertools.chain.from_iterable(_figures(trial) for trial in trials)),
    }


def _figures(trial: _Trial) -> Iterator[tuple[str, object]]:
    name = f"at_{trial.rate}"
    yield f"{name}.lamps_per_s", round(trial.reached)
    yield f"{name}.calls", trial.calls.calls
    yield f"{name}.calls_failed", trial.calls.failed
    yield f"{name}.calls_retransmitted", trial.calls.retransmitted
    yield f"{name}.taskprocessor_share.max", round(trial.depth, 2)
    yield f"{name}.last_notify_s", round(trial.late, 2)


async def _quiet(server: PrivateAsterisk) -> LoadOutcome:
    """Calls while nothing else happens."""
    load = Calls(server).load("1", rate=CALLS_PER_S, calls=5 * CALLS_PER_S)
    return await asyncio.to_thread(load.finish)


async def _try(server: PrivateAsterisk, lamps: dict[str, Rendered], rate: int, watched: Watchers) -> _Trial:
    """Everybody away and back again at this rate, while calls are placed."""
    seconds = 2 * len(lamps) / rate
    load = Calls(server).load("1", rate=CALLS_PER_S, calls=max(200, int(CALLS_PER_S * seconds)))
    async with _board(server, rate).session() as session:
        reached = await _wave(session, lamps)
        told = time.perf_counter()
        late = await watched.settled(told)
    depth = _deepest(server)
    calls = await asyncio.to_thread(load.finish)
    progress(
        f"{rate} lamps/s: reached {reached:.0f}/s, {calls}, queues {depth:.2f} full, last NOTIFY after {late:.2f} s"
    )
    return _Trial(rate, reached, calls, depth, late)


async def _wave(session: AsteriskSession, lamps: dict[str, Rendered]) -> float:
    began = time.perf_counter()
    await session.show([Order(name, NOTHING, after) for name, after in lamps.items()])
    await session.show([Order(name, after, NOTHING) for name, after in lamps.items()])
    return 2 * len(lamps) / (time.perf_counter() - began)


def _deepest(server: PrivateAsterisk) -> float:
    """How near any task processor ever came to its high-water mark; Asterisk remembers the most that waited."""
    rows = re.findall(r"^\S+ +\d+ +\d+ +(\d+) +\d+ +(\d+)", server.cli("core show taskprocessors"), re.MULTILINE)
    return max((int(most) / int(mark) for most, mark in rows), default=0.0)
