"""Until when somebody is surely available, by one look-up."""

import random
from datetime import UTC, datetime, timedelta

from backsoon.domain.model import CalendarReferral, EntryKey, Override, Span
from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.store.base import CalendarHealth, ReferralChanges, Store
from tests.unit.engine.world import acme

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def hours(number: float) -> datetime:
    return NOW + timedelta(hours=number)


async def anna(store: Store, calendars: int = 2) -> tuple[Person, list[Calendar]]:
    await store.save_organisation(acme())
    await store.save_connections("acme", [Connection("acme", "memory", "memory")])
    (person,) = await store.save_people([Person("acme", "Anna.1", "Anna")])
    made = [Calendar(person.id, "acme", "memory", f"m:{n}") for n in range(calendars)]
    return person, list(await store.save_calendars(made))


async def read(store: Store, calendar: Calendar, *spans: tuple[float, float]) -> None:
    referrals = tuple(
        CalendarReferral(EntryKey(calendar.id, f"u{n}"), Span(hours(a), hours(b)), "meeting", resource=f"r{n}")
        for n, (a, b) in enumerate(spans)
    )
    await store.save_read(calendar.id, ReferralChanges(referrals, complete=True), CalendarHealth("t", NOW))


async def test_nobody_and_nothing(store: Store) -> None:
    person, _ = await anna(store)
    assert await store.first_claim("acme", "999", NOW) is None
    assert await store.first_claim("other", "Anna.1", NOW) is None
    assert await store.first_claim("acme", "anna.1", NOW) == (person, None)


async def test_the_first_of_all_calendars(store: Store) -> None:
    person, (one, other) = await anna(store)
    await read(store, one, (-3, -1), (5, 6), (3, 9))
    await read(store, other, (4, 5))
    assert await store.first_claim("acme", "Anna.1", NOW) == (person, hours(3))
    await read(store, other, (-1, 1))
    assert await store.first_claim("acme", "Anna.1", NOW) == (person, hours(-1))
    assert await store.first_claim("acme", "Anna.1", hours(1)) == (person, hours(3)), "what ends then is over"


async def test_an_override_is_a_claim(store: Store) -> None:
    person, (one, _) = await anna(store)
    await read(store, one, (3, 4))
    for start, end, first in ((-2, None, -2), (-2, 1, -2), (-2, 0, 3), (1, 2, 1)):
        await store.save_override(person.id, Override(hours(start), None if end is None else hours(end), "lunch"))
        assert await store.first_claim("acme", "Anna.1", NOW) == (person, hours(first))


async def test_it_is_what_claims_say(store: Store) -> None:
    chance = random.Random(7)
    person, calendars = await anna(store, 3)
    for _ in range(60):
        starts = [chance.randrange(-9, 9) for _ in range(chance.randrange(4))]
        await read(store, chance.choice(calendars), *((s, s + chance.randrange(1, 9)) for s in starts))
        if chance.random() < 0.3:
            start = chance.randrange(-5, 5)
            await store.save_override(person.id, Override(hours(start), hours(start + 2), None))
        claims = (await store.claims([person.id], NOW))[person.id]
        begun = [r.span.start for r in claims.referrals]
        if claims.override is not None and claims.override.end is not None and claims.override.end > NOW:
            begun.append(claims.override.start)
        assert await store.first_claim("acme", "Anna.1", NOW) == (person, min(begun, default=None))
