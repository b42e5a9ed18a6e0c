"""How soon after its start Backsoon is right again: 100,000 people, half of whom changed while it was down.

From the start of the process: `answers_s` until it answers rightly about anybody, `sent_s` until the last difference
was told to a switchboard that holds what it was told before. Who has changed comes first; `compared_s` is when that of
everybody else was found to be right. `--people N`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from backsoon.api.server import serve_app
from backsoon.engine.service import Service
from backsoon.wiring import Backsoon, SystemClock, run_blocking
from bench.common import (
    LeanBoard,
    ShiftedClock,
    config,
    extension,
    fill_store,
    folder,
    in_child,
    opened,
    peak_rss_mib,
    progress,
    running,
    told,
    utc_now,
)

DOWN = timedelta(hours=1)
ASKED = 20
"""About how many people, picked at random, it must answer rightly."""


def run(argv: list[str]) -> dict[str, object]:
    """Seconds from the start of the process to right answers and to all differences told."""
    options = argparse.ArgumentParser(prog="bench restart")
    options.add_argument("--people", type=int, default=100_000)
    people = options.parse_args(argv).people
    with folder() as place:
        progress(f"storing {people} people with three referrals each as they were an hour ago")
        in_child(prepare, place, people)
        progress("starting again")
        return {"people": people} | in_child(restarted, place, people, time.time())


def prepare(place: Path, people: int) -> None:
    """A store and a switchboard as they were an hour ago."""
    now = utc_now()

    def spans(number: int) -> Sequence[tuple[datetime, datetime]]:
        first = now - timedelta(minutes=30) if _changed(number) else now + timedelta(hours=3)
        return [(first + timedelta(days=day), first + timedelta(days=day, hours=2)) for day in range(3)]

    async def work() -> None:
        async with opened(place) as store:
            await fill_store(store, people, spans)
            clock = ShiftedClock(-DOWN.total_seconds())
            async with running(place, store, LeanBoard(place / "board"), clock) as backsoon:
                await told(backsoon)

    run_blocking(work)


def _changed(number: int) -> bool:
    return number % 2 == 0


def restarted(place: Path, people: int, begun: float) -> dict[str, object]:
    """The figures; `begun` is when this process was started, in seconds since 1970."""
    figures: dict[str, object] = {}
    run_blocking(lambda: _measure(place, people, begun, figures))
    return figures


async def _measure(place: Path, people: int, begun: float, figures: dict[str, object]) -> None:
    board = LeanBoard(place / "board")
    async with opened(place) as store:
        figures["up_s"] = round(time.time() - begun, 2)
        stop = asyncio.Event()
        backsoon = Backsoon(config(place), store, SystemClock(), make_switchboard=lambda _: board)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve_app(backsoon, backsoon.config.socket, stop))
            tasks.create_task(backsoon.run(stop))
            while not backsoon.directory.organisations:
                await asyncio.sleep(0.005)
            await _answers(backsoon.service, people)
            figures["answers_s"] = round(time.time() - begun, 2)
            while not backsoon.publishers:
                await asyncio.sleep(0.01)
            await told(backsoon)
            figures["sent_s"] = round(board.last - begun, 2)
            figures["compared_s"] = round(time.time() - begun, 2)
            stop.set()
    figures["cpu_s"] = round(time.process_time(), 2)
    figures["orders"] = board.orders
    figures["peak_rss_mib"] = peak_rss_mib()
    figures["right"] = await _right(board, people)


async def _answers(service: Service, people: int) -> None:
    """Ask about a hundred people, of all kinds, until every answer is right."""
    for number in random.Random(1).sample(range(people), min(ASKED, people)):
        while True:
            person = await service.find(extension(number))
            shown = await service.show(person)
            if shown.availability.referred == _changed(number):
                break
            await asyncio.sleep(0.01)


async def _right(board: LeanBoard, people: int) -> bool:
    held = await board.read_back()
    return all(
        bool(held[extension(number)].lamp) == _changed(number) and held[extension(number)].plan
        for number in range(people)
    )
