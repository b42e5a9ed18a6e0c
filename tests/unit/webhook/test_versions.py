"""Versions only grow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.store.base import StoreError
from backsoon.switchboards.base import MemoryKeep
from backsoon.switchboards.webhook.versions import BLOCK, KEY, LARGEST, Versions

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
CLOCKS = st.datetimes(NOW.replace(year=1971, tzinfo=None), NOW.replace(year=9000, tzinfo=None), timezones=st.just(UTC))


class BrokenKeep(MemoryKeep):
    """Fails while it is told to."""

    broken = False

    async def save(self, values: Mapping[str, str | None]) -> None:
        """See `Keep`."""
        await asyncio.sleep(0)
        if self.broken:
            raise StoreError("the disk is full")
        await super().save(values)


@given(st.lists(st.tuples(CLOCKS, st.integers(0, 30)), max_size=6))
def test_they_grow_over_restarts_whatever_the_clock_says(lives: list[tuple[datetime, int]]) -> None:
    keep = MemoryKeep()

    async def live(at: datetime, count: int) -> list[int]:
        versions = Versions(keep, lambda: at)
        return [await versions.next() for _ in range(count)]

    given_out = [number for at, count in lives for number in asyncio.run(live(at, count))]
    assert given_out == sorted(set(given_out))
    assert all(0 < number <= LARGEST for number in given_out)


async def test_they_grow_where_the_store_was_made_anew() -> None:
    before = await Versions(MemoryKeep(), lambda: NOW).next()
    assert await Versions(MemoryKeep(), lambda: NOW + timedelta(seconds=1)).next() > before


async def test_each_is_given_once_to_whoever_asks_together() -> None:
    versions = Versions(BrokenKeep(), lambda: NOW)
    got = await asyncio.gather(*(versions.next() for _ in range(3 * BLOCK // 2)))
    assert len(set(got)) == len(got)


async def test_a_restart_leaves_some_out_and_gives_none_twice() -> None:
    keep = BrokenKeep()
    first, second = Versions(keep, lambda: NOW), Versions(keep, lambda: NOW - timedelta(days=1))
    last = [await first.next() for _ in range(BLOCK + 1)][-1]
    assert int(keep.values[KEY]) > last
    assert await second.next() == int(keep.values[KEY]) - BLOCK > last


async def test_none_is_given_that_is_not_reserved() -> None:
    keep = BrokenKeep()
    versions = Versions(keep, lambda: NOW)
    keep.broken = True
    for _ in range(2):
        with pytest.raises(StoreError):
            await versions.next()
    keep.broken = False
    assert await versions.next() < int(keep.values[KEY])


@pytest.mark.parametrize("kept", ["", "x", "-5", "9" * 40, "٣"])
async def test_what_is_kept_may_be_damaged(kept: str) -> None:
    keep = MemoryKeep()
    keep.values[KEY] = kept
    assert await Versions(keep, lambda: NOW).next() == NOW.timestamp() * 1000
