"""A file of the first schema, with rows as its version wrote them, opened by this one."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backsoon.domain.model import CalendarReferral, EntryKey, Override, Phone, Span
from backsoon.domain.organisation import Connection, Organisation, Person, SwitchboardSettings
from backsoon.store.base import (
    BEGINNING,
    CalendarHealth,
    Freshness,
    Grounds,
    KnownOverride,
    KnownReferral,
    Lane,
    ReferralChanges,
    Subscription,
    Told,
)
from backsoon.store.codec import encode_organisation, micros
from backsoon.store.sql import load_migrations
from backsoon.store.sqlite import SqliteStore
from backsoon.store.sqlite.database import MARKS
from backsoon.store.sqlite.migrate import prepare
from tests.contract.store.values import RULES

NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)
HEALTH = {
    1: '{"confirmed_at":"2026-05-04T09:00:00.123456Z","warnings":["w"]}',
    2: '{"confirmed_at":"2026-05-04T09:00:00Z","failures":2,"problem":"does not answer"}',
    3: '{"confirmed_at":"2026-05-04T08:59:59.999999Z"}',
    4: "{}",
}
CONFIRMED = {
    1: NINE + timedelta(microseconds=123456),
    2: NINE,
    3: NINE - timedelta(microseconds=1),
    4: None,
}
ENTRY = CalendarReferral(
    EntryKey(1, "u", "20260504T090000Z"), Span(NINE, NINE + timedelta(hours=1)), "meeting", Phone.OPEN, "Budget",
    keyword="m", resource="r",
)  # fmt: skip
BY_HAND = Override(NINE, None, "lunch", "note", "200", "anna", "cli")
ANNA = Person("acme", "1A", "Anna", "anna@example.org", id=1)


def _fill(path: Path) -> None:
    prepare(path, wait=5, backups=3, migrations=load_migrations(MARKS)[:1])
    connection = sqlite3.connect(path)
    add = connection.execute
    organisation = Organisation("acme", "Acme", RULES)
    add("insert into organisation values (?, ?)", ("acme", encode_organisation(organisation)))
    add("insert into connection values ('acme', 'home', 'ics', '{}')")
    add("insert into switchboard values ('acme', 'pbx', 'asterisk', '{}')")
    person = "insert into person values (?, 'acme', ?, ?, ?, ?, ?, ?, ?, '{}')"
    add(person, (1, "1A", "1a", "Anna", "anna", "anna@example.org", "anna@example.org", 1))
    add(person, (2, "101", "101", "Bob", "bob", "", None, 0))
    calendar = "insert into calendar values (?, ?, 'acme', 'home', ?, ?, 'token', ?, ?)"
    for id, health in HEALTH.items():
        add(calendar, (id, 1 if id < 4 else 2, str(id), int(id < 4), micros(NINE), health))
    start, end = micros(ENTRY.span.start), micros(ENTRY.span.end)
    referral = (1, "u", "20260504T090000Z", "r", start, end, "meeting", "open", "Budget", "", "keyword", "m")
    add("insert into referral values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", referral)
    add("insert into override values (1, ?, null, 'lunch', 'note', '200', 'anna', 'cli')", (start,))
    add("insert into person_state values (1, '', ?, 1)", (end,))
    add("insert into availability_change values (1, 1, ?, ?, '', 'clock', '', '')", (start, start))
    add("insert into told values ('acme', 'pbx', '1A', 'on', 'plan', ?)", (start,))
    connection.commit()
    connection.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    _fill(tmp_path / "backsoon.db")
    opened = await SqliteStore.open(tmp_path / "backsoon.db")
    yield opened
    await opened.close()


async def test_everything_is_there_still(store: SqliteStore, tmp_path: Path) -> None:
    assert await store.organisations() == (Organisation("acme", "Acme", RULES),)
    assert await store.connections() == (Connection("acme", "home", "ics"),)
    assert await store.switchboards() == (SwitchboardSettings("acme", "pbx", "asterisk"),)
    assert await store.people([1, 2]) == {1: ANNA, 2: Person("acme", "101", "Bob", active=False, id=2)}
    assert await store.referrals_of(1) == (ENTRY,)
    assert (await store.claims([1], NINE))[1].override == BY_HAND
    assert len(await store.history(1, NINE, NINE + timedelta(1))) == 1
    assert await store.told("acme", "pbx") == {"1A": Told("1A", "on", "plan", NINE)}
    assert await store.tokens() == ()
    assert (tmp_path / "backsoon.db.v0001.bak").exists()


async def test_when_calendars_were_confirmed_is_kept_to_the_microsecond(store: SqliteStore) -> None:
    found = {each.calendar.id: each.health for each in await store.calendars()}
    assert {id: health.confirmed_at for id, health in found.items()} == CONFIRMED
    assert found[1] == CalendarHealth("token", CONFIRMED[1], NINE, warnings=("w",), lane=Lane.RECONCILE)
    assert found[2] == CalendarHealth("token", NINE, NINE, 2, "does not answer", lane=Lane.RECONCILE)
    assert found[4].lane is Lane.FIRST
    assert await store.freshness([1, 2]) == {1: Freshness(3, CONFIRMED[3], "does not answer"), 2: Freshness(1)}
    assert await store.confirmed_between(NINE - timedelta(1), NINE) == ((2, 1), (3, 1))


async def test_what_is_there_was_known_since_ever(store: SqliteStore) -> None:
    assert await store.held_since("acme", "1a") == BEGINNING
    assert await store.by_extension("acme", "1a") == ANNA
    known = Grounds((KnownReferral(ENTRY, BEGINNING),), KnownOverride(BY_HAND))
    assert await store.grounds(1, NINE) == known
    assert await store.lamps_told("acme", "pbx", "1A", NINE) is None


async def test_the_note_of_what_is_no_longer_so_is_not_kept(store: SqliteStore) -> None:
    changed = replace(ENTRY, note="ZQ-CANARY")
    for minute, referrals in enumerate(((changed,), ())):
        health = CalendarHealth("t", NINE + timedelta(minutes=minute + 1))
        await store.save_read(1, ReferralChanges(referrals, complete=True), health)
    connection = sqlite3.connect(store.path)
    kept = connection.execute("select * from referral_past").fetchall()
    connection.close()
    assert len(kept) == 2
    assert "Budget" not in str(kept)
    assert "ZQ-CANARY" not in str(kept)


async def test_work_goes_on(store: SqliteStore) -> None:
    later = NINE + timedelta(minutes=10)
    await store.save_read(1, ReferralChanges(complete=True), CalendarHealth("t", later))
    await store.remove_override(1, later, by="bob")
    gone = KnownReferral(replace(ENTRY, note=""), BEGINNING, later)
    assert await store.grounds(1, NINE) == Grounds((gone,), KnownOverride(BY_HAND, later, "bob"))
    await store.save_told("acme", "pbx", [Told("1A", "off", "", later)])
    assert await store.lamps_told("acme", "pbx", "1A", later) == Told("1A", "off", "", later)
    (moved,) = await store.save_people([replace(ANNA, extension="7")], at=later)
    assert await store.held_since("acme", moved.extension) == later
    await store.remove_people([1, 2])
    assert await store.calendars() == ()


async def test_for_whom_notifications_were_ordered_is_not_known_of_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "backsoon.db"
    _fill(path)
    prepare(path, wait=5, backups=3, migrations=load_migrations(MARKS)[:3])
    connection = sqlite3.connect(path)
    row = ("acme", "home", 1, "sub", micros(NINE), micros(NINE), "resource", "https://x.example/hooks", 0)
    columns = "organisation_id, connection, calendar_id, id, expires_at, renew_at, resource, url, replaced"
    connection.execute(f"insert into subscription ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608
    connection.commit()
    connection.close()
    opened = await SqliteStore.open(path)
    old = Subscription("acme", "home", 1, "sub", NINE, NINE, "resource", "https://x.example/hooks")
    assert await opened.subscriptions(["sub"]) == {"sub": old}
    await opened.save_subscriptions([replace(old, address="anna@example.org")])
    assert await opened.page_subscriptions("acme", "home") == (replace(old, address="anna@example.org"),)
    await opened.close()
