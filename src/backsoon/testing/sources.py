"""The contract of calendar sources as a suite: what every implementation of `CalendarSource` has to pass.

To run it over a source of your own, write a `Harness` for it and a class with one fixture:

    class TestMine(SourceContract):
        @pytest.fixture
        async def harness(self) -> AsyncIterator[Harness]:
            yield MyHarness(...)

A harness makes sources that read one and the same calendar, and changes it behind their backs (see `Harness`).
Use the real server wherever it can run; the calendar is empty, or holds nothing in `WINDOW`, when the fixture yields.
Tests are coroutines: set `asyncio_mode = "auto"` for pytest-asyncio.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta

from backsoon.sources.base import CalendarSource, Changes, SourceError, Window
from backsoon.testing.events import EVER, MONDAY, WINDOW, Event, Stored, facts
from backsoon.testing.needs import need_pytest

need_pytest()
import pytest  # noqa: E402 - a word on what to install comes first

__all__ = ["EVER", "MONDAY", "WINDOW", "Event", "Harness", "Reader", "SourceContract", "Stored", "facts"]

HOUR = timedelta(hours=1)
OFFICE = Event("office")
LUNCH = Event("lunch", start=MONDAY + timedelta(days=2, hours=11), subject="l: Lunch")
STANDUP = Event("standup", count=10, minutes=15, subject="m: Stand-up")
HOLIDAY = Event("holiday", start=MONDAY + timedelta(days=7), all_day=True, subject="h: Skiing")
LAST_YEAR = Event("old", start=MONDAY - timedelta(days=300))


class Harness(ABC):
    """One empty calendar, and what can be done to it from outside."""

    @abstractmethod
    def source(self) -> CalendarSource:
        """A new source that reads the calendar; the suite closes it."""

    @abstractmethod
    async def put(self, *events: Event) -> None:
        """Write each event, new or changed, under its uid."""

    @abstractmethod
    async def remove(self, uid: str) -> None:
        """Take an event away."""

    @abstractmethod
    async def break_it(self) -> Sequence[object]:
        """The ways in which reading can be made to fail; each is given to `broken`."""

    @abstractmethod
    async def broken(self, how: object | None) -> None:
        """Make reading fail in this way from now on; None: whole again, with everything as it was."""

    async def lose_token(self) -> bool:
        """Make the server forget the tokens it gave; False where it gives none that it could forget."""
        return False


class Reader:
    """A source, and what somebody has stored who reads it."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.source = harness.source()
        self.stored = Stored()

    async def read(self, window: Window = WINDOW) -> Changes:
        """Read once from where the last read ended."""
        return self.stored.apply(await self.source.changes(window, self.stored.token))

    async def restart(self) -> None:
        """Begin again with what is stored, as after a restart."""
        await self.source.close()
        self.source = self.harness.source()


