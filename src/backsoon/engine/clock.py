"""Transitions at the second: stages what is due in the next minute, fires it, and writes it back in bulk.

Not everybody is held in memory: only who changes within the minute, decided beforehand, so that at the instant
nothing is
left to do but to tell. What would fire late by more than `STALE` (the machine slept, the clock was stepped) is
decided anew.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from backsoon.domain.model import Availability
from backsoon.domain.organisation import Person
from backsoon.engine.deciding import CHUNK, MOST_CLAIMS, Decision, decide
from backsoon.engine.directory import Directory
from backsoon.engine.hub import Hub
from backsoon.engine.publisher import Publisher, Urgency
from backsoon.engine.timing import Clock, pause, until_set
from backsoon.store.base import AvailabilityChange, Claims, PersonState, Store, StoreError, Trigger
from backsoon.switchboards.base import Rendered

log = logging.getLogger(__name__)

AHEAD = timedelta(seconds=60)
"""How far ahead transitions are staged."""
EVERY = timedelta(seconds=20)
"""How long after a staging the next one follows; at once where the clock was stepped meanwhile."""
STALE = timedelta(seconds=5)
SETTLE_DOWN = 0.5
"""Seconds that writing back waits after a transition: telling comes first."""
PAGE = 500
WRITE_PAGE = 5000
MOST = 64
"""Transitions of one person that are staged at once; the rest is staged as these are fired."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A transition, ready: the decision that holds from its instant on and how each switchboard shows it."""

    decision: Decision
    lamp: bool
    wanted: tuple[Rendered, ...]
    """In the order of the organisation's publishers."""


