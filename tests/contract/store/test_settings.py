"""Organisations, connections and switchboards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backsoon.domain.hours import WorkingHours
from backsoon.domain.model import AVAILABLE, Lifetime, Mode, Phone, Reason, Rules
from backsoon.domain.organisation import Connection, Organisation, SwitchboardSettings
from backsoon.store.base import BEGINNING, NotStored, PersonState, Store, StoreError
from tests.contract.store.values import House, after, complete, health, organisation, referral, told

SICK = Reason("sick", {"sv": "Sjuk"}, {"sv": "Ej anträffbar"}, 90, True, Lifetime.UNTIL_TAKEN_BACK, 0, "4")
FULL = Organisation(
    "acme-1",
    "Acme & Söner",
    Rules({"s": "sick"}, {"sick": SICK}, Mode.ALL_BUSY, Phone.OPEN, True, False, notes_for_colleagues=True),
    "Europe/Stockholm",
    "sv",
    "SE",
    WorkingHours((((0, 60), (1380, 1440)),) * 7),
)


async def test_an_empty_store_has_nothing(store: Store) -> None:
    assert await store.organisations() == ()
    assert await store.connections() == ()
    assert await store.switchboards() == ()


async def test_an_organisation_comes_back_whole(store: Store) -> None:
    await store.save_organisation(FULL)
    assert await store.organisations() == (FULL,)


async def test_an_organisation_is_replaced_by_id(house: House) -> None:
    renamed = replace(organisation(), name="Acme again", zone="Europe/Oslo")
    await house.store.save_organisation(renamed)
    assert await house.store.organisations() == (renamed, organisation("other"))
    assert await house.store.count_people("acme") == 3


async def test_connections_come_back_whole(store: Store) -> None:
    await store.save_organisation(organisation())
    saved = (
        Connection("acme", "a", "ics", {"url": "https://example.org/ü", "nested": {"list": [1, 2.5, None, True]}}),
        Connection("acme", "b", "caldav", {}),
    )
    await store.save_connections("acme", saved)
    assert await store.connections("acme") == saved
    assert await store.connections() == saved


async def test_connections_stay_within_their_organisation(house: House) -> None:
    await house.store.save_connections("acme", [])
    assert await house.store.connections("acme") == ()
    assert [each.organisation for each in await house.store.connections()] == ["other"]


async def test_calendars_go_with_their_connection_and_their_people_are_due(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    await store.save_read(calendar.id, complete(referral(calendar.id)), health())
    everybody = [house.anna.id, house.bob.id, house.carol.id]
    await _nobody_due(store, [*everybody, house.stranger.id])
    await store.save_connections("acme", [Connection("acme", "new", "ics")])
    assert [each.calendar.organisation for each in await store.calendars()] == ["other"]
    assert (await store.claims([house.anna.id], after()))[house.anna.id].referrals == ()
    assert await store.due(after()) == ((BEGINNING, house.anna.id),)


async def _nobody_due(store: Store, people: list[int]) -> None:
    await store.save_states([PersonState(each, AVAILABLE, None) for each in people])
    assert await store.due(after(10**6)) == ()


async def test_a_connection_that_stays_keeps_its_calendars(house: House) -> None:
    await house.store.save_connections("acme", [Connection("acme", "home", "ics", {"url": "another"})])
    assert len(await house.store.calendars()) == 4


@pytest.mark.parametrize("save", ["save_connections", "save_switchboards"])
async def test_an_unknown_organisation_is_refused(store: Store, save: str) -> None:
    with pytest.raises(NotStored, match="nowhere"):
        await getattr(store, save)("nowhere", [])


async def test_what_belongs_to_another_organisation_is_refused(house: House) -> None:
    with pytest.raises(StoreError, match="other"):
        await house.store.save_connections("acme", [Connection("other", "x", "ics")])
    with pytest.raises(StoreError, match="other"):
        await house.store.save_switchboards("acme", [SwitchboardSettings("other", "x", "asterisk")])
    assert [each.name for each in await house.store.connections("acme")] == ["home"]


async def test_what_a_switchboard_was_told_goes_with_it(house: House) -> None:
    store = house.store
    await store.save_switchboards("acme", [SwitchboardSettings("acme", name, "asterisk") for name in ("pbx", "two")])
    await store.save_told("acme", "pbx", [told("100")])
    await store.save_told("acme", "two", [told("100")])
    await store.save_switchboards("acme", [SwitchboardSettings("acme", "two", "asterisk", {"lamps_per_second": 5})])
    await store.save_switchboards("acme", [SwitchboardSettings("acme", name, "asterisk") for name in ("pbx", "two")])
    assert await store.told("acme", "pbx") == {}
    assert set(await store.told("acme", "two")) == {"100"}
