"""How late a single transition is while calendars are being read: from its instant to the sink.

Transitions of one person each, 50 to 100 ms apart at random fractions of a second, beside readings of other people's
calendars that bring changes all the time. `--transitions N`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from backsoon.domain.model import CalendarEntry, Timed
from backsoon.domain.organisation import Calendar, Person
from backsoon.engine.pace import Pace
from backsoon.engine.sync import Sync, SyncSettings
from backsoon.sources.base import CalendarSource
from backsoon.testing import MemorySource
from backsoon.wiring import run_blocking
from bench.common import StampingBoard, fill_store, folder, number_of, opened, progress, running, spread, told, utc_now

READ = 200
"""How many other people's calendars are read over and over."""
EVERY = Pace(shortest=2.0, longest=4.0)


def run(argv: list[str]) -> dict[str, object]:
    """Lateness in ms, how many were early, and how many readings and settlings went on meanwhile."""
    options = argparse.ArgumentParser(prog="bench lateness")
    options.add_argument("--transitions", type=int, default=400)
    number = options.parse_args(argv).transitions
    figures: dict[str, object] = {"transitions": number}
    with folder() as place:
        run_blocking(lambda: _measure(place, number, figures))
    return figures


async def _measure(place: Path, number: int, figures: dict[str, object]) -> None:
    chance = random.Random(7)
    begun = utc_now() + timedelta(seconds=20)
    instants = [begun]
    while len(instants) < number:
        instants.append(instants[-1] + timedelta(microseconds=chance.randint(50_000, 100_000)))

    def spans(person: int) -> Sequence[tuple[datetime, datetime]]:
        return [(instants[person], instants[person] + timedelta(hours=1))] if person < number else []

    board = StampingBoard()
    async with opened(place) as store:
        await fill_store(store, number + READ, spans)
        async with running(place, store, board) as backsoon:
            await told(backsoon)
            progress(f"ready {(begun - utc_now()).total_seconds():.0f} s before the first")
            board.forget_stamps()
            sources = _Changing()
            settings = SyncSettings(pace_of=lambda _: EVERY)
            sync = Sync(store, backsoon.directory, backsoon.clock, sources.of, backsoon.settler.settle, settings)
            reading = asyncio.create_task(sync.run())
            await store.read_soon([c.calendar.id for c in await store.calendars(after=number, limit=READ)])
            sync.wake()
            while len(board.lamps) < number and utc_now() < instants[-1] + timedelta(seconds=30):
                await asyncio.sleep(1)
            reading.cancel()
    lamps = zip(board.lit, board.lamps, strict=True)
    late = [(stamp - instants[number_of(extension)].timestamp()) * 1000 for extension, stamp in lamps]
    figures |= spread("lateness_ms", late, 2) | {"early": sum(1 for each in late if each < 0), "lamps": len(late)}
    figures["readings"] = sum(each.reads for each in sources.made.values())


class _Changing:
    """Calendars in memory, each of which has changed whenever it is read."""

    def __init__(self) -> None:
        self.made: dict[int, MemorySource] = {}

    async def of(self, calendar: Calendar, person: Person) -> CalendarSource:
        source = self.made.setdefault(calendar.id, MemorySource())
        start = utc_now() + timedelta(days=1, minutes=source.reads)
        source.put("a", CalendarEntry("a", Timed(start, start + timedelta(hours=1)), "m: Budget"))
        return source
