"""Calendars and their referrals: transactions on a `Database`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from backsoon.domain.model import CalendarReferral
from backsoon.domain.organisation import Calendar
from backsoon.store import codec, rows
from backsoon.store.base import BEGINNING, NotStored, ReadCalendar, StoreConflict
from backsoon.store.rows import ReferralRow, Row
from backsoon.store.sqlite.database import Database

Referrals = Mapping[tuple[str, str, str], ReferralRow]
"""The rows of one calendar's referrals by (resource, uid, recurrence_id): an account may hold an entry twice."""


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
        database.run("replace_calendar", calendar.id, *_row(calendar))
    return calendar


def _row(calendar: Calendar) -> Row:
    return calendar.person, calendar.organisation, calendar.connection, codec.clean(calendar.address)


def _touched(database: Database, calendars: Sequence[int]) -> frozenset[int]:
    return frozenset(row[0] for row in database.all("people_with_referrals", codec.to_json(calendars)))


def remove_calendars(database: Database, ids: Sequence[int]) -> frozenset[int]:
    """Take calendars out; the people who had referrals from them."""
    touched = _touched(database, ids)
    database.run("remove_calendars", codec.to_json(ids))
    return touched


def calendars(database: Database, person: int | None, after: int, limit: int) -> tuple[ReadCalendar, ...]:
    """Calendars in order of id."""
    if person is None:
        found = database.all("calendars", after, limit)
    else:
        found = database.all("calendars_of", after, limit, person)
    return tuple(map(rows.read_calendar, found))


def calendars_due(
    database: Database, now: int, limit: int, without: Sequence[tuple[str, str]]
) -> tuple[ReadCalendar, ...]:
    """Calendars to read, the most overdue first."""
    places = codec.to_json([f"{organisation}/{connection}" for organisation, connection in without])
    return tuple(map(rows.read_calendar, database.all("calendars_due", now, limit, places)))


def next_read(database: Database) -> datetime | None:
    """When a calendar is to be read next."""
    row = database.one("next_read")
    return None if row is None else codec.instant(row[0]) if row[0] else BEGINNING


def referrals_of(database: Database, calendar: int) -> tuple[CalendarReferral, ...]:
    """All stored referrals of a calendar."""
    return tuple(map(rows.referral, database.all("referrals_of", calendar)))


def save_read(
    database: Database, calendar: int, read: Referrals, touched: frozenset[str] | None, health: Row
) -> frozenset[int]:
    """Replace the referrals from the touched resources (None: all) by those that were read."""
    owner = database.one("save_health", *health)
    if owner is None:
        raise NotStored(f"there is no calendar {calendar}")
    stored = {(row[3], row[1], row[2]): row for row in database.all("referrals_of", calendar)}
    gone = [key for key, row in stored.items() if key not in read and (touched is None or row[3] in touched)]
    fresh = [row for key, row in read.items() if stored.get(key) != row]
    database.many("delete_referrals", ((calendar, *key) for key in gone))
    database.many("save_referrals", fresh)
    return frozenset((owner[0],)) if gone or fresh else frozenset()


def save_health(database: Database, row: Row) -> None:
    """How reading goes."""
    database.one("save_health", *row)


def read_soon(database: Database, ids: Sequence[int] | None, whole: bool) -> int:
    """Make calendars due for reading."""
    suffix = "_whole" if whole else ""
    if ids is None:
        return database.run(f"read_all_soon{suffix}")
    return database.run(f"read_soon{suffix}", codec.to_json(ids))
