"""Being told of changes: one task for each connection that can tell, and how often calendars are read because of it.

Whatever is told is a hint. Nothing here decides about anybody; what is lost here is found by reading.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.engine.defects import where
from backsoon.engine.hearing import Event, Hearing, Listener, Notice, Place
from backsoon.engine.heeding import Heeding
from backsoon.engine.listening import Listening
from backsoon.engine.ordering import Ordering
from backsoon.engine.orders import Site
from backsoon.engine.pace import Pace, told
from backsoon.engine.patience import patiently
from backsoon.engine.timing import Clock, pause, until_set
from backsoon.engine.trust import RECENTLY, Trust
from backsoon.sources.account import Account
from backsoon.sources.base import SourceError
from backsoon.store.base import Lane, ReadCalendar, Store, StoreError, Subscription

log = logging.getLogger(__name__)

SPREAD: Final = 15
"""Minutes over which readings are spread that many calendars need at once."""
AGAIN: Final = 60.0
"""Seconds after which a connection is tried again whose account cannot be made."""
CONFIRM_EVERY: Final = 600.0
"""Seconds between two notes that what was read is still so."""
PIECE: Final = 1000
FEW: Final = 20
"""So few calendars need not be spread."""


class Accounts(Protocol):
    """Who has accounts (`backsoon.factories.Sources`)."""

    def connections(self) -> Sequence[Connection]:
        """All connections."""
        ...

    def account_of(self, organisation: str, connection: str) -> Account | None:
        """The account of a connection. Raises `SourceError`."""
        ...

    def mailbox_of(self, calendar: Calendar, person: Person) -> str:
        """The mailbox that a calendar is. Raises `SourceError`."""
        ...

    def pace_of(self, calendar: Calendar) -> Pace:
        """How often a calendar is read whose changes nobody tells."""
        ...


@dataclass(frozen=True, slots=True)
class Telling:
    """Whether a connection tells of changes: of how many calendars, since when; `lost_until` where what it told was
    lost and everybody is read often; `because` and `remedy` where it does not."""

    organisation: str
    connection: str
    told: int = 0
    since: datetime | None = None
    lost_until: datetime | None = None
    because: str = ""
    remedy: str = ""


@dataclass
class _Pushed:
    """One connection at work."""

    connection: Connection
    public: str
    account: Account
    trust: Trust
    at_work: Ordering | Listening
    path: str
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    @property
    def place(self) -> Place:
        return self.connection.organisation, self.connection.name


class Pushing(Listener):
    """Everybody who tells."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        accounts: Accounts,
        hinted: Callable[[Collection[int]], None],
        public: Callable[[], str] = lambda: "",
    ) -> None:
        """`hinted` is called with calendars that are due because of what was told; `public` is the address at which
        notifications reach us from outside, "" for none."""
        self._store = store
        self._clock = clock
        self._accounts = accounts
        self._hinted = hinted
        self._public = public
        self.looked_at: Callable[[Calendar], bool] = lambda _calendar: False
        """Whether a calendar's busy times are looked at, so that what is lost of it is found."""
        self.waiting: Callable[[], Mapping[Place, datetime]] = dict
        """The connections whose server asks us to wait, and until when."""
        self.hearing = Hearing(store, clock, self, hinted)
        self._pushed: dict[Place, _Pushed] = {}
        self._changed = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Have everybody told of who can be, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                while True:
                    try:
                        await self._employ(group)
                    except StoreError as error:
                        log.error("the store failed, trying again: %s", error)
                    await until_set(self._changed, self._clock, self._clock.now() + timedelta(seconds=AGAIN))
        finally:
            self._group = None
            await self.hearing.close()

    def changed(self) -> None:
        """Settings or people changed: look at once."""
        self._changed.set()
        for pushed in self._pushed.values():
            pushed.trust.anew()
            pushed.at_work.woken.set()

    async def _employ(self, group: asyncio.TaskGroup) -> None:
        """Begin with connections that are new or set otherwise, end those that are gone."""
        wanted = {(c.organisation, c.name): c for c in self._accounts.connections()}
        for place, pushed in list(self._pushed.items()):
            if wanted.get(place) != pushed.connection or pushed.public != self._public():
                del self._pushed[place]
                if pushed.task is not None:
                    pushed.task.cancel()
                    await asyncio.wait([pushed.task])
        for place, connection in wanted.items():
            if place not in self._pushed and (made := await self._made(connection)) is not None:
                self._pushed[place] = made
                made.task = group.create_task(self._work(made))

    async def _made(self, connection: Connection) -> _Pushed | None:
        place = (connection.organisation, connection.name)
        try:
            account = self._accounts.account_of(*place)
        except SourceError:
            return None  # each calendar says so when it is read
        if account is None:
            return None
        trust, public, push = Trust(), self._public(), connection.settings.get("push", True) is not False
        secrets = await self.hearing.secrets()
        if account.webhooks is not None:
            path = account.webhooks.path
            url = f"{public.rstrip('/')}{path}/{secrets.tag(place)}" if public and push else ""
            site = Site(place, url, secrets, trust, self._addresses, self._urge)
            return _Pushed(
                connection, public, account, trust, Ordering(self._store, self._clock, account.webhooks, site), path
            )
        if account.stream is not None and push:
            site = Site(place, "", secrets, trust, self._addresses, self._urge)
            listening = Listening(self._store, self._clock, account.stream, site, self._hinted)
            return _Pushed(connection, public, account, trust, listening, "")
        return None

    async def _work(self, pushed: _Pushed) -> None:
        """One connection; a defect of ours in it harms no other."""
        try:
            await self._urge_all(pushed.place)  # what was told while nobody listened is not known
            async with asyncio.TaskGroup() as group:
                group.create_task(pushed.at_work.run())
                group.create_task(self._judge(pushed))
                group.create_task(self._confirm(pushed))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            inner = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            log.error("connection %s: notifications stopped: %s", pushed.place[1], where(inner))
            await self._without_it(pushed)
            await pause(self._clock, AGAIN)
            if self._pushed.get(pushed.place) is pushed:
                del self._pushed[pushed.place]
                self._changed.set()

    async def _without_it(self, pushed: _Pushed) -> None:
        """Nobody is told of any more: those of whom it was are read soon. All of them are when it begins anew."""
        try:
            await self._urge(pushed.trust.uncover(pushed.trust.others(())), self._clock.now())
        except StoreError as error:
            log.error("the store failed: %s", error)

    async def _judge(self, pushed: _Pushed) -> None:
        """Find out when what is told is not to be believed."""
        lost = False
        while True:
            if pushed.trust.judge(self._clock.now()):
                log.warning("connection %s: changes were not told of: everybody is read often", pushed.place[1])
                lost = True
            try:
                if lost:
                    await self._urge_all(pushed.place)
                lost = False
            except StoreError as error:
                log.error("the store failed, trying again: %s", error)
                await pause(self._clock, 5.0)
                continue
            latest = self._clock.now() + RECENTLY
            await until_set(pushed.news, self._clock, min(pushed.trust.next_judgement() or latest, latest))

    async def _confirm(self, pushed: _Pushed) -> None:
        """What is read seldom because changes are told is not old: it is known to be so."""
        while True:
            await pause(self._clock, CONFIRM_EVERY)
            if isinstance(pushed.at_work, Ordering) and pushed.at_work.problem is not None:
                continue
            try:
                sure = pushed.trust.sure(self._clock.now())
                for first in range(0, len(sure), PIECE):
                    await self._store.confirm(sure[first : first + PIECE], self._clock.now())
            except StoreError as error:
                log.error("the store failed: %s", error)

    # -- having calendars read ---------------------------------------------------------------------------------------

    async def _urge(self, calendars: Iterable[int], now: datetime) -> None:
        """Have these read within minutes, not all at once. Whoever calls this knows it once only, so that a store that
        fails is waited for."""
        ids = list(calendars)
        share = max(FEW, -(-len(ids) // SPREAD))
        for minute, first in enumerate(range(0, len(ids), share)):
            some = ids[first : first + share]
            hint = partial(self._store.hint, some, Lane.RECONCILE, now + timedelta(minutes=minute))
            await patiently(hint, self._clock, "notifications")
            if minute == 0:
                self._hinted(some)

    async def _urge_all(self, place: Place) -> None:
        await self._urge(await self._ids(place), self._clock.now())

    async def _ids(self, place: Place) -> list[int]:
        found: list[int] = []
        while page := await self._store.calendars_at(*place, after=found[-1] if found else 0):
            found += [read.calendar.id for read in page]
        return found

    async def _addresses(self, calendars: Sequence[Calendar]) -> dict[int, str]:
        people = await self._store.people({c.person for c in calendars})
        found: dict[int, str] = {}
        for calendar in calendars:
            try:
                if calendar.person in people:
                    found[calendar.id] = self._accounts.mailbox_of(calendar, people[calendar.person]).lower()
            except SourceError:
                continue  # it has none; the calendar says so when it is read
        return found

    # -- how often ---------------------------------------------------------------------------------------------------

    def pace_of(self, calendar: Calendar) -> Pace:
        """How often the calendar is read: seldom, where its changes are told and that is believed."""
        usual = self._accounts.pace_of(calendar)
        pushed = self._pushed.get((calendar.organisation, calendar.connection))
        if pushed is None or not pushed.trust.believed(calendar.id, self._clock.now()):
            return usual
        account = pushed.account
        of_everything = account.webhooks is not None and account.webhooks.of_everything
        return told(of_everything=of_everything, looked_at=account.busy_at_once > 0 and self.looked_at(calendar))

    def found(self, read: ReadCalendar, lane: Lane, news: bool) -> None:
        """A calendar was read, for the reason that the lane names; whether that brought news."""
        calendar = read.calendar
        pushed = self._pushed.get((calendar.organisation, calendar.connection))
        if pushed is not None:
            unasked = news and lane in (Lane.DUE, Lane.RECONCILE)
            pushed.trust.read(calendar.id, self._clock.now(), unasked=unasked)
            if read.health.confirmed_at is None and isinstance(pushed.at_work, Listening):
                pushed.at_work.first_read(calendar.id)
            if unasked:
                pushed.news.set()

    def polled(self, organisation: str, connection: str) -> Pace:
        """How often a connection's calendars are read whose changes nobody tells."""
        return self._accounts.pace_of(Calendar(0, organisation, connection, ""))

    def tells(self, organisation: str, connection: str) -> bool:
        """Whether the connection tells of anybody's changes."""
        pushed = self._pushed.get((organisation, connection))
        return pushed is not None and pushed.trust.covered > 0

    def waits(self, organisation: str, connection: str) -> datetime | None:
        """Until when the connection's server asks not to be asked; None where it does not."""
        return self.waiting().get((organisation, connection))

    def telling(self, organisation: str, connection: str) -> Telling | None:
        """How a connection's telling does; None of one that has no account."""
        pushed = self._pushed.get((organisation, connection))
        if pushed is None:
            return None
        trust, now = pushed.trust, self._clock.now()
        because, remedy = _why_not(pushed)
        lost = trust.lost_until if trust.lost(now) else None
        return Telling(organisation, connection, trust.covered, trust.since, lost, because, remedy)

    # -- what is heard over HTTP -------------------------------------------------------------------------------------

    def expects(self, path: str) -> bool:
        """Whether an order is under way, so that the vendor may try the address."""
        at = [p.at_work for p in self._pushed.values() if p.path == path]
        return any(isinstance(work, Ordering) and work.pending > 0 for work in at)

    def told(self, subscriptions: Collection[Subscription], now: datetime) -> None:
        """See `hearing.Listener`."""
        for subscription in subscriptions:
            pushed = self._pushed.get((subscription.organisation, subscription.connection))
            if pushed is not None:
                pushed.trust.told([subscription.calendar], now)

    def asked(self, event: Event, subscription: Subscription) -> None:
        """See `hearing.Listener`."""
        work = self._heeding((subscription.organisation, subscription.connection))
        if work is not None:
            self._do(work.renew_now(subscription) if event is Event.RENEW else work.gone(subscription))

    def learnt(self, subscription: Subscription, notice: Notice) -> None:
        """See `hearing.Listener`."""
        work = self._heeding((subscription.organisation, subscription.connection))
        if work is not None:
            self._do(work.learnt(subscription, notice))

    def stray(self, calendar: int, notice: Notice, verifies: Callable[[str, str, int], bool]) -> bool:
        """See `hearing.Listener`."""
        for place in self._pushed:
            work = self._heeding(place)
            if work is not None and verifies(*place, calendar):
                self._do(work.cancel_stray(calendar, notice))
                return True
        return False

    def _heeding(self, place: Place) -> Heeding | None:
        pushed = self._pushed.get(place)
        return pushed.at_work.heeding if pushed is not None and isinstance(pushed.at_work, Ordering) else None

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside; what fails is found by the next comparison."""
        if self._group is None:
            work.close()
            return
        self._group.create_task(_without_harm(work))


async def _without_harm(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except StoreError as error:
        log.error("the store failed: %s", error)
    except Exception as error:  # a defect of ours: the next comparison finds what this was to do
        log.error("what was told of a subscription: %s", where(error))


def _why_not(pushed: _Pushed) -> tuple[str, str]:
    """Why nobody tells of changes, and the remedy; "" where they do or will."""
    if pushed.connection.settings.get("push", True) is False:
        return "notifications are switched off", ""
    work = pushed.at_work
    if isinstance(work, Ordering) and not pushed.public:
        return "no public address", 'write public = "https://..." under [api] to be told of changes at once'
    if work.problem is not None:
        return str(work.problem), work.problem.remedy
    return "", ""
