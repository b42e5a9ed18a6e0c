"""Calendars at Exchange, Microsoft 365 and Google, against the simulated servers: what reading costs, how long a first
read takes, how many requests an idle mailbox costs, and how soon a change is on the telephones.

Each part is a module of this package with `run(asked) -> figures`, and runs in a process of its own; `--parts NAME ...`
runs some. `--quick` makes all of them small, to see whether they work.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping
from pathlib import Path

from bench.common import in_child, progress

PARTS = ("ews_cpu", "first_read", "idle", "notified", "hooks")


def run(argv: list[str]) -> dict[str, object]:
    """The figures of all parts."""
    options = argparse.ArgumentParser(prog="bench calendars")
    options.add_argument("--parts", nargs="+", choices=_there(), default=list(_there()))
    options.add_argument("--quick", action="store_true")
    asked = options.parse_args(argv)
    figures: dict[str, object] = {}
    for part in asked.parts:
        progress(part)
        figures |= in_child(run_part, part, asked)
    return figures


def run_part(part: str, asked: argparse.Namespace) -> Mapping[str, object]:
    """The figures of one part."""
    figures: Mapping[str, object] = importlib.import_module(f"bench.calendars.{part}").run(asked)
    return figures


def _there() -> tuple[str, ...]:
    return tuple(part for part in PARTS if (Path(__file__).parent / f"{part}.py").exists())
