"""What applying settings would change, and applying them to a real store."""

import tomllib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backsoon.config import Config, Difference, Settings, applying, describe, parse, settings_of
from backsoon.domain.organisation import Person
from backsoon.engine.importing import reassign
from backsoon.store.base import CalendarHealth, Subscription
from backsoon.store.sqlite import SqliteStore

ONE = """
[organisation]
name = "Acme"
zone = "Europe/Oslo"
[organisation.keywords]
d = "course"
[calendars.dav]
kind = "caldav"
url = "https://dav.example.com/{email}/"
"""


def read(text: str) -> Config:
    return parse(tomllib.loads(text), Path("/x/backsoon.toml"))


def test_of_a_new_organisation_what_is_unusual_is_told() -> None:
    shown = [str(d) for d in describe(Settings(), settings_of(read(ONE)))]
    assert "+ organisations.main = new" in shown
    assert "+ organisations.main.name = Acme" in shown
    assert "+ organisations.main.rules.keywords.d = course" in shown
    assert "~ organisations.main.zone: UTC -> Europe/Oslo" in shown
    assert not any("rules.keywords.m" in line or "reasons" in line for line in shown)


def test_nothing_differs_from_itself() -> None:
    settings = settings_of(read(ONE))
    assert describe(settings, settings) == []


def test_each_field_that_differs_is_told_once() -> None:
    before = settings_of(read(ONE))
    changed = ONE.replace("Europe/Oslo", "Europe/Stockholm").replace('d = "course"', 'm = "course"')
    changed += '[switchboards.pbx]\nkind = "asterisk"\nusername = "u"\nsecret = "env:S"\n'
    found = describe(before, settings_of(read(changed)))
    place = "organisations.main"
    assert Difference(f"{place}.zone", "Europe/Oslo", "Europe/Stockholm") in found
    assert Difference(f"{place}.rules.keywords.d", "course", "") in found
    assert Difference(f"{place}.rules.keywords.m", "meeting", "course") in found
    assert {d.field for d in found if d.field.startswith(f"{place}.switchboards.pbx")} >= {
        f"{place}.switchboards.pbx.kind"
    }
    assert len(found) == len({d.field for d in found})


def test_an_organisation_that_is_no_longer_in_the_settings_stays() -> None:
    two = "[organisations.a]\nname='A'\nzone='UTC'\n[organisations.b]\nname='B'\nzone='UTC'\n"
    one = "[organisations.a]\nname='A'\nzone='UTC'\n"
    assert describe(settings_of(read(two)), settings_of(read(one))) == []


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "backsoon.db")
    yield store
    await store.close()


async def places(store: SqliteStore, person: int) -> set[tuple[str, str]]:
    return {(c.calendar.connection, c.calendar.address) for c in await store.calendars(person=person)}


async def test_applied_settings_are_in_the_store_and_differ_no_more(store: SqliteStore) -> None:
    config = read(ONE)
    assert await applying.differences(store, config)
    await applying.apply(store, config)
    assert await applying.differences(store, config) == []
    assert (await store.organisations())[0] == config.organisations[0].organisation
    assert await store.connections() == config.organisations[0].connections


async def test_calendars_of_people_follow_the_connections(store: SqliteStore) -> None:
    await applying.apply(store, read(ONE))
    anna, bo = await store.save_people([Person("main", "101", "Anna", "anna@example.com"), Person("main", "102", "Bo")])
    await reassign(store, "main")
    assert await places(store, anna.id) == {("dav", "")}
    assert await places(store, bo.id) == set(), "who has no address has no calendar there"
    await applying.apply(store, read(ONE + 'people = "named"\n'))
    assert await places(store, anna.id) == set()
    await applying.apply(store, read(ONE.replace("{email}", "{extension}")))
    assert await places(store, bo.id) == {("dav", "")}


async def test_calendars_are_read_whole_once_more_by_the_applied_rules(store: SqliteStore) -> None:
    await applying.apply(store, read(ONE))
    (anna,) = await store.save_people([Person("main", "101", "Anna", "anna@example.com")])
    await reassign(store, "main")
    (calendar,) = await store.calendars(person=anna.id)
    read_before = CalendarHealth(sync_token="token", next_read=datetime(2100, 1, 1, tzinfo=UTC))
    await store.save_health(calendar.calendar.id, read_before)
    await applying.apply(store, read(ONE))
    (calendar,) = await store.calendars(person=anna.id)
    assert (calendar.health.sync_token, calendar.health.next_read) == (None, None)


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (ONE[: ONE.index("[calendars.dav]")], "is taken out"),
        (ONE.replace('kind = "caldav"', 'kind = "ics"'), "becomes one of another kind"),
    ],
)
async def test_what_a_connection_leaves_behind_at_its_vendor_is_said_once(
    store: SqliteStore, caplog: pytest.LogCaptureFixture, then: str, words: str
) -> None:
    await applying.apply(store, read(ONE))
    far = datetime(2100, 1, 1, tzinfo=UTC)
    await store.save_subscriptions([Subscription("main", "dav", 0, f"sub-{n}", far, far) for n in range(3)])
    await applying.apply(store, read(ONE))
    assert len(await store.page_subscriptions("main", "dav")) == 3
    await applying.apply(store, read(then))
    await applying.apply(store, read(then))
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"connection dav {words}: 3 notifications end by themselves at caldav"]
    assert await store.subscriptions([f"sub-{n}" for n in range(3)]) == {}
