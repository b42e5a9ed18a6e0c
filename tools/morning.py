"""The demonstration's company on one fixed morning: a calendar server and Backsoon by a clock that is set to it."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backsoon.api import serve
from backsoon.api.server import Listening
from backsoon.commands.demoing import radicale
from backsoon.commands.demoing.company import PEOPLE, Booking, day
from backsoon.config import applying, load
from backsoon.domain.access import Role
from backsoon.domain.organisation import Person
from backsoon.engine.importing import reassign
from backsoon.store.base import Account, Session
from backsoon.testing import MemorySwitchboard
from backsoon.wiring import Backsoon, SystemClock, open_store

MORNING = datetime(2026, 11, 23, 8, 24, 30, tzinfo=UTC)
"""When it is: 09:24 in Stockholm, on a Monday."""
SETTINGS = """[organisation]
id = "acme"
name = "Acme"
zone = "Europe/Stockholm"
language = "en"
country = "SE"

[calendars.office]
kind = "caldav"
url = "{url}/{{user}}/"
username = "{service}"
password = "file:password"

[switchboards.office]
kind = "asterisk"
username = "backsoon"
secret = "file:password"
"""
CALENDAR_PORT = 5232
"""The same each time, for it is seen in pictures."""
TITLES = {"anna": "Controller", "carl": "Key accounts", "frida": "Helpdesk", "karin": "Managing director"}
COMPETENCES = {"frida": ("VPN", "printers"), "gustav": ("printers", "telephones"), "hanna": ("telephones",)}


class MorningClock(SystemClock):
    """The machine's clock, set to the morning as it is made."""

    def __init__(self) -> None:
        self._by = MORNING - super().now()

    def now(self) -> datetime:
        """The present instant there."""
        return super().now() + self._by


@dataclass
class Morning:
    """The company at work."""

    backsoon: Backsoon
    url: str
    people: dict[str, Person]

    async def cookie(self, user: str, *roles: Role) -> str:
        """Somebody signs in, with these roles; the session's cookie."""
        store, now, text = self.backsoon.store, self.backsoon.clock.now(), secrets.token_urlsafe(32)
        name, person = PEOPLE[user][1], self.people[user].id
        account = await store.save_account(Account("acme", name, frozenset(roles), now, person=person, user=user))
        digest = hashlib.sha256(text.encode()).hexdigest()
        await store.save_session(Session(account.id, digest, now, now, now + timedelta(days=1)))
        return text


@asynccontextmanager
async def morning(folder: Path, port: int) -> AsyncIterator[Morning]:
    """The company, until the context ends. Raises `NoRadicale` where there is no calendar server."""
    async with radicale.running(radicale.find(None), folder / "radicale", CALENDAR_PORT) as address:
        (folder / "password").write_text("demo")
        path = folder / "backsoon.toml"
        path.write_text(SETTINGS.format(url=address, service=radicale.SERVICE))
        config = load(path, {})
        store = await open_store(config)
        try:
            backsoon = Backsoon(config, store, MorningClock(), make_switchboard=lambda _: MemorySwitchboard())
            await applying.apply(store, config)
            people = await _fill(backsoon, address)
            async with _at_work(backsoon, port):
                yield Morning(backsoon, f"http://127.0.0.1:{port}", people)
        finally:
            await store.close()


async def _fill(backsoon: Backsoon, address: str) -> dict[str, Person]:
    people = [
        Person(
            "acme",
            extension,
            name,
            f"{user}@example.com",
            department=department,
            title=TITLES.get(user, ""),
            competences=COMPETENCES.get(user, ()),
        )
        for user, (extension, name, department) in PEOPLE.items()
    ]
    saved = await backsoon.store.save_people(people)
    await reassign(backsoon.store, "acme")
    for user in PEOPLE:
        await asyncio.to_thread(radicale.make_calendar, address, user)
    for number, booking in enumerate([*day(MORNING), *week()]):
        await asyncio.to_thread(radicale.book, address, booking, f"day-{number}")
    return dict(zip(PEOPLE, saved, strict=True))


def week() -> Iterator[Booking]:
    """What two of them have in the days that follow."""

    def timed(user: str, subject: str, days: int, start: float, end: float) -> Booking:
        midnight = MORNING.replace(hour=0, minute=0, second=0) - timedelta(hours=1) + timedelta(days=days)
        return Booking(user, subject, midnight + timedelta(hours=start), midnight + timedelta(hours=end))

    yield timed("carl", "m: Forecast", 0, 13, 15)
    yield timed("carl", "c: Negotiating", 2, 9, 16.5)
    yield timed("carl", "m; Desk day", 3, 9, 12)
    yield timed("carl", "t: Oslo", 4, 7, 19)
    yield timed("gustav", "Dentist", 1, 8, 9)
    yield timed("gustav", "m: New telephones", 1, 10, 11.5)
    yield timed("gustav", "Lunch with Hanna m: x", 2, 11.5, 12.5)
    first = (MORNING + timedelta(days=8)).date()
    yield Booking("gustav", "h: Skiing", MORNING, MORNING, (first, first + timedelta(days=4)))


@asynccontextmanager
async def _at_work(backsoon: Backsoon, port: int) -> AsyncIterator[None]:
    stop, started = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(backsoon, backsoon.config.socket, stop, Listening("127.0.0.1", port)))
        tasks.create_task(backsoon.run(stop, started.set))
        await started.wait()
        try:
            yield
        finally:
            stop.set()
