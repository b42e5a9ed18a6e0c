"""Microsoft 365, simulated, loses every notification for six hours of a working day: what changes is right within 15
minutes all the same, what is due is confirmed before it begins, and nothing is hammered when they come back."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backsoon.domain.organisation import Person
from tests.integration.pushed import PUBLIC, Pushed, StepClock, pushed
from tests.simulators.graph import GraphSimulator
from tests.simulators.model import Mailbox, World

SEED = int(os.environ.get("BACKSOON_SEED", "20261123"))
"""What changes is the same in each run; another day by BACKSOON_SEED."""
MAILBOXES = 80
HALF = MAILBOXES // 2
"""The calendars of the first half change; those of the second have a meeting with a keyword each."""
BEGIN = datetime(2027, 1, 4, 8, 30, tzinfo=UTC)  # a Monday
NINE = BEGIN + timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
LOST = 360
LATEST = timedelta(minutes=16)
"""15 minutes, and the minute in which they end."""
CHANGES_EVERY = 4
FEW_READS = 72
"""Of one mailbox in six hours: half of what polling every five minutes comes to is more than enough."""


class SteppedClock(StepClock):
    """The machine's clock, set forward in steps; whoever sleeps wakes at once when that makes it due."""

    def __init__(self) -> None:
        super().__init__()
        self._moved = asyncio.Event()

    def step_to(self, at: datetime) -> None:
        """See `StepClock`."""
        super().step_to(at)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, at: datetime) -> None:
        """See `SystemClock`."""
        while (left := (at - self.now()).total_seconds()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._moved.wait()
            except TimeoutError:
                continue

    async def sleep(self, seconds: float) -> None:
        """See `SystemClock`."""
        await self.sleep_until(self.now() + timedelta(seconds=seconds))


class Asked:
    """What the vendor was asked: readings (two requests each) by minute and by mailbox, and all requests by minute."""

    def __init__(self) -> None:
        self.requests: Counter[datetime] = Counter()
        self.by_minute: Counter[datetime] = Counter()
        self.by_mailbox: Counter[str] = Counter()

    def note(self, minute: datetime, path: str, mailbox: str) -> None:
        """One request."""
        self.requests[minute] += path != "/$batch"
        if "calendarview" in path.lower():
            self.by_minute[minute] += 1
            self.by_mailbox[mailbox] += 1

    def most(self) -> tuple[int, int, int]:
        """The most requests in a minute, the most readings in one, and the most of one mailbox in all."""
        return tuple(max(each.values(), default=0) for each in (self.requests, self.by_minute, self.by_mailbox))  # type: ignore[return-value]


class Day:
    """A working day at the vendor's, minute by minute."""

    def __init__(self, p: Pushed, sim: GraphSimulator) -> None:
        self.p, self.sim = p, sim
        self.chance = random.Random(SEED)
        self.changed: dict[int, datetime] = {}
        self.moved: set[int] = set()
        self.read: dict[str, datetime] = {}
        self.asked = Asked()
        self._seen = len(sim.requests)

    async def minute(self) -> None:
        """Let one pass; all that it brings is done when it returns."""
        self.p.clock.step_to((self.p.clock.now() + MINUTE).replace(second=0, microsecond=0))
        await self.done()

    async def minutes(self, until: datetime) -> None:
        """Let them pass."""
        while self.p.clock.now() < until:
            await self.minute()

    async def done(self) -> None:
        """Until nothing is asked any more, and nothing is due."""
        quiet, said = 0, -1
        async with asyncio.timeout(30):
            while quiet < 3:
                await asyncio.sleep(0.004)
                due = await self.p.backsoon.store.next_read()
                busy = bool(self.p.backsoon.sync._reading) or (due is not None and due <= self.p.clock.now())
                quiet = 0 if busy or said != len(self.sim.requests) else quiet + 1
                said = len(self.sim.requests)
        self._note()

    def _note(self) -> None:
        now = self.p.clock.now()
        for _, path, mailbox in self.sim.requests[self._seen :]:
            self.asked.note(now.replace(second=0, microsecond=0), path, mailbox.lower())
            if "calendarview" in path.lower():
                self.read[mailbox.lower()] = now
        self._seen = len(self.sim.requests)

    # -- what changes ------------------------------------------------------------------------------------------------

    def change(self) -> None:
        """Somebody is at lunch from now on, or is not any more."""
        number = self.chance.randrange(HALF)
        box = self.p.box(self.p.people[number])
        if self._at_lunch(number):
            box.remove("new")
        else:
            box.put(self.p.meeting("new", self.p.clock.now() - MINUTE, 600, "l: Lunch"))
        self.changed[number] = self.p.clock.now()

    def wrong(self) -> list[Person]:
        """Those whose lamp does not show what was so for 15 minutes and more."""
        now = self.p.clock.now()
        return [
            self.p.people[number]
            for number, at in self.changed.items()
            if now - at >= LATEST and (self.p.lamp(self.p.people[number]) == "lunch") != self._at_lunch(number)
        ]

    def _at_lunch(self, number: int) -> bool:
        return any(s.meeting.uid == "new" for s in self.p.box(self.p.people[number]).items.values())

    # -- what begins -------------------------------------------------------------------------------------------------

    def move_some(self) -> None:
        """Five minutes before it begins, every third meeting is moved to the evening."""
        for number in self._begin_at(self.p.clock.now() + 5 * MINUTE):
            if number % 3 == 0:
                self.p.box(self.p.people[number]).put(self.p.meeting("due", BEGIN + timedelta(hours=12)))
                self.moved.add(number)

    async def begin(self) -> int:
        """Whose meeting begins now was read in the ten minutes before, and the lamp is right. How many they were."""
        begun = self._begin_at(self.p.clock.now())
        for number in begun:
            person, expected = self.p.people[number], "" if number in self.moved else "meeting"
            assert self.read[person.email] >= self.p.clock.now() - 10 * MINUTE, person.email
            await self.p.until(lambda p=person, e=expected: self.p.lamp(p) == e)  # type: ignore[misc]
        return len(begun)

    def _begin_at(self, at: datetime) -> list[int]:
        minute = at.replace(second=0, microsecond=0)
        return [number for number in range(HALF, MAILBOXES) if begins(number) == minute]


def begins(number: int) -> datetime:
    """When somebody of the second half has their meeting."""
    return NINE + (15 + 8 * (number - HALF)) * MINUTE


def everybody() -> World:
    world = World()
    for number in range(MAILBOXES):
        world.add(Mailbox(f"p{number}@example.com", zone="UTC"))
    return world


async def test_six_hours_without_notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteppedClock()
    clock.step_to(BEGIN)
    async with GraphSimulator(everybody(), now=clock.now) as sim:
        monkeypatch.setenv("GRAPH_SECRET", sim.client_secret)
        settings: dict[str, object] = {
            "tenant": sim.tenant, "client_id": sim.client_id, "client_secret": "env:GRAPH_SECRET",
            "url": sim.url, "sign_in_url": sim.sign_in_url, "ca_file": sim.ca_file,
        }  # fmt: skip

        def deliver_to(local: str) -> None:
            sim.hooks[PUBLIC] = local

        async with pushed(tmp_path, "graph", sim.world, settings, deliver_to, clock) as p:
            for number in range(HALF, MAILBOXES):
                p.box(p.people[number]).put(p.meeting("due", begins(number), 2))
            await p.told()
            day = Day(p, sim)
            await day.minutes(NINE)
            sim.faults.add("drop", times=None)
            await lost(day)
            sim.faults.clear()
            await back(day)
            await believed_again(day)


async def lost(day: Day) -> None:
    """Nobody is told of anything: it is found in time, and what is due was read shortly before."""
    day.asked, confirmed = Asked(), 0
    for minute in range(LOST):
        await day.minute()
        confirmed += await day.begin()
        await day.p.until(lambda: not day.wrong())
        day.move_some()
        if minute % CHANGES_EVERY == 0:
            day.change()
    await day.minutes(day.p.clock.now() + LATEST)
    await day.p.until(lambda: not day.wrong())
    assert confirmed == HALF
    assert len(day.moved) > HALF // 4
    assert day.sim.subscriptions.sent["dropped"] >= LOST // CHANGES_EVERY
    requests, readings, of_one = day.asked.most()
    print(
        f"\nlost: at most {requests} requests a minute, {readings} readings; {of_one} readings of a mailbox in 6 hours"
    )
    assert readings <= HALF, "everybody was read at once"
    assert of_one <= FEW_READS


async def back(day: Day) -> None:
    """They come back, and half of the calendars change together: each is right at once, and read a few times."""
    p, day.asked = day.p, Asked()
    changed = p.people[:HALF]
    for person in changed:
        p.box(person).put(p.meeting("back", p.clock.now() - MINUTE, 600, "h: Back"))
    await p.until(lambda: all(p.lamp(person) == "holiday" for person in changed))
    await day.sim.settled()
    await day.done()
    await day.minutes(p.clock.now() + 60 * MINUTE)
    assert all(p.lamp(person) == "holiday" for person in changed)
    requests, readings, of_one = day.asked.most()
    print(f"back: at most {requests} requests a minute, {readings} readings; {of_one} readings of a mailbox in an hour")
    assert readings <= MAILBOXES, "more than two readings of each that changed"
    assert of_one <= 12


async def believed_again(day: Day) -> None:
    """An hour after the last proof of a loss what is told is believed, and soon nobody is read any more."""
    p = day.p
    telling = p.backsoon.pushing.telling("acme", p.name)
    assert telling is not None
    if telling.lost_until is not None:
        await day.minutes(telling.lost_until + MINUTE)
    await day.minutes(p.clock.now() + LATEST)
    day.asked = Asked()
    await day.minutes(p.clock.now() + 30 * MINUTE)
    assert day.asked.by_mailbox.total() == 0
