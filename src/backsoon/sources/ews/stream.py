"""Listening for changes: mailboxes in groups, a connection for each; what fails is tried again."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from backsoon.sources.account import Listener
from backsoon.sources.base import SourceBusy, SourceDenied, SourceError, SourceUnavailable
from backsoon.sources.ews.client import Client
from backsoon.sources.ews.failures import NO_MORE_SUBSCRIPTIONS, EwsFailure, source_error, with_remedy
from backsoon.sources.ews.listening import HEARTBEAT, TOGETHER, Listening, Lost, Orders
from backsoon.sources.ews.pulling import Pulling

log = logging.getLogger(__name__)

DELEGATE_CONNECTIONS: Final = 3
"""Connections that a delegate may hold (`HangingConnectionLimit` of Exchange 2013). Where each is made in the name of a
mailbox, it is counted against that one."""
PULL_EVERY: Final = 60.0
PULLS_A_SECOND: Final = 5.0
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 300.0
NOTHING_PAUSE: Final = 300.0
LONGEST_NOTHING: Final = 3_600.0
"""Seconds until mailboxes that could not be subscribed to are tried again, where there are no others; each time longer,
for it is a request for each of them."""


@dataclass(eq=False)
class _Group:
    members: set[str] = field(default_factory=set)
    live: frozenset[str] = frozenset()
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0
    moved: bool = False
    """Whether its members came from another group, whose server would not have them."""
    begun: bool = False
    """Whether it may hold a connection."""
    problem: SourceError | None = None
    """Why it is not live; None while it is, or soon will be."""


class EwsStream:
    """See `backsoon.sources.account.Stream`."""

    def __init__(
        self,
        client: Client,
        *,
        heartbeat: float = HEARTBEAT,
        pull_every: float = PULL_EVERY,
        first_pause: float = FIRST_PAUSE,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._heartbeat = heartbeat
        self._pull_every = pull_every
        self._first_pause = first_pause
        self._sleep = sleep
        self._wanted: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._strays: set[str] = set()
        self._groups: dict[_Group, asyncio.Task[None]] = {}
        most = 1_000_000 if client.settings.impersonates else DELEGATE_CONNECTIONS
        # Most requests are for those who read: a first answer comes before being told of changes.
        self._orders = Orders(max(1, client.settings.at_once // 3))
        self._connections = asyncio.Semaphore(most)

    @property
    def problem(self) -> SourceError | None:
        """See `Stream`."""
        failing = [group for group in self._groups if group.problem is not None and group.members]
        if failing:
            return max(failing, key=lambda group: len(group.members)).problem
        limited = len(self._orders.limited & self._wanted)
        if limited:
            error = source_error(NO_MORE_SUBSCRIPTIONS)
            return with_remedy(SourceDenied(f"{error.detail}: {limited} mailboxes are polled"), error.remedy)
        waiting = sum(len(group.members) for group in self._groups if not group.begun)
        return _too_few(waiting) if waiting and self._connections.locked() else None

    def want(self, addresses: Collection[str]) -> None:
        """See `Stream`."""
        self._wanted = frozenset(addresses)
        self._changed.set()

    async def run(self, listener: Listener) -> None:
        """See `Stream`."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._share(tasks, listener)
                    await self._changed.wait()
                    self._changed.clear()
        finally:
            self._groups.clear()

    def _share(self, tasks: asyncio.TaskGroup, listener: Listener) -> None:
        """Share out who is wanted: whoever has a group stays in it, unless that waits for a connection."""
        placed = set[str]()
        for group in self._groups:
            if not group.begun:
                group.members.clear()  # nobody is listened to there yet, and there may be room where somebody is
            gone = group.members - self._wanted
            if gone:
                group.members -= gone
                group.changed.set()
            placed |= group.members
        self._strays &= self._wanted
        room = [group for group in self._groups if len(group.members) < TOGETHER]
        for address in sorted(self._wanted - placed):
            moved = address in self._strays
            there = next((each for each in room if each.moved == moved or not each.members), None)
            if there is None:
                there = self._new(tasks, listener, moved=moved)
                room.append(there)
            there.moved = moved
            there.members.add(address)
            there.changed.set()
            if len(there.members) >= TOGETHER:
                room.remove(there)

    def _stray(self, group: _Group, addresses: Collection[str]) -> None:
        """These are on another server than the rest of their group: put them together elsewhere. Once: where that does
        not help either, they are tried again and polled."""
        if not group.moved and set(addresses) < group.members:
            group.members -= set(addresses)
            self._strays |= set(addresses)
            self._changed.set()

    def _new(self, tasks: asyncio.TaskGroup, listener: Listener, *, moved: bool) -> _Group:
        group = _Group(moved=moved)
        self._groups[group] = tasks.create_task(self._group(group, listener))
        return group

    # -- one group ---------------------------------------------------------------------------------------------------

    async def _group(self, group: _Group, listener: Listener) -> None:
        listening = Listening(self._client, self._orders, heartbeat=self._heartbeat)
        pulling = Pulling(self._client, self._orders)
        async with self._connections:  # for good: taking turns would mean to miss something in every turn
            group.begun = True
            try:
                while True:
                    await self._turn(group, listening, pulling, listener)
            finally:
                self._lost(group, listener)

    async def _turn(self, group: _Group, listening: Listening, pulling: Pulling, listener: Listener) -> None:
        try:
            if group.members:
                await self._client.learn(min(group.members))
            if self._client.streams:
                await self._listened(group, listening, listener)
            else:
                await self._pulled(group, pulling, listener)
        except Exception as error:  # whatever a server sends, nobody stops listening for good
            if not isinstance(error, (SourceError, EwsFailure, TimeoutError)):
                log.warning("listening to Exchange failed: %s", type(error).__name__)
            if isinstance(error, Lost):
                self._stray(group, error.addresses)
            listening.forget()
            self._lost(group, listener)
            self._failed(group, error)
            await self._pause(group, error)

    def _failed(self, group: _Group, error: Exception) -> None:
        problem = said(error)
        if group.problem is None:
            log.warning("listening to Exchange for %d mailboxes: %s", len(group.members), problem)
        group.problem = problem

    def _lost(self, group: _Group, listener: Listener) -> None:
        if group.live:
            listener.covered(group.live, live=False)
        group.live = frozenset()

    async def _pause(self, group: _Group, error: Exception) -> None:
        asked = (error.retry_after or 0.0) if isinstance(error, SourceBusy) else 0.0
        seconds = min(self._first_pause * 2**group.failures, LONGEST_PAUSE)
        group.failures = min(group.failures + 1, 10)
        await self._sleep(max(asked, seconds * random.uniform(0.7, 1.3)))

    async def _until_changed(self, group: _Group, seconds: float) -> None:
        """Wait, but no longer than until others are wanted."""
        waiting = asyncio.ensure_future(self._sleep(seconds))
        changed = asyncio.ensure_future(group.changed.wait())
        try:
            await asyncio.wait({waiting, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (waiting, changed):
                task.cancel()
            await asyncio.gather(waiting, changed, return_exceptions=True)

    # -- streaming ---------------------------------------------------------------------------------------------------

    async def _listened(self, group: _Group, listening: Listening, listener: Listener) -> None:
        """Subscribe to what is wanted and listen on one connection, until it ends or others are wanted."""
        group.changed.clear()
        if not group.members:
            await listening.subscribe(())
            self._lost(group, listener)
            group.problem = None
            await group.changed.wait()
            return
        subscribed = await listening.subscribe(set(group.members))
        if listening.strays:
            self._stray(group, listening.strays & group.members)
            listening.strays.clear()
        if not subscribed:
            self._lost(group, listener)
            refusal, listening.refusal = listening.refusal, None
            seconds, group.problem = NOTHING_PAUSE, None
            if refusal is not None and refusal.code != NO_MORE_SUBSCRIPTIONS and group.members:
                self._failed(group, refusal)
                seconds = min(NOTHING_PAUSE * 2**group.failures, LONGEST_NOTHING)
                group.failures = min(group.failures + 1, 10)
            await self._until_changed(group, seconds)
            return
        hearing = asyncio.ensure_future(self._hear(group, listening, subscribed, listener))
        changed = asyncio.ensure_future(group.changed.wait())
        try:
            await asyncio.wait({hearing, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            cut = not hearing.done()
            changed.cancel()
            hearing.cancel()
            results = await asyncio.gather(hearing, changed, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]
        if cut and group.live & group.members:
            listener.heard(group.live & group.members)  # what was on its way to us is lost

    async def _hear(self, group: _Group, listening: Listening, subscribed: frozenset[str], listener: Listener) -> None:
        first = True
        async with aclosing(listening.messages()) as messages:
            async for told in messages:
                if first:
                    self._covered(group, subscribed, listener)
                    first = False
                if told:
                    listener.heard(told)

    def _covered(self, group: _Group, now: frozenset[str], listener: Listener) -> None:
        """These are covered from now on; who was not before may have changed meanwhile."""
        gone, fresh = group.live - now, now - group.live
        group.live, group.failures, group.problem = now, 0, None
        if gone:
            listener.covered(gone, live=False)
        if fresh:
            listener.covered(fresh, live=True)
            listener.heard(fresh)

    # -- pulling -----------------------------------------------------------------------------------------------------

    async def _pulled(self, group: _Group, pulling: Pulling, listener: Listener) -> None:
        """Ask once for everybody, then wait."""
        group.changed.clear()
        fresh = await pulling.subscribe(set(group.members))
        self._covered(group, pulling.kept, listener)
        for address in sorted(pulling.kept - fresh):
            try:
                if await pulling.ask(address):
                    listener.heard({address})
            except EwsFailure:
                group.live -= {address}
                listener.covered({address}, live=False)  # it is subscribed to anew in the next round
        await self._until_changed(group, max(self._pull_every, len(self._wanted) / PULLS_A_SECOND))


def said(error: Exception) -> SourceError:
    """What keeps a group from being listened to, for the health report."""
    if isinstance(error, SourceError):
        return error
    if isinstance(error, EwsFailure):
        if error.code == "ErrorExceededConnectionCount":
            return with_remedy(
                SourceDenied(f"the server allows no more connections to listen on ({error.code})"),
                "raise HangingConnectionLimit in the web.config of EWS, or use access = impersonation",
            )
        return error.as_source_error()
    if isinstance(error, TimeoutError):
        return SourceUnavailable("the server did not answer in time")
    return with_remedy(SourceUnavailable(f"internal error ({type(error).__name__})"), "report it with the log's lines")


def _too_few(waiting: int) -> SourceError:
    error = SourceDenied(
        f"a delegate may hold {DELEGATE_CONNECTIONS} connections of {TOGETHER} mailboxes each: "
        f"{waiting} mailboxes are polled"
    )
    return with_remedy(error, "use access = impersonation, where each connection is counted against a mailbox")
