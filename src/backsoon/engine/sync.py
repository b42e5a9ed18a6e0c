"""Reads calendars, each on its own: a calendar that is slow, broken or hostile delays and harms no other.

An error never removes anything: the last good state stands, and the calendar's health says what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from backsoon.domain.changes import after_read, shrunk
from backsoon.domain.entries import Owner, outcome, passed_over
from backsoon.domain.keyword import keyword_table
from backsoon.domain.model import CalendarEntry, CalendarReferral, PassedOver
from backsoon.domain.organisation import Calendar, Person
from backsoon.engine.defects import where
from backsoon.engine.directory import Directory
from backsoon.engine.meters import Meters
from backsoon.engine.pace import Pace, after_failure, after_success
from backsoon.engine.settling import Cause
from backsoon.engine.timing import Clock, pause, until_set
from backsoon.sources.base import CalendarSource, Changes, SourceError, Window
from backsoon.store.base import CalendarHealth, NotStored, ReadCalendar, ReferralChanges, Store, StoreError, Trigger

log = logging.getLogger(__name__)

BEHIND = timedelta(days=1)
AHEAD = timedelta(days=400)
"""The window: from yesterday to here, so that a holiday booked for next summer shows."""


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """How reading is bounded. Times in seconds."""

    pace_of: Callable[[Calendar], Pace] = lambda _calendar: Pace()
    at_once: int = 64
    per_connection: int = 4
    timeout: float = 120.0
    second_reading: float = 5.0
    """How long after a read that lost most referrals the calendar is read again."""
    idle: float = 60.0
    """The longest wait between two looks at what is due."""
    busy: float = 5.0
    """The same while calendars are being read: one that hangs must not keep the others from being looked at."""


Place = tuple[str, str]
"""An organisation and one of its connections."""
Sources = Callable[[Calendar, Person], Awaitable[CalendarSource]]
"""Makes the source of a calendar. Raises `SourceError` where its settings are wrong."""


def window_at(now: datetime) -> Window:
    """The window that is read at an instant: whole days in UTC, so that it moves once a day."""
    midnight = datetime.combine(now.date(), time(), UTC)
    return Window(midnight - BEHIND, midnight + AHEAD)


@dataclass(frozen=True, slots=True)
class Found:
    """What is kept of a calendar's entries: referrals, and those that look as if they were meant to be some."""

    referrals: tuple[CalendarReferral, ...] = ()
    passed: tuple[PassedOver, ...] = ()


def found_in(entries: Iterable[CalendarEntry], calendar: Calendar, person: Person, directory: Directory) -> Found:
    """What entries make, by the rules of the person's organisation; what has no keyword goes no further."""
    rules = directory.organisation_of(person).rules
    owner = Owner(calendar.id, directory.zone_of(person), keyword_table(rules.keywords, person.keywords))
    referrals: list[CalendarReferral] = []
    passed: list[PassedOver] = []
    for entry in entries:
        became = outcome(entry, owner, rules)
        if isinstance(became, CalendarReferral):
            referrals.append(became)
        if (over := passed_over(entry, owner, became)) is not None:
            passed.append(over)
    return Found(tuple(referrals), tuple(passed))


