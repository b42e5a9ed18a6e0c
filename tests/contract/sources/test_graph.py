"""The Graph source keeps the contract on the simulator of Microsoft 365: in large pages and in small ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from backsoon.sources.base import CalendarSource
from backsoon.testing.events import Event
from backsoon.testing.sources import Harness, SourceContract
from tests.simulators.model import Meeting, Repeats
from tests.unit.graph.tenant import ANNA, Tenant, tenant

FAULTS = ("throttle", "unavailable", "deny", "missing", "half", "html", "redirect", "vendor", "sign_in")

TOLD: Mapping[str, Mapping[str, Any]] = {
    "throttle": {"seconds": 0},
    "vendor": {"code": "ErrorInternalServerError", "status": 500},
}


def meeting_of(event: Event) -> Meeting:
    """An event of the suite as the simulators have it."""
    return Meeting(
        event.uid,
        _at(event, event.start),
        _end(event, event.start),
        event.subject,
        zone="UTC",
        repeats=Repeats("day", 1, event.count) if event.count > 1 else None,
        exceptions={
            **{_at(event, event.starts(n)): None for n in event.dropped},
            **{
                _at(event, event.starts(n)): Meeting(
                    event.uid,
                    _at(event, event.starts(n) + shift),
                    _end(event, event.starts(n) + shift),
                    event.subject,
                    zone="UTC",
                )
                for n, shift in event.moved.items()
                if n not in event.dropped
            },
        },
    )


def _at(event: Event, at: datetime) -> datetime | date:
    return at.date() if event.all_day else at.replace(tzinfo=None)


def _end(event: Event, start: datetime) -> datetime | date:
    if event.all_day:
        return start.date() + timedelta(days=1)
    return start.replace(tzinfo=None) + timedelta(minutes=event.minutes)


class GraphHarness(Harness):
    """A mailbox of its own in a simulated tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self.sim = tenant.sim
        self.account = tenant.account
        self.mailbox = tenant.anna

    def source(self) -> CalendarSource:
        return self.account.source(ANNA, zone="Europe/Oslo", owner=frozenset({ANNA}))

    async def put(self, *events: Event) -> None:
        for event in events:
            self.mailbox.put(meeting_of(event))

    async def remove(self, uid: str) -> None:
        self.mailbox.remove(uid)

    async def break_it(self) -> Sequence[object]:
        return FAULTS

    async def broken(self, how: object | None) -> None:
        self.sim.faults.clear()
        if how is None:
            return
        self.sim.faults.add(str(how), times=None, match=ANNA, **TOLD.get(str(how), {}))

    async def lose_token(self) -> bool:
        self.sim.expire_delta_tokens()
        return True


class TestGraph(SourceContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with tenant([ANNA]) as made:
            yield GraphHarness(made)


class TestGraphInSmallPages(SourceContract):
    """Three to a page, and each page tells its first entity twice."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with tenant([ANNA]) as made:
            made.sim.behaviour.largest_page = 3
            made.sim.behaviour.repeat_in_delta = True
            yield GraphHarness(made)
