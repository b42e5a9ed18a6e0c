"""What is to be said of calendars as a whole: counted in the store, bounded however many fail."""

from __future__ import annotations

from dataclasses import replace

from backsoon.domain.organisation import Calendar, Person
from backsoon.store.base import BEGINNING, CalendarHealth, CalendarProblem, ConnectionHealth
from tests.contract.store.values import House, after

NO_ANSWER = CalendarHealth(None, after(-60), after(3), 4, "no answer", "see whether it runs", after(-30))
DENIED = CalendarHealth(None, None, after(3), 1, "the account is refused", "check the password", after(-5))


async def many(house: House, count: int, *, active: bool = True) -> list[Calendar]:
    """More people of acme, each with a calendar."""
    people = await house.store.save_people(
        [Person("acme", f"7{n}{active:d}", f"Person {n}", active=active) for n in range(count)]
    )
    return list(await house.store.save_calendars([Calendar(p.id, "acme", "home", "x") for p in people]))


async def test_calendars_are_counted_by_connection(house: House) -> None:
    store, mine = house.store, [c for c in house.calendars if c.organisation == "acme"]
    before = await store.connections_health("acme", after())
    assert [(each.connection, each.unread == each.calendars) for each in before] == [("home", True)]
    for calendar in mine:
        await store.save_health(calendar.id, CalendarHealth(confirmed_at=after(-1)))
    (home,) = await store.connections_health("acme", after(-10))
    assert home == ConnectionHealth("home", len(mine))
    await store.save_health(mine[0].id, NO_ANSWER)
    await store.save_health(mine[1].id, replace(NO_ANSWER, problem="", remedy="", since=None, warnings=("a zone",)))
    (home,) = await store.connections_health("acme", after(-10))
    assert home == ConnectionHealth("home", len(mine), failing=1, unconfirmed=2, behind=1, unread=0, remarked=1)
    (at_the_edge,) = await store.connections_health("acme", after(-60))
    assert at_the_edge.unconfirmed == 0
    assert await store.connections_health("nobody", after()) == ()


async def test_problems_are_grouped_the_most_frequent_first(house: House) -> None:
    store, more = house.store, await many(house, 5)
    for calendar in more[:3]:
        await store.save_health(calendar.id, NO_ANSWER)
    await store.save_health(more[1].id, replace(NO_ANSWER, since=after(-45)))
    await store.save_health(more[3].id, DENIED)
    frequent, rare = await store.calendar_problems("acme", 10)
    first = more[0]
    assert frequent == CalendarProblem(
        "home", "no answer", "see whether it runs", 3, after(-45), first.id, first.person
    )
    assert (rare.problem, rare.calendars, rare.calendar) == (DENIED.problem, 1, more[3].id)
    assert await store.calendar_problems("acme", 1) == (frequent,)
    assert await store.calendar_problems("other", 10) == ()
    await store.save_health(more[3].id, CalendarHealth(confirmed_at=after()))
    assert await store.calendar_problems("acme", 10) == (frequent,)


async def test_of_whom_is_switched_off_nothing_is_said(house: House) -> None:
    (off,) = await many(house, 1, active=False)
    before = await house.store.connections_health("acme", after())
    await house.store.save_health(off.id, DENIED)
    assert await house.store.connections_health("acme", after()) == before
    assert await house.store.calendar_problems("acme", 10) == ()
    assert await house.store.remarkable_calendars("acme", 10) == ()


async def test_the_first_remarkable_calendars(house: House) -> None:
    store, more = house.store, await many(house, 4)
    await store.save_health(more[0].id, CalendarHealth("token", after()))
    await store.save_health(more[1].id, replace(CalendarHealth(confirmed_at=after()), rejected=(("/a", "no start"),)))
    await store.save_health(more[2].id, NO_ANSWER)
    await store.save_health(more[3].id, DENIED)
    found = await store.remarkable_calendars("acme", 2)
    assert [each.calendar for each in found] == more[1:3]
    assert found[1].health == replace(NO_ANSWER, confirmed_at=after(-60))
    assert found[0].health.rejected == (("/a", "no start"),)
    assert found[0].health.next_read in (None, BEGINNING)
    assert await store.remarkable_calendars("other", 2) == ()
