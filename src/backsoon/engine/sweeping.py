"""Looks at who is busy when, many mailboxes at a request: a first look at everybody, and a check on what is told.

At the start whoever is busy now or soon, and was never read, is read first. Later on, during working hours, a mailbox
that is busy at other times than before, though nobody told of a change, is read.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from backsoon.domain.hours import WorkingHours, WorkingTime
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person
from backsoon.engine.defects import where
from backsoon.engine.directory import Directory
from backsoon.engine.pace import PUSHED
from backsoon.engine.pushing import Accounts
from backsoon.engine.timing import Clock, until_set
from backsoon.sources.account import Account, BusyTime
from backsoon.sources.base import SourceBusy, SourceError, Window
from backsoon.store.base import Lane, ReadCalendar, Store, StoreError

log = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=15)
SOON: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
DAYS: Final = 7
"""So many days are looked at, today the first: what is lost of later ones is found by reading before these come, see
`pace.SELDOM`."""
PAGE: Final = 1000
IN_A_ROW: Final = 3
"""So many questions in a row that fail, and it is not because of the mailboxes that they are about."""
STANDS: Final = timedelta(hours=26)
"""How long a look counts as one: there is one a day on days of rest."""

Place = tuple[str, str]


class Fingerprints:
    """When many mailboxes were busy from a day on for some days, as 16 bytes each: the calendar, 32 bits for all days
    but the last one, and 32 for all but the first, which is what a look on the next day is compared with."""

    def __init__(self, day: datetime, days: int = DAYS) -> None:
        self.day = day
        self._end = day + days * DAY
        self._last = 0
        self._calendars = array("q")
        self._prints = array("Q")

    def __len__(self) -> int:
        return len(self._calendars)

    def add(self, calendar: int, busy: Iterable[BusyTime]) -> None:
        """Note when a mailbox is busy; calendars come in order of their ids."""
        times = list(busy)
        early, late = _print(times, self.day, self._end - DAY), _print(times, self.day + DAY, self._end)
        self._last = calendar
        self._calendars.append(calendar)
        self._prints.append(early << 32 | late)

    def differs(self, calendar: int, later: Fingerprints) -> bool:
        """Whether the mailbox is busy otherwise in a later look, as far as both looks saw the same days."""
        before, after = self._of(calendar), later._of(calendar)
        if before is None or after is None:
            return False
        if later.day == self.day:
            return before != after
        return later.day == self.day + DAY and before & 0xFFFFFFFF != after >> 32

    def keep(self, calendar: int, before: Fingerprints) -> None:
        """Go on with what was known of a mailbox that could not be looked at now. Of the days that a look yesterday
        did not see nothing is known: the mailbox is read after the next look, rather than never."""
        self._last, known = calendar, before._of(calendar)
        if known is None or before.day not in (self.day, self.day - DAY):
            return
        self._calendars.append(calendar)
        self._prints.append(known if before.day == self.day else (known & 0xFFFFFFFF) << 32)

    def may_know(self, calendar: int) -> bool:
        """Whether the mailbox was looked at, or came later than this look."""
        return calendar > self._last or self._of(calendar) is not None

    def _of(self, calendar: int) -> int | None:
        at = bisect_left(self._calendars, calendar)
        return self._prints[at] if at < len(self._calendars) and self._calendars[at] == calendar else None


def _print(times: Iterable[BusyTime], start: datetime, end: datetime) -> int:
    """32 bits of what lies in a span; 0 for nothing."""
    within = sorted(
        (max(b.start, start).timestamp(), min(b.end, end).timestamp(), b.show_as.value)
        for b in times
        if b.start < end and b.end > start
    )
    return int.from_bytes(blake2b(repr(within).encode(), digest_size=4).digest()) if within else 0


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
        self._read: set[int] = set()
        self._swept: dict[Place, _Swept] = {}
        self._changed = asyncio.Event()

    def read(self, calendar: int) -> None:
        """The calendar was read because a change was told: that it differs at the next look proves nothing."""
        self._read.add(calendar)

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
        while True:
            wait = self._clock.now() + EVERY
            try:
                await self._sweep(swept)
            except SourceError as error:
                wait = max(wait, self._clock.now() + timedelta(seconds=error.retry_after or 0.0))
                log.info("connection %s: who is busy when is not known: %s", connection.name, error)
            except StoreError as error:
                log.error("the store failed: %s", error)
            except Exception as error:  # a defect of ours harms no other
                log.error("connection %s: %s", connection.name, where(error))
            await self._clock.sleep_until(wait)

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
        # What was told hours ago says nothing of what was not told since.
        told = self._read if swept.looked_at is not None and now - swept.looked_at < 2 * EVERY else set[int]()
        seen, before, asked = Fingerprints(midnight), swept.prints or Fingerprints(midnight), _Asked()
        window = Window(midnight, midnight + DAYS * DAY)
        async for page in self._pages(place):
            busy = await self._busy(place, [read.calendar for read in page], window, asked)
            changed = _changed(page, busy, before, seen)
            if hints := [calendar for calendar in changed if calendar not in told]:
                await self._store.hint(hints, Lane.RECONCILE, self._clock.now())
                self._hinted(hints)
            self._read.difference_update(busy)
            if asked.worked and not asked.given_up:
                await self._read_sooner(read for read in page if not seen.may_know(read.calendar.id))
        if asked.worked:
            swept.prints = seen
        asked.end()
        swept.prints, swept.looked_at = seen, now

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
