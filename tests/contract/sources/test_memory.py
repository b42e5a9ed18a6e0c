"""The shipped in-memory source keeps the contract."""

from collections.abc import Sequence

import pytest

from backsoon.sources.base import CalendarSource, SourceDenied, SourceError
from backsoon.testing import MemorySource
from tests.contract.sources.events import EVER, Event
from tests.contract.sources.suite import Harness, SourceContract


class MemoryHarness(Harness):
    """All sources are one and the same object: it is the calendar."""

    def __init__(self) -> None:
        self.calendar = MemorySource()

    def source(self) -> CalendarSource:
        return self.calendar

    async def put(self, *events: Event) -> None:
        for event in events:
            self.calendar.put(event.uid, *event.entries(event.uid, EVER))

    async def remove(self, uid: str) -> None:
        self.calendar.remove(uid)

    async def break_it(self) -> Sequence[object]:
        return [SourceDenied("no")]

    async def broken(self, how: object | None) -> None:
        assert how is None or isinstance(how, SourceError)
        self.calendar.fail(how)

    async def lose_token(self) -> bool:
        self.calendar.lose_token()
        return True


class TestMemorySource(SourceContract):
    @pytest.fixture
    def harness(self) -> Harness:
        return MemoryHarness()
