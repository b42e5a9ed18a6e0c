"""The EWS source keeps the contract on the simulated Exchange: by impersonation and as a delegate, old versions and new."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from backsoon.sources.base import CalendarSource
from backsoon.sources.ews import EwsAccount, EwsSettings
from backsoon.wire.http import Http
from tests.contract.sources.events import Event
from tests.contract.sources.suite import Harness, SourceContract
from tests.simulators.ews import EwsSimulator
from tests.simulators.model import Mailbox, Meeting, Repeats, World

ADDRESS = "anna@example.com"
NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
FAULTS = ("throttle", "unavailable", "deny", "sign_in", "missing", "half", "hang", "html", "redirect", "vendor")


def meeting(event: Event) -> Meeting:
    """An event of the suite as the simulator's; times in UTC, as the suite writes them."""

    def part(number: int, shift: timedelta) -> Meeting:
        start = event.starts(number).replace(tzinfo=None) + shift
        end = start + timedelta(minutes=event.minutes)
        if event.all_day:
            return Meeting(event.uid, start.date(), start.date() + timedelta(days=1), event.subject, "UTC")
        return Meeting(event.uid, start, end, event.subject, "UTC")

    whole = part(0, timedelta())
    if event.count == 1:
        return whole
    exceptions: dict[object, Meeting | None] = {part(n, timedelta()).start: None for n in event.dropped}
    exceptions |= {part(n, timedelta()).start: part(n, shift) for n, shift in event.moved.items()}
    fields = vars(whole) | {"repeats": Repeats("day", 1, event.count), "exceptions": exceptions}
    return Meeting(**fields)


class EwsHarness(Harness):
    """One mailbox of a simulated server."""

    def __init__(self, simulator: EwsSimulator, account: EwsAccount) -> None:
        self.simulator = simulator
        self.account = account
        self.mailbox = simulator.world[ADDRESS]

    def source(self) -> CalendarSource:
        return self.account.source(ADDRESS, zone="Europe/Oslo", owner=frozenset({ADDRESS}))

    async def put(self, *events: Event) -> None:
        for event in events:
            self.mailbox.put(meeting(event))

    async def remove(self, uid: str) -> None:
        self.mailbox.remove(uid)

    async def break_it(self) -> Sequence[object]:
        return FAULTS

    async def broken(self, how: object | None) -> None:
        self.simulator.faults.clear()
        self.account._client.throttle._closed_until = float("-inf")  # the pause that was asked for is over
        if how is not None:
            told = {"code": "ErrorMailboxMoveInProgress"} if how == "vendor" else {}
            self.simulator.faults.add(str(how), times=None, **told)

    async def lose_token(self) -> bool:
        self.simulator.faults.add("expire")
        return True


@asynccontextmanager
async def harness_for(version: str = "2016", **settings: object) -> AsyncIterator[EwsHarness]:
    world = World([Mailbox(ADDRESS, zone="Europe/Oslo")])
    async with EwsSimulator(world, version=version) as simulator, Http(deadline=10) as http:
        usual: dict[str, object] = {
            "url": simulator.url,
            "username": simulator.account,
            "password": simulator.password,
            "deadline": 2.0,
        }
        account = EwsAccount(EwsSettings(**{**usual, **settings}), http, lambda: NOW)  # type: ignore[arg-type]
        yield EwsHarness(simulator, account)
        await account.close()


class TestImpersonation(SourceContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with harness_for() as harness:
            yield harness
