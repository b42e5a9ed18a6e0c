"""The simulator as a process: `python -m tests.simulators.graph --mailboxes 10000 --port 0`. Prints its port first,
then in JSON how one signs in there; `tests.simulators.graph.control` is all that it can be told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from urllib.parse import urlsplit

from backsoon.memory import settle
from tests.simulators.graph import GraphSimulator
from tests.simulators.graph.control import Control
from tests.simulators.graph.crowd import crowd


async def _run(asked: argparse.Namespace) -> None:
    world = crowd(asked.mailboxes, asked.entries, datetime.now(UTC), asked.busy_every)
    settle()  # no server of a vendor stands still for a second to clear up
    simulator = GraphSimulator(world, limits=asked.limits, latency=asked.latency)
    simulator.control = control = Control(simulator)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await simulator.start(asked.port)
    sys.stdout.write(f"{urlsplit(simulator.url).port}\n{json.dumps(control.settings())}\n")
    sys.stdout.flush()
    async with asyncio.TaskGroup() as tasks:
        if asked.hooks_rate:
            driving = control.drive_when_subscribed(asked.hooks_rate, asked.hooks_seconds, asked.mailboxes)
            task = tasks.create_task(driving)
        await stopped.wait()
        if asked.hooks_rate:
            task.cancel()
    await simulator.stop()


def main(arguments: list[str]) -> None:
    """Run until told to end."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.graph", description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=100)
    parser.add_argument("--entries", type=int, default=50, help="in each mailbox")
    parser.add_argument(
        "--busy-every", type=int, default=20, help="every which person is in a meeting at first; 0: none"
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each answer takes")
    parser.add_argument("--limits", action="store_true", help="keep Microsoft's published limits")
    parser.add_argument(
        "--hooks-rate", type=float, default=0.0, help="changes a second, from when all are subscribed to"
    )
    parser.add_argument("--hooks-seconds", type=float, default=60.0, help="for how long")
    asyncio.run(_run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