class SourceContract:
    """Subclass it with a `harness` fixture."""

    @pytest.fixture
    async def reader(self, harness: Harness) -> Reader:
        return Reader(harness)

    @pytest.fixture(autouse=True)
    async def _close(self, reader: Reader) -> object:
        yield
        await reader.source.close()

    async def test_is_a_calendar_source(self, reader: Reader) -> None:
        assert isinstance(reader.source, CalendarSource)

    async def test_the_first_read_is_complete(self, harness: Harness, reader: Reader) -> None:
        await harness.put(OFFICE, LUNCH, STANDUP, HOLIDAY)
        assert (await reader.read()).complete
        assert reader.stored.facts == facts(OFFICE, LUNCH, STANDUP, HOLIDAY)

    async def test_what_is_outside_the_window_is_left_out(self, harness: Harness, reader: Reader) -> None:
        early = Event("early", start=WINDOW.start - HOUR, minutes=60)
        late = Event("late", start=WINDOW.end)
        across = Event("across", start=WINDOW.start - HOUR, minutes=61)
        series = Event("series", start=WINDOW.start - timedelta(days=3), count=5)
        await harness.put(LAST_YEAR, early, late, across, series)
        await reader.read()
        assert reader.stored.facts == facts(across, series)
        assert len(reader.stored.facts) == 3

    async def test_an_unchanged_calendar_touches_nothing(self, harness: Harness, reader: Reader) -> None:
        await harness.put(OFFICE, STANDUP)
        await reader.read()
        if reader.stored.token is None:
            pytest.skip("this source can only read everything")
        for _ in range(2):
            changes = await reader.read()
            assert (changes.complete, changes.touched, changes.entries) == (False, frozenset(), ())
        assert reader.stored.facts == facts(OFFICE, STANDUP)

    async def test_added_changed_and_removed_events(self, harness: Harness, reader: Reader) -> None:
        await harness.put(OFFICE, LUNCH)
        await reader.read()
        later = LUNCH.but(start=LUNCH.start + HOUR, subject="l: Later")
        await harness.put(later, HOLIDAY)
        await reader.read()
        assert reader.stored.facts == facts(OFFICE, later, HOLIDAY)
        await harness.remove(OFFICE.uid)
        await reader.read()
        assert reader.stored.facts == facts(later, HOLIDAY)

    async def test_an_event_that_leaves_the_window_and_comes_back(self, harness: Harness, reader: Reader) -> None:
        away = OFFICE.but(start=WINDOW.end + timedelta(days=30))
        for event in (OFFICE, away, OFFICE):
            await harness.put(event, LUNCH)
            await reader.read()
            assert reader.stored.facts == facts(event, LUNCH)

    async def test_the_last_event_can_go(self, harness: Harness, reader: Reader) -> None:
        await harness.put(OFFICE)
        await reader.read()
        await harness.remove(OFFICE.uid)
        await reader.read()
        assert reader.stored.facts == []

    async def test_occurrences_of_a_series_are_moved_and_dropped(self, harness: Harness, reader: Reader) -> None:
        moved = STANDUP.but(moved={3: HOUR, 4: timedelta(days=-1)})
        dropped = moved.but(dropped=frozenset({6}))
        for event in (STANDUP, moved, dropped, STANDUP.but(count=4), STANDUP):
            await harness.put(event, OFFICE)
            await reader.read()
            assert reader.stored.facts == facts(event, OFFICE)

    async def test_an_event_becomes_a_series_and_again_one(self, harness: Harness, reader: Reader) -> None:
        for event in (OFFICE, OFFICE.but(count=3), OFFICE):
            await harness.put(event)
            await reader.read()
            assert reader.stored.facts == facts(event)

    async def test_many_events_at_once(self, harness: Harness, reader: Reader) -> None:
        many = [Event(f"many-{n}", start=MONDAY + n * HOUR, minutes=30) for n in range(120)]
        await harness.put(OFFICE)
        await reader.read()
        await harness.put(*many)
        await reader.read()
        assert reader.stored.facts == facts(OFFICE, *many)

    async def test_names_that_have_to_be_encoded(self, harness: Harness, reader: Reader) -> None:
        await harness.put(OFFICE)
        await reader.read()
        odd = [Event(uid) for uid in ("a b", "50%25", "käffchen", "x@y.example", "{1}-(2)+!", "&;=")]
        await harness.put(*odd)
        await reader.read()
        assert reader.stored.facts == facts(OFFICE, *odd)
        await harness.put(odd[0].but(minutes=30))
        for event in odd[1:]:
            await harness.remove(event.uid)
        await reader.read()
        assert reader.stored.facts == facts(OFFICE, odd[0].but(minutes=30))

    async def test_a_token_of_another_window_is_answered_with_everything(
        self, harness: Harness, reader: Reader
    ) -> None:
        next_month = Event("next", start=WINDOW.end + HOUR)
        await harness.put(OFFICE, STANDUP, next_month)
        await reader.read()
        rolled = Window(WINDOW.start + timedelta(days=2), WINDOW.end + timedelta(days=2))
        assert (await reader.read(rolled)).complete
        assert reader.stored.facts == facts(OFFICE, STANDUP, next_month, window=rolled)
        assert len(reader.stored.facts) == 9

    @pytest.mark.parametrize("token", ["", "x", "{}", "[1]", '{"version": 1}', "9" * 30, "å\udcff\x00"])
    async def test_a_token_that_is_none_is_answered_with_everything(
        self, harness: Harness, reader: Reader, token: str
    ) -> None:
        await harness.put(OFFICE)
        assert (await reader.source.changes(WINDOW, token)).complete

    async def test_a_forgotten_token_is_answered_with_everything(self, harness: Harness, reader: Reader) -> None:
        await harness.put(OFFICE, LUNCH)
        await reader.read()
        if not await harness.lose_token():
            pytest.skip("this source has no tokens that a server could forget")
        await harness.put(HOLIDAY)
        await harness.remove(OFFICE.uid)
        assert (await reader.read()).complete
        assert reader.stored.facts == facts(LUNCH, HOLIDAY)
        await harness.put(OFFICE)
        await reader.read()
        assert reader.stored.facts == facts(OFFICE, LUNCH, HOLIDAY)

    async def test_an_old_token_still_tells_what_changed_since(self, harness: Harness, reader: Reader) -> None:
        await harness.put(OFFICE, LUNCH)
        await reader.read()
        other = Reader(harness)
        await other.read()
        await harness.put(HOLIDAY)
        await other.read()
        await harness.remove(LUNCH.uid)
        await other.read()
        await other.source.close()
        await reader.read()
        assert reader.stored.facts == other.stored.facts == facts(OFFICE, HOLIDAY)

    async def test_a_restart_loses_nothing(self, harness: Harness, reader: Reader) -> None:
        await harness.put(OFFICE, LUNCH)
        await reader.read()
        await reader.restart()
        await harness.remove(OFFICE.uid)
        await reader.read()
        assert reader.stored.facts == facts(LUNCH)

    async def test_an_error_is_raised_and_never_an_empty_answer(self, harness: Harness, reader: Reader) -> None:
        await harness.put(OFFICE, STANDUP)
        await reader.read()
        for how in await harness.break_it():
            await harness.broken(how)
            for token in (reader.stored.token, None):
                with pytest.raises(SourceError) as caught:
                    await reader.source.changes(WINDOW, token)
                assert "Budget" not in str(caught.value), how
                assert "Stand-up" not in str(caught.value), how
            await harness.broken(None)
            await reader.read()
            assert reader.stored.facts == facts(OFFICE, STANDUP), how

    async def test_a_change_during_an_outage_is_not_lost(self, harness: Harness, reader: Reader) -> None:
        await harness.put(OFFICE)
        await reader.read()
        for how in await harness.break_it():
            event = Event(f"during {how}", minutes=5)
            await harness.broken(how)
            with pytest.raises(SourceError):
                await reader.read()
            await harness.broken(None)
            await harness.put(event)
            await reader.read()
            assert reader.stored.facts == facts(OFFICE, event), how
            await harness.remove(event.uid)

    @pytest.mark.parametrize("seed", range(3))
    async def test_a_random_history(self, harness: Harness, reader: Reader, seed: int) -> None:
        """Whatever is written and removed between two reads, what is stored is what the calendar holds."""
        chance = random.Random(seed)
        there: dict[str, Event] = {}
        for _ in range(25):
            for _ in range(chance.randint(0, 3)):
                uid = f"event-{chance.randint(1, 6)}"
                if uid in there and chance.random() < 0.4:
                    await harness.remove(uid)
                    del there[uid]
                else:
                    there[uid] = _random_event(chance, uid)
                    await harness.put(there[uid])
            if chance.random() < 0.1:
                await harness.lose_token()
            if chance.random() < 0.1:
                await reader.restart()
            await reader.read()
            assert reader.stored.facts == facts(*there.values())

    async def test_closing_twice_does_no_harm(self, reader: Reader) -> None:
        await reader.source.close()
        await reader.source.close()


def _random_event(chance: random.Random, uid: str) -> Event:
    event = Event(
        uid,
        start=MONDAY + chance.randint(-60, 35 * 24) * HOUR,
        minutes=chance.choice([15, 60, 300]),
        count=chance.choice([1, 1, 5]),
        subject=chance.choice(["m: Budget", "Untagged", "l:"]),
    )
    if event.count == 1:
        return event
    numbers = chance.sample(range(event.count), 3)
    return event.but(
        moved={numbers[0]: chance.randint(-20, 20) * HOUR}, dropped=frozenset(numbers[1 : chance.randint(1, 3)])
    )
