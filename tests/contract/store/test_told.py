"""What switchboards were told."""

from __future__ import annotations

import pytest

from backsoon.store.base import NotStored
from tests.contract.store.values import House, told


async def test_what_was_told_comes_back(house: House) -> None:
    store = house.store
    assert await store.told("acme", "pbx") == {}
    await store.save_told("acme", "pbx", [told("100"), told("101", lamp=""), told("102", plan="")])
    assert await store.told("acme", "pbx") == {
        "100": told("100"),
        "101": told("101", lamp=""),
        "102": told("102", plan=""),
    }
    assert await store.told("acme", "pbx", ["101", "nobody"]) == {"101": told("101", lamp="")}
    assert await store.told("acme", "pbx", []) == {}
    assert await store.extensions_told("acme", "pbx") == {"100", "101", "102"}


async def test_nothing_held_deletes(house: House) -> None:
    store = house.store
    await store.save_told("acme", "pbx", [told("100"), told("101")])
    await store.save_told("acme", "pbx", [told("100", "", ""), told("101", at=1), told("404", "", "")])
    assert await store.told("acme", "pbx") == {"101": told("101", at=1)}
    assert await store.extensions_told("acme", "pbx") == {"101"}


async def test_of_two_for_one_extension_the_last_counts(house: House) -> None:
    store = house.store
    await store.save_told("acme", "pbx", [told("100", "", ""), told("100", "on"), told("101"), told("101", "", "")])
    assert await store.told("acme", "pbx") == {"100": told("100", "on")}


async def test_switchboards_and_organisations_are_apart(house: House) -> None:
    await house.store.save_told("acme", "pbx", [told("100")])
    assert await house.store.told("other", "pbx") == {}
    assert await house.store.extensions_told("other", "pbx") == frozenset()
    with pytest.raises(NotStored, match="nowhere"):
        await house.store.save_told("other", "nowhere", [told("100")])


async def test_very_many(house: House) -> None:
    many = [told(f"{each:05}", f"lamp {each}") for each in range(9001)]
    await house.store.save_told("acme", "pbx", many)
    assert await house.store.told("acme", "pbx") == {each.extension: each for each in many}
    some = [each.extension for each in many[:5000]]
    assert list(sorted(await house.store.told("acme", "pbx", some))) == some
