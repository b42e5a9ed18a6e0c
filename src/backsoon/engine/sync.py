"""Reads calendars, each on its own: a calendar that is slow, broken or hostile delays and harms no other.

An error never removes anything: the last good state stands, and the calendar's health says what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from backsoon.domain.changes import after_read, shrunk
from backsoon.domain.model import CalendarReferral
from backsoon.domain.organisation import Calendar, Person
from backsoon.engine.defects import where
from backsoon.engine.directory import Directory
from backsoon.engine.finding import Found, found_in, is_news, next_edge, tells_of_changes
from backsoon.engine.gathering import Gathering
from backsoon.engine.meters import Meters
from backsoon.engine.pace import NextRead, Pace, after_failure, after_success, beyond, hurried, looked_at_again
from backsoon.engine.queues import Place, Queues, place_of
from backsoon.engine.settling import Cause
from backsoon.engine.timing import Clock, pause, until_set
from backsoon.sources.base import CalendarSource, Changes, SourceBusy, SourceError, Window
from backsoon.store.base import (
    CalendarHealth,
    Lane,
    NotStored,
    ReadCalendar,
    ReferralChanges,
    Store,
    StoreError,
    Trigger,
)

log = logging.getLogger(__name__)

BEHIND = timedelta(days=1)
AHEAD = timedelta(days=400)
"""The window: from yesterday to here, so that a holiday booked for next summer shows."""


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """How reading is bounded. Times in seconds."""

    pace_of: Callable[[Calendar], Pace] = lambda _calendar: Pace()
    at_once_of: Callable[[str, str], int] | None = None
    """How many calendars of an organisation's connection are read together just now; None: `per_connection`."""
    at_once: int = 256
    """How many are read together in all."""
    per_connection: int = 4
    timeout: float = 120.0
    second_reading: float = 5.0
    """How long after a read that lost most referrals the calendar is read again."""
    idle: float = 60.0
    """The longest wait between two looks at what is due."""
    busy: float = 5.0
    """The same while calendars are being read: one that hangs must not keep the others from being looked at."""


Sources = Callable[[Calendar, Person], Awaitable[CalendarSource]]
"""Makes the source of a calendar. Raises `SourceError` where its settings are wrong."""
WhenFound = Callable[[ReadCalendar, Lane, bool], None]
"""Told of each read that went well: the calendar as it was when it was read, why it was read, and whether that brought
news of the next months."""


