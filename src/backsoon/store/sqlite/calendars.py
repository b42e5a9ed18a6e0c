"""Calendars and their referrals: transactions on a `Database`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from backsoon.domain.model import CalendarReferral
from backsoon.domain.organisation import Calendar, Person
from backsoon.store import codec, rows
from backsoon.store.base import (
    BEGINNING,
    CalendarProblem,
    ConnectionHealth,
    Freshness,
    Lane,
    NotStored,
    ReadCalendar,
    StoreConflict,
)
from backsoon.store.rows import Row
from backsoon.store.sqlite.database import Database

SOON = 300_000_000
"""Whoever is due within so many microseconds is read for that reason though something else makes them due now."""


def save_calendars(database: Database, calendars: Sequence[Calendar]) -> tuple[Calendar, ...]:
    """Insert or replace."""
    return tuple(_save_calendar(database, calendar) for calendar in calendars)


def _save_calendar(database: Database, calendar: Calendar) -> Calendar:
    try:
        return _replace(database, calendar) if calendar.id else _insert(database, calendar)
    except NotStored:
        raise NotStored(_lacking(calendar)) from None
    except StoreConflict:
        words = f"person {calendar.person} has that calendar at connection {calendar.connection!r} already"
        raise StoreConflict(words) from None


def _lacking(calendar: Calendar) -> str:
    of = f"organisation {calendar.organisation!r} has no"
    number = f"calendar {calendar.id}, or no " if calendar.id else ""
    return f"{of} {number}person {calendar.person}, or no connection {calendar.connection!r}"


def _insert(database: Database, calendar: Calendar) -> Calendar:
    row = database.one("insert_calendar", *_row(calendar))
    if row is None:
        raise NotStored
    return replace(calendar, id=row[0])


def _replace(database: Database, calendar: Calendar) -> Calendar:
    before = database.one("calendar", calendar.id)
    if before is None:
        raise NotStored
    if before != _row(calendar):
        touched = {before[0], calendar.person} if _touched(database, [calendar.id]) else set()
        database.run("make_due", codec.to_json(list(touched)))
        database.run("disown_subscriptions", codec.to_json([calendar.id]))
        if calendar.person != before[0]:
            _pass_on(database, calendar.id)
        database.run("replace_calendar", calendar.id, *_row(calendar))
    return calendar


def _pass_on(database: Database, calendar: int) -> None:
    """Leave to the one who had the calendar what explains their past."""
    database.run("close_calendars", codec.to_json([calendar]))
    database.run("pass_on_referrals", calendar)
    database.run("forget_passed_over", calendar)


def _row(calendar: Calendar) -> Row:
    return calendar.person, calendar.organisation, calendar.connection, codec.clean(calendar.address)


def _touched(database: Database, calendars: Sequence[int]) -> frozenset[int]:
    return frozenset(row[0] for row in database.all("people_with_referrals", codec.to_json(calendars)))


def remove_calendars(database: Database, ids: Sequence[int]) -> frozenset[int]:
    """Take calendars out; the people who had referrals from them."""
    touched = _touched(database, ids)
    database.run("close_calendars", codec.to_json(ids))
    database.run("disown_subscriptions", codec.to_json(ids))
    database.run("remove_calendars", codec.to_json(ids))
    return touched


def calendars(database: Database, person: int | None, after: int, limit: int) -> tuple[ReadCalendar, ...]:
    """Calendars in order of id."""
    if person is None:
        found = database.all("calendars", after, limit)
    else:
        found = database.all("calendars_of", after, limit, person)
    return tuple(map(rows.read_calendar, found))


def owned(database: Database, calendar: int) -> tuple[Calendar, Person] | None:
    """A calendar and whose it is."""
    row = database.one("owned", calendar)
    if row is None:
        return None
    return Calendar(row[7], row[8], row[9], row[10], calendar), rows.person(row[:7])


def calendars_at(
    database: Database, organisation: str, connection: str, after: int, limit: int
) -> tuple[ReadCalendar, ...]:
    """Active people's calendars at a connection in order of id."""
    return tuple(map(rows.read_calendar, database.all("calendars_at", after, limit, organisation, connection)))


def calendars_due(
    database: Database, now: int, limit: int, without: Iterable[tuple[str, str]], beyond: int, but: Sequence[int]
) -> tuple[ReadCalendar, ...]:
    """Calendars to read, by lane, the most overdue first."""
    found = database.all("calendars_due", now, limit, _places(without), beyond, codec.to_json(but))
    return tuple(map(rows.due_calendar, found))


def next_read(database: Database, without: Iterable[tuple[str, str]]) -> datetime | None:
    """When a calendar is to be read next."""
    (at,) = database.one("next_read", _places(without)) or (None,)
    return None if at is None else codec.instant(at) if at else BEGINNING


def _places(places: Iterable[tuple[str, str]]) -> str:
    return codec.to_json([f"{organisation}/{connection}" for organisation, connection in places])


def referrals_of(database: Database, calendar: int, most: int) -> tuple[CalendarReferral, ...]:
    """The stored referrals of a calendar; no more than `most`."""
    found = database.bulk("referrals_of", rows.REFERRALS, calendar, most)
    return rows.referrals(found)


def freshness(database: Database, people: Sequence[int]) -> dict[int, Freshness]:
    """How fresh the calendars of each of the people are."""
    found = database.bulk("freshness", rows.FRESHNESS, codec.to_json(people))
    return rows.freshness(found)


def confirmed_between(
    database: Database, after: int, until: int, beyond: int, limit: int
) -> tuple[tuple[int, int], ...]:
    """(calendar, person) of those read whole in the span."""
    return tuple((row[0], row[1]) for row in database.all("confirmed_between", after, until, beyond, limit))


def connections_health(database: Database, organisation: str, before: int) -> tuple[ConnectionHealth, ...]:
    """How the calendars of each connection do."""
    return tuple(ConnectionHealth(*row) for row in database.all("connections_health", organisation, before))


def calendar_problems(database: Database, organisation: str, limit: int) -> tuple[CalendarProblem, ...]:
    """What is wrong with calendars, the most frequent first."""
    return tuple(map(rows.calendar_problem, database.all("calendar_problems", organisation, limit)))


def remarkable_calendars(database: Database, organisation: str, limit: int) -> tuple[ReadCalendar, ...]:
    """The first calendars of which there is something to say."""
    return tuple(map(rows.read_calendar, database.all("remarkable_calendars", organisation, limit)))


def read_soon(database: Database, ids: Sequence[int] | None, whole: bool) -> int:
    """Make calendars due for reading."""
    suffix = "_whole" if whole else ""
    if ids is None:
        return database.run(f"read_all_soon{suffix}")
    return database.run(f"read_soon{suffix}", codec.to_json(ids))


def confirm(database: Database, ids: Sequence[int], at: int) -> int:
    """Note that they are known to be so at the instant."""
    return database.run("confirm", codec.to_json(ids), at)


def hint(database: Database, ids: Sequence[int], lane: Lane, now: int) -> int:
    """Make calendars due for reading at the instant."""
    return database.run("hint", codec.to_json(ids), lane.value, now, now + SOON)
