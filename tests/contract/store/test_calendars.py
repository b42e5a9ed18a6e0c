"""Calendars: identity, health, when they are read, and what a read changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from backsoon.domain.organisation import Calendar, Connection
from backsoon.store.base import (
    BEGINNING,
    CalendarHealth,
    Freshness,
    Lane,
    NotStored,
    ReadCalendar,
    StoreConflict,
    StoreError,
)
from tests.contract.store.values import House, after, complete, delta, health, read_at, referral

SICK = CalendarHealth(
    None, after(-60), after(3), 4, "the server refused the account", "check the password", after(-30),
    ("unknown time zone",), (("/a.ics", "rule too costly"), ("/b.ics", "no start")),
)  # fmt: skip


async def read(house: House, calendar: Calendar) -> ReadCalendar:
    (found,) = await house.store.calendars(after=calendar.id - 1, limit=1)
    return found


async def test_a_calendar_is_known_by_person_connection_and_address(house: House) -> None:
    again = await house.store.save_calendars([Calendar(house.anna.id, "acme", "home", "main")])
    assert again == house.calendars[:1]
    (other,) = await house.store.save_calendars([Calendar(house.anna.id, "acme", "home", "second")])
    assert other.id not in {each.id for each in house.calendars}
    mine = await house.store.calendars(person=house.anna.id)
    assert [each.calendar for each in mine] == [house.calendars[0], other]
    assert await house.store.calendars(person=house.anna.id, after=other.id) == ()


async def test_a_new_calendar_is_read_as_soon_as_possible(house: House) -> None:
    assert (await read(house, house.calendars[0])).health == CalendarHealth()
    assert await house.store.next_read() == BEGINNING
    assert {each.calendar for each in await house.store.calendars_due(after(), 10)} == set(house.calendars)


@pytest.mark.parametrize(
    "calendar",
    [
        Calendar(10**6, "acme", "home", "x"),
        Calendar(1, "acme", "nowhere", "x"),
        Calendar(1, "other", "home", "x"),
        Calendar(1, "acme", "home", "x", 10**6),
    ],
)
async def test_a_calendar_needs_its_person_and_connection(house: House, calendar: Calendar) -> None:
    with pytest.raises(NotStored):
        await house.store.save_calendars([Calendar(house.anna.id, "acme", "home", "new"), calendar])
    assert len(await house.store.calendars()) == 4


async def test_a_replaced_address_is_read_anew(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    await store.save_read(calendar.id, complete(referral(calendar.id)), health())
    assert await store.save_calendars([calendar]) == (calendar,)
    assert (await read(house, calendar)).health == health()
    moved = replace(calendar, address="elsewhere")
    assert await store.save_calendars([moved]) == (moved,)
    assert await read(house, calendar) == ReadCalendar(moved, CalendarHealth())
    assert len(await store.referrals_of(calendar.id)) == 1


async def test_a_calendar_cannot_become_another_that_is_there(house: House) -> None:
    (second,) = await house.store.save_calendars([Calendar(house.anna.id, "acme", "home", "second")])
    with pytest.raises(StoreConflict):
        await house.store.save_calendars([replace(second, address="main")])


async def test_health_comes_back_whole(house: House) -> None:
    await house.store.save_health(house.calendars[0].id, SICK)
    assert (await read(house, house.calendars[0])).health == SICK
    await house.store.save_health(10**6, SICK)
    assert len(await house.store.calendars()) == 4


async def test_the_most_overdue_is_read_first(house: House) -> None:
    for calendar, minutes in zip(house.calendars, (30, 10, 20, 40), strict=True):
        await house.store.save_health(calendar.id, health(next_read=minutes))
    due = await house.store.calendars_due(after(30), 10)
    assert [each.calendar.id for each in due] == [house.calendars[i].id for i in (1, 2, 0)]
    assert [each.calendar.id for each in await house.store.calendars_due(after(30), 1)] == [house.calendars[1].id]
    assert await house.store.next_read() == after(10)
    await house.store.save_health(house.calendars[3].id, health(next_read=None))
    assert (await house.store.calendars_due(after(0), 10))[0].calendar == house.calendars[3]


async def test_calendars_of_a_connection_may_be_passed_over(house: House) -> None:
    places = {(each.organisation, each.connection) for each in house.calendars}
    for place in places:
        due = await house.store.calendars_due(after(), 10, without=[place, ("acme", "nowhere")])
        others = {each for each in house.calendars if (each.organisation, each.connection) != place}
        assert {each.calendar for each in due} == others
    assert await house.store.calendars_due(after(), 10, without=places) == ()


async def test_calendars_that_are_being_read_count_for_the_limit_and_are_not_told(house: House) -> None:
    for calendar, minutes in zip(house.calendars, (30, 10, 20, 40), strict=True):
        await house.store.save_health(calendar.id, health(next_read=minutes))
    first, second, third, fourth = (house.calendars[i] for i in (1, 2, 0, 3))

    async def due(limit: int, *but: Calendar) -> list[Calendar]:
        found = await house.store.calendars_due(after(50), limit, but=[each.id for each in but])
        return [each.calendar for each in found]

    assert await due(10, second, fourth) == [first, third]
    assert await due(2, second) == [first]
    assert await due(10, *house.calendars) == []


async def test_next_due_is_the_next_start_or_end(house: House) -> None:
    calendar = house.calendars[0]
    entries = [
        referral(calendar.id, "past", -60, 30),
        referral(calendar.id, "now", -10, 40),
        referral(calendar.id, "x", 90),
    ]
    await house.store.save_read(calendar.id, complete(*entries), health(next_read=-5))
    expected = {0: 30, 30: 90, 89: 90, 90: 150, 150: None}
    for now, due in expected.items():
        found = {each.calendar.id: each for each in await house.store.calendars_due(after(now), 10)}
        assert found[calendar.id].next_due == (None if due is None else after(due))


async def test_freshness_is_that_of_the_least_recently_read(house: House) -> None:
    store, (mine, theirs, *_) = house.store, house.calendars
    second, third = await store.save_calendars(
        [Calendar(house.anna.id, "acme", "home", address) for address in ("second", "third")]
    )
    everybody = [house.anna.id, house.bob.id, 10**6]
    assert await store.freshness(everybody) == {house.anna.id: Freshness(3), house.bob.id: Freshness(1)}
    await store.save_health(mine.id, read_at(10))
    await store.save_read(third.id, complete(), replace(read_at(5), problem="third's"))
    assert (await store.freshness(everybody))[house.anna.id] == Freshness(3, None, "third's")
    await store.save_health(second.id, replace(read_at(7), problem="second's"))
    await store.save_health(theirs.id, read_at(1))
    assert await store.freshness(everybody) == {
        house.anna.id: Freshness(3, after(5), "second's"),
        house.bob.id: Freshness(1, after(1)),
    }
    await store.remove_calendars([theirs.id])
    await store.save_calendars([replace(third, address="elsewhere")])
    assert await store.freshness(everybody) == {house.anna.id: Freshness(3, None, "second's")}
    assert await store.freshness([]) == {}


async def test_freshness_of_very_many(house: House) -> None:
    await house.store.save_health(house.calendars[1].id, read_at(3))
    assert (await house.store.freshness(range(1, 5000)))[house.bob.id] == Freshness(1, after(3))


async def test_who_was_confirmed_in_a_span(house: House) -> None:
    store = house.store
    assert await store.confirmed_between(after(-99), after(99)) == ()
    for minutes, each in zip((10, 20, 30, 20), house.calendars, strict=True):
        await store.save_health(each.id, read_at(minutes))
    pairs = [(each.id, each.person) for each in house.calendars]
    assert await store.confirmed_between(after(10), after(20)) == (pairs[1], pairs[3])
    assert await store.confirmed_between(after(9), after(10)) == (pairs[0],)
    assert await store.confirmed_between(after(30), after(99)) == ()
    assert await store.confirmed_between(after(0), after(99), limit=3) == tuple(pairs[:3])
    assert await store.confirmed_between(after(0), after(99), limit=3, beyond=pairs[2][0]) == (pairs[3],)
    await store.save_people([replace(house.bob, active=False)])
    await store.save_health(house.calendars[0].id, read_at(40))
    assert await store.confirmed_between(after(0), after(30)) == tuple(pairs[2:])
    assert await store.read_soon([house.calendars[2].id], whole=True) == 1
    assert await store.confirmed_between(after(20), after(30)) == (pairs[2],), "what is read soon was read all the same"


async def test_read_soon(house: House) -> None:
    store, (first, second, *_) = house.store, house.calendars
    for calendar in house.calendars:
        await store.save_health(calendar.id, health())
    assert await store.read_soon([first.id, 10**6]) == 1
    assert (await read(house, first)).health == replace(health(), next_read=None, lane=Lane.CHANGED)
    assert (await read(house, second)).health == health()
    assert await store.read_soon([second.id], whole=True) == 1
    assert (await read(house, second)).health == replace(health(), next_read=None, sync_token=None, lane=Lane.CHANGED)
    await store.save_health(first.id, replace(health(), lane=Lane.DUE))
    assert await store.read_soon([first.id]) == 1
    assert (await read(house, first)).health.lane is Lane.DUE, "what is more urgent stays so"
    assert await store.read_soon() == 4
    assert [each.health.lane for each in await store.calendars()] == [Lane.RECONCILE] * 2 + [Lane.FIRST] * 2
    assert {each.health.sync_token for each in await store.calendars()} == {"t", None}
    assert await store.read_soon(whole=True) == 4
    assert {each.health.sync_token for each in await store.calendars()} == {None}


async def test_a_whole_read_replaces_everything(house: House) -> None:
    store, (mine, theirs, *_) = house.store, house.calendars
    await store.save_read(theirs.id, complete(referral(theirs.id)), health())
    assert await store.save_read(mine.id, complete(referral(mine.id, "a"), referral(mine.id, "b")), health()) == {
        house.anna.id
    }
    kept = referral(mine.id, "b", 5)
    assert await store.save_read(mine.id, complete(kept), health("t2")) == {house.anna.id}
    assert await store.referrals_of(mine.id) == (kept,)
    assert (await read(house, mine)).health == health("t2")
    assert await store.save_read(mine.id, complete(), health()) == {house.anna.id}
    assert await store.save_read(mine.id, complete(), health()) == frozenset()
    assert await store.referrals_of(theirs.id) == (referral(theirs.id),)


async def test_a_read_of_changes_replaces_what_it_touched(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    kept, gone = referral(calendar.id, "kept"), referral(calendar.id, "gone")
    await store.save_read(calendar.id, complete(kept, gone), health())
    new = referral(calendar.id, "new", resource="gone")
    assert await store.save_read(calendar.id, delta(["gone"], new), health()) == {house.anna.id}
    assert set(await store.referrals_of(calendar.id)) == {kept, new}
    assert await store.save_read(calendar.id, delta(["gone", "unknown"]), health()) == {house.anna.id}
    assert await store.referrals_of(calendar.id) == (kept,)
    assert await store.save_read(calendar.id, delta([]), health("later")) == frozenset()
    assert (await read(house, calendar)).health.sync_token == "later"


async def test_the_same_again_touches_nobody(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    entries = (referral(calendar.id, "a", note="x\0\ud83d"), referral(calendar.id, "b"))
    assert await store.save_read(calendar.id, complete(*entries), health()) == {house.anna.id}
    assert await store.save_read(calendar.id, complete(*reversed(entries)), health()) == frozenset()
    assert await store.save_read(calendar.id, delta("ab", *entries, entries[0]), health()) == frozenset()


async def test_two_resources_may_hold_copies_of_one_entry(house: House) -> None:
    calendar = house.calendars[0]
    one, copy = referral(calendar.id, resource="home/a"), referral(calendar.id, resource="work/a", note="copy")
    await house.store.save_read(calendar.id, complete(one, copy), health())
    assert set(await house.store.referrals_of(calendar.id)) == {one, copy}
    await house.store.save_read(calendar.id, delta(["home/a"]), health())
    assert await house.store.referrals_of(calendar.id) == (copy,)


async def test_of_two_with_one_key_the_last_counts(house: House) -> None:
    calendar = house.calendars[0]
    first, last = referral(calendar.id, note="first"), referral(calendar.id, note="last")
    await house.store.save_read(calendar.id, complete(first, last), health())
    assert await house.store.referrals_of(calendar.id) == (last,)


async def test_a_calendar_taken_out_meanwhile_is_said(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    await store.save_read(calendar.id, complete(referral(calendar.id)), health())
    assert await store.remove_calendars([calendar.id, house.calendars[1].id, 10**6]) == {house.anna.id}
    with pytest.raises(NotStored, match=str(calendar.id)):
        await store.save_read(calendar.id, complete(referral(calendar.id)), health())
    assert await store.referrals_of(calendar.id) == ()


async def test_a_referral_of_another_calendar_is_refused(house: House) -> None:
    mine, theirs = house.calendars[:2]
    with pytest.raises(StoreError):
        await house.store.save_read(mine.id, complete(referral(theirs.id)), health("new"))
    assert (await read(house, mine)).health.sync_token is None
    assert await house.store.referrals_of(theirs.id) == ()


async def test_reads_of_many_calendars_at_once(house: House) -> None:
    store = house.store
    made = await store.save_calendars([Calendar(house.bob.id, "acme", "home", f"c{each}") for each in range(60)])

    async def one(calendar: Calendar) -> None:
        for number in range(5):
            entry = referral(calendar.id, f"u{number}")
            assert await store.save_read(calendar.id, complete(entry), health(f"t{number}")) == {house.bob.id}

    await asyncio.gather(*(one(each) for each in made))
    claims = (await store.claims([house.bob.id], after()))[house.bob.id]
    assert {(each.key.calendar, each.key.uid) for each in claims.referrals} == {(each.id, "u4") for each in made}


async def test_reads_that_are_stored_together_are_each_their_own(house: House) -> None:
    store = house.store
    made = await store.save_calendars([Calendar(house.bob.id, "acme", "home", f"c{each}") for each in range(9)])
    gone, theirs, rest = made[0], house.calendars[0], made[1:]
    await asyncio.gather(
        *(store.save_read(c.id, complete(referral(c.id, "a"), referral(c.id, "b")), health()) for c in made)
    )
    await store.remove_calendars([gone.id])
    outcomes = await asyncio.gather(
        store.save_read(gone.id, complete(), health("t2")),
        store.save_read(rest[0].id, complete(referral(rest[0].id, "a")), health("t2")),
        store.save_read(rest[1].id, delta(["b"], referral(rest[1].id, "c")), health("t3")),
        store.save_health(rest[2].id, SICK),
        store.save_health(gone.id, SICK),
        store.save_read(rest[3].id, complete(referral(rest[3].id, "a"), referral(rest[3].id, "b")), health("t4")),
        store.save_read(theirs.id, complete(referral(theirs.id, "b")), health("t5")),
        store.save_read(theirs.id, complete(), health("t6")),
        return_exceptions=True,
    )
    bob, anna = frozenset([house.bob.id]), frozenset([house.anna.id])
    assert [type(outcomes[0]), *outcomes[1:]] == [NotStored, bob, bob, None, None, frozenset(), anna, anna]
    held = [{each.key.uid for each in await store.referrals_of(c.id)} for c in [*rest[:4], theirs]]
    assert held == [{"a"}, {"a", "c"}, {"a", "b"}, {"a", "b"}, set()]
    tokens = [(await read(house, c)).health.sync_token for c in [*rest[:4], theirs]]
    assert tokens == ["t2", "t3", None, "t4", "t6"]
    assert (await read(house, rest[2])).health == SICK


async def test_more_referrals_than_are_read_at_once(house: House) -> None:
    calendar = house.calendars[0]
    entries = [referral(calendar.id, f"u{each}") for each in range(250)]
    await house.store.save_read(calendar.id, complete(*entries), health())
    assert set(await house.store.referrals_of(calendar.id)) == set(entries)


async def test_a_calendar_given_to_somebody_else_makes_both_due(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    await store.save_connections("acme", [Connection("acme", "home", "ics"), Connection("acme", "more", "ics")])
    await store.save_read(calendar.id, complete(referral(calendar.id)), health())
    await store.save_calendars([replace(calendar, person=house.bob.id, connection="more")])
    claims = await store.claims([house.anna.id, house.bob.id], after())
    assert (claims[house.anna.id].referrals, len(claims[house.bob.id].referrals)) == ((), 1)
    assert {who for at, who in await store.due(after()) if at == BEGINNING} >= {house.anna.id, house.bob.id}
