"""Resident memory of a whole Backsoon with 100,000 people of three referrals each.

The store and what the switchboard holds are made by another process. Measured: after the start and comparing with the
switchboard, with a wave staged (`--wave`, a tenth of the people by default, whose meetings begin in one second), and
after it.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from backsoon.wiring import run_blocking
from bench.common import (
    LeanBoard,
    ShiftedClock,
    fill_store,
    folder,
    in_child,
    opened,
    peak_rss_mib,
    progress,
    rss_mib,
    running,
    told,
    utc_now,
)

LEAD = timedelta(seconds=150)
"""From the start to the wave: nothing of it is staged yet when all has been compared."""


def run(argv: list[str]) -> dict[str, object]:
    """MiB resident at rest and after a wave (`rss_mib` is the larger), and at most."""
    options = argparse.ArgumentParser(prog="bench memory")
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--wave", type=int)
    chosen = options.parse_args(argv)
    wave = chosen.people // 10 if chosen.wave is None else chosen.wave
    figures: dict[str, object] = {"people": chosen.people, "wave": wave}
    with folder() as place:
        progress(f"storing {chosen.people} people with three referrals each, telling their plans")
        at = in_child(prepare, place, chosen.people, wave)
        run_blocking(lambda: _measure(place, at, wave, figures))
    return figures


def prepare(place: Path, people: int, wave: int) -> datetime:
    """A store, and a switchboard that was told all of it; the instant of the wave."""
    at = utc_now().replace(microsecond=0) + timedelta(hours=3)

    def spans(number: int) -> Sequence[tuple[datetime, datetime]]:
        first = at if number < wave else at + timedelta(minutes=30 + number % 480)
        return [(first + timedelta(days=day), first + timedelta(days=day, hours=1)) for day in range(3)]

    async def work() -> None:
        async with opened(place) as store:
            await fill_store(store, people, spans)
            async with running(place, store, LeanBoard(place / "board")) as backsoon:
                await told(backsoon)

    run_blocking(work)
    return at


async def _measure(place: Path, at: datetime, wave: int, figures: dict[str, object]) -> None:
    figures["imported_rss_mib"] = rss_mib()
    board = LeanBoard(place / "board")
    clock = ShiftedClock((at - LEAD - utc_now()).total_seconds())
    async with opened(place) as store, running(place, store, board, clock) as backsoon:
        await told(backsoon)
        await asyncio.sleep(3)
        at_rest = rss_mib()
        progress(f"compared: {at_rest} MiB, at most {peak_rss_mib()} MiB, {board.orders} orders")
        figures["start_peak_rss_mib"] = peak_rss_mib()
        await backsoon.clock.sleep_until(at - timedelta(seconds=5))
        figures["staged_rss_mib"] = rss_mib()
        while len(board.lamps) < wave:
            await asyncio.sleep(0.5)
        while backsoon.stage.unwritten:
            await asyncio.sleep(0.1)
        board.forget_stamps()  # they hold on to texts of the engine
        await asyncio.sleep(3)
        after_wave = rss_mib()
    figures |= {"rss_mib": max(at_rest, after_wave), "at_rest_rss_mib": at_rest, "after_wave_rss_mib": after_wave}
    figures["peak_rss_mib"] = peak_rss_mib()
