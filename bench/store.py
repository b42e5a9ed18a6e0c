"""What the SQLite store costs where every commit waits for the disk: bulk and single calls, memory, loop waits."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from backsoon.domain.model import Availability, CalendarReferral, EntryKey, Layer, Override, Span
from backsoon.store.base import (
    AvailabilityChange,
    CalendarHealth,
    PersonState,
    ReferralChanges,
    Store,
    Told,
    Trigger,
)
from bench.common import ACME, PAGE, extension, fill_store, folder, opened, progress, rss_mib, spread

NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SINGLES = 500
PLAN = "1~1777888800~meeting~1777892400~~"
"""About as long as what Asterisk's driver stores for a referral."""


def run(argv: list[str]) -> dict[str, object]:
    """Seconds of bulk calls, milliseconds of single ones, MiB, and how long the event loop had to wait at most."""
    options = argparse.ArgumentParser(prog="bench store")
    options.add_argument("--people", type=int, default=100_000)
    people = options.parse_args(argv).people
    figures: dict[str, object] = {"people": people}
    with folder() as place:
        asyncio.run(_measure(place, people, figures))
    return figures


async def _measure(place: Path, people: int, figures: dict[str, object]) -> None:
    async with opened(place, full=True) as store:
        progress(f"{people} people with three referrals each")
        spans = [(NINE + 2 * hour * HOUR, NINE + (2 * hour + 1) * HOUR) for hour in range(3)]
        await fill_store(store, people, lambda _: spans)
        figures["rss_mib.filled"] = rss_mib()
        await _bulk(store, people, figures)
        figures["rss_mib.after_bulk"] = rss_mib()
        await _singles(store, figures)


async def _bulk(store: Store, people: int, figures: dict[str, object]) -> None:
    async def save() -> None:
        for first in range(1, people + 1, PAGE):
            await store.save_states(*_decisions(range(first, min(first + PAGE, people + 1))))

    async def due() -> None:
        page = await store.due(NINE + 2 * HOUR)
        while page:
            page = await store.due(NINE + 2 * HOUR, after=page[-1])

    async def claims() -> None:
        for first in range(1, people + 1, PAGE):
            await store.claims(range(first, first + PAGE), NINE)

    async def states() -> None:
        for first in range(1, people + 1, PAGE):
            await store.states(range(first, first + PAGE))

    await _timed("save_states", save, figures)
    await _timed("save_told", lambda: _tell(store, people), figures)
    await _timed("save_told_again", lambda: _tell(store, people), figures)
    await _timed("due", due, figures)
    await _timed("claims", claims, figures)
    await _timed("states", states, figures)
    await _timed("claims_1000", lambda: store.claims(range(1, PAGE + 1), NINE), figures)


async def _tell(store: Store, people: int) -> None:
    for first in range(0, people, PAGE):
        numbers = range(first, min(first + PAGE, people))
        await store.save_told(ACME.id, "pbx", [Told(extension(each), "INUSE", PLAN, NINE) for each in numbers])


def _decisions(people: range) -> tuple[list[PersonState], list[AvailabilityChange]]:
    decided = {
        each: Availability("meeting", Layer.CALENDAR, NINE + HOUR, NINE + HOUR, "Budget", key=EntryKey(each, "uid"))
        for each in people
    }
    states = [PersonState(each, availability, NINE + HOUR) for each, availability in decided.items()]
    changes = [AvailabilityChange(each, NINE, NINE, held, Trigger.CLOCK) for each, held in decided.items()]
    return states, changes


async def _timed(name: str, call: Callable[[], Awaitable[object]], figures: dict[str, object]) -> None:
    """`NAME_s`, and `NAME_loop_wait_ms`: how much later than asked the loop woke somebody up, at most."""
    waits: list[float] = [0.0]
    watch = asyncio.create_task(_watch(waits))
    await asyncio.sleep(0)
    start = perf_counter()
    await call()
    figures[f"{name}_s"] = round(perf_counter() - start, 3)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    figures[f"{name}_loop_wait_ms"] = round(1000 * max(waits), 1)


async def _watch(waits: list[float]) -> None:
    while True:
        asked = perf_counter()
        await asyncio.sleep(0.001)
        waits.append(perf_counter() - asked - 0.001)


async def _singles(store: Store, figures: dict[str, object]) -> None:
    span = Span(NINE, NINE + HOUR)
    override = Override(NINE, None, "sick")

    async def read(number: int) -> None:
        entries = tuple(CalendarReferral(EntryKey(number, f"new-{each}"), span, "meeting") for each in range(3))
        await store.save_read(number, ReferralChanges(entries, complete=True), CalendarHealth("token", NINE, NINE))

    figures |= await _each("save_read_ms", read)
    figures |= await _each("save_read_unchanged_ms", read)
    figures |= await _each("save_override_ms", lambda number: store.save_override(number, override))
    figures |= await _each("claims_of_one_ms", lambda number: store.claims([number], NINE))


async def _each(name: str, call: Callable[[int], Awaitable[object]]) -> dict[str, object]:
    taken = []
    for number in range(1, SINGLES + 1):
        start = perf_counter()
        await call(number)
        taken.append(1000 * (perf_counter() - start))
    return spread(name, taken, 3)
