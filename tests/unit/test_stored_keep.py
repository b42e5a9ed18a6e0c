"""What a driver remembers in the store: it costs what is saved and not what is kept, and nothing of it gets lost."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backsoon.drivers import StoredKeep
from backsoon.store.base import StoreError
from backsoon.store.sqlite import SqliteStore
from tests.contract.store.values import House, furnish

MANY = 50_000
MIB = 1 << 20


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = await SqliteStore.open(tmp_path / "backsoon.db")
    yield await furnish(store)
    await store.close()


async def keep_of(house: House) -> StoredKeep:
    (pbx,) = await house.store.switchboards("acme")
    return StoredKeep(house.store, pbx)


async def test_one_value_costs_one_value_however_many_are_kept(house: House) -> None:
    """A copy of all would be several MiB."""
    keep = await keep_of(house)
    await keep.save({str(number): "x" for number in range(MANY)})
    tracemalloc.start()
    try:
        await keep.save({"7": "y", "8": None})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MIB
    found = await keep.all()
    assert (len(found), found["7"], "8" in found) == (MANY - 1, "y", False)
    assert found == await (await keep_of(house)).all()


async def test_saved_at_the_same_time(house: House) -> None:
    keep = await keep_of(house)
    await asyncio.gather(keep.all(), keep.save({"a": "1", "b": "1"}), keep.save({"c": "1"}), keep.save({"b": None}))
    assert await keep.all() == {"a": "1", "c": "1"} == await (await keep_of(house)).all()


async def test_what_the_store_does_not_take_is_not_remembered(house: House) -> None:
    keep = await keep_of(house)
    await keep.save({"a": "1"})
    await house.store.close()
    with pytest.raises(StoreError):
        await keep.save({"a": None, "b": "1"})
    assert await keep.all() == {"a": "1"}


async def test_it_is_remembered_where_the_switchboard_is_gone_from_the_settings(house: House) -> None:
    keep = await keep_of(house)
    await keep.save({"a": "1", "b": "1"})
    await house.store.save_switchboards("acme", [])
    await keep.save({"a": "2", "b": None})
    assert await keep.all() == {"a": "2"}


async def test_what_is_given_out_is_a_copy(house: House) -> None:
    keep = await keep_of(house)
    await keep.save({"a": "1"})
    found = dict(await keep.all())
    await keep.save({"a": "2"})
    assert found == {"a": "1"}
