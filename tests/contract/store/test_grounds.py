"""What was known at an instant: versions of referrals, entries passed over, overrides replaced and taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backsoon.domain.model import Because, CalendarReferral, PassedOver
from backsoon.domain.organisation import Connection
from backsoon.store.base import (
    BEGINNING,
    CalendarHealth,
    Grounds,
    KnownOverride,
    KnownReferral,
    NotStored,
    ReferralChanges,
    StoreError,
)
from tests.contract.store.values import House, after, by_hand, complete, delta, passed, read_at, referral


async def known(house: House, minutes: float) -> tuple[KnownReferral, ...]:
    """What was known about anna."""
    return (await house.store.grounds(house.anna.id, after(minutes))).referrals


async def uids(house: House, minutes: float) -> list[str]:
    return sorted(each.referral.key.uid for each in await known(house, minutes))


async def by_hand_at(house: House, minutes: float) -> KnownOverride | None:
    return (await house.store.grounds(house.anna.id, after(minutes))).override


def bare(each: CalendarReferral) -> CalendarReferral:
    """As it is kept when it is no longer so."""
    return replace(each, note="")


# -- referrals -----------------------------------------------------------------------------------------------


async def test_a_referral_is_known_from_the_read_that_brought_it(house: House) -> None:
    calendar = house.calendars[0]
    entry = referral(calendar.id, note="Budget")
    await house.store.save_read(calendar.id, complete(entry), read_at(10))
    expected = (KnownReferral(entry, after(10)),)
    assert await known(house, 9) == ()
    assert await known(house, 10) == expected
    assert await known(house, 59.999) == expected
    assert await known(house, 60) == ()
    assert await house.store.grounds(house.bob.id, after(10)) == Grounds()
    assert await house.store.grounds(10**6, after(10)) == Grounds()


async def test_what_is_read_again_unchanged_is_known_since_the_first_time(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    entry, other = referral(calendar.id), referral(calendar.id, "other")
    await store.save_read(calendar.id, complete(entry), read_at(5))
    await store.save_read(calendar.id, complete(entry, other), read_at(15))
    await store.save_read(calendar.id, delta(["u"], entry), read_at(20))
    assert set(await known(house, 30)) == {KnownReferral(entry, after(5)), KnownReferral(other, after(15))}


async def test_a_change_closes_the_version_before(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    first, last = referral(calendar.id, length=60, note="secret"), referral(calendar.id, length=90, note="longer")
    await store.save_read(calendar.id, complete(first), read_at(-5))
    await store.save_read(calendar.id, complete(last), read_at(30))
    assert await known(house, 29) == (KnownReferral(bare(first), after(-5), after(30)),)
    assert await known(house, 30) == (KnownReferral(last, after(30)),)
    assert await known(house, 89) == (KnownReferral(last, after(30)),)


@pytest.mark.parametrize("whole", [True, False])
async def test_what_is_removed_was_known_until_then(house: House, whole: bool) -> None:
    store, calendar = house.store, house.calendars[0]
    entry, kept = referral(calendar.id), referral(calendar.id, "kept", 5, 10)
    await store.save_read(calendar.id, complete(entry, kept), read_at(-5))
    await store.save_read(calendar.id, complete(kept) if whole else delta(["u"]), read_at(20))
    assert await known(house, 19) == (KnownReferral(entry, after(-5), after(20)),)
    assert await known(house, 20) == ()
    assert await known(house, 7) == (KnownReferral(kept, after(-5)), KnownReferral(entry, after(-5), after(20)))


async def test_what_had_not_begun_is_not_kept(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    await store.save_read(calendar.id, complete(referral(calendar.id, start=30)), read_at(0))
    assert await uids(house, 40) == ["u"], "of an instant to come counts what is known now"
    await store.save_read(calendar.id, complete(referral(calendar.id, start=60)), read_at(30))
    assert await uids(house, 40) == []
    assert await uids(house, 60) == ["u"]


async def test_each_version_holds_in_its_time(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    for number in range(6):
        entry = replace(referral(calendar.id, length=600), reason=f"reason{number}")
        await store.save_read(calendar.id, complete(entry), read_at(10 * number))
    for number in range(6):
        (found,) = await known(house, 10 * number + 5)
        until = after(10 * number + 10) if number < 5 else None
        assert (found.referral.reason, found.known_from, found.known_to) == (
            f"reason{number}",
            after(10 * number),
            until,
        )


async def test_copies_in_two_resources_are_apart(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    one, copy = referral(calendar.id, resource="home/a"), referral(calendar.id, resource="work/a")
    await store.save_read(calendar.id, complete(one, copy), read_at(-5))
    await store.save_read(calendar.id, delta(["home/a"]), read_at(10))
    assert await known(house, 20) == (KnownReferral(copy, after(-5)),)
    assert set(await known(house, 5)) == {KnownReferral(one, after(-5), after(10)), KnownReferral(copy, after(-5))}


async def test_two_reads_at_one_instant_keep_what_the_last_brought(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    for length in (20, 30, 40):
        changes = ReferralChanges((referral(calendar.id, length=length),), complete=True, passed=(passed(calendar.id),))
        await store.save_read(calendar.id, changes, read_at(5))
    assert await known(house, 10) == (KnownReferral(referral(calendar.id, length=40), after(5)),)
    await store.save_read(calendar.id, complete(), read_at(5))
    assert await store.grounds(house.anna.id, after(10)) == Grounds()


async def test_a_read_that_names_no_time_is_known_since_ever(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    await store.save_read(calendar.id, complete(referral(calendar.id)), CalendarHealth("t"))
    assert await known(house, 10) == (KnownReferral(referral(calendar.id), BEGINNING),)
    await store.save_read(calendar.id, complete(), CalendarHealth("t"))
    assert await known(house, 10) == ()


# -- calendars that go ---------------------------------------------------------------------------------------


async def test_a_calendar_that_goes_leaves_what_was_known_when_it_was_read_last(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    entry = referral(calendar.id)
    await store.save_read(calendar.id, complete(entry, referral(calendar.id, "coming", 50)), read_at(-5))
    await store.save_health(calendar.id, read_at(30))
    await store.remove_calendars([calendar.id, 10**6])
    assert await known(house, 29) == (KnownReferral(entry, after(-5), after(30)),)
    assert await uids(house, 30) == []
    assert await uids(house, 55) == []


async def test_a_connection_that_goes_leaves_it_too(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    await store.save_read(calendar.id, complete(referral(calendar.id)), read_at(20))
    await store.save_connections("other", [Connection("other", "more", "ics")])
    assert await uids(house, 30) == ["u"]
    await store.save_health(calendar.id, read_at(40))
    await store.save_connections("acme", [Connection("acme", "more", "ics")])
    assert await uids(house, 30) == ["u"]
    assert await uids(house, 45) == []


async def test_a_calendar_given_away_explains_the_past_of_who_had_it(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    entry = referral(calendar.id)
    changes = ReferralChanges((entry,), complete=True, passed=(passed(calendar.id, "p"),))
    await store.save_read(calendar.id, changes, read_at(-5))
    await store.save_health(calendar.id, read_at(20))
    await store.save_calendars([replace(calendar, person=house.bob.id, address="given")])
    assert await store.grounds(house.anna.id, after(10)) == Grounds((KnownReferral(entry, after(-5), after(20)),))
    assert await store.grounds(house.anna.id, after(30)) == Grounds()
    assert await store.grounds(house.bob.id, after(10)) == Grounds()
    assert await store.grounds(house.bob.id, after(30)) == Grounds((KnownReferral(entry, after(20)),))


async def test_a_calendar_with_another_address_keeps_what_is_known(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    entry = referral(calendar.id)
    await store.save_read(calendar.id, complete(entry), read_at(-5))
    await store.save_calendars([replace(calendar, address="elsewhere")])
    assert await known(house, 10) == (KnownReferral(entry, after(-5)),)


async def test_of_a_person_who_goes_nothing_is_left(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    for number in range(2):
        changes = ReferralChanges(
            (referral(calendar.id, length=60 + number),),
            complete=True,
            passed=(passed(calendar.id, "p", 0, 50 + number),),
        )
        await store.save_read(calendar.id, changes, read_at(10 * number))
        await store.save_override(house.anna.id, by_hand(10 * number, note=str(number)))
    await store.remove_people([house.anna.id])
    assert await store.grounds(house.anna.id, after(5)) == Grounds()
    assert await store.grounds(house.anna.id, after(15)) == Grounds()
    assert await store.overrides_since(house.anna.id, after(-99)) == ()


# -- entries passed over -------------------------------------------------------------------------------------


async def passed_at(house: House, minutes: float) -> tuple[PassedOver, ...]:
    return (await house.store.grounds(house.anna.id, after(minutes))).passed


@pytest.mark.parametrize("because", list(Because))
async def test_an_entry_passed_over_comes_back_whole(house: House, because: Because) -> None:
    calendar = house.calendars[0]
    entry = replace(passed(calendar.id, resource="r", keyword="ö"), because=because)
    changes = ReferralChanges(complete=True, passed=(entry,))
    assert await house.store.save_read(calendar.id, changes, read_at(-5)) == frozenset(), "it changes nothing"
    assert await passed_at(house, 0) == await passed_at(house, 59) == (entry,)
    assert await passed_at(house, -1) == await passed_at(house, 60) == ()
    assert (await house.store.grounds(house.bob.id, after(5))).passed == ()


async def test_entries_passed_over_are_replaced_as_referrals_are(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    one, other = passed(calendar.id, "one"), passed(calendar.id, "other", keyword="l")
    await store.save_read(calendar.id, ReferralChanges(complete=True, passed=(one, other)), read_at(-5))
    later = replace(one, because=Because.DECLINED)
    await store.save_read(calendar.id, ReferralChanges(touched=frozenset(["one"]), passed=(later,)), read_at(10))
    assert set(await passed_at(house, 5)) == {one, other}
    assert set(await passed_at(house, 15)) == {later, other}
    await store.save_read(calendar.id, delta(["one"], referral(calendar.id, "one")), read_at(20))
    assert set(await passed_at(house, 15)) == {later, other}
    assert await passed_at(house, 25) == (other,)
    await store.save_read(calendar.id, complete(), read_at(30))
    assert await passed_at(house, 25) == (other,)
    assert await passed_at(house, 35) == ()


async def test_one_passed_over_that_had_not_begun_is_not_kept(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    changes = ReferralChanges(complete=True, passed=(passed(calendar.id, start=30),))
    await store.save_read(calendar.id, changes, read_at(0))
    assert len(await passed_at(house, 40)) == 1
    await store.save_read(calendar.id, complete(), read_at(20))
    assert await passed_at(house, 40) == ()


async def test_one_passed_over_in_another_calendar_is_refused(house: House) -> None:
    mine, theirs = house.calendars[:2]
    changes = ReferralChanges(complete=True, passed=(passed(theirs.id),))
    with pytest.raises(StoreError, match=f"calendar {theirs.id} cannot"):
        await house.store.save_read(mine.id, changes, read_at(0))
    assert await passed_at(house, 5) == ()


# -- overrides -----------------------------------------------------------------------------------------------


async def test_an_override_that_was_replaced_is_known(house: House) -> None:
    store, anna = house.store, house.anna.id
    first, last = by_hand(0, 60, "first"), replace(by_hand(20, None, "last"), by="bob", through="console")
    await store.save_override(anna, first)
    assert await by_hand_at(house, 10) == KnownOverride(first)
    await store.save_override(anna, last)
    replaced = KnownOverride(first, after(20), "bob", "console")
    assert await by_hand_at(house, -1) is None
    assert await by_hand_at(house, 0) == await by_hand_at(house, 19) == replaced
    assert await by_hand_at(house, 20) == await by_hand_at(house, 10**6) == KnownOverride(last)
    assert await store.overrides_since(anna, after(-5)) == (replaced, KnownOverride(last))
    assert await store.overrides_since(anna, after(20)) == (KnownOverride(last),)


async def test_an_override_that_was_taken_back_is_known(house: House) -> None:
    store, anna = house.store, house.anna.id
    await store.save_override(anna, by_hand())
    await store.remove_override(anna, after(15), by="carol", through="phone")
    await store.remove_override(anna, after(16), by="bob", through="cli")
    expected = KnownOverride(by_hand(), after(15), "carol", "phone")
    assert await by_hand_at(house, 14) == expected
    assert await by_hand_at(house, 15) is None
    assert await store.overrides_since(anna, after(14)) == (expected,)
    assert await store.overrides_since(anna, after(15)) == ()


@pytest.mark.parametrize("taken_back", [True, False])
async def test_one_that_came_back_is_known_as_it_was(house: House, taken_back: bool) -> None:
    store, anna = house.store, house.anna.id
    first, second = by_hand(0, 60, "first"), by_hand(20, 60, "second")
    await store.save_override(anna, first)
    if taken_back:
        await store.remove_override(anna, after(20), by="carol")
    else:
        await store.save_override(anna, second)
    await store.restore_override(anna, first, after(25), by="dan", through="console")
    assert (await store.claims([anna], after(25)))[anna].override == first
    assert await by_hand_at(house, 10) == await by_hand_at(house, 25) == KnownOverride(first)
    if not taken_back:
        assert await by_hand_at(house, 22) == KnownOverride(second, after(25), "dan", "console")
    assert anna in [person for _, person in await store.due(after(-(10**6)))], "and is to be decided about at once"


async def test_nobody_gets_anything_back(house: House) -> None:
    with pytest.raises(NotStored):
        await house.store.restore_override(10**6, by_hand(), after(5))


@pytest.mark.parametrize("replaced", [True, False])
async def test_one_that_was_over_ended_as_it_said(house: House, replaced: bool) -> None:
    store, anna = house.store, house.anna.id
    await store.save_override(anna, by_hand(0, 30))
    if replaced:
        await store.save_override(anna, by_hand(30, 30))
        await store.save_override(anna, by_hand(60, None))
    else:
        await store.remove_override(anna, after(60), by="bob", through="cli")
    assert await by_hand_at(house, 29) == KnownOverride(by_hand(0, 30))
    assert (await store.overrides_since(anna, after(0)))[0] == KnownOverride(by_hand(0, 30))
    assert await by_hand_at(house, 45) == (KnownOverride(by_hand(30, 30)) if replaced else None)


async def test_the_same_override_again_replaces_nothing(house: House) -> None:
    for _ in range(3):
        await house.store.save_override(house.anna.id, by_hand(note="\ud83d"))
    assert len(await house.store.overrides_since(house.anna.id, after(-1))) == 1


async def test_of_several_set_at_one_instant_the_last_holds_and_all_are_told(house: House) -> None:
    store, anna = house.store, house.anna.id
    for number in range(4):
        await store.save_override(anna, by_hand(0, 60, str(number)))
    assert [each.override.note for each in await store.overrides_since(anna, after(-1))] == ["0", "1", "2", "3"]
    assert await by_hand_at(house, 0) == KnownOverride(by_hand(0, 60, "3"))


async def test_one_that_is_set_late_for_an_earlier_time_wins_from_there(house: House) -> None:
    store, anna = house.store, house.anna.id
    for start, note in ((0, "first"), (20, "known"), (10, "dialled")):
        await store.save_override(anna, by_hand(start, 60, note))
    assert [each.override.note for each in await store.overrides_since(anna, after(0))] == ["first", "dialled", "known"]
    for minutes, note in ((9, "first"), (10, "dialled"), (19, "dialled"), (20, "dialled"), (69, "dialled")):
        found = await by_hand_at(house, minutes)
        assert found is not None
        assert found.override.note == note


async def test_overrides_of_people_are_apart(house: House) -> None:
    await house.store.save_override(house.anna.id, by_hand())
    await house.store.save_override(house.bob.id, by_hand(5))
    await house.store.save_override(house.bob.id, by_hand(6))
    assert len(await house.store.overrides_since(house.anna.id, after(-9))) == 1
    assert (await house.store.grounds(house.carol.id, after(7))).override is None


# -- forgetting ----------------------------------------------------------------------------------------------


async def test_forget_takes_what_explains_only_what_is_before(house: House) -> None:
    store, calendar, anna = house.store, house.calendars[0], house.anna.id
    for number in range(4):
        entry = replace(referral(calendar.id, length=600), reason=f"reason{number}")
        changes = ReferralChanges((entry,), complete=True, passed=(passed(calendar.id, "p", 0, 500 + number),))
        await store.save_read(calendar.id, changes, read_at(10 * number))
        await store.save_override(anna, by_hand(10 * number, 600))
    before = [await store.grounds(anna, after(minutes)) for minutes in (15, 25, 35)]
    assert await store.forget(after(15)) == 3
    assert [await store.grounds(anna, after(minutes)) for minutes in (15, 25, 35)] == before
    assert await store.grounds(anna, after(5)) == Grounds()
    assert await store.forget(after(15)) == 0
    assert await store.forget(after(700)) == 2 + 1 + 2 + 1 + 2 + 1
    assert await store.grounds(anna, after(35)) == Grounds()
