"""Nobody tells of any change: what was changed five minutes before it begins or ends is right when it does.

Random entries, edited at random while the clock moves on; a real engine reads by polling, or as seldom as where changes
are told. At each instant at which it knew something to begin or end, it knows the whole calendar as it was five minutes
before, and the lamp shows that.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backsoon.domain.model import CalendarEntry, CalendarReferral
from backsoon.domain.organisation import Calendar, Person
from backsoon.domain.timeline import Timeline
from backsoon.engine import pace as pacing
from backsoon.engine.finding import found_in
from backsoon.engine.pace import PUSHED, Pace
from backsoon.engine.sync import Sync, SyncSettings
from backsoon.testing import MemorySource
from tests.unit.engine.world import World, entry, world

FIVE = timedelta(minutes=5)
SLOW = [HealthCheck.too_slow]
UIDS = st.sampled_from("abcd")


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@dataclass(frozen=True)
class Edit:
    """So many minutes after the one before an entry is written anew, or (no subject) taken out."""

    pause: int
    uid: str
    begins_in: int
    lasts: int
    subject: str


edits = st.builds(
    Edit,
    pause=st.integers(1, 90),
    uid=UIDS,
    begins_in=st.integers(-20, 120) | st.sampled_from([5, 6, 15]),
    lasts=st.integers(1, 60),
    subject=st.sampled_from(["m: x", "l: x", "h: x", "x", ""]),
)


@dataclass
class Life:
    """One person's calendar, and what the engine makes of it."""

    w: World
    anna: Person
    calendar: MemorySource
    id: int
    held: dict[str, CalendarEntry] = field(default_factory=dict)
    looked: int = 0

    def write(self, edit: Edit) -> None:
        """Change the calendar; nobody is told."""
        start = self.w.clock.now() + minutes(edit.begins_in)
        if edit.subject:
            made = entry(edit.uid, edit.subject, start, start + minutes(edit.lasts), resource=edit.uid)
            self.held[edit.uid] = made
            self.calendar.put(edit.uid, made)
        elif self.held.pop(edit.uid, None) is not None:
            self.calendar.remove(edit.uid)

    def true(self) -> tuple[CalendarReferral, ...]:
        """What the calendar says."""
        calendar = Calendar(self.anna.id, "acme", "memory", "memory:1001", self.id)
        return found_in(self.held.values(), calendar, self.anna, self.w.directory).referrals

    async def known(self) -> list[datetime]:
        """The instants to come at which the engine knows something to begin or end."""
        now = self.w.clock.now()
        known = await self.w.store.referrals_of(self.id)
        return sorted({e for r in known for e in (r.span.start, r.span.end) if e > now})

    async def quiet(self) -> None:
        """Let everything that is due be done."""
        store, sync, clock = self.w.store, self.w.sync, self.w.clock
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 10
        while sync._reading or ((due := await store.next_read()) is not None and due <= clock.now()):
            assert loop.time() < deadline, "it is not read though it is due"
            await asyncio.sleep(0.001)
        await self.w.publisher.drained()

    async def go_to(self, until: datetime, *, guarded: set[datetime]) -> None:
        """Let time pass: through each reading that is due and each instant at which something is known to change."""
        while self.w.clock.now() < until:
            due = await self.w.store.next_read()
            guarded.update(await self.known())
            now = self.w.clock.now()
            steps = [
                until,
                *(each for each in guarded if each > now),
                *([due] if due is not None and due > now else []),
            ]
            await self.w.clock.move_to(min(steps))
            await self.quiet()
            if self.w.clock.now() in guarded:
                await self.compare()

    async def compare(self) -> None:
        """The engine knows the calendar as it is, and the lamp shows it."""
        now, rules = self.w.clock.now(), self.w.directory.organisation_of(self.anna).rules
        true, told = self.true(), await self.w.store.referrals_of(self.id)

        def running(referrals: Sequence[CalendarReferral]) -> set[CalendarReferral]:
            return {r for r in referrals if r.span.covers(now)}

        assert running(told) == running(true), f"at {now:%H:%M}"
        await self.w.shows("1001", Timeline(true, rules).at(now).reason or "")
        self.looked += 1


async def live(path: Path, pace: Pace, first: Sequence[Edit], later: Sequence[Edit]) -> int:
    """A life; how often something began or ended when it was known to."""
    async with world(path) as w:
        w.sync = Sync(
            w.store,
            w.directory,
            w.clock,
            w._source,
            w.settler.settle,
            SyncSettings(pace_of=lambda _: pace, second_reading=0),
        )
        anna = await w.person()
        (read,) = await w.store.calendars(person=anna.id)
        life = Life(w, anna, w.calendars[read.calendar.id], read.calendar.id)
        for edit in first:
            life.write(edit)
        async with w.running(sync=True):
            await w.until(lambda: life.calendar.reads == 1)
            await life.quiet()
            for edit in later:
                guarded: set[datetime] = set()
                await life.go_to(w.clock.now() + minutes(edit.pause), guarded=guarded)
                while any(known < w.clock.now() + FIVE for known in await life.known()):
                    await life.go_to(w.clock.now() + minutes(1), guarded=guarded)
                life.write(edit)
            await life.go_to(w.clock.now() + minutes(130), guarded=set())
        return life.looked


def lived(pace: Pace, first: Sequence[Edit], later: Sequence[Edit], seed: int) -> int:
    random.seed(seed)
    with TemporaryDirectory() as folder:
        return asyncio.run(live(Path(folder), pace, first, later))


@pytest.mark.parametrize("pace", [Pace(), PUSHED], ids=["polled", "told"])
def test_what_is_changed_five_minutes_before_is_right(pace: Pace) -> None:
    @settings(max_examples=max(settings().max_examples // 10, 8), deadline=None, suppress_health_check=SLOW)
    @given(st.lists(edits, min_size=1, max_size=4), st.lists(edits, max_size=6), st.integers(0, 10**6))
    def check(first: list[Edit], later: list[Edit], seed: int) -> None:
        lived(pace, first, later, seed)

    check()


BOOKED = Edit(0, "a", 60, 30, "m: x")


@pytest.mark.parametrize("pace", [Pace(), PUSHED], ids=["polled", "told"])
@pytest.mark.parametrize("last", [Edit(55, "a", 5, 30, "l: x"), Edit(55, "a", 35, 30, "m: x"), Edit(55, "a", 0, 0, "")])
def test_at_the_last_moment(pace: Pace, last: Edit) -> None:
    for seed in range(3):
        assert lived(pace, [BOOKED], [last], seed) > 0


def test_without_the_look_before_it_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "LOOK_FROM", minutes(30))
    monkeypatch.setattr(pacing, "LOOK_TO", minutes(20))
    with pytest.raises(ExceptionGroup) as caught:
        lived(PUSHED, [BOOKED], [Edit(55, "a", 0, 0, "")], 1)
    assert "at 10:00" in str(caught.value.exceptions[0])
