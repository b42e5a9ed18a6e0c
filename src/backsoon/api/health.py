"""How everything does: switchboards, and calendars as a whole; bounded, however many of them fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from zoneinfo import ZoneInfo

from backsoon.api.findings import (
    Finding,
    Times,
    is_well,
    of_connection,
    of_problem,
    of_switchboard,
    of_telling,
    of_waiting,
    telling_words,
)
from backsoon.api.parts import Parts
from backsoon.api.views import Json, instant
from backsoon.domain.organisation import Organisation
from backsoon.engine.publisher import Publisher
from backsoon.store.base import CalendarProblem, ConnectionHealth, ReadCalendar

PROBLEMS = 20
"""The most different problems of one organisation's calendars that are told."""
CALENDARS = 50
"""The most calendars of one organisation that are told one by one."""
REFUSED = 50
"""The most refused orders of a switchboard that are told one by one."""
MOST = 500
"""The most of anything in one answer."""


async def health_of(parts: Parts, organisation: str | None = None) -> Json:
    """What is wrong and what to do, of one organisation or all.

    `well` is true while every switchboard is connected and refuses nothing, and every calendar can be read and is
    read often enough. `findings` say so a line each; `connections` count calendars, and `calendars` are the first ones
    of which there is something to say.
    """
    directory = parts.directory.organisations
    wanted = [directory[organisation]] if organisation is not None else list(directory.values())
    findings: list[Finding] = []
    connections: list[Json] = []
    calendars: list[Json] = []
    for each in wanted:
        counted = await _connections(parts, each)
        findings += await _findings(parts, each, counted)
        connections += [_connection(parts, each, health) for health in counted]
        if len(calendars) < MOST:
            calendars += [_calendar(c) for c in await parts.store.remarkable_calendars(each.id, CALENDARS)]
    publishers = [(each.id, p) for each in wanted for p in parts.publishers.get(each.id, ())]
    return {
        "well": is_well(findings),
        "at": instant(parts.clock.now()),
        "people": await parts.store.count_people(organisation),
        "findings": [_finding(each) for each in findings[:MOST]],
        "findings_left_out": max(0, len(findings) - MOST),
        "switchboards": [_switchboard(name, publisher) for name, publisher in publishers[:MOST]],
        "connections": connections[:MOST],
        "calendars": calendars[:MOST],
    }


async def _connections(parts: Parts, organisation: Organisation) -> Sequence[ConnectionHealth]:
    before = parts.clock.now() - organisation.rules.confirmed_within
    return await parts.store.connections_health(organisation.id, before)


async def _findings(parts: Parts, organisation: Organisation, connections: Sequence[ConnectionHealth]) -> list[Finding]:
    times = Times(parts.clock.now(), ZoneInfo(organisation.zone))
    found: list[Finding] = []
    for publisher in parts.publishers.get(organisation.id, ()):
        found += of_switchboard(organisation.id, publisher.settings.name, publisher.health, times)
    problems: Sequence[CalendarProblem] = ()
    if any(each.failing for each in connections):
        problems = await parts.store.calendar_problems(organisation.id, PROBLEMS)
    owners = await parts.store.people([p.person for p in problems])
    found += [of_problem(organisation.id, p, owners[p.person].extension, times) for p in problems if p.person in owners]
    told = Counter[str]()
    for problem in problems:
        told[problem.connection] += problem.calendars
    for each in connections:
        found += of_connection(organisation.id, each, told[each.connection], organisation.rules.confirmed_within)
        place = (organisation.id, each.connection)
        found += of_waiting(each.connection, organisation.id, parts.pushing.waits(*place), times)
        found += of_telling(parts.pushing.telling(*place), parts.pushing.polled(*place), times)
    return found


def _finding(finding: Finding) -> Json:
    return {
        "level": finding.level.value,
        "code": finding.code,
        "organisation": finding.organisation,
        "about": finding.about,
        "what": finding.what,
        "remedy": finding.remedy,
        "count": finding.count,
        "since": instant(finding.since),
    }


def _connection(parts: Parts, organisation: Organisation, health: ConnectionHealth) -> Json:
    place, times = (organisation.id, health.connection), Times(parts.clock.now(), ZoneInfo(organisation.zone))
    return {
        "organisation": organisation.id,
        "name": health.connection,
        "calendars": health.calendars,
        "failing": health.failing,
        "unconfirmed": health.unconfirmed,
        "behind": health.behind,
        "unread": health.unread,
        "remarked": health.remarked,
        "notifications": telling_words(
            parts.pushing.telling(*place), parts.pushing.polled(*place), times, health.calendars
        ),
    }


def _switchboard(organisation: str, publisher: Publisher) -> Json:
    health = publisher.health
    return {
        "organisation": organisation,
        "name": publisher.settings.name,
        "connected": health.connected,
        "since": instant(health.since),
        "problem": health.problem,
        "remedy": health.remedy,
        "refused": dict(islice(health.refused.items(), REFUSED)),
        "refused_count": len(health.refused),
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