def window_at(now: datetime) -> Window:
    """The window that is read at an instant: whole days in UTC, so that it moves once a day."""
    midnight = datetime.combine(now.date(), time(), UTC)
    return Window(midnight - BEHIND, midnight + AHEAD)


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
        found: WhenFound = lambda _read, _lane, _news: None,
    ) -> None:
        """`first_read` is called with whoever has a calendar that was read whole for the first time."""
        self._store = store
        self._directory = directory
        self._clock = clock
        self._sources = sources
        self._gathering = Gathering(settle)
        self._settings = settings or SyncSettings()
        self._first_read = first_read
        self.found = found
        self.meters = Meters()
        self._wake = asyncio.Event()
        per_connection = self._settings.per_connection
        at_once_of = self._settings.at_once_of or (lambda _organisation, _connection: per_connection)
        self._queues = Queues(at_once_of, self._settings.at_once)
        self._begin: Callable[[ReadCalendar], object] = lambda _read: None
        self._again: dict[int, bool] = {}
        self._hinted: set[int] = set()
        self._doubted: dict[int, datetime] = {}
        """Those whose last reading was not believed: read whole at or after the instant, they are."""

    @property
    def _reading(self) -> Mapping[int, Place]:
        return self._queues.reading

    def held(self) -> Mapping[Place, datetime]:
        """The connections whose server asks us to wait, and until when."""
        return self._queues.held(self._clock.now())

    def wake(self, *, whole: bool = False) -> None:
        """Look at once at what is due; what is being read just now is read once more, for it may be too old.

        `whole`: that once more is without its token.
        """
        for calendar in self._reading:
            self._again[calendar] = whole or self._again.get(calendar, False)
        self._wake.set()

    def hinted(self, calendars: Iterable[int]) -> None:
        """Look at once at what is due, after hints that are stored; of these calendars, those that are being read just
        now are due again when that ends."""
        self._hinted.update(self._reading.keys() & set(calendars))
        self._wake.set()

    async def run(self) -> None:
        """Read for ever whatever is due."""
        async with asyncio.TaskGroup() as group:
            self._begin = lambda read: group.create_task(self._read_in_turn(read))
            while True:
                try:
                    await self._start_due()
                    wait = await self._next_look()
                except StoreError as error:
                    log.error("the store failed, trying again: %s", error)
                    wait = self._clock.now() + timedelta(seconds=1)
                await until_set(self._wake, self._clock, wait)

    async def _start_due(self) -> None:
        """Begin to read what is due. A connection with enough to do waits, the others do not wait for it."""
        places = {(c.organisation, c.name) for c in await self._store.connections()}
        now = self._clock.now()
        self._queues.forget(places)
        room = self._queues.room(places, now)
        taken = set(self._reading)
        while room:
            wanted = sum(room.values())
            full = places - room.keys()
            due = await self._store.calendars_due(now, wanted + len(taken), without=full, beyond=beyond(now), but=taken)
            self._queue(due, room, taken)
            if len(due) < wanted or not places - room.keys() - full:
                break
        for read in self._queues.start():
            self._begin(read)

    def _queue(self, due: Iterable[ReadCalendar], room: dict[Place, int], taken: set[int]) -> None:
        """Queue what is due and not `taken` yet, as far as there is room; where none is left, no more is asked for."""
        for read in due:
            place, id = place_of(read), read.calendar.id
            if id not in taken and id not in self._reading and place in room:
                self._queues.add(read)
                taken.add(id)
                room[place] -= 1
                if not room[place]:
                    del room[place]

    async def _next_look(self) -> datetime:
        now = self._clock.now()
        if self._reading:
            return now + timedelta(seconds=self._settings.busy)  # reads that end wake us, too
        latest = now + timedelta(seconds=self._settings.idle)
        held = self._queues.held(now)
        due = await self._store.next_read(without=held)
        return min([latest, *held.values()] if due is None else [latest, max(due, now), *held.values()])

    async def _read_in_turn(self, read: ReadCalendar) -> None:
        try:
            await self._read_and_again(read)
        except StoreError as error:
            log.error("calendar %d: its reading could not be stored: %s", read.calendar.id, error)
            await pause(self._clock, 1.0)
        finally:
            room = self._ended(read)
        if room:  # not where all is being stopped
            self._go_on(place_of(read))

    def _go_on(self, place: Place) -> None:
        """Begin those that there is room for at a connection; where few are left, look for more."""
        for another in self._queues.start_at(place):
            self._begin(another)
        if self._queues.is_low(place):
            self._wake.set()

    async def _read_and_again(self, read: ReadCalendar) -> None:
        await self.read(read)
        if read.calendar.id in self._again:
            await self._store.read_soon([read.calendar.id], whole=self._again.pop(read.calendar.id))
            self._wake.set()

    def _ended(self, read: ReadCalendar) -> bool:
        """Whether another one may be begun."""
        id = read.calendar.id
        room = self._queues.ended(read)
        if id in self._hinted or not self._reading:
            self._wake.set()
        self._again.pop(id, None)
        self._hinted.discard(id)
        return room

    async def read(self, read: ReadCalendar) -> None:
        """Read one calendar and take over what changed. Raises `StoreError`, nothing else."""
        calendar = read.calendar
        person = read.owner or await self._owner(calendar)
        if person is None:
            self._doubted.pop(calendar.id, None)
            return
        began = self._clock.now()
        try:
            async with asyncio.timeout(self._settings.timeout):
                changes, found = await self._read_believed(read, person)
            self._doubted.pop(calendar.id, None)
            if self._queues.answered(read):
                self._go_on(place_of(read))  # its server need not wait until this is stored and told
            if await self._still_so(read.calendar, person):
                await self._taken_over(read, changes, found, began)
            else:  # read from where it no longer is, or by keywords that no longer hold
                await self._store.read_soon([calendar.id], whole=True)
        except _Doubtful:
            await self._read_once_more(read)
        except SourceBusy as error:
            self._hold(place_of(read), error)
        except SourceError as error:
            await self._failed(read, str(error), error.remedy, error.retry_after)
        except TimeoutError:
            await self._failed(read, "reading took too long", "see whether the calendar server is overloaded")
        except (StoreError, asyncio.CancelledError):
            raise
        except Exception as error:  # a defect of ours must not stop the others' calendars
            log.error("calendar %d: %s", calendar.id, where(error))
            await self._failed(read, f"internal error ({type(error).__name__})", "report it with the log's lines")

    def _hold(self, place: Place, error: SourceBusy) -> None:
        """The server asks for patience: nobody else waits for it, and nothing is noted against the calendar."""
        now = self._clock.now()
        if place not in self._queues.held(now):
            log.warning("connection %s of %s: %s", place[1], place[0], error)
        seconds = max(error.retry_after or 0.0, 1.0) * (1 + 0.1 * random.random())
        self._queues.hold(place, now + timedelta(seconds=seconds))

    async def _owner(self, calendar: Calendar) -> Person | None:
        owned = await self._store.owned(calendar.id)
        return None if owned is None else owned[1]

    async def _still_so(self, calendar: Calendar, person: Person) -> bool:
        return await self._store.owned(calendar.id) == (calendar, person)

    async def _read_believed(self, read: ReadCalendar, person: Person) -> tuple[Changes, Found]:
        source = await self._sources(read.calendar, person)
        try:
            now, doubted = self._clock.now(), self._doubted.get(read.calendar.id)
            changes = await source.changes(window_at(now), None if doubted else read.health.sync_token)
            if not changes.complete and not changes.touched:
                return changes, Found()
            stored = await self._store.referrals_of(read.calendar.id)
            found = self._found(changes, stored, read.calendar, person)
            believed = doubted is not None and now >= doubted
            if not believed and shrunk(stored, (*found.kept, *found.referrals), now):
                raise _Doubtful
            return changes, self._compared(changes, stored, found, now)
        finally:
            await source.close()

    async def _read_once_more(self, read: ReadCalendar) -> None:
        """Have it read whole in a moment, for the same reason. It does not wait here: where everybody's series is taken
        out at once, those who wait would keep the others from being read."""
        log.warning("calendar %d lost most of its referrals at once: reading it again", read.calendar.id)
        again = self._clock.now() + timedelta(seconds=self._settings.second_reading)
        again = self._doubted.setdefault(read.calendar.id, again)
        await self._store.save_health(read.calendar.id, replace(read.health, next_read=again))

    def _found(self, changes: Changes, stored: Iterable[CalendarReferral], calendar: Calendar, person: Person) -> Found:
        """What a read brings; in a complete one, of items that could not be fetched, the referrals we know."""
        read = found_in(changes.entries, calendar, person, self._directory)
        unread = {r.resource for r in changes.rejected if r.unread} if changes.complete else set()
        kept = after_read(stored, (), changes.touched, complete=changes.complete)
        return replace(
            read, referrals=read.referrals + tuple(r for r in stored if r.resource in unread), kept=tuple(kept)
        )

    def _compared(self, changes: Changes, stored: Iterable[CalendarReferral], found: Found, now: datetime) -> Found:
        news = is_news(stored, (*found.kept, *found.referrals), now)
        return replace(found, news=news, changed=news or (not changes.complete and tells_of_changes(changes)))

    async def _taken_over(self, read: ReadCalendar, changes: Changes, found: Found, began: datetime) -> None:
        now = self._clock.now()
        self.meters.reads[True] += 1
        touched = changes.complete or bool(changes.touched)
        kept = (
            () if changes.complete else tuple(item for item in read.health.rejected if item[0] not in changes.touched)
        )
        rejected = kept + tuple((r.resource, r.because) for r in changes.rejected)
        following = await self._next_read(read, found, began, touched=touched)
        health = CalendarHealth(
            sync_token=changes.sync_token,
            confirmed_at=now,
            next_read=following.at,
            warnings=changes.warnings if touched else read.health.warnings,
            rejected=rejected[:50],
            lane=following.lane,
            hinted_at=read.health.hinted_at,
        )
        await self._stored(
            read, ReferralChanges(found.referrals, changes.touched, changes.complete, found.passed), health
        )
        if read.health.confirmed_at is None:
            self._first_read(read.calendar.person)
        self.found(read, read.health.lane, found.news)

    async def _next_read(self, read: ReadCalendar, found: Found, began: datetime, *, touched: bool) -> NextRead:
        now, confirmed = self._clock.now(), beyond(began)
        if touched:
            due = next_edge((*found.kept, *found.referrals), confirmed)
        elif read.next_due is None or read.next_due > confirmed:
            due = read.next_due
        else:  # it waited long to be read: what was next then is confirmed by now
            due = next_edge(await self._store.referrals_of(read.calendar.id), confirmed)
        pace = self._settings.pace_of(read.calendar)
        usual = after_success(now, _interval(read.health), found.changed, due, pace, random.random())
        hinted = read.health.lane is Lane.CHANGED and read.health.confirmed_at is not None
        return looked_at_again(now, usual) if hinted and not found.changed else usual

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
            await self._gathering.settle(people, Cause(Trigger.CALENDAR, through=read.calendar.connection))

    async def _failed(self, read: ReadCalendar, problem: str, remedy: str, retry_after: float | None = None) -> None:
        now = self._clock.now()
        self.meters.reads[False] += 1
        before = read.health
        failures = before.failures + 1
        hurry, pace = hurried(before.lane, failures), self._settings.pace_of(read.calendar)
        if before.problem != problem:
            log.warning("calendar %d of %s: %s", read.calendar.id, read.calendar.connection, problem)
        health = replace(
            before,
            failures=failures,
            problem=problem,
            remedy=remedy,
            since=before.since if before.problem else now,
            lane=before.lane if hurry or failures == 1 or before.confirmed_at is None else Lane.RECONCILE,
            next_read=after_failure(now, failures, retry_after, pace, random.random(), hurry=hurry),
        )
        await self._store.save_health(read.calendar.id, health)


class _Doubtful(Exception):
    """A read lost most referrals: it is to be read once more before that is believed."""


def _interval(health: CalendarHealth) -> timedelta | None:
    if health.confirmed_at is None or health.next_read is None or health.next_read <= health.confirmed_at:
        return None
    return health.next_read - health.confirmed_at
