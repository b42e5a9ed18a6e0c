"""People: identity, uniqueness, pages, finding, removal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backsoon.domain.hours import OFFICE
from backsoon.domain.model import AVAILABLE
from backsoon.domain.organisation import Person
from backsoon.store.base import BEGINNING, NotStored, PersonState, StoreConflict
from tests.contract.store.values import (
    House,
    after,
    by_hand,
    change,
    complete,
    health,
    organisation,
    person,
    referral,
)


async def test_a_person_comes_back_whole(house: House) -> None:
    full = Person(
        "acme", "+46-8.x", "Åsa Öberg", "Asa@Example.org", "Europe/Stockholm", "sv", "SE", OFFICE, {"x": "lunch"},
        "Sales", "Dr", False, 0, "104", ("2040",), ("VAT", "Årsbokslut"),
    )  # fmt: skip
    (saved,) = await house.store.save_people([full])
    assert saved == replace(full, id=saved.id)
    assert saved.id > house.stranger.id
    assert await house.store.people([saved.id, 10**9]) == {saved.id: saved}


async def test_a_replaced_person_keeps_everything(house: House) -> None:
    store, anna, calendar = house.store, house.anna, house.calendars[0]
    await store.save_read(calendar.id, complete(referral(calendar.id)), health())
    await store.save_override(anna.id, by_hand())
    before = await store.claims([anna.id], after())
    (moved,) = await store.save_people([replace(anna, extension="900")])
    assert moved.id == anna.id
    assert await store.claims([anna.id], after()) == before
    assert (await store.people([anna.id]))[anna.id].extension == "900"


async def test_who_has_an_extension(house: House) -> None:
    store = house.store
    (asa,) = await store.save_people([person("1Ößa", "Åsa")])
    assert await store.by_extension("acme", "100") == house.anna
    assert await store.by_extension("other", "100") == house.stranger
    assert await store.by_extension("acme", " 1öSSA") == asa
    for organisation_id, extension in (("acme", "10"), ("acme", ""), ("acme", "100%"), ("nowhere", "100")):
        assert await store.by_extension(organisation_id, extension) is None
        assert await store.held_since(organisation_id, extension) is None
    await store.remove_people([house.anna.id])
    assert await store.by_extension("acme", "100") is None
    assert await store.held_since("acme", "100") is None


async def test_an_extension_is_held_since_it_passed(house: House) -> None:
    store, (anna, bob) = house.store, (house.anna, house.bob)
    assert await store.held_since("acme", "100") == BEGINNING, "nobody said when"
    await store.save_people([replace(anna, name="Anna B")], at=after(1))
    assert await store.held_since("acme", "100") == BEGINNING
    await store.save_people([replace(anna, extension="1a")], at=after(2))
    assert await store.held_since("acme", "1A") == after(2)
    await store.save_people([replace(anna, extension="1A"), person("100", "New")], at=after(3))
    assert await store.held_since("acme", "1a") == after(2), "written otherwise it is the same"
    assert await store.held_since("acme", "100") == after(3)
    await store.save_people([replace(anna, extension="101"), replace(bob, extension="1a")], at=after(4))
    assert await store.held_since("acme", "101") == await store.held_since("acme", "1a") == after(4)
    assert await store.held_since("other", "100") == BEGINNING


async def test_two_may_swap_their_extensions(house: House) -> None:
    swapped = [replace(house.anna, extension="101"), replace(house.bob, extension="100")]
    await house.store.save_people(swapped)
    found = await house.store.people([house.anna.id, house.bob.id])
    assert [each.extension for each in found.values()] == ["101", "100"]


@pytest.mark.parametrize("extension", ["100", "1O1"])
async def test_an_extension_is_given_once_in_an_organisation(house: House, extension: str) -> None:
    await house.store.save_people([replace(house.bob, extension="1o1")])
    with pytest.raises(StoreConflict, match=extension):
        await house.store.save_people([person("555", "New"), person(extension, "Thief")])
    assert await house.store.count_people() == 4


async def test_an_address_is_given_once_but_none_to_many(house: House) -> None:
    await house.store.save_people([replace(house.anna, email="Straße@Example.org")])
    with pytest.raises(StoreConflict, match="STRASSE"):
        await house.store.save_people([person("555", "Thief", email="STRASSE@example.ORG ")])
    await house.store.save_people([person("555", org="other", email="straße@example.org")])


async def test_unknown_ids_and_organisations_are_refused_and_nothing_kept(house: House) -> None:
    store = house.store
    with pytest.raises(NotStored):
        await store.save_people([replace(house.anna, name="Changed"), person("1", id=10**6)])
    with pytest.raises(NotStored, match="nowhere"):
        await store.save_people([person(org="nowhere")])
    with pytest.raises(NotStored, match="other"):
        await store.save_people([replace(house.anna, organisation="other", extension="777")])
    assert await store.people([house.anna.id]) == {house.anna.id: house.anna}


async def test_everybody_saved_is_due_at_once(house: House) -> None:
    store, ids = house.store, [house.anna.id, house.bob.id, house.carol.id, house.stranger.id]
    assert await store.due(after()) == tuple((BEGINNING, each) for each in ids)
    await store.save_states([PersonState(each, AVAILABLE, after(9)) for each in ids])
    await store.save_people([replace(house.bob, name="Robert")])
    assert await store.due(after()) == ((BEGINNING, house.bob.id),)
    assert (await store.states([house.bob.id]))[house.bob.id] == PersonState(house.bob.id, AVAILABLE, BEGINNING)


async def test_whoever_is_switched_off_is_neither_due_nor_read(house: House) -> None:
    store = house.store
    await store.save_people([replace(house.anna, active=False)])
    assert house.anna.id not in [who for _, who in await store.due(after())]
    assert house.anna.id not in [each.calendar.person for each in await store.calendars_due(after(), 10)]
    for each in house.calendars[1:]:
        await store.save_health(each.id, health(next_read=7))
    assert await store.next_read() == after(7)
    await store.save_people([house.anna])
    assert (BEGINNING, house.anna.id) in await store.due(after())
    assert await store.next_read() == BEGINNING


async def test_people_come_in_pages(house: House) -> None:
    store = house.store
    await store.save_people([person(str(each)) for each in range(200, 450)])
    seen: list[int] = []
    for expected in (100, 100, 53, 0):
        page = await store.page_people("acme", after=seen[-1] if seen else 0, limit=100)
        assert len(page) == expected
        seen += [each.id for each in page]
    assert seen == sorted(set(seen))
    assert len(seen) == await store.count_people("acme") == 253
    assert len(await store.page_people()) == await store.count_people() == 254


async def test_find_by_extension_then_by_name(house: House) -> None:
    store = house.store
    await store.save_people([person("200", "Zed 100"), person("201", "Abe 100", email="Abe@example.org")])
    assert [each.name for each in await store.find_people("acme", "100")] == ["Anna", "Abe 100", "Zed 100"]
    assert [each.name for each in await store.find_people("acme", " abe@EXAMPLE.org ")] == ["Abe 100"]
    assert [each.organisation for each in await store.find_people(None, "ANN")] == ["acme", "other"]
    assert [each.organisation for each in await store.find_people("other", "ann")] == ["other"]
    assert len(await store.find_people(None, "100", limit=2)) == 2


async def test_search_looks_at_name_extension_address_and_department_in_pages(house: House) -> None:
    store = house.store
    await store.save_people(
        [
            Person("acme", "7001", "Åsa Berg", "asa@example.org", department="Försäljning"),
            Person("acme", "7002", "Bo Ek", "berg@example.org", department="FÖRSÄLJNING"),
            Person("acme", "7003", "Carl Berg", department="Support"),
        ]
    )

    async def found(text: str = "", **more: object) -> list[str]:
        return [p.extension for p in await store.search_people("acme", text, **more)]  # type: ignore[arg-type]

    assert await found("BERG") == ["7001", "7002", "7003"]
    assert await found("berg", by_email=False) == ["7001", "7003"]
    assert await found("700") == ["7001", "7002", "7003"]
    assert await found("åsa") == ["7001"]
    assert await found(department="försäljning") == ["7001", "7002"]
    assert await found("berg", department="support") == ["7003"]
    first = await store.search_people("acme", "berg", limit=2)
    assert [p.extension for p in await store.search_people("acme", "berg", after=first[-1].id, limit=2)] == ["7003"]
    assert await store.search_people("other", "berg") == ()
    assert await found("%") == []


async def test_search_finds_competences(house: House) -> None:
    store = house.store
    await store.save_people(
        [
            Person("acme", "7001", "Anna", competences=("VAT", "Årsbokslut och moms")),
            Person("acme", "7002", "Bo", department="vat", title="vat", keywords={"vat": "lunch"}),
            Person("other", "7003", "Cia", competences=("VAT",)),
        ]
    )

    async def found(text: str, **more: object) -> list[str]:
        return [p.extension for p in await store.search_people("acme", text, **more)]  # type: ignore[arg-type]

    assert await found("vat") == await found("ÅRSBOKSLUT") == await found("och MOMS") == ["7001"]
    assert await found("vat", by_email=False) == [], "who may not know of addresses may not know of these"
    assert await found("sought") == await found("[") == [], "it is their words that are searched"
    (anna,) = await store.search_people("acme", "vat")
    await store.save_people([replace(anna, competences=())])
    assert await found("vat") == []


async def test_the_departments_that_there_are(house: House) -> None:
    store = house.store
    assert await store.departments("acme") == ()
    await store.save_people(
        [
            Person("acme", "7001", "Anna", department="Sales"),
            Person("acme", "7002", "Bo", department="Sales"),
            Person("acme", "7003", "Cia", department="Försäljning"),
            Person("acme", "7004", "Dan", department="Gone", active=False),
            Person("other", "7005", "Eva", department="Others"),
        ]
    )
    assert await store.departments("acme") == ("Försäljning", "Sales")
    assert await store.departments("other") == ("Others",)
    assert await store.departments("nowhere") == ()


async def test_search_by_department_goes_through_all(house: House) -> None:
    many = [Person("acme", str(n), "P", department="Rare" if n % 900 == 0 else "") for n in range(10_000, 13_000)]
    await house.store.save_people(many)
    found = await house.store.search_people("acme", department="rare", limit=2)
    rest = await house.store.search_people("acme", department="rare", after=found[-1].id, limit=2)
    assert [p.extension for p in (*found, *rest)] == ["10800", "11700", "12600"]


@pytest.mark.parametrize("text", ["%", "_", "\\", "'", '"', "[a-z]", "*", "\0", "\ud800", "x" * 100_000])
async def test_find_takes_text_as_it_is(house: House, text: str) -> None:
    assert await house.store.find_people(None, text) == ()
    (saved,) = await house.store.save_people([person("600", f"a{text[:50]}b")])
    assert [each.id for each in await house.store.find_people(None, text[:50])] == [saved.id]


async def test_a_removed_person_leaves_nothing_and_the_id_is_not_given_again(house: House) -> None:
    store, last, calendar = house.store, house.stranger, house.calendars[3]
    await store.save_read(calendar.id, complete(referral(calendar.id)), health())
    await store.save_override(last.id, by_hand())
    await store.save_states([PersonState(last.id, AVAILABLE, after())], [change(last.id, 0)])
    await store.remove_people([last.id, 10**6])
    assert await store.people([last.id]) == {}
    assert await store.states([last.id]) == {}
    assert await store.history(last.id, after(-9), after(9)) == ()
    assert await store.referrals_of(calendar.id) == ()
    claims = (await store.claims([last.id], after()))[last.id]
    assert (claims.referrals, claims.override) == ((), None)
    (new,) = await store.save_people([person(org="other")])
    assert new.id > last.id


async def test_organisations_do_not_see_each_other(house: House) -> None:
    assert [each.id for each in await house.store.page_people("other")] == [house.stranger.id]
    assert await house.store.count_people("other") == 1
    await house.store.save_organisation(organisation("third"))
    assert await house.store.page_people("third") == ()


async def test_deputies_and_numbers_that_ring_through_are_kept(house: House) -> None:
    anna = Person("acme", "7777", "Anna Deputed", deputy="7778", ring_through=("+46701234567", "2040"))
    (saved,) = await house.store.save_people([anna])
    found = (await house.store.people([saved.id]))[saved.id]
    assert (found.deputy, found.ring_through) == ("7778", ("+46701234567", "2040"))
