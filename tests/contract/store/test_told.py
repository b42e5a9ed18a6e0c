"""What switchboards were told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.store.base import NotStored
from tests.contract.store.values import House, after, person, told


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


# -- lamps over time -----------------------------------------------------------------------------------------


async def lamp(house: House, minutes: float, extension: str = "100") -> tuple[str, float] | None:
    """What the switchboard had been told about the lamp, and how many minutes after nine."""
    found = await house.store.lamps_told("acme", "pbx", extension, after(minutes))
    if found is None:
        return None
    assert (found.extension, found.plan) == (extension, "")
    return found.lamp, (found.at - after()).total_seconds() / 60


async def test_each_change_of_a_lamp_is_kept(house: House) -> None:
    store = house.store
    await store.save_told("acme", "pbx", [told("100", "on", at=10), told("101", "other", at=5)])
    await store.save_told("acme", "pbx", [told("100", "on", "new plan", at=15)])
    await store.save_told("acme", "pbx", [told("100", "off", at=20)])
    await store.save_told("acme", "pbx", [told("100", "", "plan", at=30)])
    await store.save_told("acme", "pbx", [told("100", "on", at=40)])
    await store.save_told("acme", "pbx", [told("100", "", "", at=50)])
    await store.save_told("acme", "pbx", [told("100", "", "", at=60)])
    found = [await lamp(house, minutes) for minutes in (9, 10, 19, 20, 30, 39, 40, 49, 50, 99)]
    expected = [None, ("on", 10), ("on", 10), ("off", 20), ("", 30), ("", 30), ("on", 40), ("on", 40), ("", 50)]
    assert found == [*expected, ("", 50)]
    assert await lamp(house, 99, "101") == ("other", 5)
    assert await lamp(house, 99, "102") is None


async def test_of_two_changes_at_one_instant_the_last_counts(house: House) -> None:
    for name in ("on", "off", "dim"):
        await house.store.save_told("acme", "pbx", [told("100", name)])
    assert await lamp(house, 0) == ("dim", 0)


async def test_an_extension_is_meant_however_it_is_written(house: House) -> None:
    await house.store.save_people([replace(house.anna, extension="Straße")])
    await house.store.save_told("acme", "pbx", [told("Straße", "on")])
    assert await lamp(house, 1, "STRASSE") == ("on", 0)


async def test_lamps_of_switchboards_and_organisations_are_apart(house: House) -> None:
    store = house.store
    await store.save_switchboards("acme", [SwitchboardSettings("acme", name, "asterisk") for name in ("pbx", "two")])
    await store.save_told("acme", "pbx", [told("100", "on")])
    assert await store.lamps_told("acme", "two", "100", after(1)) is None
    assert await store.lamps_told("other", "pbx", "100", after(1)) is None
    await store.save_told("acme", "two", [told("100", "two")])
    await store.save_told("other", "pbx", [told("100", "theirs")])
    await store.save_switchboards("acme", [SwitchboardSettings("acme", "two", "asterisk")])
    assert await lamp(house, 1) is None
    assert await store.lamps_told("acme", "two", "100", after(1)) == told("100", "two", "")
    assert await store.lamps_told("other", "pbx", "100", after(1)) == told("100", "theirs", "")


@pytest.mark.parametrize("how", ["moved", "swapped", "removed", "meanwhile"])
async def test_who_gets_an_extension_inherits_no_lamp(house: House, how: str) -> None:
    store, anna, bob = house.store, house.anna, house.bob
    await store.save_told("acme", "pbx", [told("100", "annas"), told("101", "bobs")])
    if how == "moved":
        await store.save_people([replace(anna, extension="999")], at=after(5))
        await store.save_people([replace(bob, extension="100")], at=after(6))
        assert await lamp(house, 10, "999") is None
    elif how == "swapped":
        await store.save_people([replace(anna, extension="101"), replace(bob, extension="100")], at=after(5))
    else:
        await store.remove_people([anna.id])
        if how == "removed":
            await store.save_told("acme", "pbx", [told("100", "", "", at=4)])
        await store.save_people([person("100", "New")], at=after(5))
    if how == "meanwhile":  # acknowledged late
        await store.save_told("acme", "pbx", [told("100", "annas last", at=4)])
    assert [await lamp(house, minutes) for minutes in (0, 5, 10)] == [None] * 3
    await store.save_told("acme", "pbx", [told("100", "new", at=7)])
    assert await lamp(house, 10) == ("new", 7)


async def test_a_lamp_stays_with_whoever_keeps_the_extension(house: House) -> None:
    await house.store.save_told("acme", "pbx", [told("100", "on")])
    await house.store.save_people([replace(house.anna, name="Anna B", email="a@x")], at=after(5))
    assert await lamp(house, 10) == ("on", 0)


async def test_forget_keeps_the_lamp_that_still_shines(house: House) -> None:
    store = house.store
    for minutes, name in ((0, "on"), (10, "off"), (20, "dim"), (30, "on")):
        await store.save_told("acme", "pbx", [told("100", name, at=minutes)])
    await store.save_told("acme", "pbx", [told("101", "on", at=0)])
    await store.save_told("acme", "pbx", [told("101", "", "", at=10)])
    before = [await lamp(house, minutes) for minutes in (25, 40)]
    assert await store.forget(after(25)) == 2 + 2
    assert [await lamp(house, minutes) for minutes in (25, 40)] == before == [("dim", 20), ("on", 30)]
    assert await lamp(house, 15) is None
    assert await lamp(house, 40, "101") is None
    assert await store.forget(after(25)) == 0


async def test_lamps_of_very_many(house: House) -> None:
    store = house.store
    people = await store.save_people([person(str(each)) for each in range(1000, 10_500)])
    for number in range(3):
        await store.save_told("acme", "pbx", [told(each.extension, f"lamp {number}", at=number) for each in people])
    for each in (people[0], people[4000], people[-1]):
        assert [await lamp(house, number, each.extension) for number in range(3)] == [
            (f"lamp {number}", number) for number in range(3)
        ]
    assert await store.forget(after(9)) == 2 * len(people)


async def test_what_a_driver_keeps(house: House) -> None:
    store = house.store
    assert await store.kept("acme", "pbx") == {}
    await store.save_kept("acme", "pbx", {"a": "1", "b": "x", "c": ""})
    await store.save_kept("acme", "pbx", {"a": "2", "b": None, "nothing": None})
    assert await store.kept("acme", "pbx") == {"a": "2", "c": ""}
    assert await store.kept("other", "pbx") == {}
    with pytest.raises(NotStored, match="nowhere"):
        await store.save_kept("acme", "nowhere", {"a": "1"})


async def test_what_is_kept_goes_with_its_switchboard(house: House) -> None:
    store, (pbx,) = house.store, await house.store.switchboards("acme")
    await store.save_kept("acme", "pbx", {"a": "1"})
    await store.save_switchboards("acme", [])
    await store.save_switchboards("acme", [pbx])
    assert await store.kept("acme", "pbx") == {}


async def test_a_switchboard_that_moved_was_told_nothing(house: House) -> None:
    store, (pbx,) = house.store, await house.store.switchboards("acme")
    await store.save_told("acme", "pbx", [told("100")])
    await store.save_kept("acme", "pbx", {"a": "1"})
    await store.save_switchboards("acme", [replace(pbx, settings={**pbx.settings, "pace": 2})])
    assert await store.extensions_told("acme", "pbx") == {"100"}
    await store.save_switchboards("acme", [replace(pbx, settings={"url": "https://elsewhere.example.com/hook"})])
    assert await store.extensions_told("acme", "pbx") == frozenset()
    assert await store.kept("acme", "pbx") == {}
