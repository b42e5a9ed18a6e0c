"""The shipped in-memory source keeps the contract, and does what it is told."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from backsoon.sources.base import CalendarSource, SourceDenied, SourceError
from backsoon.testing import MemorySource
from backsoon.testing.events import EVER, MONDAY, WINDOW, Event
from backsoon.testing.sources import Harness, SourceContract


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


class TestWhatItIsTold:
    async def test_entries_may_be_given_at_once(self) -> None:
        entries = [*Event("a", count=2).entries("one"), *Event("b").entries("")]
        changes = await MemorySource(entries).changes(WINDOW, None)
        assert [(e.uid, e.resource) for e in changes.entries] == [("b", "b"), ("a", "one"), ("a", "one")]

    async def test_a_rejected_resource_takes_its_entries_away(self) -> None:
        source = MemorySource(Event("a").entries("a"))
        token = (await source.changes(WINDOW, None)).sync_token
        source.reject("a", "RRULE costs too much")
        changes = await source.changes(WINDOW, token)
        assert changes.touched == {"a"}
        assert changes.entries == ()
        assert [(r.resource, r.because) for r in changes.rejected] == [("a", "RRULE costs too much")]
        source.put("a", *Event("a").entries("a"))
        assert (await source.changes(WINDOW, None)).rejected == ()

    async def test_warnings_come_with_each_read(self) -> None:
        source = MemorySource()
        source.warn("an unknown time zone")
        assert (await source.changes(WINDOW, None)).warnings == ("an unknown time zone",)

    def test_what_is_not_there_cannot_be_removed(self) -> None:
        with pytest.raises(KeyError):
            MemorySource().remove("a")

    async def test_days_are_the_owners(self) -> None:
        """The day before the window is over at its start, but not where clocks are behind."""
        before = list(Event("a", start=MONDAY - timedelta(days=1), all_day=True).entries("a", EVER))
        for zone, found in (("Pacific/Kiritimati", 0), ("Pacific/Pago_Pago", 1)):
            assert len((await MemorySource(before, zone=ZoneInfo(zone)).changes(WINDOW, None)).entries) == found

    async def test_it_counts_reads_and_knows_that_it_is_closed(self) -> None:
        source = MemorySource()
        await source.changes(WINDOW, None)
        assert (source.reads, source.closed) == (1, False)
        await source.close()
        assert source.closed
