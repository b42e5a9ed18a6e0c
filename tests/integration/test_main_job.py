"""The main job on real peers: an entry booked in Radicale refers an extension of a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backsoon.config import Config, load
from backsoon.domain.organisation import Calendar, Person
from backsoon.wiring import Backsoon, open_store
from tests.asterisk_server import ACCOUNT, Asterisk
from tests.servers import SERVICE, SERVICE_PASSWORD, DavServer

pytestmark = pytest.mark.xdist_group("asterisk")

ICS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//test//EN\r
BEGIN:VEVENT\r
UID:{uid}\r
DTSTAMP:20260101T000000Z\r
DTSTART:{start:%Y%m%dT%H%M%SZ}\r
DTEND:{end:%Y%m%dT%H%M%SZ}\r
SUMMARY:{subject}\r
END:VEVENT\r
END:VCALENDAR\r
"""


@dataclass
class Bench:
    """What a test of the main job works with."""

    backsoon: Backsoon
    person: Person
    radicale: DavServer
    asterisk: Asterisk
    calendar: str

    def book(self, uid: str, subject: str, start: datetime, end: datetime) -> None:
        """Book an entry in Anna's calendar, as her own client does."""
        text = ICS.format(uid=uid, subject=subject, start=start, end=end)
        self.radicale.put(f"{self.calendar}{uid}.ics", text, "anna")

    async def read(self) -> None:
        """Have the calendar read now."""
        await self.backsoon.service.read_now()
        self.backsoon.wake_sync()


def settings(folder: Path, radicale: DavServer, asterisk: Asterisk) -> Config:
    """The settings file of a small company."""
    (folder / "dav").write_text(SERVICE_PASSWORD)
    (folder / "ami").write_text(ACCOUNT.secret)
    (folder / "backsoon.toml").write_text(f"""
[organisation]
id = "acme"
name = "Acme"
zone = "UTC"
working_hours = "around-the-clock"

[calendars.radicale]
kind = "caldav"
url = "{radicale.url}/{{user}}/"
username = "{SERVICE}"
password = "file:dav"

[switchboards.pbx]
kind = "asterisk"
port = {asterisk.ami_port}
username = "{ACCOUNT.username}"
secret = "file:ami"
""")
    return load(folder / "backsoon.toml", {})


async def apply(backsoon: Backsoon) -> Person:
    """Take over the settings and add Anna."""
    store = backsoon.store
    for one in backsoon.config.organisations:
        await store.save_organisation(one.organisation)
        await store.save_connections(one.organisation.id, one.connections)
        await store.save_switchboards(one.organisation.id, one.switchboards)
    found = await store.find_people("acme", "1001")
    if found:
        return found[0]
    (anna,) = await store.save_people([Person("acme", "1001", "Anna Berg", "anna@example.com")])
    await store.save_calendars([Calendar(anna.id, "acme", "radicale", "")])
    return anna


@asynccontextmanager
async def running(folder: Path, radicale: DavServer, asterisk: Asterisk) -> AsyncIterator[Bench]:
    """Backsoon at work on real peers."""
    config = settings(folder, radicale, asterisk)
    store = await open_store(config)
    stop = asyncio.Event()
    try:
        backsoon = Backsoon(config, store)
        anna = await apply(backsoon)
        async with asyncio.TaskGroup() as tasks:
            started = asyncio.Event()
            tasks.create_task(backsoon.run(stop, started.set))
            await started.wait()
            try:
                yield Bench(backsoon, anna, radicale, asterisk, f"/anna/{folder.name}/")
            finally:
                stop.set()
    finally:
        await store.close()


