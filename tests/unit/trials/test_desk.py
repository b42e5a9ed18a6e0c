"""Working on settings: written and in force, tried before, and what another mode would do, over real files."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.config import Difference, applying, load
from backsoon.config.settingsfile import SettingsFile
from backsoon.domain.model import Mode
from backsoon.domain.organisation import Person
from backsoon.domain.settingserrors import AlreadyTrying, NoDryRun, NothingToTry, SettingsChanged, SettingsFaulty
from backsoon.engine.directory import Directory, no_holidays
from backsoon.factories import Sources
from backsoon.store.base import StoreUnavailable
from backsoon.store.sqlite import SqliteStore
from backsoon.trials.checking import Means
from backsoon.trials.desk import Desk
from backsoon.trials.dryrun import length
from backsoon.trials.dryruns import KEPT, DryRuns

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
SETTINGS = """\
[organisation]
name = "Acme"
zone = "UTC"
# mode = "keywords"

[calendars.main]
kind = "ics"
url = "calendars/{extension}.ics"
"""
EVENT = """\
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20261101T000000Z
DTSTART:20261123T{start}00Z
DTEND:20261123T{end}00Z
SUMMARY:{subject}
END:VEVENT
"""


def calendar(*events: tuple[str, str, str]) -> str:
    made = [EVENT.format(uid=n, start=s, end=e, subject=subject) for n, (s, e, subject) in enumerate(events)]
    text = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//\n" + "".join(made) + "END:VCALENDAR\n"
    return text.replace("\n", "\r\n")


@dataclass
class House:
    folder: Path
    store: SqliteStore
    directory: Directory
    sources: Sources
    now: datetime = NINE
    broken: bool = False
    applied: list[Sequence[Difference]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path = self.folder / "backsoon.toml"
        means = Means(self.store, self.sources, lambda: self.now, no_holidays)
        self.desk = Desk(SettingsFile(self.path, {}), means, self.apply)
        self.dry_runs = DryRuns(self.desk, means, self.directory, lambda: Sources(self.store, lambda: self.now))

    async def apply(self, *, dry_run: bool) -> Sequence[Difference]:
        config = load(self.path, {})
        found = await applying.differences(self.store, config)
        if dry_run:
            return found
        if self.broken:
            raise StoreUnavailable("it is gone")
        await applying.apply(self.store, config)
        await self.directory.refresh()
        await self.sources.refresh()
        return found

    async def etag(self) -> str:
        return str((await self.desk.view("main"))["etag"])

    async def write(self, **fields: Any) -> dict[str, Any]:
        return await self.desk.write("main", await self.etag(), wishes(**fields))

    async def ended(self) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while (told := self.dry_runs.told("main"))["state"] in ("waiting", "running"):
                await asyncio.sleep(0.01)
        return told


def wishes(**fields: Any) -> list[dict[str, Any]]:
    return [{"field": name.replace("__", "."), "value": value} for name, value in fields.items()]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "backsoon.toml").write_text(SETTINGS)
    (tmp_path / "calendars").mkdir()
    store = await SqliteStore.open(tmp_path / "store.db")
    directory, sources = Directory(store), Sources(store, lambda: NINE)
    made = House(tmp_path, store, directory, sources)
    try:
        await made.apply(dry_run=False)
        async with asyncio.TaskGroup() as tasks:
            living = tasks.create_task(made.dry_runs.run())
            yield made
            living.cancel()
    finally:
        await sources.close()
        await store.close()


class TestWriting:
    async def test_what_is_written_is_in_force(self, house: House) -> None:
        written = await house.write(organisation__warn_before_minutes=30)
        assert [d["field"] for d in written["differences"]] == ["organisation.warn_before_minutes"]
        assert house.directory.named("main").rules.warn_before == timedelta(minutes=30)
        assert written["etag"] == await house.etag()

    async def test_what_was_written_before_a_crash_is_told_and_can_be_put_into_force(self, house: House) -> None:
        house.broken = True
        with pytest.raises(StoreUnavailable):
            await house.write(organisation__warn_before_minutes=30)
        assert house.directory.named("main").rules.warn_before == timedelta(minutes=60)
        house.broken = False
        view = await house.desk.view("main")
        assert [d["field"] for d in view["unapplied"]] == ["organisations.main.rules.warn_before"]
        assert (await house.desk.write("main", view["etag"], []))["applied"] == 1
        assert house.directory.named("main").rules.warn_before == timedelta(minutes=30)
        assert (await house.desk.view("main"))["unapplied"] == []

    async def test_of_two_who_write_one_is_told_that_it_changed(self, house: House) -> None:
        etag = await house.etag()
        both = [house.desk.write("main", etag, wishes(organisation__warn_before_minutes=n)) for n in (10, 20)]
        found = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(one).__name__ for one in found) == ["SettingsChanged", "dict"]

    async def test_a_check_writes_nothing(self, house: House) -> None:
        checked = await house.desk.check("main", await house.etag(), wishes(organisation__zone="Mars"))
        assert [one["field"] for one in checked["faults"]] == ["organisation.zone"]
        assert house.path.read_text() == SETTINGS
        with pytest.raises(SettingsChanged):
            await house.desk.check("main", "other", [])

    async def test_a_country_whose_holidays_nobody_knows(self, house: House) -> None:
        with pytest.raises(SettingsFaulty) as error:
            await house.write(organisation__country="XX")
        assert [one.field for one in error.value.faults] == ["organisation.country"]
        assert house.path.read_text() == SETTINGS

    async def test_a_file_that_is_broken_is_told_with_its_faults(self, house: House) -> None:
        house.path.write_text(SETTINGS.replace("UTC", "Mars"))
        assert [one["field"] for one in (await house.desk.view("main"))["faults"]] == ["organisation.zone"]


SEVERAL = """\
[organisations.main]
name = "Acme"
zone = "UTC"

