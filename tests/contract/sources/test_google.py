"""The Google source keeps the contract on the simulator: exactly the window, and with what it reads ahead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from backsoon.sources.base import CalendarSource, Window
from backsoon.sources.google import GoogleAccount, GoogleSettings
from backsoon.testing.events import WINDOW, Event, Fact, Stored, facts
from backsoon.testing.sources import HOUR, OFFICE, STANDUP, Harness, Reader, SourceContract
from backsoon.wire.http import Http
from tests.simulators.google import GoogleSimulator
from tests.simulators.model import Mailbox, Meeting, Repeats, World

ANNA = "anna@example.com"
_BROKEN = ("unavailable", "deny", "sign_in", "missing", "half", "html", "redirect", "throttle", "hang")


class GoogleHarness(Harness):
    """One mailbox on the simulator."""

    def __init__(self, simulator: GoogleSimulator, http: Http, ahead: timedelta) -> None:
        self.simulator = simulator
        self.mailbox = simulator.world[ANNA]
        self.http = http
        self.ahead = ahead

    def source(self) -> CalendarSource:
        settings = GoogleSettings(self.simulator.service_account(), url=self.simulator.url, ahead=self.ahead)
        return GoogleAccount(settings, self.http).source(ANNA, zone="Europe/Oslo", owner=frozenset({ANNA}))

    async def put(self, *events: Event) -> None:
        for event in events:
            self.mailbox.put(meeting(event))

    async def remove(self, uid: str) -> None:
        self.mailbox.remove(uid)

    async def break_it(self) -> Sequence[object]:
        return _BROKEN

    async def broken(self, how: object | None) -> None:
        self.simulator.faults.clear()
        if how is not None:
            self.simulator.faults.add(str(how), times=None)

    async def lose_token(self) -> bool:
        self.simulator.forget_tokens(ANNA)
        return True


def meeting(event: Event) -> Meeting:
    """The event as the simulators' world holds it."""
    if event.all_day:
        return Meeting(event.uid, event.start.date(), event.start.date() + timedelta(days=1), event.subject)
    whole = _timed(event, event.start)
    if event.count == 1:
        return whole
    exceptions: dict[datetime | date, Meeting | None] = {}
    for number, shift in event.moved.items():
        exceptions[_naive(event.starts(number))] = _timed(event, event.starts(number) + shift)
    for number in event.dropped:
        exceptions[_naive(event.starts(number))] = None
    return replace(whole, repeats=Repeats(count=event.count), exceptions=exceptions)


def _timed(event: Event, start: datetime) -> Meeting:
    end = start + timedelta(minutes=event.minutes)
    return Meeting(event.uid, _naive(start), _naive(end), event.subject, zone="UTC")


def _naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


@asynccontextmanager
async def harness_for(ahead: timedelta) -> AsyncIterator[GoogleHarness]:
    async with GoogleSimulator(World([Mailbox(ANNA, zone="Europe/Oslo")])) as simulator, Http(deadline=1) as http:
        yield GoogleHarness(simulator, http, ahead)


class TestGoogle(SourceContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with harness_for(timedelta()) as harness:
            yield harness


class _InWindow(Stored):
    """What is stored, as somebody sees it who looks at the window."""

    def __init__(self) -> None:
        super().__init__()
        self.window = WINDOW

    @property
    def facts(self) -> list[Fact]:
        return [fact for fact in super().facts if _in(fact, self.window)]


def _in(fact: Fact, window: Window) -> bool:
    start, end = (at if isinstance(at, datetime) else datetime.combine(at, time(), UTC) for at in fact[2:4])
    return start < window.end and end > window.start


class TestGoogleAhead(SourceContract):
    """With more than the window stored, which is how the product reads."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with harness_for(timedelta(days=30)) as harness:
            yield harness

    @pytest.fixture
    async def reader(self, harness: Harness) -> Reader:
        reader = Reader(harness)
        reader.stored = _InWindow()
        return reader

    async def test_a_token_of_another_window_is_answered_with_everything(
        self, harness: Harness, reader: Reader
    ) -> None:
        """One that has not moved further than was read ahead costs nothing; then everything is read again."""
        next_month = Event("next", start=WINDOW.end + HOUR)
        await harness.put(OFFICE, STANDUP, next_month)
        await reader.read()
        for days, complete in ((2, False), (30, False), (31, True), (32, False)):
            rolled = Window(WINDOW.start + timedelta(days=days), WINDOW.end + timedelta(days=days))
            assert (await reader.read(rolled)).complete is complete
            assert isinstance(reader.stored, _InWindow)
            reader.stored.window = rolled
            assert reader.stored.facts == facts(OFFICE, STANDUP, next_month, window=rolled)
