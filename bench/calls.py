"""Calls at a real Asterisk: what a referral decision adds to a call, and what calls suffer while everybody changes.

`added_ms`: the set-up of calls that pass `backsoon-answer` and ring, less that of calls by the same dialplan without
that line, in one run, one call at a time in an order picked anew in each round (`bench.calls_one`). `added_again_ms` is
the same of calls without the line against such calls: what the figures are worth.

`lost`, `setup_p95_ratio`: SIPp places 50 calls a second for a minute, nine in ten to people who are available and whose
telephones ring, the tenth to somebody of 10,000 whose meetings begin at one instant in the first half of the minute and
end at one in the second. A whole Backsoon with its store, a process of its own, tells the same Asterisk: it is up, was
stopped before the load, or is hung (SIGSTOP) before it. The set-up's p95 is compared with that of the same load where
nothing changes and no Backsoon runs, just before and just after, for a machine's pace drifts; `.quiet` compares those
with each other, the two that follow each other and differ most: what the figures are worth. Calls count of the
half-seconds in which a virtual machine had its processors (`bench.calls_load`; `undisturbed_share` of all);
`setup_p95_ratio_of_all` counts every call. `told`: calls that the referral answered; `notified`: what watching
telephones were told meanwhile, which is nothing where nobody tells. Asterisk runs in the real-time class where it may,
as Debian's unit has it (`asterisk_in_real_time`); `--no-real-time` leaves it among all others.

`calls_per_s`: the highest rate, in steps of a fifth, at which no call was lost and at most one in a hundred calls had
to send a message again; `_without` the line. `--quick`, `--people N`, `--watchers N`, `--rounds N`, `--seconds N`,
`--repeats N` of the minutes, `--only up` (`stopped`, `hung`): those minutes and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain

from backsoon.switchboards.asterisk import AsteriskSettings, AsteriskSwitchboard
from backsoon.switchboards.asterisk.dialplan import dialplan_text
from backsoon.switchboards.base import NOTHING, Order, PlannedReferral, Presentation
from backsoon.voice.dialplan import spoken_text
from backsoon.wire.ami_client import AmiAccount, AmiAddress
from bench.calls_load import Loaded, Loads
from bench.calls_one import Kind, interleaved
from bench.calls_storms import HOW, RATE, Storm, Storms, storm_figures
from bench.common import at_share, folder, progress, utc_now
from tools.peers import Absent, find_peer
from tools.peers.asterisk_server import AsteriskSettings as ServerSettings
from tools.peers.asterisk_server import ManagerAccount, PrivateAsterisk, may_run_in_real_time

ACCOUNT = AmiAccount("backsoon", "bench")
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
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", choices=HOW, action="append")
    parser.add_argument("--no-real-time", action="store_true")
    chosen = parser.parse_args(argv)
    rounds = chosen.rounds or (300 if chosen.quick else 2000)
    seconds = chosen.seconds or (10 if chosen.quick else 60)
    storm = Storm(chosen.people, chosen.watchers, seconds, list(chosen.only or HOW) * chosen.repeats)
    real_time = may_run_in_real_time() and not chosen.no_real_time
    with _asterisk(real_time) as server:
        figures: dict[str, object] = {"people": chosen.people, "watchers": chosen.watchers, "calls_at_once_per_s": RATE}
        figures |= {} if chosen.only else _added(server, rounds)
        with folder() as place:
            figures |= storm_figures(Storms(server, place, storm, _board).run())
        figures["asterisk_in_real_time"] = server.runs_in_real_time
        if not chosen.only:
            figures |= _highest(server, "calls_per_s", "with", 3 if chosen.quick else 10)
            figures |= _highest(server, "calls_per_s_without", "without", 3 if chosen.quick else 10)
    return figures


@contextmanager
def _asterisk(real_time: bool) -> Iterator[PrivateAsterisk]:
    chroot = find_peer("asterisk")
    if isinstance(chroot, Absent):
        raise SystemExit(f"bench calls: {chroot.reason}")
    accounts = {ACCOUNT.username: ManagerAccount(ACCOUNT.secret)}
    phones = {"with": "with", "without": "without", "phone": "without", "watcher": "without"}
    server = PrivateAsterisk(chroot, ServerSettings("", accounts, phones, high_priority=real_time))
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
    figures: dict[str, object] = {
        "setup_ms.p50": round(at_share(base, 50), 3),
        "setup_ms.p99": round(at_share(base, 99), 3),
    }
    pooled = list(chain.from_iterable(took[kind.name] for kind in WITH))
    for name, values in (("added_ms", pooled), ("added_again_ms", took[AGAIN.name])):
        figures |= _difference(name, values, base)
    for kind in WITH:
        figures |= _difference(f"added_{kind.name}_ms", took[kind.name], base)
    return figures


def _difference(name: str, values: Sequence[float], base: Sequence[float]) -> dict[str, object]:
    return {f"{name}.p{share}": round(at_share(values, share) - at_share(base, share), 3) for share in (50, 99)}


async def _write_ahead(server: PrivateAsterisk) -> None:
    """One meeting to come; and seven that are over (nobody has told Asterisk since) before one to come."""
    now = utc_now().replace(microsecond=0)
    board = _board(server.ami_port)
    plans = {"9001": [now + timedelta(hours=6)], "9008": [now + timedelta(hours=hour) for hour in (*range(-8, -1), 6)]}
    async with board.session() as session:
        for called, starts in plans.items():
            plan = tuple(PlannedReferral(at, at + timedelta(hours=1), None, "meeting") for at in starts)
            await session.show([Order(called, NOTHING, board.render(Presentation(called, plan=plan)))])


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
