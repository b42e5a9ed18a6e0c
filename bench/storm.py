"""100,000 people whose meetings begin in one second, and end in one: how late lamps are, from the instant to the sink.

Everything as `backsoon run` has it: SQLite with `synchronous=FULL`, staging a minute ahead, writing back behind. The
engine starts 75 s before the instant on a store that it has never seen, so all plans are told first. `-- --people N`;
`-- --lead N` for a machine that needs longer for that than 75 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backsoon.store.sqlite import SqliteStore
from backsoon.wiring import Backsoon, run_blocking
from bench.common import (
    StampingBoard,
    extension,
    fill_store,
    folder,
    opened,
    peak_rss_mib,
    progress,
    rss_mib,
    running,
    spread,
    told,
    utc_now,
)

LEAD = 75
"""Seconds from the start of the engine to the instant."""
LASTING = timedelta(seconds=90)


def run(argv: list[str]) -> dict[str, object]:
    """Lateness in ms of the wave of starts and that of ends, how soon both were stored, and whether all is right."""
    options = argparse.ArgumentParser(prog="bench storm")
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--lead", type=int, default=LEAD)
    chosen = options.parse_args(argv)
    figures: dict[str, object] = {"people": chosen.people}
    with folder() as place:
        run_blocking(lambda: _storm(place, chosen.people, chosen.lead, figures))
    return figures


async def _storm(place: Path, people: int, lead: int, figures: dict[str, object]) -> None:
    async with opened(place, full=True) as store:
        at = await _prepare(store, people, lead)
        board = StampingBoard()
        async with running(place, store, board) as backsoon:
            await told(backsoon)
            left = (at - utc_now()).total_seconds()
            if left < 5:
                raise SystemExit(
                    f"bench storm: all plans were told {5 - left:.0f} s too late; try -- --lead {2 * lead}"
                )
            progress(f"all plans told {left:.0f} s before the instant, {rss_mib()} MiB")
            await _wave("", at, backsoon, board, people, figures)
            await _check(place, board, at, people, figures)
            await _wave("ends_", at + LASTING, backsoon, board, people, figures)
    figures["right"] = bool(figures["right"]) and not any(each.lamp for each in (await board.read_back()).values())
    figures["rss_mib"], figures["peak_rss_mib"] = rss_mib(), peak_rss_mib()


async def _prepare(store: SqliteStore, people: int, lead: int) -> datetime:
    """Fill the store; the instant."""
    progress(f"storing {people} people with three referrals each")
    made_for = utc_now().replace(microsecond=0)
    days = [made_for + timedelta(days=day) for day in (0, 1, 2)]
    spans = [(days[0], days[0] + LASTING), *((day, day + timedelta(hours=1)) for day in days[1:])]
    await fill_store(store, people, lambda _: spans)
    at = utc_now().replace(microsecond=0) + timedelta(seconds=lead + 1)
    shift = int((at - made_for).total_seconds()) * 1_000_000
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("update referral set start_at = start_at + ?1, end_at = end_at + ?1", (shift,))
    return at


async def _wave(
    prefix: str, at: datetime, backsoon: Backsoon, board: StampingBoard, people: int, figures: dict[str, object]
) -> None:
    board.forget_stamps()
    await backsoon.clock.sleep_until(at - timedelta(seconds=2))
    progress(f"two seconds to go, {rss_mib()} MiB")
    cpu = time.process_time()
    while len(board.lamps) < people and utc_now() < at + timedelta(seconds=30):
        await asyncio.sleep(0.5)
    while backsoon.stage.unwritten and utc_now() < at + timedelta(seconds=30):
        await asyncio.sleep(0.05)
    figures[f"{prefix}written_s"] = round((utc_now() - at).total_seconds(), 2)
    figures[f"{prefix}cpu_s"] = round(time.process_time() - cpu, 2)
    late = [(stamp - at.timestamp()) * 1000 for stamp in board.lamps]
    figures |= {f"{prefix}{key}": value for key, value in spread("lateness_ms", late).items()}
    figures[f"{prefix}early"] = sum(1 for each in late if each < 0)
    figures[f"{prefix}lamps"] = len(set(board.lit))
    progress(f"{figures}")


async def _check(place: Path, board: StampingBoard, at: datetime, people: int, figures: dict[str, object]) -> None:
    """Whether lamp and plan of everybody are as they should be, and the store says the same."""
    until = int((at + LASTING).timestamp())
    plan = f"~{int(at.timestamp())}:{until}:"
    held = await board.read_back()
    shown = sum(
        1
        for number in range(people)
        if (each := held.get(extension(number))) and each.lamp.startswith("INUSE dnd,") and plan in each.plan
    )
    with closing(sqlite3.connect(place / "backsoon.db")) as database:
        stored = database.execute(
            'select count(*) from availability_change where at = ? and availability like \'%"reason":"meeting"%\'',
            (int(at.replace(tzinfo=UTC).timestamp()) * 1_000_000,),
        ).fetchone()[0]
    progress(f"{shown} lamps and plans are right, {stored} changes are stored")
    figures["right"] = shown == stored == people
