"""Makes one switchboard show what is wanted: level, not edge, the latest state of each extension only.

Three queues by urgency, each with the latest order of an extension. What the switchboard was told last is in the store;
that of people who change within the minute is pinned in memory, and their orders are made beforehand (`prepare`): at
the instant, which may be that of a hundred thousand, nothing is left to do but to hand them over.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.defects import where
from backsoon.engine.queued import OVERTAKEN, UNKNOWN, Urgency, batches, divided, sharing
from backsoon.engine.timing import Clock, finished, pause
from backsoon.store.base import Store, StoreError, Told
from backsoon.switchboards.base import (
    NOTHING,
    Order,
    OrdersRefused,
    Presentation,
    Rendered,
    Session,
    Switchboard,
    SwitchboardError,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH = (100, 1000, 1000)
"""Orders looked at together, by urgency; of them no more lamps are handed over at once than the session takes soon."""
BACKOFF = (1.0, 30.0)
SAVE_AFTER = 0.5
"""Seconds until what was told is stored: it goes in bulk, and telling comes first."""
SAVE_PAGE = 5000
CLEARING = 600.0
"""The longest that clearing a switchboard may take, in seconds."""
PAGE = 500


@dataclass(slots=True)
class SwitchboardHealth:
    """How a switchboard does.

    `problem` "" while connected; `refused` maps extensions to why their order was refused.
    """

    connected: bool = False
    since: datetime | None = None
    problem: str = ""
    remedy: str = ""
    refused: dict[str, str] = field(default_factory=dict)


class Publisher:
    """One switchboard's queue, pace, health and shown state; one being down touches no other."""

    def __init__(
        self,
        settings: SwitchboardSettings,
        driver: Switchboard,
        store: Store,
        clock: Clock,
        resettle: Callable[[str], Awaitable[frozenset[str]]],
    ) -> None:
        """`resettle` decides anew about everybody of an organisation, offering to publishers;

        it returns their extensions.
        """
        self.settings = settings
        self.health = SwitchboardHealth(since=clock.now())
        self._driver = driver
        self._store = store
        self._clock = clock
        self._resettle = resettle
        self._wanted: list[dict[str, Order]] = [{} for _ in Urgency]
        self._telling: list[dict[str, Order]] = [{} for _ in Urgency]
        """What was taken from the queues and is being told; `OVERTAKEN` where something newer is wanted meanwhile."""
        self._pinned: dict[str, Rendered] = {}
        self._unsaved: dict[str, Rendered] = {}
        self._strangers: set[str] = set()
        self.orders = 0
        """How many were carried out."""
        self.settled = False
        """Whether everybody was decided about anew since the session began, so that all differences are wanted."""
        self._storing = asyncio.Lock()
        self._said = asyncio.Event()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._told_some = asyncio.Event()
        self.attend: Callable[[Session], Coroutine[None, None, None]] | None = None
        """What else is to be done with each session, to its end."""

    # -- what is wanted -----------------------------------------------------------------------------------------

    def render(self, presentation: Presentation) -> Rendered:
        """The presentation in the switchboard's own words."""
        return self._driver.render(presentation)

    def prepare(self, extension: str, wanted: Rendered, before: Rendered | None = None) -> Order:
        """An order to `offer` now or later; `before` is what will have been told by then (None: what is wanted now).

        If it comes otherwise the order is made anew when it is told; else it is told as it is.
        """
        if before is None:
            before = self._expected(extension)
        return Order(extension, before, sharing(before, wanted))

    def offer(self, orders: dict[str, Order], urgency: Urgency) -> None:
        """These orders, by extension, should be carried out; each replaces the one before. Never waits.

        The dictionary is the publisher's from then on: a hundred thousand are not copied at their instant.
        What waits in a more urgent queue keeps its place there.
        """
        for telling in self._telling:
            telling.update(dict.fromkeys(telling.keys() & orders.keys(), OVERTAKEN))
        if any(queue for u, queue in enumerate(self._wanted) if u != urgency):
            for extension, order in orders.items():
                place = next((u for u in Urgency if u < urgency and extension in self._wanted[u]), urgency)
                for queue in self._wanted[place + 1 :]:
                    queue.pop(extension, None)
                self._wanted[place][extension] = order
        elif self._wanted[urgency]:
            self._wanted[urgency].update(orders)
        else:
            self._wanted[urgency] = orders
        if self._strangers:
            self._strangers.difference_update(orders)  # somebody has these now
        self._idle.clear()
        self._wake.set()

    async def pin(self, extensions: Iterable[str]) -> None:
        """Keep in memory what was told about these, until they are let go by `unpin`."""
        new = [e for e in extensions if e not in self._pinned]
        for start in range(0, len(new), PAGE):
            for extension, before in (await self._told(new[start : start + PAGE])).items():
                # What was told while we looked is not stored yet, and counts.
                self._pinned.setdefault(extension, self._unsaved.get(extension) or before)

    def unpin(self, extensions: Iterable[str]) -> None:
        """What was told about these need not be in memory any more."""
        for extension in extensions:
            self._pinned.pop(extension, None)

    async def drained(self) -> None:
        """Wait until everything wanted has been told (for ever while the switchboard is down)."""
        await self._idle.wait()

    async def caught_up(self, extensions: Iterable[str]) -> None:
        """Wait until all that is wanted of these extensions now has been told, or refused."""
        waiting = set(extensions)
        while waiting := {e for e in waiting if self._waits(e)}:
            self._told_some.clear()
            await self._told_some.wait()

    def _waits(self, extension: str) -> bool:
        queues = (*self._wanted, *self._telling)
        return any(queue.get(extension, OVERTAKEN) is not OVERTAKEN for queue in queues)

    async def clear(self) -> None:
        """Have the switchboard hold nothing of ours any more, once: it was taken out of the settings, and `run` ended.

        One that cannot be reached keeps what it has, which is told in the log.
        """
        try:
            async with asyncio.timeout(CLEARING), self._driver.session() as session:
                held = await self._held(session)
                orders = [Order(extension, before, NOTHING) for extension, before in held.items()]
                for start in range(0, len(orders), PAGE):
                    await self._show(session, orders[start : start + PAGE])
            log.info("switchboard %s: cleared of %d extensions", self.settings.name, len(orders))
        except* Exception as group:  # whatever it is, it concerns nobody else
            error = _first(group)
            why = str(error) if isinstance(error, SwitchboardError) else where(error)
            log.warning("switchboard %s is gone from the settings, and not cleared: %s", self.settings.name, why)

    # -- the switchboard ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep a session open for ever, compare at each start, then tell what is wanted."""
        wait = BACKOFF[0]
        while True:
            try:
                async with self._driver.session() as session:
                    await self._compare(session)
                    await self._live(session)
            except* Exception as group:  # a defect of ours must not stop the other switchboards
                if self._lasted():
                    wait = BACKOFF[0]
                self._down(group)
            await pause(self._clock, wait * random.uniform(0.8, 1.2))
            wait = min(wait * 2, BACKOFF[1])

    def _lasted(self) -> bool:
        """Whether the session that ends was good for anything: one that ends at once each time is not begun at once."""
        health = self.health
        if not health.connected or health.since is None:
            return False
        return self._clock.now() - health.since > timedelta(seconds=BACKOFF[1])

    def _down(self, group: ExceptionGroup[Exception]) -> None:
        error = _first(group)
        known = isinstance(error, (SwitchboardError, StoreError))
        problem = str(error) if known else f"internal error ({type(error).__name__})"  # that may quote private text
        if self.health.connected or not self.health.problem:
            self.health.since = self._clock.now()
            log.warning("switchboard %s: %s", self.settings.name, problem if known else where(error))
        self.health.connected = False
        self.health.problem = problem
        self.health.remedy = getattr(error, "remedy", "") if known else "report it with the log's lines"

    async def _compare(self, session: Session) -> None:
        held = await self._held(session)
        self._unsaved = await self._differing(held)
        self._said.set()
        self._strangers = set(held)
        self._pinned = {e: held.get(e, NOTHING) for e in self._pinned}
        self.health = SwitchboardHealth(connected=True, since=self._clock.now())

    async def _held(self, session: Session) -> Mapping[str, Rendered]:
        """What the switchboard holds; of one that cannot be asked, what it was told last."""
        held = await session.read_back()
        if held is not None:
            return held
        stored = await self._store.extensions_told(self.settings.organisation, self.settings.name)
        told_of = sorted(stored | self._unsaved.keys())
        found: dict[str, Rendered] = {}
        for start in range(0, len(told_of), PAGE):
            found |= await self._stored(told_of[start : start + PAGE])
        return found

    async def _differing(self, held: Mapping[str, Rendered]) -> dict[str, Rendered]:
        """What is held otherwise than was stored as told: by pages, since all of it at once takes much memory."""
        differing: dict[str, Rendered] = {}
        for start in range(0, len(held), PAGE):
            page = dict(islice(held.items(), start, start + PAGE))
            told = await self._store.told(self.settings.organisation, self.settings.name, list(page))
            differing |= {
                e: r
                for e, r in page.items()
                if (row := told.get(e)) is None or (row.lamp, row.plan) != (r.lamp, r.plan)
            }
        told_of = await self._store.extensions_told(self.settings.organisation, self.settings.name)
        return differing | dict.fromkeys(told_of - held.keys(), NOTHING)

    async def _live(self, session: Session) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(session))
            group.create_task(self._tell_for_ever(session))
            group.create_task(self._save_for_ever())
            if self.attend is not None:
                group.create_task(self.attend(session))
            await self._settle_differences()

    async def _watch(self, session: Session) -> None:
        raise await session.lost()

    async def _settle_differences(self) -> None:
        self.settled = False
        known = await self._patiently(partial(self._resettle, self.settings.organisation))
        strangers, self._strangers = self._strangers - known, set()
        self.offer({e: self.prepare(e, NOTHING) for e in strangers}, Urgency.TRANSITION)
        self.settled = True

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Try until the store bears it: the session goes on meanwhile."""
        while True:
            try:
                return await work()
            except StoreError as error:
                log.error("switchboard %s: the store failed, trying again: %s", self.settings.name, error)
                await pause(self._clock, 1.0)

    async def _tell_for_ever(self, session: Session) -> None:
        while True:
            if not any(self._wanted):
                self._idle.set()
                await self._wake.wait()
            self._wake.clear()
            urgency = next((u for u in Urgency if self._wanted[u]), None)
            if urgency is not None:
                await self._tell(session, urgency)

    async def _tell(self, session: Session, urgency: Urgency) -> None:
        """Tell all that waits in a queue, stopping for what is more urgent."""
        self._telling[urgency], self._wanted[urgency] = self._wanted[urgency], {}
        telling = self._telling[urgency]
        portions = batches(telling.values(), BATCH[urgency])
        batch: list[Order] = []
        carried: list[list[Order]] = []
        told: set[str] = set()
        """Of the batch that goes on."""
        try:
            for batch in portions:
                told.clear()
                if await self._tell_batch(session, urgency, batch, carried, told):
                    batch = []
                if any(self._wanted[:urgency]):
                    break
        finally:
            self._remember(carried)
            waiting = chain((o for o in batch if o.extension not in told), *portions)
            left = {o.extension: o for o in waiting if telling[o.extension] is o}  # not overtaken
            self._telling[urgency] = {}
            if left:
                self._wanted[urgency] = left | self._wanted[urgency]
            self._told_some.set()

    async def _tell_batch(
        self, session: Session, urgency: Urgency, batch: list[Order], carried: list[list[Order]], told: set[str]
    ) -> bool:
        """Tell these, as many at once as the session takes soon; whether it was all of them."""
        orders = await self._up_to_date(batch)
        while orders:
            part, orders = divided(orders, session.at_once)
            carried.append(await self._show(session, part))
            told.update(order.extension for order in part)
            await asyncio.sleep(0)
            if orders and any(self._wanted[:urgency]):
                return False
            orders = [order for order in orders if self._telling[urgency][order.extension] is not OVERTAKEN]
        await asyncio.sleep(0)
        return True

    async def _show(self, session: Session, orders: list[Order]) -> list[Order]:
        """Have the orders carried out; those that were."""
        refused: Mapping[str, str] = {}
        try:
            await session.show(orders)
        except OrdersRefused as error:
            refused = error.refused
            log.warning("switchboard %s refused %d orders", self.settings.name, len(refused))
            orders = [order for order in orders if order.extension not in refused]
        self.orders += len(orders)
        if refused or self.health.refused:
            for order in orders:
                self.health.refused.pop(order.extension, None)
            self.health.refused.update(refused)
        return orders

    def _remember(self, carried: Iterable[list[Order]]) -> None:
        """What was told by these orders. Not before the last of them: at an instant each costs the next time."""
        pinned = self._pinned
        for orders in carried:
            said = [(order.extension, order.after) for order in orders]
            self._unsaved.update(said)
            pinned.update([each for each in said if each[0] in pinned])
        self._said.set()

    # -- what was told ------------------------------------------------------------------------------------------

    def _expected(self, extension: str) -> Rendered:
        """What will have been told of the extension once all that is wanted is."""
        for queue in (*self._wanted, *self._telling):
            waiting = queue.get(extension)
            if waiting is not None and waiting is not OVERTAKEN:
                return waiting.after
        return self._pinned.get(extension) or self._unsaved.get(extension) or UNKNOWN

    async def _up_to_date(self, batch: Sequence[Order]) -> list[Order]:
        """The orders that change anything, those made anew upon which something else was told than was thought."""
        pinned, unsaved = self._pinned.get, self._unsaved.get
        orders: list[Order] = []
        others: list[Order] = []
        for order in batch:
            told = pinned(order.extension) or unsaved(order.extension)
            if told is not order.before:
                others.append(order)
            elif order.after is not told:
                orders.append(order)
        if others:
            told_now = await self._told([order.extension for order in others])
            fresh = [Order(o.extension, before := told_now[o.extension], sharing(before, o.after)) for o in others]
            orders += [order for order in fresh if order.after is not order.before]
        return orders

    async def _told(self, extensions: list[str]) -> dict[str, Rendered]:
        known: dict[str, Rendered] = {}
        missing: list[str] = []
        for extension in extensions:
            before = self._pinned.get(extension) or self._unsaved.get(extension)
            if before is None:
                missing.append(extension)
            else:
                known[extension] = before
        for start in range(0, len(missing), PAGE):
            known |= await self._stored(missing[start : start + PAGE])
        return known

    async def _stored(self, page: list[str]) -> dict[str, Rendered]:
        async with self._storing:  # what is being stored is on its way from `_unsaved` to there
            told = await self._store.told(self.settings.organisation, self.settings.name, page)
            rows = {e: NOTHING if (row := told.get(e)) is None else Rendered(row.lamp, row.plan) for e in page}
            return {e: self._unsaved.get(e) or rendered for e, rendered in rows.items()}

    async def _save_for_ever(self) -> None:
        while True:
            await self._said.wait()
            self._said.clear()
            await pause(self._clock, SAVE_AFTER)
            while self._unsaved:
                await self._patiently(self._save_told)

    async def _save_told(self) -> None:
        async with self._storing:
            now = self._clock.now()
            saved = list(islice(self._unsaved.items(), SAVE_PAGE))
            rows = [Told(e, r.lamp, r.plan, now) for e, r in saved]
            await finished(self._store.save_told(self.settings.organisation, self.settings.name, rows))
            for extension, rendered in saved:
                if self._unsaved.get(extension) is rendered:
                    del self._unsaved[extension]


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
