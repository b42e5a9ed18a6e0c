"""Looks at who is busy when, many mailboxes at a request: a first look at everybody, and a check on what is told.

At the start whoever is busy now or soon, and was never read, is read first. Later on, during working hours, a mailbox
that is busy at other times than before, though nobody told of a change, is read. Whoever is read because a change was
told is looked at just after, so that another change which is lost shows at the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from backsoon.domain.hours import WorkingHours, WorkingTime
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person
from backsoon.engine.defects import where
from backsoon.engine.directory import Directory
from backsoon.engine.fingerprints import DAY, DAYS, Fingerprints
from backsoon.engine.pace import PUSHED
from backsoon.engine.pushing import Accounts
from backsoon.engine.timing import Clock, pause, until_set
from backsoon.sources.account import Account, BusyTime
from backsoon.sources.base import SourceBusy, SourceError, Window
from backsoon.store.base import Lane, ReadCalendar, Store, StoreError

log = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=15)
SOON: Final = timedelta(minutes=15)
PAGE: Final = 1000
IN_A_ROW: Final = 3
"""So many questions in a row that fail, and it is not because of the mailboxes that they are about."""
AFTERWARDS: Final = 20.0
"""Seconds after a read that was asked for until the mailbox is looked at: others may join it, and one that changes all
the time is not looked at all the time."""
STANDS: Final = timedelta(hours=26)
"""How long a look counts as one: there is one a day on days of rest."""

Place = tuple[str, str]


@dataclass
class _Swept:
    """One connection."""

    connection: Connection
    began: datetime
    first: bool = True
    prints: Fingerprints | None = None
    looked_at: datetime | None = None
    blind: bool = False
    """Whether nobody can be looked at, as far as we know."""
    told: dict[int, tuple[Calendar, datetime]] = field(default_factory=dict)
    """Those that were read because a change was told, and not looked at since; when they were read last."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class _Asked:
    """How asking goes: what fails for one group of mailboxes must not keep the others from being looked at."""

    worked: bool = False
    row: int = 0
    error: SourceError | None = None
    given_up: bool = False
    """It concerns everybody, or seems to: nothing more is asked."""

    def went_well(self) -> None:
        self.worked, self.row = True, 0

    def failed(self, error: SourceError) -> None:
        self.row, self.error = self.row + 1, error
        self.given_up = isinstance(error, SourceBusy) or self.row >= IN_A_ROW

    def end(self) -> None:
        """Raises the last error where not everybody could be asked about, or nobody."""
        if self.error is not None and (self.given_up or not self.worked):
            raise self.error


