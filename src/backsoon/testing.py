"""For whoever writes a plug-in, and for our own tests: the parts of Backsoon in memory, to be told what to do."""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any

from backsoon.domain.model import CalendarEntry, Timed, local_instant, utc
from backsoon.sources.base import Changes, Rejected, SourceError, Window
from backsoon.switchboards.base import (
    EXTENSION,
    NOTHING,
    HandReferral,
    Order,
    OrdersRefused,
    PlannedReferral,
    Presentation,
    Rendered,
    Session,
    SwitchboardError,
)


class MemorySource:
    """A calendar in memory that keeps the contract of `CalendarSource`.

    `put` and `remove` change it, `fail` breaks it, `lose_token` makes it forget what it told. `zone` is the owner's: it
    decides where all-day entries lie. `reads` counts the reads, `closed` tells whether it was closed.
    """

    def __init__(self, entries: Iterable[CalendarEntry] = (), *, zone: tzinfo = UTC) -> None:
        self.reads = 0
        self.closed = False
        self._zone = zone
        self._resources: dict[str, tuple[CalendarEntry, ...]] = {}
        self._rejected: dict[str, str] = {}
        self._touched: dict[str, int] = {}
        self._revision = 0
        self._oldest = 0
        self._error: SourceError | None = None
        self._warnings: tuple[str, ...] = ()
        for entry in entries:
            self.put(entry.resource or entry.uid, *self._resources.get(entry.resource or entry.uid, ()), entry)

    def put(self, resource: str, *entries: CalendarEntry) -> None:
        """Write a resource: these occurrences replace those that it held."""
        self._touch(resource)
        self._rejected.pop(resource, None)
        self._resources[resource] = tuple(_in_resource(entry, resource) for entry in entries)

    def reject(self, resource: str, because: str) -> None:
        """Write a resource that cannot be read."""
        self._touch(resource)
        self._resources.pop(resource, None)
        self._rejected[resource] = because

    def remove(self, resource: str) -> None:
        """Take a resource away. Raises `KeyError` if it is not there."""
        if resource not in self._resources and resource not in self._rejected:
            raise KeyError(resource)
        self._touch(resource)
        self._resources.pop(resource, None)
        self._rejected.pop(resource, None)

    def warn(self, *warnings: str) -> None:
        """Give these warnings with each read from now on."""
        self._warnings = warnings

    def fail(self, error: SourceError | None) -> None:
        """Raise this from every read, until told otherwise with None."""
        self._error = error

    def lose_token(self) -> None:
        """Forget every token given so far: the next read is complete."""
        self._revision += 1
        self._oldest = self._revision

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        """See `CalendarSource`."""
        self.reads += 1
        if self._error is not None:
            raise self._error
        since = self._known(window, sync_token)
        touched = {name for name, revision in self._touched.items() if since is None or revision > since}
        return Changes(
            entries=tuple(
                entry
                for name in sorted(touched & self._resources.keys())
                for entry in self._resources[name]
                if self._overlaps(entry, window)
            ),
            touched=frozenset() if since is None else frozenset(touched),
            complete=since is None,
            sync_token=_token(self._revision, window),
            rejected=tuple(
                Rejected(name, "", self._rejected[name]) for name in sorted(touched & self._rejected.keys())
            ),
            warnings=self._warnings,
        )

    async def close(self) -> None:
        """See `CalendarSource`."""
        self.closed = True

    def _touch(self, resource: str) -> None:
        self._revision += 1
        self._touched[resource] = self._revision

    def _known(self, window: Window, sync_token: str | None) -> int | None:
        """The revision that a token stands for; None where only a complete read will do."""
        revision = (sync_token or "").partition(" ")[0]
        if not (revision.isascii() and revision.isdigit()) or sync_token != _token(int(revision), window):
            return None
        return int(revision) if self._oldest <= int(revision) <= self._revision else None

    def _overlaps(self, entry: CalendarEntry, window: Window) -> bool:
        start, end = self._instants(entry)
        return start < window.end and (end > window.start or start >= window.start)

    def _instants(self, entry: CalendarEntry) -> tuple[datetime, datetime]:
        if isinstance(entry.when, Timed):
            return entry.when.start, entry.when.end
        first, end = (datetime.combine(day, time()) for day in (entry.when.first, entry.when.end))
        return local_instant(first, self._zone), local_instant(end, self._zone)