async def eventually(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something holds; fails past the deadline."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await asyncio.to_thread(holds):
        assert asyncio.get_running_loop().time() < deadline, "it never came to hold"
        await asyncio.sleep(0.05)


async def until(instant: datetime) -> None:
    """Wait for the wall clock."""
    while (left := (instant - datetime.now(UTC)).total_seconds()) > 0:
        await asyncio.sleep(min(left, 0.5))


@pytest.fixture
def calendar(radicale: DavServer, tmp_path: Path) -> str:
    """A calendar of Anna's own, new for this test."""
    return radicale.make_calendar(f"/anna/{tmp_path.name}/", "anna")


async def test_calls_before_in_and_after_a_meeting(
    tmp_path: Path, radicale: DavServer, asterisk: Asterisk, telephones: object, calendar: str
) -> None:
    asterisk.forget()
    async with running(tmp_path, radicale, asterisk) as bench:
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=7)
        end = start + timedelta(seconds=6)
        bench.book("budget", "m: Budget 9-10", start, end)
        await bench.read()
        await eventually(lambda: any(key.endswith("backsoon/1001") for key in asterisk.database()))
        before = await asyncio.to_thread(asterisk.place_call, "1001")
        assert datetime.now(UTC) < start, "the test machine was too slow to call before the meeting"
        assert before.status == 200
        await until(start + timedelta(seconds=0.5))
        meeting = await asyncio.to_thread(asterisk.place_call, "1001")
        assert meeting.status == 486
        assert datetime.now(UTC) < end
        await eventually(lambda: "CustomPresence" in str(asterisk.database()))
        await until(end + timedelta(seconds=0.5))
        after = await asyncio.to_thread(asterisk.place_call, "1001")
        assert after.status == 200
        await eventually(lambda: "1001" not in str(asterisk.database()))


async def test_calls_go_on_being_right_with_backsoon_stopped_and_it_heals_in_the_meeting(
    tmp_path: Path, radicale: DavServer, asterisk: Asterisk, telephones: object, calendar: str
) -> None:
    asterisk.forget()
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=6)
    end = start + timedelta(seconds=10)
    async with running(tmp_path, radicale, asterisk) as bench:
        bench.book("budget", "m: Budget", start, end)
        await bench.read()
        await eventually(lambda: any(key.endswith("backsoon/1001") for key in asterisk.database()))
    await until(start + timedelta(seconds=0.5))
    assert (await asyncio.to_thread(asterisk.place_call, "1001")).status == 486
    assert "CustomDevstate/backsoon-1001" not in str(asterisk.database())
    async with running(tmp_path, radicale, asterisk):
        await eventually(lambda: "CustomDevstate/backsoon-1001" in str(asterisk.database()))
        assert datetime.now(UTC) < end
    await until(end + timedelta(seconds=0.5))
    assert (await asyncio.to_thread(asterisk.place_call, "1001")).status == 200
    assert "CustomDevstate/backsoon-1001" in str(asterisk.database())
    async with running(tmp_path, radicale, asterisk):
        await eventually(lambda: "1001" not in str(asterisk.database()))


async def test_an_asterisk_that_is_restarted_in_a_meeting_is_told_again(
    tmp_path: Path, radicale: DavServer, own_asterisk: Asterisk, calendar: str
) -> None:
    async with running(tmp_path, radicale, own_asterisk) as bench:
        now = datetime.now(UTC).replace(microsecond=0)
        bench.book("budget", "m: Budget", now - timedelta(hours=1), now + timedelta(hours=1))
        await bench.read()
        await eventually(lambda: "CustomDevstate/backsoon-1001" in str(own_asterisk.database()))
        own_asterisk.server.kill()
        publisher = bench.backsoon.publishers["acme"][0]
        await eventually(lambda: not publisher.health.connected)
        own_asterisk.server.start()
        await eventually(lambda: publisher.health.connected, seconds=40)
        await eventually(lambda: "CustomDevstate/backsoon-1001" in str(own_asterisk.database()))
        assert any(key.endswith("backsoon/1001") for key in own_asterisk.database())


async def test_an_override_is_shown_at_once_and_survives_a_restart(
    tmp_path: Path, radicale: DavServer, asterisk: Asterisk, telephones: object, calendar: str
) -> None:
    asterisk.forget()
    async with running(tmp_path, radicale, asterisk) as bench:
        await bench.backsoon.service.refer(bench.person, "lunch", by="Anna", through="cli")
        await eventually(lambda: "CustomDevstate/backsoon-1001" in str(asterisk.database()))
    async with running(tmp_path, radicale, asterisk) as bench:
        assert (await asyncio.to_thread(asterisk.place_call, "1001")).status == 486
        await bench.backsoon.service.back(bench.person, by="Anna", through="cli")
        await eventually(lambda: "1001" not in str(asterisk.database()))
        assert (await asyncio.to_thread(asterisk.place_call, "1001")).status == 200
