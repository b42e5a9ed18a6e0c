"""How everything does: switchboards, and the calendars of which there is something to say."""

from __future__ import annotations

from collections.abc import AsyncIterator

from backsoon.api.parts import Parts
from backsoon.api.views import Json, instant
from backsoon.engine.publisher import Publisher
from backsoon.store.base import ReadCalendar, Store

PAGE = 1000


async def health_of(parts: Parts) -> Json:
    """`well` is true while every switchboard is connected and every calendar can be read.

    `calendars` are those with a problem, a warning or items that were left out.
    """
    switchboards = [_switchboard(org, p) for org, several in parts.publishers.items() for p in several]
    calendars = [_calendar(c) async for c in _all(parts.store) if _remarkable(c)]
    well = all(s["connected"] for s in switchboards) and not any(c["problem"] for c in calendars)
    people = await parts.store.count_people()
    return {"well": well, "people": people, "switchboards": switchboards, "calendars": calendars}


async def _all(store: Store) -> AsyncIterator[ReadCalendar]:
    after = 0
    while page := await store.calendars(after=after, limit=PAGE):
        after = page[-1].calendar.id
        for calendar in page:
            yield calendar


def _remarkable(calendar: ReadCalendar) -> bool:
    health = calendar.health
    return bool(health.problem or health.warnings or health.rejected)


def _switchboard(organisation: str, publisher: Publisher) -> Json:
    health = publisher.health
    return {
        "organisation": organisation,
        "name": publisher.settings.name,
        "connected": health.connected,
        "since": instant(health.since),
        "problem": health.problem,
        "remedy": health.remedy,
        "refused": dict(health.refused),
    }


def _calendar(calendar: ReadCalendar) -> Json:
    health = calendar.health
    return {
        "calendar": calendar.calendar.id,
        "person": calendar.calendar.person,
        "organisation": calendar.calendar.organisation,
        "connection": calendar.calendar.connection,
        "confirmed_at": instant(health.confirmed_at),
        "since": instant(health.since),
        "failures": health.failures,
        "problem": health.problem,
        "remedy": health.remedy,
        "warnings": list(health.warnings),
        "rejected": [{"resource": resource, "because": because} for resource, because in health.rejected],
    }