class Sync:
    """Keeps every calendar read."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        sources: Sources,
        settle: Callable[[Iterable[int], Cause], Awaitable[None]],
        settings: SyncSettings | None = None,
        first_read: Callable[[int], None] = lambda _person: None,
    ) -> None:
        """`first_read` is called with whoever has a calendar that was read whole for the first time."""
        self._store = store
        self._directory = directory
        self._clock = clock
        self._sources = sources
        self._settle = settle
        self._settings = settings or SyncSettings()
        self._first_read = first_read
        self.meters = Meters()
        self._wake = asyncio.Event()
        self._reading: set[int] = set()
        self._of: Counter[Place] = Counter()
        self._again: dict[int, bool] = {}
        self._room = asyncio.Semaphore(self._settings.at_once)
        self._by_connection: dict[Place, asyncio.Semaphore] = {}

    def wake(self, *, whole: bool = False) -> None:
        """Look at once at what is due; what is being read just now is read once more, for it may be too old.

        `whole`: that once more is without its token.
        """
        for calendar in self._reading:
            self._again[calendar] = whole or self._again.get(calendar, False)
        self._wake.set()

    async def run(self) -> None:
        """Read for ever whatever is due."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await self._start_due(group)
                    wait = await self._next_look()
                except StoreError as error:
                    log.error("the store failed, trying again: %s", error)
                    wait = self._clock.now() + timedelta(seconds=1)
                await until_set(self._wake, self._clock, wait)

    async def _start_due(self, group: asyncio.TaskGroup) -> None:
        """Begin to read what is due. A connection with enough to do waits, the others do not wait for it."""
        most = 4 * self._settings.at_once
        places = {(c.organisation, c.name) for c in await self._store.connections()}
        while (room := min(most - len(self._reading), self._left(places))) > 0:
            full = [place for place in self._of if not self._fits(place)]
            due = await self._store.calendars_due(self._clock.now(), room + len(self._reading), without=full)
            started = 0
            for read in due:
                place = _place(read.calendar)
                if read.calendar.id in self._reading or not self._fits(place):
                    continue
                self._reading.add(read.calendar.id)
                self._of[place] += 1
                group.create_task(self._read_in_turn(read))
                started += 1
            if not started:
                return

    def _left(self, places: Iterable[Place]) -> int:
        """How many more may be begun. Where it is none, what is due need not be asked for: that may be everything."""
        return sum(max(0, 2 * self._settings.per_connection - self._of[place]) for place in places)

    def _fits(self, place: Place) -> bool:
        return self._of[place] < 2 * self._settings.per_connection

    async def _next_look(self) -> datetime:
        now = self._clock.now()
        latest = now + timedelta(seconds=self._settings.idle)
        if self._reading:
            return now + timedelta(seconds=self._settings.busy)  # each read that ends wakes us, too
        due = await self._store.next_read()
        return latest if due is None else min(max(due, now), latest)

    async def _read_in_turn(self, read: ReadCalendar) -> None:
        place = _place(read.calendar)
        lane = self._by_connection.setdefault(place, asyncio.Semaphore(self._settings.per_connection))
        try:
            async with lane, self._room:
                await self.read(read)
            if read.calendar.id in self._again:
                await self._store.read_soon([read.calendar.id], whole=self._again.pop(read.calendar.id))
        except StoreError as error:
            log.error("calendar %d: its reading could not be stored: %s", read.calendar.id, error)
            await pause(self._clock, 1.0)
        finally:
            self._reading.discard(read.calendar.id)
            self._of[place] -= 1
            self._again.pop(read.calendar.id, None)
            self._wake.set()

    async def read(self, read: ReadCalendar) -> None:
        """Read one calendar and take over what changed. Raises `StoreError`, nothing else."""
        calendar = read.calendar
        person = (await self._store.people([calendar.person])).get(calendar.person)
        if person is None:
            return
        try:
            async with asyncio.timeout(self._settings.timeout):
                changes, found = await self._read_believed(read, person)
            if await self._still_so(read.calendar, person):
                await self._taken_over(read, changes, found)
            else:  # read from where it no longer is, or by keywords that no longer hold
                await self._store.read_soon([calendar.id], whole=True)
        except SourceError as error:
            await self._failed(read, str(error), error.remedy, error.retry_after)
        except TimeoutError:
            await self._failed(read, "reading took too long", "see whether the calendar server is overloaded")
        except (StoreError, asyncio.CancelledError):
            raise
        except Exception as error:  # a defect of ours must not stop the others' calendars
            log.error("calendar %d: %s", calendar.id, where(error))
            await self._failed(read, f"internal error ({type(error).__name__})", "report it with the log's lines")

    async def _still_so(self, calendar: Calendar, person: Person) -> bool:
        people = await self._store.people([person.id])
        calendars = await self._store.calendars(person=person.id)
        return people.get(person.id) == person and calendar in [each.calendar for each in calendars]

    async def _read_believed(self, read: ReadCalendar, person: Person) -> tuple[Changes, Found]:
        source = await self._sources(read.calendar, person)
        try:
            now = self._clock.now()
            changes = await source.changes(window_at(now), read.health.sync_token)
            stored = await self._store.referrals_of(read.calendar.id)
            found = self._found(changes, stored, read.calendar, person)
            after = after_read(stored, found.referrals, changes.touched, complete=changes.complete)
            if shrunk(stored, after, now):
                log.warning("calendar %d lost most of its referrals at once: reading it again", read.calendar.id)
                await pause(self._clock, self._settings.second_reading)
                changes = await source.changes(window_at(now), None)
                found = self._found(changes, stored, read.calendar, person)
            return changes, found
        finally:
            await source.close()

    def _found(self, changes: Changes, stored: Iterable[CalendarReferral], calendar: Calendar, person: Person) -> Found:
        """What a read brings; in a complete one, of items that could not be fetched, the referrals we know."""
        read = found_in(changes.entries, calendar, person, self._directory)
        unread = {r.resource for r in changes.rejected if r.unread} if changes.complete else set()
        return replace(read, referrals=read.referrals + tuple(r for r in stored if r.resource in unread))

    async def _taken_over(self, read: ReadCalendar, changes: Changes, found: Found) -> None:
        now = self._clock.now()
        self.meters.reads[True] += 1
        touched = changes.complete or bool(changes.touched)
        kept = (
            () if changes.complete else tuple(item for item in read.health.rejected if item[0] not in changes.touched)
        )
        rejected = kept + tuple((r.resource, r.because) for r in changes.rejected)
        edges = [edge for r in found.referrals for edge in (r.span.start, r.span.end)]
        if not changes.complete and read.next_due is not None:
            edges.append(read.next_due)
        next_due = min((edge for edge in edges if edge > now), default=None)
        health = CalendarHealth(
            sync_token=changes.sync_token,
            confirmed_at=now,
            next_read=after_success(
                now, _interval(read.health), touched, next_due, self._settings.pace_of(read.calendar), random.random()
            ),
            warnings=changes.warnings if touched else read.health.warnings,
            rejected=rejected[:50],
        )
        await self._stored(
            read, ReferralChanges(found.referrals, changes.touched, changes.complete, found.passed), health
        )
        if read.health.confirmed_at is None:
            self._first_read(read.calendar.person)

    async def _stored(self, read: ReadCalendar, what: ReferralChanges, health: CalendarHealth) -> None:
        """Store a read, and have those whom it changes settled."""
        if not what.complete and not what.touched:
            await self._store.save_health(read.calendar.id, health)
            return
        try:
            people = await self._store.save_read(read.calendar.id, what, health)
        except NotStored:
            return  # taken out while it was read
        if people:
            await self._settle(people, Cause(Trigger.CALENDAR, through=read.calendar.connection))

    async def _failed(self, read: ReadCalendar, problem: str, remedy: str, retry_after: float | None = None) -> None:
        now = self._clock.now()
        self.meters.reads[False] += 1
        before = read.health
        failures = before.failures + 1
        if before.problem != problem:
            log.warning("calendar %d of %s: %s", read.calendar.id, read.calendar.connection, problem)
        health = replace(
            before,
            failures=failures,
            problem=problem,
            remedy=remedy,
            since=before.since if before.problem else now,
            next_read=after_failure(now, failures, retry_after, self._settings.pace_of(read.calendar), random.random()),
        )
        await self._store.save_health(read.calendar.id, health)


def _place(calendar: Calendar) -> Place:
    return calendar.organisation, calendar.connection


def _interval(health: CalendarHealth) -> timedelta | None:
    if health.confirmed_at is None or health.next_read is None or health.next_read <= health.confirmed_at:
        return None
    return health.next_read - health.confirmed_at
