"""The attendants' board: everybody with what holds now, what is coming, and how fresh their calendar is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from backsoon.api import fields
from backsoon.api.lamps import lamp_of, unconfirmed
from backsoon.api.parts import Parts
from backsoon.api.views import Json, availability_view, freshness_view, instant, resolved_view
from backsoon.domain.access import LOCAL, Identity
from backsoon.domain.freshness import age_of
from backsoon.domain.model import AVAILABLE, Availability
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience
from backsoon.engine.deciding import timeline_of
from backsoon.engine.directory import Directory
from backsoon.store.base import Claims, Freshness


async def board_of(
    parts: Parts,
    organisation: str | None,
    after: int,
    limit: int,
    who: Identity = LOCAL,
    language: str | None = None,
) -> Json:
    """A page of rows, each as `who` may see the person, in that language (None: the person's).

    `listen_after` is the id of the last event before: events after it are news (see `api.events`).
    """
    position, now = parts.hub.position(), parts.clock.now()
    page = await parts.store.page_people(organisation, after=after, limit=limit)
    rows = await rows_of(parts, [p for p in page if p.active], now, who, language)
    following = page[-1].id if len(page) == limit else None
    return {"at": instant(now), "listen_after": position, "rows": rows, "next": following}


async def rows_of(
    parts: Parts, people: Sequence[Person], now: datetime, who: Identity, language: str | None
) -> list[Json]:
    """The rows of these people, each as `who` may see them."""
    claims = await parts.store.claims([p.id for p in people], now)
    fresh = await parts.store.freshness([p.id for p in people])
    await parts.directory.prepare(people, now)

    def row(person: Person) -> Json:
        availability = standing(person, claims.get(person.id, Claims()), now, parts.directory)
        freshness = fresh.get(person.id, Freshness())
        return row_view(person, availability, freshness, now, parts.directory, who.audience(person), language)

    return [row(person) for person in people]


def standing(person: Person, claims: Claims, now: datetime, directory: Directory) -> Availability:
    """How somebody stands now, by what is stored."""
    if not person.active or (not claims.referrals and claims.override is None):
        return AVAILABLE
    return timeline_of(person, claims, directory, now).at(now)


def row_view(
    person: Person,
    availability: Availability,
    fresh: Freshness,
    now: datetime,
    directory: Directory,
    audience: Audience,
    language: str | None = None,
) -> Json:
    """One row, as the audience may see the person."""
    within = directory.organisation_of(person).rules.confirmed_within
    values = {
        "person": resolved_view(person, directory, audience),
        "lamp": lamp_of(availability, unconfirmed(fresh, now, within), audience),
        "availability": availability_view(person, availability, now, directory, audience, language),
        **age_view(person, fresh, now, directory, audience, language),
    }
    return fields.seen(fields.ROW, audience, values)


def age_view(
    person: Person, fresh: Freshness, now: datetime, directory: Directory, audience: Audience, language: str | None
) -> Json:
    """What a row says of the person's calendars."""
    within = directory.organisation_of(person).rules.confirmed_within
    age = age_of(fresh.calendars, fresh.confirmed_at, now, within)
    return {**freshness_view(person, age, now, directory, audience, language), "problem": fresh.problem}