class Sweeping:
    """Looks at everybody's busy times, by their connections."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        directory: Directory,
        accounts: Accounts,
        tells: Callable[[str, str], bool],
        hinted: Callable[[Collection[int]], None],
    ) -> None:
        """`tells` says whether a connection tells of changes; `hinted` is called with calendars that are due now."""
        self._store = store
        self._clock = clock
        self._directory = directory
        self._accounts = accounts
        self._tells = tells
        self._hinted = hinted
        self._swept: dict[Place, _Swept] = {}
        self._changed = asyncio.Event()

    def read(self, calendar: Calendar) -> None:
        """The calendar was read because a change was told: that it differs from the last look proves nothing."""
        swept = self._swept.get((calendar.organisation, calendar.connection))
        if swept is not None:
            swept.told[calendar.id] = calendar, self._clock.now()
            swept.news.set()

    def looks_at(self, calendar: Calendar) -> bool:
        """Whether the calendar's busy times are looked at, so that what is lost of it is found."""
        swept = self._swept.get((calendar.organisation, calendar.connection))
        if swept is None or swept.blind:
            return False
        return swept.prints is None or swept.prints.may_know(calendar.id)

    def changed(self) -> None:
        """Settings changed: look at once."""
        self._changed.set()

    async def run(self) -> None:
        """Look for ever, each connection by itself."""
        async with asyncio.TaskGroup() as group:
            tasks: dict[Place, tuple[Connection, asyncio.Task[None]]] = {}
            while True:
                wanted = {(c.organisation, c.name): c for c in self._accounts.connections()}
                for place, (connection, task) in list(tasks.items()):
                    if wanted.get(place) != connection or task.done():
                        task.cancel()
                        del tasks[place]
                for place, connection in wanted.items():
                    if place not in tasks and self._account(place) is not None:
                        tasks[place] = connection, group.create_task(self._keep(connection))
                await until_set(self._changed, self._clock, self._clock.now() + EVERY)

    def _account(self, place: Place) -> Account | None:
        try:
            account = self._accounts.account_of(*place)
        except SourceError:
            return None  # each calendar says so when it is read
        return account if account is not None and account.busy_at_once > 0 else None

    async def _keep(self, connection: Connection) -> None:
        swept = self._swept[connection.organisation, connection.name] = _Swept(connection, self._clock.now())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_looking_after(swept))
            while True:
                wait = self._clock.now() + EVERY
                error = await self._tried(swept, self._sweep)
                if error is not None:
                    wait = max(wait, self._clock.now() + timedelta(seconds=error.retry_after or 0.0))
                await self._clock.sleep_until(wait)

    async def _keep_looking_after(self, swept: _Swept) -> None:
        while True:
            await swept.news.wait()
            swept.news.clear()
            await pause(self._clock, AFTERWARDS)
            await self._tried(swept, self._look_after)

    async def _tried(self, swept: _Swept, look: Callable[[_Swept], Awaitable[None]]) -> SourceError | None:
        """Look, one at a time, whatever comes of it; what the vendor said against it."""
        try:
            async with swept.turn:
                await look(swept)
        except SourceError as error:
            log.info("connection %s: who is busy when is not known: %s", swept.connection.name, error)
            return error
        except StoreError as error:
            log.error("the store failed: %s", error)
        except Exception as error:  # a defect of ours harms no other
            log.error("connection %s: %s", swept.connection.name, where(error))
        return None

    async def _sweep(self, swept: _Swept) -> None:
        """One look, and what follows where there has been none for long. Raises `SourceError`, `StoreError`."""
        place = (swept.connection.organisation, swept.connection.name)
        try:
            await self.sweep(swept)
        finally:
            last = swept.looked_at or swept.began
            swept.blind = self._account(place) is None or self._clock.now() >= last + STANDS
            if swept.blind and self._tells(*place):
                async for page in self._pages(place):
                    await self._read_sooner(page)

    async def _read_sooner(self, unseen: Iterable[ReadCalendar]) -> None:
        """These cannot be looked at: those are read that were to be read so seldom as if they could. Raises
        `StoreError`."""
        now = self._clock.now()
        latest = now + timedelta(seconds=PUSHED.longest)
        due = [read.calendar.id for read in unseen if read.health.next_read and read.health.next_read > latest]
        if due:
            await self._store.hint(due, Lane.RECONCILE, now)
            self._hinted(due)

    async def sweep(self, swept: _Swept) -> None:
        """One look at a connection's mailboxes, where there is something to be seen. Raises `SourceError`."""
        place = (swept.connection.organisation, swept.connection.name)
        if swept.first:
            await self._first_look(swept, place)
        organisation = self._directory.organisations.get(place[0])
        if organisation is None or not self._tells(*place):
            return
        now = self._clock.now()
        fresh = swept.prints is not None and swept.prints.day.date() == now.date()
        if not fresh or at_work(organisation, now):  # once on a day of rest, too: the next day is compared with it
            await self._look(swept, place)

    # -- who is busy now or soon -------------------------------------------------------------------------------------

    async def _first_look(self, swept: _Swept, place: Place) -> None:
        """Have those read first who are busy now or soon and were never read."""
        now, asked = self._clock.now(), _Asked()
        window = Window(now, now + SOON)
        async for page in self._pages(place):
            never = [read.calendar for read in page if read.health.confirmed_at is None]
            busy = await self._busy(place, never, window, asked)
            soon = [calendar for calendar, times in busy.items() if times]
            if soon:
                await self._store.hint(soon, Lane.DUE, self._clock.now())
                self._hinted(soon)
        swept.first = asked.error is not None and not asked.worked  # whom it failed for does not hold up the looks
        asked.end()

    # -- who is busy otherwise than before ---------------------------------------------------------------------------

    async def _look(self, swept: _Swept, place: Place) -> None:
        now = self._clock.now()
        midnight = datetime.combine(now.date(), time(), UTC)
        seen, before, asked = Fingerprints(midnight), swept.prints or Fingerprints(midnight), _Asked()
        window = Window(midnight, midnight + DAYS * DAY)
        async for page in self._pages(place):
            busy = await self._busy(place, [read.calendar for read in page], window, asked)
            changed = _changed(page, busy, before, seen)
            if hints := [calendar for calendar in changed if calendar not in swept.told]:
                await self._store.hint(hints, Lane.RECONCILE, self._clock.now())
                self._hinted(hints)
            if asked.worked and not asked.given_up:
                await self._read_sooner(read for read in page if not seen.may_know(read.calendar.id))
        if asked.worked:
            swept.prints = seen
        asked.end()
        swept.prints, swept.looked_at = seen, now

    async def _look_after(self, swept: _Swept) -> None:
        """Look at those that were just read because a change was told. Who cannot be looked at is read once more after
        the next look. Raises `SourceError`."""
        told = self._taken(swept)
        if swept.prints is None:
            return
        place, day, asked = (swept.connection.organisation, swept.connection.name), swept.prints.day, _Asked()
        for calendar, times in (await self._busy(place, told, Window(day, day + DAYS * DAY), asked)).items():
            swept.prints.put(calendar, times)
        asked.end()

    def _taken(self, swept: _Swept) -> list[Calendar]:
        """Those that were read some time ago; the others wait for theirs."""
        quiet = self._clock.now() - timedelta(seconds=AFTERWARDS)
        told = [calendar for calendar, at in swept.told.values() if at <= quiet]
        for calendar in told:
            del swept.told[calendar.id]
        if swept.told:
            swept.news.set()
        return told

    # -- asking ------------------------------------------------------------------------------------------------------

    async def _pages(self, place: Place) -> AsyncIterator[tuple[ReadCalendar, ...]]:
        after = 0
        while page := await self._store.calendars_at(*place, after=after, limit=PAGE):
            yield page
            after = page[-1].calendar.id

    async def _busy(
        self, place: Place, calendars: Sequence[Calendar], window: Window, asked: _Asked
    ) -> Mapping[int, tuple[BusyTime, ...]]:
        """When these are busy; those of which it cannot be said are left out: see `asked`."""
        account = self._account(place)
        if account is None or not calendars:
            return {}
        people = await self._store.people({c.person for c in calendars})
        addresses = {c.id: self._address(c, people.get(c.person)) for c in calendars}
        found: dict[int, tuple[BusyTime, ...]] = {}
        rest = iter([(id, address) for id, address in addresses.items() if address])
        while not asked.given_up and (group := list(islice(rest, max(1, account.busy_at_once)))):
            try:
                answers = await account.busy([address for _, address in group], window)
            except SourceError as error:
                asked.failed(error)
                continue
            asked.went_well()
            for id, address in group:
                times = answers.get(address)
                if times is not None and not isinstance(times, SourceError):
                    found[id] = times
        return found

    def _address(self, calendar: Calendar, person: Person | None) -> str:
        try:
            return "" if person is None else self._accounts.mailbox_of(calendar, person)
        except SourceError:
            return ""


def _changed(
    page: Iterable[ReadCalendar],
    busy: Mapping[int, tuple[BusyTime, ...]],
    before: Fingerprints,
    seen: Fingerprints,
) -> list[int]:
    """Note in `seen` when these are busy; those that are so otherwise than before."""
    changed: list[int] = []
    for id in (read.calendar.id for read in page):
        if id not in busy:
            seen.keep(id, before)
            continue
        seen.add(id, busy[id])
        if before.differs(id, seen):
            changed.append(id)
    return changed


def at_work(organisation: Organisation, now: datetime) -> bool:
    """Whether it is within the organisation's working hours; where none are kept, from 7 to 18 on weekdays."""
    hours = organisation.hours
    if hours.around_the_clock:
        hours = _USUAL
    return WorkingTime(hours, ZoneInfo(organisation.zone)).next_start(now) == now


_USUAL: Final = WorkingHours((((7 * 60, 18 * 60),),) * 5 + ((),) * 2)
