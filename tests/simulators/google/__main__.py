"""The simulator as a process: `python -m tests.simulators.google --mailboxes 10000 --port 0`. Prints its port first,
then in JSON how one signs in there."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from datetime import UTC, datetime, timedelta

from backsoon.memory import settle
from tests.simulators.google import GoogleSimulator
from tests.simulators.model import Mailbox, Meeting, World


def world_of(mailboxes: int, entries: int, first: datetime) -> World:
    """`user0@example.com` and so on; every third entry has a keyword."""
    world = World()
    for number in range(mailboxes):
        mailbox = world.add(Mailbox(f"user{number}@example.com", zone="UTC"))
        for entry in range(entries):
            start = (first + timedelta(days=entry % 14, hours=8 + entry % 9)).replace(tzinfo=None)
            subject = "m: Budget" if entry % 3 == 0 else "Untagged"
            mailbox.put(Meeting(f"{number}-{entry}", start, start + timedelta(hours=1), subject, "UTC"))
    return world


async def _run(asked: argparse.Namespace) -> None:
    first = datetime.fromisoformat(asked.first).replace(tzinfo=UTC)
    world = world_of(asked.mailboxes, asked.entries, first)
    settle()  # no server of a vendor stands still for a second to clear up
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with GoogleSimulator(world, limits=asked.limits, latency=asked.latency, port=asked.port) as simulator:
        told = {"origin": simulator.origin, "credentials": simulator.service_account()}
        sys.stdout.write(f"{simulator.origin.rpartition(':')[2]}\n{json.dumps(told)}\n")
        sys.stdout.flush()
        await stopped.wait()


def main(arguments: list[str]) -> None:
    """Run until told to end."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.google", description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=100)
    parser.add_argument("--entries", type=int, default=3, help="in each mailbox")
    parser.add_argument("--first", default=f"{midnight:%Y-%m-%d}", help="day of the first entries")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each answer takes")
    parser.add_argument("--limits", action="store_true", help="keep Google's published limits")
    asyncio.run(_run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
