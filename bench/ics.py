"""What reading a calendar of 1,000 events over 60 days costs, beside the usual libraries and beside the least there is.

CPU time of this process, the median of several runs that take turns; `--events N`, `--runs N`.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import recurring_ical_events

from backsoon.domain.model import Timed
from backsoon.sources.base import Window
from backsoon.sources.ical import Reading, read_calendar
from backsoon.sources.ical.components import read_components
from bench.ics_lean import lean_expand, lean_parse
from bench.ics_sample import WINDOW, sample

_ZONE = "Europe/Stockholm"


def run(argv: list[str]) -> dict[str, object]:
    """Milliseconds of CPU, ratios, and whether the readers agree on the occurrences."""
    options = argparse.ArgumentParser(prog="bench ics")
    options.add_argument("--events", type=int, default=1000)
    options.add_argument("--runs", type=int, default=7)
    options.add_argument("--library-runs", type=int, default=1)
    chosen = options.parse_args(argv)
    data = sample(chosen.events)
    long_window = Window(_window().start, _window().start + timedelta(days=401))
    ours = _median(lambda: _ours(data, _window()), chosen.runs)
    year = _median(lambda: _ours(data, long_window), chosen.runs)
    parse = _median(lambda: read_components(data, frozenset(), 100_000), chosen.runs)
    lean = _median(lambda: lean_expand(lean_parse(data), *WINDOW), chosen.runs)
    libraries = _median(lambda: _libraries(data), chosen.library_runs)
    stated, theirs = _starts(_ours(data, _window())), _library_starts(data)
    return {
        "events": chosen.events,
        "bytes": len(data),
        "occurrences": len(stated),
        "cpu_ms": ours,
        "cpu_400_days_ms": year,
        "parse_ms": parse,
        "lean_ms": lean,
        "libraries_ms": libraries,
        "ratio_to_lean": round(ours / lean, 2),
        "ratio_to_libraries": round(ours / libraries, 4),
        "libraries_to_ours": round(libraries / ours, 1),
        "agrees_with_libraries": stated == theirs,
        "target_ratio_to_lean": 3.0,
    }


def _window() -> Window:
    return Window(WINDOW[0].replace(tzinfo=UTC), WINDOW[1].replace(tzinfo=UTC))


def _ours(data: bytes, window: Window) -> Reading:
    return read_calendar([("feed", data)], window=window, zone=_ZONE, resource_is_uid=True)


def _libraries(data: bytes) -> list[Any]:
    window = _window()
    return list(recurring_ical_events.of(icalendar.Calendar.from_ical(data)).between(window.start, window.end))


def _starts(reading: Reading) -> set[tuple[str, str]]:
    return {
        (entry.uid, entry.when.start.isoformat() if isinstance(entry.when, Timed) else entry.when.first.isoformat())
        for entry in reading.entries
    }


def _library_starts(data: bytes) -> set[tuple[str, str]]:
    found = set()
    for event in _libraries(data):
        start = event["DTSTART"].dt
        stated = start.astimezone(UTC) if isinstance(start, datetime) else start
        found.add((str(event["UID"]), stated.isoformat()))
    return found


def _median(work: Callable[[], object], runs: int) -> float:
    """Milliseconds of CPU time. The first run, which fills caches, counts only where it is the only one."""
    times = []
    for _ in range(runs):
        gc.collect()
        begun = time.process_time()
        work()
        times.append((time.process_time() - begun) * 1000)
    return round(statistics.median(times), 1)
