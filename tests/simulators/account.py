"""An account in memory: mailboxes, notifications by HTTP or by a stream, and everything that goes wrong with them.

It keeps the contract of `backsoon.sources.account`, on the clock that it is given. What it tells goes to `deliver`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.engine.pace import Pace
from backsoon.engine.timing import Clock
from backsoon.sources.account import BusyTime, Finding, Listener, Ordered, Shared, Stream, Wanted, Webhooks
from backsoon.sources.base import CalendarSource, Changes, SourceError, SourceMissing, SourceUnavailable, Window
from backsoon.testing import MemorySource


class Crash(BaseException):
    """The process dies here."""


@dataclass(frozen=True, slots=True)
class Told:
    """One notification as it leaves the vendor."""

    id: str
    secret: str
    url: str
    resource: str = ""
    event: str = "changed"


@dataclass(slots=True)
class Channel:
    """What is ordered, as the vendor holds it."""

    ordered: Ordered
    secret: str


@dataclass
class Box:
    """One mailbox."""

    source: MemorySource = field(default_factory=MemorySource)
    busy: tuple[BusyTime, ...] = ()


class _Source:
    """A mailbox that is read: every request is counted."""

    def __init__(self, account: MemoryAccount, box: Box) -> None:
        self._account = account
        self._box = box

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        self._account.ask("read")
        return await self._box.source.changes(window, sync_token)

    async def close(self) -> None:
        pass


class MemoryAccount:
    """One account.

    `requests` counts by operation: a call for several mailboxes is one. `fail` maps an operation (`read`, `busy`,
    `order`, `renew`, `cancel`, `list`) to the error that it raises, `crash` to how many more calls are carried out
    before one is that we do not live to hear of. `drop` is the share of notifications that are lost, `copies` how
    often each is sent.
    """

    def __init__(
        self, clock: Clock, *, stream: bool = False, webhooks: bool = True, renewable: bool = True, together: int = 20
    ) -> None:
        self.clock = clock
        self.boxes: dict[str, Box] = {}
        self.requests: Counter[str] = Counter()
        self.fail: dict[str, SourceError] = {}
        self.crash: dict[str, int] = {}
        self.drop = 0.0
        self.copies = 1
        self.chance = random.Random(4)
        self.deliver: Callable[[Sequence[Told]], Awaitable[None]] | None = None
        self.closed = False
        self.at_once = 8
        self.busy_at_once = 100
        self.hooks = MemoryWebhooks(self, renewable, together) if webhooks and not stream else None
        self.streaming = MemoryStream(self) if stream else None

    @property
    def webhooks(self) -> Webhooks | None:
        """See `Account`."""
        return self.hooks

    @property
    def stream(self) -> Stream | None:
        """See `Account`."""
        return self.streaming

    def box(self, address: str) -> Box:
        """A mailbox; it is made when it is asked for first."""
        return self.boxes.setdefault(address.lower(), Box())

    def source(self, address: str, *, zone: str, owner: frozenset[str]) -> CalendarSource:
        """See `Account`."""
        return _Source(self, self.box(address))

    async def busy(self, addresses: Sequence[str], window: Window) -> Mapping[str, tuple[BusyTime, ...] | SourceError]:
        """See `Account`."""
        assert len(addresses) <= self.busy_at_once
        self.ask("busy")
        return {
            a: tuple(b for b in self.box(a).busy if b.start < window.end and b.end > window.start) for a in addresses
        }

    async def check(self, addresses: Sequence[str]) -> Sequence[Finding]:
        """See `Account`."""
        return [Finding("ok", "it is in memory")]

    async def discover(self, addresses: Sequence[str]) -> Sequence[Shared]:
        """See `Account`."""
        return [Shared(address) for address in self.boxes]

    async def close(self) -> None:
        """See `Account`."""
        self.closed = True

    def ask(self, operation: str) -> None:
        """One request. Raises what is to go wrong before it is carried out."""
        self.requests[operation] += 1
        if operation in self.fail:
            raise self.fail[operation]

    def answer(self, operation: str) -> None:
        """It was carried out. Raises where we die of it."""
        if operation in self.crash:
            self.crash[operation] -= 1
            if self.crash[operation] < 0:
                del self.crash[operation]
                raise Crash(operation)

    async def change(self, address: str, event: str = "changed") -> None:
        """The vendor tells of a change, by whatever it has, as well as it can."""
        if self.streaming is not None and self.chance.random() >= self.drop:
            self.streaming.tell(address)
        if self.hooks is None or self.deliver is None:
            return
        told = [
            Told(c.ordered.id, c.secret, c.ordered.url, c.ordered.resource, event)
            for c in self.hooks.lasting()
            if c.ordered.address == address.lower() and self.chance.random() >= self.drop
        ]
        if told:
            copies = told * self.copies
            self.chance.shuffle(copies)
            await self.deliver(copies)


class MemoryWebhooks:
    """What is ordered by HTTP. `refused` are calendars for which nothing can be ordered; not `lists`: the vendor does
    not say what is ordered."""

    path = "/hooks/memory"

    def __init__(self, account: MemoryAccount, renewable: bool, together: int) -> None:
        self.renewable = renewable
        self.together = together
        self.life = timedelta(days=3)
        self.of_everything = False
        self.lists = renewable
        self.held: dict[str, Channel] = {}
        self.refused: dict[int, SourceError] = {}
        self.at_once = 0
        self._account = account
        self._count = 0

    def lasting(self) -> list[Channel]:
        """What has not ended."""
        now = self._account.clock.now()
        return [c for c in self.held.values() if c.ordered.expires_at > now]

    def vanish(self, share: float) -> int:
        """So many end without a word."""
        gone = [id for id in self.held if self._account.chance.random() < share]
        for id in gone:
            del self.held[id]
        return len(gone)

    async def order(self, wanted: Sequence[Wanted]) -> Sequence[Ordered | SourceError]:
        """See `Webhooks`."""
        assert 0 < len(wanted) <= self.together
        self._account.ask("order")
        made: list[Ordered | SourceError] = []
        for each in wanted:
            if each.calendar in self.refused:
                made.append(self.refused[each.calendar])
                continue
            self._count += 1
            id = f"sub-{self._count:06}" if self.renewable else each.id
            ends = self._account.clock.now() + self.life
            ordered = Ordered(id, ends, 0, each.address.lower(), f"resource-{self._count}", each.url)
            self.held[id] = Channel(ordered, each.secret)
            made.append(replace(ordered, calendar=each.calendar))
        self._account.answer("order")
        return made

    async def renew(self, ordered: Sequence[Ordered]) -> Sequence[Ordered | SourceError]:
        """See `Webhooks`."""
        assert self.renewable
        assert 0 < len(ordered) <= self.together
        self._account.ask("renew")
        made: list[Ordered | SourceError] = []
        lasting = {c.ordered.id for c in self.lasting()}
        for each in ordered:
            if each.id not in lasting:
                made.append(SourceMissing("there is no such subscription"))
                continue
            channel = self.held[each.id]
            channel.ordered = replace(channel.ordered, expires_at=self._account.clock.now() + self.life)
            made.append(channel.ordered)
        self._account.answer("renew")
        return made

    async def cancel(self, ordered: Sequence[Ordered]) -> None:
        """See `Webhooks`. One that is not prolonged is cancelled only by whoever knows its resource."""
        assert 0 < len(ordered) <= self.together
        self._account.ask("cancel")
        for each in ordered:
            if self.renewable or (each.id in self.held and self.held[each.id].ordered.resource == each.resource):
                self.held.pop(each.id, None)
        self._account.answer("cancel")

    async def listed(self) -> Sequence[Ordered] | None:
        """See `Webhooks`."""
        if not self.lists:
            return None
        lasting = self.lasting()
        for _ in range(1 + len(lasting) // 100):
            self._account.ask("list")
        return [replace(c.ordered, calendar=0) for c in lasting]


class MemoryStream:
    """What is told on a connection. `cut` breaks it; what changes until it is mended is made good for by `heard`."""

    def __init__(self, account: MemoryAccount) -> None:
        self.wanted: frozenset[str] = frozenset()
        self.live = asyncio.Event()
        self.live.set()
        self.problem: SourceError | None = None
        self._account = account
        self._listener: Listener | None = None
        self._changed = asyncio.Event()
        self._told: frozenset[str] = frozenset()

    def want(self, addresses: Collection[str]) -> None:
        """See `Stream`."""
        self.wanted = frozenset(addresses)
        self._changed.set()

    def tell(self, address: str) -> None:
        """Something changed in a mailbox."""
        if self._listener is not None and self.live.is_set() and address in self._told:
            for _ in range(self._account.copies):
                self._listener.heard([address])

    def cut(self) -> None:
        """The connection breaks."""
        self.live.clear()
        self.problem = SourceUnavailable("the connection was cut")
        self._changed.set()

    def mend(self) -> None:
        """It can be made again."""
        self.live.set()
        self.problem = None
        self._changed.set()

    async def run(self, listener: Listener) -> None:
        """See `Stream`."""
        self._listener, self._told = listener, frozenset()
        while True:
            now = self.wanted if self.live.is_set() else frozenset()
            if gone := self._told - now:
                listener.covered(gone, live=False)
            if new := now - self._told:
                self._account.ask("subscribe")
                listener.covered(new, live=True)
                listener.heard(new)  # whatever happened before
            self._told = now
            await self._changed.wait()
            self._changed.clear()


@dataclass
class MemoryAccounts:
    """Who has accounts, for what is told by `factories.Sources` otherwise."""

    made: dict[tuple[str, str], MemoryAccount] = field(default_factory=dict)
    settings: dict[tuple[str, str], Connection] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)

    def add(self, connection: Connection, account: MemoryAccount) -> None:
        """Give a connection an account."""
        place = (connection.organisation, connection.name)
        self.settings[place], self.made[place] = connection, account

    def connections(self) -> Sequence[Connection]:
        """See `engine.pushing.Accounts`."""
        return tuple(self.settings.values())

    def account_of(self, organisation: str, connection: str) -> MemoryAccount | None:
        """See `engine.pushing.Accounts`."""
        return self.made.get((organisation, connection))

    def mailbox_of(self, calendar: Calendar, person: Person) -> str:
        """See `engine.pushing.Accounts`."""
        return (calendar.address or person.email).lower()

    def pace_of(self, calendar: Calendar) -> Pace:
        """See `engine.pushing.Accounts`."""
        return self.pace

    def source_of(self, calendar: Calendar, person: Person) -> CalendarSource:
        """The source of a calendar."""
        account = self.made[calendar.organisation, calendar.connection]
        return account.source(self.mailbox_of(calendar, person), zone="UTC", owner=frozenset())
