"""What the tests of the Google source share: a simulator with one account over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from backsoon.domain.model import CalendarEntry
from backsoon.sources.base import CalendarSource, Changes, Window
from backsoon.sources.google import GoogleAccount, GoogleSettings
from backsoon.wire.http import Http
from tests.simulators.google import GoogleSimulator, Limits
from tests.simulators.model import Mailbox, Meeting, Stored, World

ANNA, BO, CARL = "anna@example.com", "bo@example.com", "carl@example.com"
ZONE = "Europe/Stockholm"


def wall(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """What clocks show, in whatever zone."""
    return datetime(year, month, day, hour, tzinfo=UTC).replace(tzinfo=None)


MONDAY = wall(2027, 3, 1)
WINDOW = Window(datetime(2027, 2, 20, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC))


@dataclass
class Office:
    """A simulator, an account that reads it, and three mailboxes."""

    simulator: GoogleSimulator
    account: GoogleAccount
    http: Http

    def source(self, address: str = ANNA, zone: str = ZONE) -> CalendarSource:
        return self.account.source(address, zone=zone, owner=frozenset({address}))

    async def read(self, token: str | None = None, address: str = ANNA) -> Changes:
        return await self.source(address).changes(WINDOW, token)

    async def one(self, meeting: Meeting, address: str = ANNA) -> CalendarEntry:
        """What a single meeting is read as."""
        self.put(meeting, address)
        (entry,) = (await self.read(address=address)).entries
        return entry

    def put(self, meeting: Meeting, address: str = ANNA) -> Stored:
        return self.simulator.world[address].put(meeting)


@asynccontextmanager
async def office(
    *, access: str = "shared", role: str = "writer", limits: Limits | bool = False, **settings: Any
) -> AsyncIterator[Office]:
    people = World([Mailbox(each, zone=ZONE, access=role) for each in (ANNA, BO, CARL)])
    async with GoogleSimulator(people, limits=limits) as simulator, Http(deadline=1) as http:
        told = {"credentials": simulator.service_account(), "url": simulator.url, "access": access} | settings
        yield Office(simulator, GoogleAccount(GoogleSettings(**told), http), http)


def meeting(uid: str = "one", subject: str = "m: Budget", **other: Any) -> Meeting:
    """An hour on Monday at nine, in Stockholm."""
    start = other.pop("start", MONDAY + timedelta(hours=9))
    return Meeting(uid, start, other.pop("end", start + timedelta(hours=1)), subject, **other)