[organisations.other]
name = "Other"
zone = "UTC"
country = "XX"
"""


class TestOfSeveral:
    async def test_a_country_of_others_is_their_affair(self, house: House) -> None:
        house.path.write_text(SEVERAL)
        checked = await house.desk.check("main", await house.etag(), wishes(organisations__main__country="YY"))
        assert [one["field"] for one in checked["faults"]] == ["organisations.main.country"]
        assert (await house.write(organisations__main__name="Acme 2"))["differences"]

    async def test_of_faults_of_others_only_that_there_are_some(self, house: House) -> None:
        house.path.write_text(SEVERAL.replace('"UTC"', '"Mars"'))
        faults = (await house.desk.view("main"))["faults"]
        assert [one["field"] for one in faults] == ["organisations.main.zone", ""]
        assert "organisations.other" not in repr(faults)


class TestTrying:
    async def test_a_calendar_with_changes_that_are_not_written(self, house: House) -> None:
        (house.folder / "other.ics").write_text(calendar(("0930", "1000", "m: x")))
        changes = wishes(calendars__new__kind="ics", calendars__new__url="other.ics")
        (tried,) = (await house.desk.try_part("main", "calendars.new", changes))["tried"]
        assert (tried["level"], tried["text"]) == ("ok", "read; 1 entry in the next 60 days")
        assert house.path.read_text() == SETTINGS

    async def test_a_new_secret_is_gone_after_the_try(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        import tempfile

        monkeypatch.setattr(tempfile, "tempdir", str(house.folder / "calendars"))
        changes = wishes(
            switchboards__pbx__kind="asterisk",
            switchboards__pbx__port=1,
            switchboards__pbx__username="x",
            switchboards__pbx__secret="canary",
        )
        (tried,) = (await house.desk.try_part("main", "switchboards.pbx", changes))["tried"]
        assert tried["level"] == "error"
        assert tried["remedy"]
        assert not list((house.folder / "calendars").iterdir())
        assert not (house.folder / "secrets").exists()

    async def test_of_everybodys_calendars_a_few_are_tried(self, house: House) -> None:
        await house.store.save_people(
            [Person("main", str(n), f"P{n}", f"p{n}@example.com") for n in range(100, 110)], at=NINE
        )
        for n in range(100, 110):
            (house.folder / "calendars" / f"{n}.ics").write_text(calendar())
        tried = (await house.desk.try_part("main", "calendars.main", []))["tried"]
        assert [one["level"] for one in tried] == ["ok"] * 5

    @pytest.mark.parametrize("what", ["calendars.none", "switchboards.main", "x", "", "organisation.name"])
    async def test_what_there_is_not(self, house: House, what: str) -> None:
        with pytest.raises(NothingToTry):
            await house.desk.try_part("main", what, [])


class TestDryRun:
    async def everybody(self, house: House) -> None:
        people = [
            Person("main", "101", "Anna"),
            Person("main", "102", "Bo"),
            Person("main", "103", "Off", active=False),
        ]
        await house.store.save_people([*people, Person("main", "104", "Eva")], at=NINE)
        told = calendar(("1000", "1200", "canary secret"), ("1100", "1300", "m: known"), ("1500", "1530", "s: ill"))
        (house.folder / "calendars" / "101.ics").write_text(told)
        (house.folder / "calendars" / "102.ics").write_text(calendar())

    async def test_hours_before_and_after_and_nothing_else_of_an_entry(self, house: House) -> None:
        await self.everybody(house)
        await house.dry_runs.start("main", Mode.ALL_BUSY, days=1)
        told = await house.ended()
        assert told["state"] == "done"
        by = {one["person"]["name"]: one for one in told["people"]}
        assert (by["Anna"]["hours_before"], by["Anna"]["hours_after"]) == (2.5, 3.5)
        assert [span["reason"] for span in by["Anna"]["spans"]] == ["busy", "meeting", "not_available"]
        assert (by["Bo"]["hours_before"], by["Bo"]["hours_after"]) == (0, 0)
        assert by.keys() == {"Anna", "Bo"}  # of Eva nothing is known, which is not that she is free
        assert [one["person"]["name"] for one in told["failed"]] == ["Eva"]
        assert told["totals"]["calendars_failed"] == 1
        assert (told["done"], told["of"]) == (4, 4)
        assert "canary" not in str(told)
        assert "known" not in str(told)
        assert house.path.read_text() == SETTINGS
        assert not [one for one in (await house.store.claims([1, 2], NINE)).values() if one.referrals]

    async def test_changes_that_are_not_written_count(self, house: House) -> None:
        await self.everybody(house)
        changes = wishes(organisation__busy_phone="open")
        await house.dry_runs.start("main", Mode.ALL_BUSY, changes, days=1, people=[1])
        told = await house.ended()
        assert [one["hours_after"] for one in told["people"]] == [2.5]

    async def test_one_at_a_time_and_it_can_be_stopped(self, house: House) -> None:
        await self.everybody(house)
        await house.dry_runs.start("main", Mode.ALL_BUSY)
        with pytest.raises(AlreadyTrying):
            await house.dry_runs.start("main", Mode.ALL_BUSY)
        assert (await house.dry_runs.stop("main"))["state"] == "stopped"
        with pytest.raises(NoDryRun):
            await house.dry_runs.stop("main")
        assert house.dry_runs.told("main")["state"] == "none"

    async def test_faults_are_told_at_once(self, house: House) -> None:
        with pytest.raises(SettingsFaulty):
            await house.dry_runs.start("main", Mode.ALL_BUSY, wishes(organisation__zone="Mars"))
        assert house.dry_runs.told("main")["state"] == "none"

    async def test_it_is_forgotten_after_an_hour(self, house: House) -> None:
        await self.everybody(house)
        await house.dry_runs.start("main", Mode.KEYWORDS)
        await house.ended()
        house.now += KEPT + timedelta(seconds=1)
        assert house.dry_runs.told("main")["state"] == "none"


def test_what_overlaps_counts_once() -> None:
    def at(hour: float) -> datetime:
        return NINE + timedelta(hours=hour)

    assert length([(at(0), at(4), "a"), (at(1), at(2), "b"), (at(3), at(5), "c"), (at(6), at(7), "d")]) == timedelta(
        hours=6
    )
    assert length([]) == timedelta()
