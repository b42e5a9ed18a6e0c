"""Staging what comes does not keep what comes now."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from backsoon.engine import clock
from tests.unit.engine.world import NINE, World, entry, world

FIRST, LATER = NINE + timedelta(seconds=20), NINE + timedelta(seconds=70)
"""A transition, and those that are staged at `FILLED`, a moment after it."""
FILLED = FIRST + timedelta(milliseconds=400)


@pytest.fixture
async def busy(tmp_path: Path) -> object:
    async with world(tmp_path) as w:
        for extension, start in (("1001", FIRST), ("1002", LATER), ("1003", LATER), ("1004", LATER)):
            person = await w.person(extension)
            (await w.calendar_of(person)).put("a", entry("a", "m: x", start, NINE + timedelta(hours=1)))
            await w.read(person)
        with patch.object(clock, "CHUNK", 1):
            async with w.running():
                yield w


async def _fills_after_the_first(w: World) -> None:
    """Staging falls upon the transition; by itself it would come within 20 s of the start, whenever that was."""
    await w.move_to(FILLED)
    await w.shows("1001", "meeting")
    w.stage.empty.set()


def _staged(w: World) -> int:
    """How many of those who change later are staged."""
    return sum(len(bucket.staged) for at, bucket in w.stage._buckets.items() if at >= LATER)


async def test_staging_waits_until_what_was_fired_is_told(busy: World) -> None:
    w = busy
    await _fills_after_the_first(w)
    await w.until(lambda: _staged(w) > 0)
    await asyncio.sleep(0.05)
    assert _staged(w) == 1
    await w.move_to(FILLED + timedelta(seconds=clock.GIVE_WAY))
    await w.until(lambda: _staged(w) == 3)
    await w.move_to(LATER)
    await w.shows("1004", "meeting")


async def test_staging_does_not_wait_where_little_is_staged(busy: World) -> None:
    w = busy
    with patch.object(clock, "PLENTY", clock.AHEAD):
        await _fills_after_the_first(w)
        await w.until(lambda: _staged(w) == 3)


async def test_staging_does_not_wait_after_the_clock_was_set_back(busy: World) -> None:
    w = busy
    await _fills_after_the_first(w)
    await w.until(lambda: _staged(w) == 1)
    w.stage.begin_anew()
    await w.move_to(FILLED + timedelta(milliseconds=300))
    await w.until(lambda: _staged(w) == 3)