def _in_resource(entry: CalendarEntry, resource: str) -> CalendarEntry:
    return entry if entry.resource == resource else replace(entry, resource=resource)


def _token(revision: int, window: Window) -> str:
    return f"{revision} {window.start.isoformat()} {window.end.isoformat()}"


class MemorySwitchboard:
    """A switchboard in memory that keeps the contract of `Switchboard`.

    `held` is what it shows by extension, `shown` every order that it carried out, `sessions` how often somebody
    connected. `refuse` maps an extension to why its orders are refused; `fail` keeps everybody from connecting, `cut`
    breaks the session, `pause` and `resume` hold back whoever is being told, `at_once` is what its sessions say
    of themselves. `hands` is what was dialled and not taken over yet; `dial` dials.
    """

    def __init__(self) -> None:
        self.held: dict[str, Rendered] = {}
        self.shown: list[Order] = []
        self.refuse: dict[str, str] = {}
        self.sessions = 0
        self.at_once = 1000
        self.hands: dict[str, HandReferral] = {}
        self._error: SwitchboardError | None = None
        self._session: _MemorySession | None = None
        self._going = asyncio.Event()
        self._going.set()

    def render(self, presentation: Presentation) -> Rendered:
        """See `Switchboard`: the presentation as JSON."""
        lamp, plan = presentation.lamp, presentation.plan
        return Rendered(
            lamp="" if lamp is None else json.dumps([lamp.phone, lamp.reason, lamp.text]),
            plan=json.dumps([presentation.language, presentation.zone, *map(_stretch, plan)]) if plan else "",
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """See `Switchboard`."""
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        self.sessions += 1
        self._session = session = _MemorySession(self, self._going)
        try:
            yield session
        finally:
            session.lose(SwitchboardError("the session was closed"))
            self._session = None

    def dial(self, extension: str, at: datetime, code: str = "", argument: str = "", *, told: bool = True) -> None:
        """Somebody dials a star code; `told`: whoever is connected learns of it at once."""
        text = f"{at.isoformat()} {code} {argument}"
        self.hands[extension] = HandReferral(extension, at, code, argument, text)
        if told and self._session is not None:
            self._session.woken.set()

    def fail(self, error: SwitchboardError | None) -> None:
        """Raise this at every attempt to connect, and cut whoever is connected; None: be there again."""
        self._error = error
        if error is not None:
            self.cut(str(error))

    def cut(self, why: str = "the connection was cut") -> None:
        """Break the session that is open, if any."""
        if self._session is not None:
            self._session.lose(SwitchboardError(why))

    def pause(self) -> None:
        """Hold back whoever shows something from now on."""
        self._going.clear()

    def resume(self) -> None:
        """Let them go on."""
        self._going.set()


class _MemorySession:
    def __init__(self, board: MemorySwitchboard, going: asyncio.Event) -> None:
        self._board = board
        self._going = going
        self.woken = asyncio.Event()
        self._lost: asyncio.Future[SwitchboardError] = asyncio.get_running_loop().create_future()

    @property
    def at_once(self) -> int:
        """See `Session`."""
        return self._board.at_once

    async def read_back(self) -> Mapping[str, Rendered]:
        """See `Session`."""
        await self._step()
        return dict(self._board.held)

    async def show(self, orders: Sequence[Order]) -> None:
        """See `Session`. Others may act after every thousand orders."""
        refused: dict[str, str] = {}
        for number, order in enumerate(orders):
            if number % 1000 == 0:
                await self._step()
            self._carry_out(order, refused)
        await self._step()
        if refused:
            raise OrdersRefused(refused)

    async def by_hand(self) -> Sequence[HandReferral]:
        """See `HandSession`."""
        self.woken.clear()
        await self._step()
        return tuple(self._board.hands.values())

    async def done(self, taken: Sequence[HandReferral]) -> None:
        """See `HandSession`."""
        await self._step()
        for entry in taken:
            if self._board.hands.get(entry.extension) == entry:
                del self._board.hands[entry.extension]

    async def dialled(self) -> None:
        """See `HandSession`."""
        await self.woken.wait()

    async def lost(self) -> SwitchboardError:
        """See `Session`."""
        return await asyncio.shield(self._lost)

    def lose(self, why: SwitchboardError) -> None:
        if not self._lost.done():
            self._lost.set_result(why)

    async def _step(self) -> None:
        """Wait while paused. Raises where the session is lost meanwhile."""
        await asyncio.sleep(0)
        if not self._going.is_set() and not self._lost.done():
            going = asyncio.ensure_future(self._going.wait())
            either: set[asyncio.Future[Any]] = {going, self._lost}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                going.cancel()
        if self._lost.done():
            raise self._lost.result()

    def _carry_out(self, order: Order, refused: dict[str, str]) -> None:
        if not EXTENSION.fullmatch(order.extension):
            refused[order.extension] = "not an extension"
        elif order.extension in self._board.refuse:
            refused[order.extension] = self._board.refuse[order.extension]
        else:
            self._board.shown.append(order)
            self._hold(order)

    def _hold(self, order: Order) -> None:
        if order.after == NOTHING:
            self._board.held.pop(order.extension, None)
        else:
            self._board.held[order.extension] = order.after


def _stretch(referral: PlannedReferral) -> list[str | None]:
    end, back_at = (None if at is None else at.isoformat() for at in (referral.end, referral.back_at))
    return [referral.start.isoformat(), end, back_at, referral.reason, referral.phone, referral.divert_to]


class FakeClock:
    """A clock that stands still until it is told to move. Waiters wake in the order of their instants."""

    def __init__(self, now: datetime) -> None:
        self._now = utc(now, "clock")
        self._waiting: list[tuple[datetime, int, bool, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        """The instant at which it stands."""
        return self._now

    async def sleep_until(self, at: datetime) -> None:
        """Return once the clock was moved to `at` or past it."""
        await self._wait(at, stepped=True)

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was moved on by so much; being stepped does not count."""
        await self._wait(self._now + timedelta(seconds=seconds), stepped=False)

    async def _wait(self, at: datetime, *, stepped: bool) -> None:
        if at <= self._now:
            await asyncio.sleep(0)
            return
        self._count += 1
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (at, self._count, stepped, waiter))
        await waiter

    async def move_to(self, at: datetime) -> None:
        """Move forward, stopping at every instant that somebody waits for and letting them act."""
        while self._waiting and self._waiting[0][0] <= at:
            until, _, _, waiter = heapq.heappop(self._waiting)
            if waiter.done():
                continue
            self._now = max(self._now, until)
            waiter.set_result(None)
            await _let_others_run()
        self._now = max(self._now, at)
        await _let_others_run()

    def step_to(self, at: datetime) -> None:
        """Jump, as a clock that is set or a machine that slept: nobody is woken on the way, all that are due are at
        the end."""
        by, self._now = at - self._now, at
        self._waiting = [(t if stepped else t + by, n, stepped, w) for t, n, stepped, w in self._waiting]
        heapq.heapify(self._waiting)
        while self._waiting and self._waiting[0][0] <= at:
            waiter = heapq.heappop(self._waiting)[3]
            if not waiter.done():
                waiter.set_result(None)


async def _let_others_run() -> None:
    for _ in range(10):  # as many hops as a message takes through the engine
        await asyncio.sleep(0)
