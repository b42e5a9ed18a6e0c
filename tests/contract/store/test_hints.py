"""In which order calendars are read, and what a hint does to that."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.store.base import BEGINNING, CalendarHealth, Lane, ReadCalendar
from tests.contract.store.values import House, after, complete, delta, health, referral


async def at(house: House, calendar: Calendar) -> CalendarHealth:
    (found,) = await house.store.calendars(after=calendar.id - 1, limit=1)
    return found.health


def due(next_read: float, lane: Lane = Lane.RECONCILE) -> CalendarHealth:
    return replace(health(next_read=next_read), lane=lane)


async def test_lower_lanes_come_first_and_within_them_the_most_overdue(house: House) -> None:
    store, calendars = house.store, house.calendars
    for calendar, (minutes, lane) in zip(
        calendars, [(1, Lane.RECONCILE), (9, Lane.DUE), (5, Lane.CHANGED), (2, Lane.CHANGED)], strict=True
    ):
        await store.save_health(calendar.id, due(minutes, lane))
    found = await store.calendars_due(after(9), 10)
    assert [each.calendar for each in found] == [calendars[i] for i in (1, 3, 2, 0)]
    assert [each.health.lane for each in found] == [Lane.DUE, Lane.CHANGED, Lane.CHANGED, Lane.RECONCILE]
    assert [each.calendar for each in await store.calendars_due(after(9), 2)] == [calendars[1], calendars[3]]
    assert [each.calendar for each in await store.calendars_due(after(8), 1)] == [calendars[3]]
    assert await store.calendars_due(after(0), 10) == ()
    assert await store.next_read() == after(1), "whatever its lane"


async def test_a_long_queue_hides_no_other_connection(house: House) -> None:
    store = house.store
    await store.save_connections("acme", [Connection("acme", "home", "ics"), Connection("acme", "more", "ics")])
    queue = await store.save_calendars([Calendar(house.bob.id, "acme", "home", f"c{each}") for each in range(40)])
    (other,) = await store.save_calendars([Calendar(house.anna.id, "acme", "more", "x")])
    for each in queue:
        await store.save_health(each.id, due(-9, Lane.DUE))
    await store.save_health(other.id, due(-1))
    assert other not in [each.calendar for each in await store.calendars_due(after(), 5)]
    rest = await store.calendars_due(after(), 5, without=[("acme", "home"), ("other", "home")])
    assert [each.calendar for each in rest] == [other]
    assert await store.next_read(without=[("acme", "home"), ("other", "home")]) == after(-1)
    assert await store.next_read(without=[("acme", "home"), ("acme", "more"), ("other", "home")]) is None


async def test_next_due_may_be_asked_for_beyond_now(house: House) -> None:
    calendar = house.calendars[0]
    entries = [referral(calendar.id, "a", 3, 30), referral(calendar.id, "b", 10)]
    await house.store.save_read(calendar.id, complete(*entries), due(-1, Lane.DUE))
    for minutes, expected in ((0, 3), (4, 10), (10, 33), (33, 70), (70, None)):
        (found,) = await house.store.calendars_due(after(), 1, beyond=after(minutes))
        assert found.next_due == (None if expected is None else after(expected))


async def test_a_hint_makes_due_now_in_its_lane(house: House) -> None:
    store, (first, second, third, fourth) = house.store, house.calendars
    for calendar, kept in zip(house.calendars, (due(60), due(-1), due(-1, Lane.DUE), due(4, Lane.DUE)), strict=True):
        await store.save_health(calendar.id, kept)
    everybody = [each.id for each in house.calendars]
    assert await store.hint([*everybody, 10**6], Lane.CHANGED, after(0)) == 4
    assert await at(house, first) == replace(due(0, Lane.CHANGED), hinted_at=after(0))
    assert await at(house, second) == replace(due(-1, Lane.CHANGED), hinted_at=after(0)), "due sooner, now more urgent"
    assert await at(house, third) == replace(due(-1, Lane.DUE), hinted_at=after(0)), "more urgent already"
    assert await at(house, fourth) == replace(due(0, Lane.DUE), hinted_at=after(0)), (
        "due soon for something more urgent"
    )
    assert await store.hint([first.id], Lane.RECONCILE, after(1)) == 1
    assert (await at(house, first)).lane is Lane.CHANGED


async def test_what_is_due_later_for_something_urgent_is_read_as_the_hint_says(house: House) -> None:
    await house.store.save_health(house.calendars[0].id, due(6, Lane.DUE))
    await house.store.hint([house.calendars[0].id], Lane.CHANGED, after(0))
    assert await at(house, house.calendars[0]) == replace(due(0, Lane.CHANGED), hinted_at=after(0))


async def test_somebody_never_read_can_be_hinted(house: House) -> None:
    await house.store.hint([house.calendars[0].id], Lane.DUE, after(0))
    found = await house.store.calendars_due(after(0), 1)
    assert [(each.calendar, each.health.lane, each.health.next_read) for each in found] == [
        (house.calendars[0], Lane.DUE, None)
    ]


@pytest.mark.parametrize("touched", [frozenset(), frozenset("u")])
async def test_a_hint_while_it_is_read_is_not_lost(house: House, touched: frozenset[str]) -> None:
    store, calendar = house.store, house.calendars[0]

    async def save(read: ReadCalendar, minutes: float) -> None:
        written = replace(due(minutes), hinted_at=read.health.hinted_at)
        if touched:
            await store.save_read(calendar.id, delta(touched, referral(calendar.id)), written)
        else:
            await store.save_health(calendar.id, written)

    await store.save_health(calendar.id, due(-1))
    for _ in range(3):  # each time at the same instant, as a coarse clock would have it
        (read, *_others) = await store.calendars_due(after(0), 1)
        await store.hint([calendar.id], Lane.CHANGED, after(0))
        await save(read, 15)
        kept = await at(house, calendar)
        assert (kept.lane, kept.sync_token) == (Lane.CHANGED, "t")
        assert kept.next_read is not None
        assert kept.next_read <= after(0)
    (read, *_others) = await store.calendars_due(after(0), 1)
    await save(read, 15)
    kept = await at(house, calendar)
    assert (kept.next_read, kept.lane) == (after(15), Lane.RECONCILE), "it was read after the last hint"


async def test_of_hint_and_read_the_sooner_counts(house: House) -> None:
    calendar = house.calendars[0]
    await house.store.hint([calendar.id], Lane.CHANGED, after(0))
    await house.store.save_health(calendar.id, due(-5, Lane.DUE))
    assert (await at(house, calendar)).next_read is None, "as soon as possible, as it was"
    await house.store.save_health(calendar.id, replace(due(9), hinted_at=after(0)))
    await house.store.hint([calendar.id], Lane.CHANGED, after(1))
    await house.store.save_health(calendar.id, replace(due(-5, Lane.DUE), hinted_at=after(0)))
    assert await at(house, calendar) == replace(due(-5, Lane.DUE), hinted_at=after(1))


async def test_hints_at_once_are_all_kept(house: House) -> None:
    (calendar, *others), step = house.calendars, timedelta(microseconds=1)
    await asyncio.gather(*(house.store.hint([calendar.id], Lane.CHANGED, after(0)) for _ in range(50)))
    assert (await at(house, calendar)).hinted_at == after(0) + 49 * step
    assert [(await at(house, each)).hinted_at for each in others] == [None] * 3
    assert await house.store.hint([], Lane.CHANGED, after(0)) == 0


async def test_a_calendar_at_another_address_has_no_hints(house: House) -> None:
    calendar = house.calendars[0]
    await house.store.hint([calendar.id], Lane.DUE, after(0))
    await house.store.save_calendars([replace(calendar, address="elsewhere")])
    assert await at(house, calendar) == CalendarHealth()


async def test_calendars_at_a_connection(house: House) -> None:
    store, calendars = house.store, house.calendars[:3]
    assert [each.calendar for each in await store.calendars_at("acme", "home")] == list(calendars)
    assert [each.calendar for each in await store.calendars_at("acme", "home", limit=2)] == list(calendars[:2])
    (last,) = await store.calendars_at("acme", "home", after=calendars[1].id)
    assert last == ReadCalendar(calendars[2], CalendarHealth())
    assert await store.calendars_at("acme", "nowhere") == ()
    await store.save_people([replace(house.bob, active=False)])
    assert [each.calendar for each in await store.calendars_at("acme", "home")] == [calendars[0], calendars[2]]


async def test_who_is_switched_off_is_not_due_for_a_hint(house: House) -> None:
    store, calendar = house.store, house.calendars[1]
    await store.save_health(calendar.id, due(60))
    await store.save_people([replace(house.bob, active=False)])
    await store.hint([calendar.id], Lane.CHANGED, after(0))
    assert calendar not in [each.calendar for each in await store.calendars_due(after(0), 10)]
    await store.save_people([Person("acme", "101", "Bob", id=house.bob.id)])
    found = await store.calendars_due(after(0), 1)
    assert [each.calendar for each in found] == [calendar]
    assert await store.next_read() == BEGINNING


async def test_what_was_never_read_is_not_lifted_to_be_compared(house: House) -> None:
    store, (first, *_) = house.store, house.calendars
    await store.save_health(first.id, CalendarHealth())
    await store.hint([first.id], Lane.RECONCILE, after(0))
    assert (await at(house, first)).lane is Lane.FIRST
    await store.hint([first.id], Lane.DUE, after(0))
    assert (await at(house, first)).lane is Lane.DUE


async def test_what_is_known_to_be_so_is_not_old(house: House) -> None:
    store, (first, second, third, fourth) = house.store, house.calendars
    await store.save_health(first.id, replace(due(60), confirmed_at=after(-40)))
    await store.save_health(second.id, replace(due(60), confirmed_at=after(-40), problem="403", since=after(-1)))
    await store.save_health(third.id, replace(due(60), confirmed_at=None))
    await store.save_health(fourth.id, replace(due(60), confirmed_at=after(5)))
    assert await store.confirm([*(each.id for each in house.calendars), 10**6], after(0)) == 1
    found = [(await at(house, each)).confirmed_at for each in house.calendars]
    assert found == [after(0), after(-40), None, after(5)]
    assert (await at(house, first)).next_read == after(60)
    await store.hint([first.id], Lane.CHANGED, after(1))
    assert await store.confirm([first.id], after(2)) == 0, "somebody told of a change that is not read yet"
    assert (await at(house, first)).confirmed_at == after(0)


async def test_whose_a_calendar_is_comes_with_it(house: House) -> None:
    due = await house.store.calendars_due(after(60 * 24 * 400), 10)
    assert due
    for each in due:
        assert each.owner is not None
        assert (each.calendar, each.owner) == await house.store.owned(each.calendar.id)
