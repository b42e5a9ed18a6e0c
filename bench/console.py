"""The attendants' page in a real Chromium, with 5,000 and 20,000 people, 200 consoles open and 10,000 changes a second.

Backsoon, the browser and the 199 other consoles are processes of their own. All changes are real from the clock to the
screen: meetings that begin and end in bursts of one second, 10,000 changes in each, of whoever is in sight among them.
A change is on screen when the browser has painted the row that shows it; its lateness counts from the instant at which
the meeting begins or ends. `--sizes N ...`, `--bursts N` and `--consoles N` change the size, `--lead SECONDS` is for a
slow machine.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from pathlib import Path
from typing import Any

from bench.common import folder, progress, spread
from bench.console_house import LISTENERS, Plan, keep_house
from bench.console_listeners import listen
from bench.console_page import Console, opened_console

SIZES = (5_000, 20_000)
BURSTS = 12
LEAD = 60
"""Seconds from the start of Backsoon to the first burst: everything else is measured before it."""


def run(argv: list[str]) -> dict[str, object]:
    """Milliseconds to the first row, of searches, from changes to the screen; MiB; frames while scrolling."""
    options = argparse.ArgumentParser(prog="bench console")
    options.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options.add_argument("--bursts", type=int, default=BURSTS)
    options.add_argument("--consoles", type=int, default=LISTENERS + 1)
    options.add_argument("--lead", type=float, default=LEAD)
    asked = options.parse_args(argv)
    figures: dict[str, object] = {"consoles": asked.consoles, "bursts": asked.bursts}
    largest = max(asked.sizes)
    for size in asked.sizes:
        measured = _measured(Plan(size, asked.bursts, asked.lead), asked.consoles - 1)
        ending = "" if size == largest else f"_{size // 1000}k"
        figures |= {_named(key, ending): value for key, value in measured.items()}
    return figures


def _named(key: str, ending: str) -> str:
    """`change_to_screen_ms.p99` of the smaller size is `change_to_screen_ms_5k.p99`."""
    name, dot, part = key.partition(".")
    return f"{name}{ending}{dot}{part}"


def _measured(plan: Plan, listeners: int) -> dict[str, object]:
    context = multiprocessing.get_context("spawn")
    with folder() as place:
        ours, theirs = context.Pipe()
        house = context.Process(target=keep_house, args=(theirs, place, plan))
        house.start()
        try:
            told: dict[str, Any] = ours.recv()
            progress(f"{plan.people} people, {told['rss_mib']} MiB; {told['first_at_in']:.0f} s until the first burst")
            figures = _with_consoles(told, listeners, place)
            ours.send("end")
            return figures | {f"server_{key}": value for key, value in ours.recv().items()}
        finally:
            house.terminate()
            house.join()


def _with_consoles(told: dict[str, Any], listeners: int, place: Path) -> dict[str, object]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    others = context.Process(target=listen, args=(theirs, told, listeners))
    others.start()
    try:
        assert ours.recv() == "listening"
        figures = asyncio.run(_in_browser(told))
        ours.send("end")
        heard: dict[str, object] = ours.recv()
        return figures | heard
    finally:
        others.terminate()
        others.join()


async def _in_browser(told: dict[str, Any]) -> dict[str, object]:
    async with opened_console(told) as console:
        figures: dict[str, object] = await _quiet(console)
        if time.time() > told["first_at"] - 1:
            raise RuntimeError("changes began before all else was measured: give it more time by --lead")
        late = await console.changes(told)
        figures |= spread("change_to_screen_ms", late) | {"changes_seen": len(late)}
        figures["changes_missed"] = console.missed
        return figures


async def _quiet(console: Console) -> dict[str, object]:
    """What is measured while nothing changes."""
    first = [await console.first_row() for _ in range(5)]
    figures: dict[str, object] = {"first_row_ms": round(sorted(first)[2]), "first_row_cold_ms": round(first[0])}
    figures |= spread("search_ms", await console.searches())
    figures |= await console.scrolling()
    return figures | {"heap_mib": await console.heap()}
