"""Transitions at the second: stages what is due in the next minute, fires it, and writes it back in bulk.

Not everybody is held in memory: only who changes within the minute, decided beforehand, so that at the instant
nothing is left to do but to tell. What would fire late by more than `STALE` (the machine slept, the clock was stepped)
is decided anew.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from backsoon.domain.organisation import Person
from backsoon.engine.buckets import Bucket, Staged, lit, prepare
from backsoon.engine.deciding import CHUNK, MOST_CLAIMS, Decision, decide
from backsoon.engine.directory import Directory
from backsoon.engine.hub import Hub
from backsoon.engine.meters import Meters
from backsoon.engine.patience import patiently
from backsoon.engine.publisher import Publisher
from backsoon.engine.queued import Urgency
from backsoon.engine.timing import Clock, pause, until_set
from backsoon.store.base import Claims, PersonState, Store, StoreError, Trigger
from backsoon.switchboards.base import Rendered

log = logging.getLogger(__name__)

AHEAD = timedelta(seconds=60)
"""How far ahead transitions are staged."""
EVERY = timedelta(seconds=20)
"""How long after a staging the next one follows; at once where the clock was stepped meanwhile."""
STALE = timedelta(seconds=5)
WATCH = 2.0
"""Seconds between two looks whether the clock was set back."""
SETTLE_DOWN = 0.5
"""Seconds that writing back waits after a transition: telling comes first."""
GIVE_WAY = 1.0
"""Seconds that staging waits after a transition, for the same reason."""
PLENTY = timedelta(seconds=30)
"""Staging gives way as long as so much that is to come is staged already."""
PAGE = 500
WRITE_PAGE = 5000
MOST = 64
"""Transitions of one person that are staged at once; the rest is staged as these are fired."""


async def turn() -> None:
    """Let others work in between."""
    await asyncio.sleep(0)


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
        self.meters = Meters()
        self._store = store
        self._directory = directory
        self._clock = clock
        self._hub = hub
        self._publishers = publishers
        self._until: datetime | None = None
        self._lasts: datetime | None = None
        self._buckets: dict[datetime, Bucket] = {}
        self._instants: list[datetime] = []
        self._by_person: dict[int, tuple[datetime, ...]] = {}
        self._unfinished: dict[int, datetime] = {}
        """Who changes once more, and when, after all that is staged of them: before long a `fill` reaches that."""
        self._dropped: set[int] = set()
        self._late: set[int] = set()
        self._fired: deque[Bucket] = deque()
        self._writing = asyncio.Lock()
        self.changed = asyncio.Event()
        """Set when what comes first may have changed."""
        self.fired = asyncio.Event()
        """Set when there is something to write back."""
        self.late = asyncio.Event()
        """Set when somebody is to be decided anew (see `settle_later`)."""
        self.empty = asyncio.Event()
        """Set when there is to be staged at once (see `begin_anew`)."""

    # -- staging --------------------------------------------------------------------------------------------------

    async def fill(self, between: Callable[[], Awaitable[None]] = turn) -> None:
        """Stage whoever is due within `AHEAD` and is not staged yet; who is overdue is settled. Raises `StoreError`.

        `between` is awaited every few milliseconds of work. That the store cannot write keeps nobody from being staged.
        """
        try:
            await self.write_back()
        except StoreError as error:
            log.error("what was told could not be stored, it is tried again: %s", error)
        self._until = until = self._clock.now() + AHEAD
        after: tuple[datetime, int] | None = None
        while page := await self._store.due(until, after=after, limit=PAGE):
            after = page[-1]
            overdue = self._clock.now() - STALE
            self.settle_later([person for due, person in page if due < overdue and person not in self._by_person])
            ids = [person for due, person in page if due >= overdue and person not in self._by_person]
            await self._fill_page(ids, until, await self._store.states(ids), between)
        further = list((self._due_further(until) | self._due_unwritten(until)).items())
        for start in range(0, len(further), PAGE):
            states = dict(further[start : start + PAGE])
            await self._fill_page(list(states), until, states, between)
        self._dropped.clear()
        if self._until == until:  # otherwise the clock was set back meanwhile
            self._lasts = until

    async def _fill_page(
        self,
        ids: list[int],
        until: datetime,
        states: Mapping[int, PersonState],
        between: Callable[[], Awaitable[None]],
    ) -> None:
        self._dropped.clear()
        staged = {person: self._by_person.get(person) for person in ids}
        people = await self._store.people(ids)
        await self._directory.prepare(people.values(), until)
        claims = await self._store.claims(ids, self._clock.now(), MOST_CLAIMS)
        await self._pin(people.values())
        decided = 0
        for person, state in states.items():
            if decided >= CHUNK:
                decided = 0
                await between()
            if person in self._dropped or self._by_person.get(person) != staged[person] or person not in people:
                continue  # settled anew while we read: that staged what comes, if it comes within the minute
            decided += self._add(people[person], claims.get(person, Claims()), state, until)

    def _due_further(self, until: datetime) -> dict[int, PersonState]:
        """Whose last transition that is staged is followed by another one before `until`: how they stand between."""
        soon = [person for person, due in self._unfinished.items() if due < until]
        last = {person: self._buckets.get(self._by_person[person][-1]) for person in soon}
        return {p: bucket.staged[p].state for p, bucket in last.items() if bucket is not None and p in bucket.staged}

    def _due_unwritten(self, until: datetime) -> dict[int, PersonState]:
        """Of whom the store does not know yet what was fired, and when they are due next, which is before `until`."""
        last = {person: (bucket.at, each.state) for bucket in self._fired for person, each in bucket.staged.items()}
        return {
            person: state
            for person, (at, state) in last.items()
            if state.due is not None and state.due < until and self._by_person.get(person, (at,))[-1] <= at
        }

    def begin_anew(self) -> None:
        """The clock was set back: what is staged from a later time on is not to come, or has to come again."""
        self.drop(list(self._by_person))
        self._until = self._clock.now() + AHEAD
        self._lasts = None
        self.changed.set()
        self.empty.set()

    def settle_later(self, people: Iterable[int]) -> None:
        """Have these people decided anew soon, by whoever runs the stage."""
        self._late.update(people)
        if self._late:
            self.late.set()

    def take_late(self) -> list[int]:
        """Some of those whom `settle_later` named, and who were not settled since."""
        late = list(islice(self._late, PAGE))
        self._late.difference_update(late)
        if not self._late:
            self.late.clear()
        return late

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
        self._unpin(d.person for d in decisions if d.person.id not in self._by_person)

    def drop(self, people: Iterable[int]) -> None:
        """Unstage these people: they are about to be decided anew."""
        people = list(people)
        self._late.difference_update(people)
        for person in people:
            self._dropped.add(person)
            self._unfinished.pop(person, None)
            for at in self._by_person.pop(person, ()):
                if bucket := self._buckets.get(at):
                    bucket.drop(person)

    def _add(self, person: Person, claims: Claims, state: PersonState, until: datetime) -> int:
        """Stage what follows that state before `until`, behind what is staged of the person already; how many."""
        due, before = state.due, state.availability
        publishers = self._publishers.get(person.organisation, ())
        staged = self._by_person.get(person.id, ())
        last = self._buckets.get(staged[-1]) if staged else None
        shown: dict[Publisher, Rendered] = {} if last is None else last.shown(person.extension)
        instants: list[datetime] = []
        while due is not None and due < until and len(instants) < MOST:
            decision = decide(person, claims, self._directory, due, shown=bool(publishers))
            bucket = self._bucket(due)
            bucket.staged[person.id] = Staged(person, decision.availability, decision.due)
            if decision.presentation is not None:
                kind = 0 if lit(decision.availability) != lit(before) else 1
                prepare(bucket, kind, publishers, decision.presentation, shown)
            instants.append(bucket.at)
            due, before = decision.due, decision.availability
        if instants:
            self._by_person[person.id] = (*staged, *instants)
        self._unfinished.pop(person.id, None)
        if person.id in self._by_person and due is not None and due < until + AHEAD:
            self._unfinished[person.id] = due
        return len(instants)

    def _bucket(self, at: datetime) -> Bucket:
        bucket = self._buckets.get(at)
        if bucket is None:
            bucket = self._buckets[at] = Bucket(at)
            heapq.heappush(self._instants, at)
            self.changed.set()
        return bucket

    async def _pin(self, people: Iterable[Person]) -> None:
        extensions: dict[str, list[str]] = {}
        for person in people:
            extensions.setdefault(person.organisation, []).append(person.extension)
        for organisation, theirs in extensions.items():
            for publisher in self._publishers.get(organisation, ()):
                await publisher.pin(theirs)

    def _unpin(self, people: Iterable[Person]) -> None:
        for person in people:
            for publisher in self._publishers.get(person.organisation, ()):
                publisher.unpin([person.extension])

    @property
    def filled_until(self) -> datetime:
        """The instant before which everything due is staged."""
        return self._clock.now() if self._until is None else self._until

    def lasts(self, spare: timedelta) -> bool:
        """Whether all that is due within so long was staged, so that the next staging may take its time."""
        return self._lasts is not None and self._lasts - self._clock.now() >= spare

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
            bucket = self._buckets.pop(heapq.heappop(self._instants))
            if now - bucket.at > STALE:
                stale += bucket.staged
            else:
                self._fire_bucket(bucket, now)
        return stale

    def _fire_bucket(self, bucket: Bucket, now: datetime) -> None:
        for publisher, (lamps, plans) in bucket.orders.items():
            publisher.offer(lamps, Urgency.TRANSITION)
            publisher.offer(plans, Urgency.AHEAD)
        bucket.orders.clear()
        bucket.fired_at = now
        self.meters.late.observe((now - bucket.at).total_seconds(), len(bucket.staged))
        self.meters.changes[Trigger.CLOCK] += len(bucket.staged)
        self._fired.append(bucket)
        self._hub.announce_lazily(len(bucket.staged), bucket.changes(bucket.staged.values(), now))
        self.fired.set()

    @property
    def unwritten(self) -> int:
        """How many transitions were fired and are not written yet."""
        return sum(len(bucket.staged) for bucket in self._fired)

    def has_fired(self, people: Iterable[int]) -> bool:
        """Whether a transition of any of these people is among them."""
        return bool(self._fired) and any(person in bucket.staged for person in people for bucket in self._fired)

    async def write_back(self) -> None:
        """Write what was fired, in bulk. Raises `StoreError`; what could not be written is kept for the next time."""
        async with self._writing:
            while self._fired:
                bucket = self._fired[0]
                while page := list(islice(bucket.staged.values(), WRITE_PAGE)):
                    changes = bucket.changes(page, bucket.fired_at or bucket.at)
                    await self._store.save_states([s.state for s in page], [change for _, change in changes])
                    self._written(bucket, page)
                self._fired.popleft()

    def _written(self, bucket: Bucket, page: Sequence[Staged]) -> None:
        """Only now need the stage not know these people any more: until then the store still has them as due."""
        for staged in page:
            person = staged.person
            del bucket.staged[person.id]
            left = tuple(at for at in self._by_person.get(person.id, ()) if at > bucket.at)
            if left:
                self._by_person[person.id] = left
            else:
                self._by_person.pop(person.id, None)
                self._unfinished.pop(person.id, None)
                self._unpin([person])


class Clockwork:
    """Keeps the stage filled and fires it."""

    def __init__(
        self,
        stage: Stage,
        clock: Clock,
        settle: Callable[[list[int]], Awaitable[None]],
        set_back: Callable[[], Awaitable[None]],
    ) -> None:
        """`settle` decides anew about people, as of now; `set_back` about everybody, as the clock was set back."""
        self._stage = stage
        self._clock = clock
        self._settle = settle
        self._set_back = set_back
        self._fired_at: datetime | None = None

    async def run(self) -> None:
        """Run for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fill_for_ever())
            group.create_task(self._fire_for_ever())
            group.create_task(self._write_for_ever())
            group.create_task(self._settle_for_ever())
            group.create_task(self._watch_for_ever())

    async def _fire_for_ever(self) -> None:
        while True:
            await until_set(self._stage.changed, self._clock, self._stage.next_instant)
            if self._stage.next_instant is not None and self._stage.next_instant <= self._clock.now():
                self._fired_at = self._clock.now()
            self._stage.settle_later(self._stage.fire())  # beside this: others are due meanwhile

    async def _settle_for_ever(self) -> None:
        while True:
            await self._stage.late.wait()
            if late := self._stage.take_late():
                await patiently(partial(self._settle, late), self._clock)

    async def _fill_for_ever(self) -> None:
        while True:
            await patiently(partial(self._stage.fill, self._give_way), self._clock)
            await until_set(self._stage.empty, self._clock, self._stage.filled_until - AHEAD + EVERY)

    async def _give_way(self) -> None:
        """Let others work; where something was just fired and nothing is urgent, until that has been told."""
        await asyncio.sleep(0)
        while self._just_fired() and self._stage.lasts(PLENTY):
            await pause(self._clock, GIVE_WAY / 4)

    def _just_fired(self) -> bool:
        if self._fired_at is None:
            return False
        return timedelta(0) <= self._clock.now() - self._fired_at < timedelta(seconds=GIVE_WAY)

    async def _watch_for_ever(self) -> None:
        """Notice when the clock is set back: what was decided for a time that is yet to come was too early."""
        while True:
            before = self._clock.now()
            await self._clock.sleep(WATCH)
            if self._clock.now() < before + timedelta(seconds=WATCH) - STALE:
                log.warning("the clock was set back to %s: deciding anew about everybody", self._clock.now())
                self._stage.begin_anew()
                await patiently(self._set_back, self._clock)

    async def _write_for_ever(self) -> None:
        while True:
            await self._stage.fired.wait()
            self._stage.fired.clear()
            await pause(self._clock, SETTLE_DOWN)
            await patiently(self._stage.write_back, self._clock)
