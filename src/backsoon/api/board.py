"""The attendants' board: everybody with what holds now, what is coming, and how fresh their calendar is."""

from __future__ import annotations

from datetime import datetime

from backsoon.api.parts import Parts
from backsoon.api.views import Json, availability_view, freshness_view, instant
from backsoon.domain.access import LOCAL, Identity
from backsoon.domain.freshness import age_of
from backsoon.domain.model import AVAILABLE
from backsoon.domain.organisation import Person
from backsoon.engine.deciding import timeline_of
from backsoon.store.base import Claims, Freshness


async def board_of(parts: Parts, organisation: str | None, after: int, limit: int, who: Identity = LOCAL) -> Json:
    """A page of rows, each as `who` may see the person. `number` is that of the last event before: events after it are news."""
    now, number = parts.clock.now(), parts.hub.number
    page = await parts.store.page_people(organisation, after=after, limit=limit)
    active = [p for p in page if p.active]
    claims = await parts.store.claims([p.id for p in active], now)
    fresh = await parts.store.freshness([p.id for p in active])
    rows = [_row(parts, p, claims.get(p.id, Claims()), fresh.get(p.id, Freshness()), now, who) for p in active]
    return {"at": instant(now), "number": number, "rows": rows, "next": page[-1].id if len(page) == limit else None}


def _row(parts: Parts, person: Person, claims: Claims, fresh: Freshness, now: datetime, who: Identity) -> Json:
    directory = parts.directory
    availability = AVAILABLE
    if claims.referrals or claims.override is not None:
        availability = timeline_of(person, claims, directory, now).at(now)
    within = directory.organisation_of(person).rules.confirmed_within
    return {
        "person": {
            "id": person.id,
            "organisation": person.organisation,
            "extension": person.extension,
            "name": person.name,
            "department": person.department,
            "zone": directory.zone_of(person).key,
        },
        "availability": availability_view(person, availability, now, directory, who.audience(person)),
        **freshness_view(person, age_of(fresh.calendars, fresh.confirmed_at, now, within), now, directory),
        "problem": fresh.problem,
    }