class Stage:
    """What is about to be fired: by instant, then by person; and what was fired and is not written yet."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        hub: Hub,
        publishers: Mapping[str, Sequence[Publisher]],
    ) -> None:
        """`publishers` by organisation."""
        self._store = store
        self._directory = directory
        self._clock = clock
        self._hub = hub
        self._publishers = publishers
        self._until: datetime | None = None
        self._buckets: dict[datetime, dict[int, Staged]] = {}
        self._instants: list[datetime] = []
        self._by_person: dict[int, list[datetime]] = {}
        self._dropped: set[int] = set()
        self._fired: list[tuple[Decision, datetime]] = []
        self._writing = asyncio.Lock()
        self.changed = asyncio.Event()
        """Set when what comes first may have changed."""
        self.fired = asyncio.Event()
        """Set when there is something to write back."""

    # -- staging --------------------------------------------------------------------------------------------------

    async def fill(self) -> None:
        """Stage whoever is due within `AHEAD` and is not staged yet. Raises `StoreError`."""
        await self.write_back()
        self._until = until = self._clock.now() + AHEAD
        after: tuple[datetime, int] | None = None
        while page := await self._store.due(until, after=after, limit=PAGE):
            after = page[-1]
            await self._fill_page([person for _, person in page if person not in self._by_person], until)
        self._unpin()

    async def _fill_page(self, ids: list[int], until: datetime) -> None:
        self._dropped.clear()
        people = await self._store.people(ids)
        claims = await self._store.claims(ids, self._clock.now(), MOST_CLAIMS)
        states = await self._store.states(ids)
        await self._pin(people.values())
        for number, (person, state) in enumerate(states.items()):
            if person in self._dropped or person in self._by_person or person not in people:
                continue  # settled anew while we read: that staged what comes, if it comes within the minute
            self._add(people[person], claims.get(person, Claims()), state, until)
            if number % CHUNK == CHUNK - 1:
                await asyncio.sleep(0)

    async def put(self, decisions: Sequence[Decision], claims: Mapping[int, Claims]) -> None:
        """Stage what follows fresh decisions, where it comes within the time that is staged already."""
        until = self._until
        if until is None:
            return
        soon = [d for d in decisions if d.due is not None and d.due < until]
        await self._pin([d.person for d in soon])
        self.drop([d.person.id for d in decisions])  # what was staged from older claims while these were decided
        for decision in soon:
            person = decision.person
            self._add(person, claims.get(person.id, Claims()), decision.state, until)

    def drop(self, people: Iterable[int]) -> None:
        """Unstage these people: they are about to be decided anew."""
        for person in people:
            self._dropped.add(person)
            for at in self._by_person.pop(person, ()):
                self._buckets.get(at, {}).pop(person, None)

    def _add(self, person: Person, claims: Claims, state: PersonState, until: datetime) -> None:
        due, before = state.due, state.availability
        instants = self._by_person.setdefault(person.id, [])
        while due is not None and due < until and len(instants) < MOST:
            decision = decide(person, claims, self._directory, due)
            self._add_one(decision, before)
            instants.append(due)
            due, before = decision.due, decision.availability

    def _add_one(self, decision: Decision, before: Availability) -> None:
        publishers = self._publishers.get(decision.person.organisation, ())
        after = decision.availability
        lamp = (before.reason, before.informing, before.back_at) != (after.reason, after.informing, after.back_at)
        bucket = self._buckets.get(decision.at)
        if bucket is None:
            bucket = self._buckets[decision.at] = {}
            heapq.heappush(self._instants, decision.at)
            self.changed.set()
        wanted = tuple(p.render(decision.presentation) for p in publishers)
        bucket[decision.person.id] = Staged(decision, lamp, wanted)

    async def _pin(self, people: Iterable[Person]) -> None:
        extensions: dict[str, list[str]] = {}
        for person in people:
            extensions.setdefault(person.organisation, []).append(person.extension)
        for organisation, theirs in extensions.items():
            for publisher in self._publishers.get(organisation, ()):
                await publisher.pin(theirs)

    def _unpin(self) -> None:
        staged: dict[str, set[str]] = {}
        for bucket in self._buckets.values():
            for item in bucket.values():
                person = item.decision.person
                staged.setdefault(person.organisation, set()).add(person.extension)
        for organisation, publishers in self._publishers.items():
            for publisher in publishers:
                publisher.keep_pinned(staged.get(organisation, set()))

    @property
    def filled_until(self) -> datetime:
        """The instant before which everything due is staged."""
        return self._clock.now() if self._until is None else self._until

    # -- firing ---------------------------------------------------------------------------------------------------

    @property
    def next_instant(self) -> datetime | None:
        """When something fires next, of what is staged."""
        return self._instants[0] if self._instants else None

    def fire(self) -> list[int]:
        """Tell everything whose instant has come; the people for whom it is too late for that, to be settled anew."""
        now = self._clock.now()
        stale: list[int] = []
        while self._instants and self._instants[0] <= now:
            at = heapq.heappop(self._instants)
            bucket = self._buckets.pop(at)
            if now - at > STALE:
                stale += bucket
            else:
                self._fire_bucket(bucket, now)
        return stale

    def _fire_bucket(self, bucket: dict[int, Staged], now: datetime) -> None:
        self._offer(bucket.values())
        for person, item in bucket.items():
            instants = self._by_person.get(person)
            if instants is not None:
                instants.remove(item.decision.at)
                if not instants:
                    del self._by_person[person]
        self._fired += [(item.decision, now) for item in bucket.values()]
        self._hub.announce_lazily(len(bucket), ((i.decision.person, _change(i.decision, now)) for i in bucket.values()))
        self.fired.set()

    def _offer(self, staged: Iterable[Staged]) -> None:
        by_publisher: dict[Publisher, tuple[list[tuple[str, Rendered]], list[tuple[str, Rendered]]]] = {}
        for item in staged:
            person = item.decision.person
            for publisher, rendered in zip(self._publishers.get(person.organisation, ()), item.wanted, strict=False):
                lists = by_publisher.setdefault(publisher, ([], []))
                lists[0 if item.lamp else 1].append((person.extension, rendered))
        for publisher, (lamps, plans) in by_publisher.items():
            publisher.offer(lamps, Urgency.TRANSITION)
            publisher.offer(plans, Urgency.AHEAD)

    @property
    def unwritten(self) -> int:
        """How many transitions were fired and are not written yet."""
        return len(self._fired)

    async def write_back(self) -> None:
        """Write what was fired, in bulk. Raises `StoreError`; what could not be written is kept for the next time."""
        async with self._writing:
            while self._fired:
                page = self._fired[:WRITE_PAGE]
                states = {d.person.id: d.state for d, _ in page}  # the last one of a person counts
                changes = [_change(d, now) for d, now in page]
                await self._store.save_states(list(states.values()), changes)
                del self._fired[: len(page)]


def _change(decision: Decision, now: datetime) -> AvailabilityChange:
    return AvailabilityChange(decision.person.id, decision.at, now, decision.availability, Trigger.CLOCK)


class Clockwork:
    """Keeps the stage filled and fires it."""

    def __init__(self, stage: Stage, clock: Clock, settle: Callable[[list[int]], Awaitable[None]]) -> None:
        """`settle` decides anew about people, as of now."""
        self._stage = stage
        self._clock = clock
        self._settle = settle

    async def run(self) -> None:
        """Run for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fill_for_ever())
            group.create_task(self._fire_for_ever())
            group.create_task(self._write_for_ever())

    async def _fire_for_ever(self) -> None:
        while True:
            await until_set(self._stage.changed, self._clock, self._stage.next_instant)
            stale = self._stage.fire()
            if stale:
                await self._patiently(partial(self._settle, stale))

    async def _fill_for_ever(self) -> None:
        while True:
            await self._patiently(self._stage.fill)
            await self._clock.sleep_until(self._stage.filled_until - AHEAD + EVERY)

    async def _write_for_ever(self) -> None:
        while True:
            await self._stage.fired.wait()
            self._stage.fired.clear()
            await pause(self._clock, SETTLE_DOWN)
            await self._patiently(self._stage.write_back)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Try until the store bears it; what is staged goes on firing meanwhile."""
        while True:
            try:
                return await work()
            except StoreError as error:
                log.error("the store failed, trying again: %s", error)
                await pause(self._clock, 1.0)
