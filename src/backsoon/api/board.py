"""The attendants' board: everybody with what holds now, what is coming, and how fresh their calendar is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from backsoon.api.parts import Parts
from backsoon.api.views import Json, availability_view, instant
from backsoon.domain.model import AVAILABLE
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience
from backsoon.engine.deciding import timeline_of
from backsoon.store.base import Claims, ReadCalendar


async def board_of(parts: Parts, organisation: str | None, after: int, limit: int) -> Json:
    """A page of rows. `number` is that of the last event before: events after it are news."""
    now, number = parts.clock.now(), parts.hub.number
    page = await parts.store.page_people(organisation, after=after, limit=limit)
    active = [p for p in page if p.active]
    claims = await parts.store.claims([p.id for p in active], now)
    rows = [await _row(parts, p, claims.get(p.id, Claims()), now) for p in active]
    return {"at": instant(now), "number": number, "rows": rows, "next": page[-1].id if len(page) == limit else None}


async def _row(parts: Parts, person: Person, claims: Claims, now: datetime) -> Json:
    availability = AVAILABLE
    if claims.referrals or claims.override is not None:
        availability = timeline_of(person, claims, parts.directory, now).at(now)
    calendars = await parts.store.calendars(person=person.id)
    return {
        "person": {
            "id": person.id,
            "organisation": person.organisation,
            "extension": person.extension,
            "name": person.name,
            "department": person.department,
            "zone": parts.directory.zone_of(person).key,
        },
        "availability": availability_view(person, availability, now, parts.directory, Audience.ATTENDANT),
        "calendars": len(calendars),
        "confirmed_at": instant(_oldest(calendars)),
        "problem": next((c.health.problem for c in calendars if c.health.problem), ""),
    }


def _oldest(calendars: Sequence[ReadCalendar]) -> datetime | None:
    """When the least recently read calendar was read; None where one never was."""
    confirmed = [c.health.confirmed_at for c in calendars if c.health.confirmed_at is not None]
    return min(confirmed) if confirmed and len(confirmed) == len(calendars) else None
