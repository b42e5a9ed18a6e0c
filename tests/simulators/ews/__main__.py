"""`python -m tests.simulators.ews --mailboxes N`: a simulated Exchange as a process; its port is the first line,
and the second says in JSON how one signs in there.

It ends when its stdin ends, so that none is left over. A line of JSON on stdin, `{"change": ADDRESS}` with `start`,
`end` (local times) and `subject`, writes a meeting; `{"counts": true}` prints the requests so far by operation.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

from backsoon.memory import settle
from tests.simulators.ews import EwsSimulator, Limits
from tests.simulators.ews.crowd import Crowd, address
from tests.simulators.ews.soap import VERSIONS
from tests.simulators.model import Meeting


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.ews", description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=100)
    parser.add_argument("--entries", type=int, default=50)
    parser.add_argument("--start", help="the first day of entries, 2026-11-23; without it today")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each answer takes")
    parser.add_argument("--limits", action="store_true", help="keep the limits of the default throttling policy")
    parser.add_argument("--version", choices=VERSIONS, default="2016")
    parser.add_argument("--port", type=int, default=0)
    return parser.parse_args(arguments)


async def main(arguments: list[str]) -> None:
    """Serve until stdin ends."""
    asked = _options(arguments)
    day = datetime.fromisoformat(asked.start) if asked.start else datetime.now(UTC).replace(tzinfo=None)
    world = Crowd(asked.mailboxes, asked.entries, day.replace(hour=0, minute=0, second=0, microsecond=0))
    settle()  # no server of a vendor stands still for a second to clear up
    simulator = EwsSimulator(
        world, version=asked.version, port=asked.port, latency=asked.latency, limits=Limits() if asked.limits else None
    )
    async with simulator as sim:
        told = {"url": sim.url, "account": sim.account, "password": sim.password, "first": address(0)}
        print(sim.port, json.dumps(told), sep="\n", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            _ordered(sim, json.loads(line))


def _ordered(sim: EwsSimulator, order: dict[str, Any]) -> None:
    if "change" in order:
        start, end = (datetime.fromisoformat(order[each]) for each in ("start", "end"))
        sim.world[order["change"]].put(Meeting(order.get("uid", "changed"), start, end, order.get("subject", "")))
    if "counts" in order:
        print(json.dumps(dict(sim.count)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
