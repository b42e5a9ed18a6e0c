"""Overrides, claims, decisions, who is due, history, and forgetting."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from backsoon.domain.errors import NaiveTime
from backsoon.domain.model import AVAILABLE, Availability, Informing, Layer, Override, Upcoming
from backsoon.store.base import BEGINNING, AvailabilityChange, Claims, NotStored, PersonState, Trigger
from tests.contract.store.values import House, after, by_hand, change, complete, health, meeting, person, referral

EVERYTHING = Availability(
    None, Layer.CALENDAR, after(1), None, "no\nte é", "+46", meeting().key,
    (Informing("travel", after(2), "n"), Informing("lunch", after(3))), Upcoming(after(4), after(5), "meeting", "x"),
)  # fmt: skip


async def override_of(house: House, person: int) -> Override | None:
    return (await house.store.claims([person], after()))[person].override


async def test_an_override_replaces_the_one_before(house: House) -> None:
    store, anna = house.store, house.anna.id
    assert await override_of(house, anna) is None
    await store.save_override(anna, by_hand(-99, 1, "over"))
    assert await override_of(house, anna) == by_hand(-99, 1, "over")
    available = Override(after(), None, None, "n", "200", "bob", "console")
    await store.save_override(anna, available)
    assert await override_of(house, anna) == available
    assert await override_of(house, house.bob.id) is None
    await store.remove_override(anna, after(5))
    await store.remove_override(anna, after(6))
    assert await override_of(house, anna) is None


async def test_nobody_unknown_is_overridden(house: House) -> None:
    with pytest.raises(NotStored, match="1000000"):
        await house.store.save_override(10**6, by_hand())
    await house.store.remove_override(10**6, after())


async def test_overrides_at_the_same_time(house: House) -> None:
    people = (house.anna.id, house.bob.id, house.carol.id, 10**6)
    outcomes = await asyncio.gather(
        *(house.store.save_override(who, by_hand(note=str(number))) for number in range(50) for who in people),
        return_exceptions=True,
    )
    refused = [each for each in outcomes if each is not None]
    assert len(refused) == 50
    assert all(isinstance(each, NotStored) for each in refused)
    assert [await override_of(house, who) for who in people[:3]] == [by_hand(note="49")] * 3


async def test_claims_are_what_ends_later(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    entries = [referral(calendar.id, str(minute), minute, 10) for minute in range(0, 60, 10)]
    await store.save_read(calendar.id, complete(*entries), health())
    claims = await store.claims([house.anna.id, house.bob.id, 10**6], after(20))
    assert set(claims[house.anna.id].referrals) == set(entries[2:])
    assert claims[house.bob.id] == claims[10**6] == Claims()
    assert len(claims) == 3


async def test_of_the_most_claims_the_first_to_start_are_read(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    entries = [referral(calendar.id, f"u{n}", n * 10, 500) for n in range(9)]
    await store.save_read(calendar.id, complete(*reversed(entries)), health())
    claims = await store.claims([house.anna.id, house.bob.id], after(5), most=4)
    assert set(claims[house.anna.id].referrals) == set(entries[:4])
    assert claims[house.bob.id] == Claims()


async def test_claims_of_very_many(house: House) -> None:
    calendar = house.calendars[1]
    entries = [referral(calendar.id, f"{minute}", minute, 10) for minute in range(3000)]
    await house.store.save_read(calendar.id, complete(*entries), health())
    claims = await house.store.claims(range(1, 2001), after(-1))
    assert len(claims) == 2000
    assert set(claims[house.bob.id].referrals) == set(entries)


@pytest.mark.parametrize("availability", [AVAILABLE, meeting(), EVERYTHING])
async def test_decisions_come_back_whole(house: House, availability: Availability) -> None:
    store, anna, bob = house.store, house.anna.id, house.bob.id
    assert await store.states([anna, bob]) == {}
    saved = PersonState(anna, availability, after(3))
    await store.save_states([saved], [change(anna, 0, availability)])
    assert await store.states([anna, bob, 10**6]) == {anna: saved}
    assert await store.history(anna, after(-1), after(1)) == (change(anna, 0, availability),)


async def test_the_last_decision_counts_and_the_unknown_is_left_out(house: House) -> None:
    store, anna = house.store, house.anna.id
    first, last = PersonState(anna, meeting(), after(1)), PersonState(anna, AVAILABLE, None)
    await store.save_states([first, PersonState(10**6, AVAILABLE, after()), last], [change(10**6, 0), change(anna, 0)])
    assert await store.states([anna, 10**6]) == {anna: last}
    assert await store.history(10**6, after(-1), after(1)) == ()
    assert anna not in [who for _, who in await store.due(after(10))]


async def test_decisions_in_bulk(house: House) -> None:
    people = await house.store.save_people([person(str(each)) for each in range(1000, 10_000)])
    decided = [PersonState(each.id, meeting(note=each.extension), after(each.id % 7)) for each in people]
    await house.store.save_states(decided, [change(each.id, 0) for each in people])
    found = await house.store.states([each.id for each in people])
    assert found == {each.person: each for each in decided}
    seen: list[tuple[datetime, int]] = []
    for _ in range(10):
        seen += await house.store.due(after(10), after=seen[-1] if seen else None, limit=997)
    expected = [(state.due, state.person) for state in decided]
    assert seen[4:] == sorted(expected, key=lambda each: (each[0] or BEGINNING, each[1]))


async def test_who_is_due_comes_in_order_and_in_pages(house: House) -> None:
    store, (anna, bob, carol) = house.store, (house.anna.id, house.bob.id, house.carol.id)
    await store.save_states([PersonState(carol, AVAILABLE, after(1)), PersonState(house.stranger.id, AVAILABLE, None)])
    await store.save_states([PersonState(bob, AVAILABLE, after(2)), PersonState(anna, AVAILABLE, after(2))])
    everybody = ((after(1), carol), (after(2), anna), (after(2), bob))
    assert await store.due(after(3)) == everybody
    assert await store.due(after(2)) == everybody[:1]
    for number in range(4):
        assert (
            await store.due(after(3), after=everybody[number - 1] if number else None, limit=2)
            == everybody[number : number + 2]
        )


async def test_history_leads_with_what_held_before(house: House) -> None:
    store, anna = house.store, house.anna.id
    changes = [change(anna, minute, meeting(note=str(minute))) for minute in (0, 10, 20, 20, 30)]
    await store.save_states([], [*changes, change(house.bob.id, 15)])
    assert await store.history(anna, after(10), after(30)) == tuple(changes[:4])
    assert await store.history(anna, after(5), after(10)) == (changes[0],)
    assert await store.history(anna, after(-5), after(5)) == (changes[0],)
    assert await store.history(anna, after(40), after(50)) == (changes[4],)
    assert await store.history(anna, after(5), after(99), limit=2) == tuple(changes[:3])
    assert await store.history(anna, after(-9), after(0)) == ()


@pytest.mark.parametrize("trigger", list(Trigger))
async def test_a_change_names_its_cause(house: House, trigger: Trigger) -> None:
    made = AvailabilityChange(house.anna.id, after(), after(1), EVERYTHING, trigger, "anna", "phone")
    await house.store.save_states([], [made])
    assert await house.store.history(house.anna.id, after(), after(1)) == (made,)


async def test_forget_keeps_what_still_holds(house: House) -> None:
    store, anna, calendar = house.store, house.anna.id, house.calendars[0]
    await store.save_states([], [change(anna, minute) for minute in (0, 10, 20)] + [change(house.bob.id, 0)])
    await store.save_read(
        calendar.id, complete(referral(calendar.id, "over", -30, 44), referral(calendar.id, "on", 0, 15)), health()
    )
    await store.save_override(anna, by_hand(0, 14))
    await store.save_override(house.bob.id, by_hand(0, None))
    await store.save_override(house.carol.id, by_hand(0, 15))
    assert await store.forget(after(15)) == 3
    assert [each.at for each in await store.history(anna, after(-99), after(99))] == [after(10), after(20)]
    assert len(await store.history(house.bob.id, after(-99), after(99))) == 1
    assert [each.key.uid for each in await store.referrals_of(calendar.id)] == ["on"]
    assert [await override_of(house, each) for each in (anna, house.bob.id, house.carol.id)] == [
        None,
        by_hand(0, None),
        by_hand(0, 15),
    ]
    assert await store.forget(after(15)) == 0


async def test_a_time_without_a_zone_is_refused(house: House) -> None:
    naive = datetime(2026, 5, 4)  # noqa: DTZ001
    with pytest.raises(NaiveTime):
        await house.store.claims([house.anna.id], naive)
    with pytest.raises(NaiveTime):
        await house.store.save_states([PersonState(house.anna.id, AVAILABLE, naive)])
