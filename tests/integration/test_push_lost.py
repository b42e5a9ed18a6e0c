"""Microsoft 365, simulated, loses every notification for six hours of a working day: what changes is right within 15
minutes all the same, what is due is confirmed before it begins, and nothing is hammered when they come back."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backsoon.domain.organisation import Person
from tests.integration.pushed import PUBLIC, Pushed, StepClock, pushed
from tests.simulators.graph import GraphSimulator
from tests.simulators.model import Mailbox, World

MAILBOXES = 200
EIGHT = datetime(2027, 1, 4, 8, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)
LATEST = timedelta(minutes=16)
"""15 minutes, and the minute in which they end."""
CHANGES_EVERY = 5


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


class Day:
    """A working day at the vendor's, minute by minute, and what it was asked in each minute."""

    def __init__(self, p: Pushed, sim: GraphSimulator) -> None:
        self.p, self.sim = p, sim
        self.chance = random.Random(20261123)
        self.changed: dict[int, datetime] = {}
        self.read: dict[str, datetime] = {}
        self.requests: Counter[datetime] = Counter()
        self.of_mailbox: Counter[str] = Counter()
        self._seen = len(sim.requests)

    async def minute(self) -> None:
        """Let one pass; all that it brings is done when it returns."""
        p = self.p
        p.clock.step_to((p.clock.now() + MINUTE).replace(second=0, microsecond=0))
        await self._rest()
        now = p.clock.now()
        for _, path, mailbox in self.sim.requests[self._seen :]:
            self.requests[now.replace(second=0, microsecond=0)] += path != "/$batch"
            if "calendarview" in path.lower():
                self.read[mailbox.lower()] = now
                self.of_mailbox[mailbox.lower()] += 1
        self._seen = len(self.sim.requests)

    async def _rest(self) -> None:
        """Until nothing is asked any more, and nothing is due."""
        quiet, said = 0, -1
        async with asyncio.timeout(30):
            while quiet < 4:
                await asyncio.sleep(0.005)
                due = await self.p.backsoon.store.next_read()
                busy = due is not None and due <= self.p.clock.now()
                quiet = 0 if busy or said != len(self.sim.requests) else quiet + 1
                said = len(self.sim.requests)

    def change(self) -> None:
        """Somebody is in a meeting from now on, or is not any more."""
        number = self.chance.randrange(MAILBOXES // 2)
        box = self.p.box(self.p.people[number])
        if any(stored.meeting.uid == "new" for stored in box.items.values()):
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

    def begun(self) -> Iterator[Person]:
        """Those whose meeting begins this minute."""
        minute = int((self.p.clock.now() - EIGHT) / MINUTE)
        for number in range(MAILBOXES // 2, MAILBOXES):
            if _begins(number) == minute:
                yield self.p.people[number]


def _begins(number: int) -> int:
    """When somebody of the second half has a meeting with a keyword, in minutes after eight."""
    return 75 + 3 * (number - MAILBOXES // 2)


def _world() -> World:
    world = World()
    for number in range(MAILBOXES):
        world.add(Mailbox(f"p{number}@example.com", zone="UTC"))
    return world


async def test_six_hours_without_notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteppedClock()
    clock.step_to(EIGHT)
    async with GraphSimulator(_world(), now=clock.now) as sim:
        monkeypatch.setenv("GRAPH_SECRET", sim.client_secret)
        settings: dict[str, object] = {
            "tenant": sim.tenant, "client_id": sim.client_id, "client_secret": "env:GRAPH_SECRET",
            "url": sim.url, "sign_in_url": sim.sign_in_url, "ca_file": sim.ca_file,
        }  # fmt: skip

        def deliver_to(local: str) -> None:
            sim.hooks[PUBLIC] = local

        async with pushed(tmp_path, "graph", sim.world, settings, deliver_to, clock) as p:
            for number in range(MAILBOXES // 2, MAILBOXES):
                p.box(p.people[number]).put(p.meeting("due", EIGHT + _begins(number) * MINUTE, 1))
            await p.told()
            day = Day(p, sim)
            while p.clock.now() < EIGHT + 60 * MINUTE:
                await day.minute()
            sim.faults.add("drop", times=None)
            await _lost(day, 360)
            sim.faults.clear()
            await _back(day)


async def _lost(day: Day, minutes: int) -> None:
    """Nobody is told of anything: it is found in time, and what is due was read within ten minutes before it."""
    confirmed = 0
    for minute in range(minutes):
        await day.minute()
        if minute % CHANGES_EVERY == 0 and minute < minutes - 20:
            day.change()
        assert not day.wrong(), day.p.clock.now()
        for person in day.begun():
            assert day.read[person.email] >= day.p.clock.now() - 10 * MINUTE
            confirmed += 1
    assert confirmed > MAILBOXES // 3
    assert day.sim.subscriptions.sent["dropped"] > 50


async def _back(day: Day) -> None:
    """They come back: each mailbox is read a few times within the hour, not everybody in one minute."""
    print("lost: peak a minute", max(day.requests.values()), "most a mailbox", max(day.of_mailbox.values()))
    day.of_mailbox.clear()
    day.requests.clear()
    for number in range(MAILBOXES // 2):  # everybody's calendar changes at once, and that is told
        day.p.box(day.p.people[number]).put(day.p.meeting("back", day.p.clock.now() - MINUTE, 600, "m: Back"))
    await day.sim.settled()
    for _ in range(60):
        await day.minute()
    assert all(day.p.lamp(day.p.people[number]) for number in range(MAILBOXES // 2))
    assert max(day.of_mailbox.values()) <= 12
    assert max(day.requests.values()) <= 3 * MAILBOXES // 2, "three requests at most for each change"
