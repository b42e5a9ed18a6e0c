"""Makes one switchboard show what is wanted: level, not edge, the latest state of each extension only.

Three queues by urgency, each with the latest order of an extension. What the switchboard was told last is known by
`engine.shown`: of people who change within the minute in memory, and their orders are made beforehand (`prepare`): at
the instant, which may be that of a hundred thousand, nothing is left to do but to hand them over.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.deadlines import USUAL, Bounded, Hung, Patience, within
from backsoon.engine.defects import where
from backsoon.engine.patience import patiently
from backsoon.engine.queued import OVERTAKEN, UNKNOWN, Urgency, batches, divided, sharing
from backsoon.engine.shown import Shown
from backsoon.engine.timing import Clock, pause
from backsoon.engine.watched import Watched
from backsoon.store.base import Store, StoreError
from backsoon.switchboards.base import (
    NOTHING,
    MessageSession,
    Order,
    OrdersRefused,
    Presentation,
    Rendered,
    Session,
    Switchboard,
    SwitchboardError,
)

log = logging.getLogger(__name__)

BATCH = (100, 1000, 1000)
"""Orders looked at together, by urgency; of them no more lamps are handed over at once than the session takes soon."""
BACKOFF = (1.0, 30.0)
CLEARING = 600.0
"""The longest that clearing a switchboard may take, in seconds."""
LONGEST_ASKED = 3600.0
"""The longest, in seconds, that a switchboard is left alone because it asks for that."""
PAGE = 500
PORTION = 1000
"""The most orders that are handed over at once."""


@dataclass(slots=True)
class SwitchboardHealth:
    """How a switchboard does.

    `problem` "" while connected; `refused` maps extensions to why their order was refused; at `waiting` ones something
    was dialled by a code that the settings do not have, and calls follow it there alone.
    """

    connected: bool = False
    since: datetime | None = None
    problem: str = ""
    remedy: str = ""
    refused: dict[str, str] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()


class Publisher:
    """One switchboard's queue, pace, health and shown state; one being down touches no other."""

    def __init__(
        self,
        settings: SwitchboardSettings,
        driver: Switchboard,
        store: Store,
        clock: Clock,
        resettle: Callable[[str], Awaitable[frozenset[str]]],
        patience: Patience = USUAL,
    ) -> None:
        """`resettle` decides anew about everybody of an organisation, offering to publishers;

        it returns their extensions. `patience` is how long the driver is waited for.
        """
        self.settings = settings
        self.health = SwitchboardHealth(since=clock.now())
        self._driver = driver
        self._clock = clock
        self._resettle = resettle
        self._patience = patience
        self._most = PORTION
        """How many orders are handed over at once: fewer after a driver hung, for then none of them counts as told."""
        self._unrendered: dict[str, str] = {}
        """Of whom the driver could not say what is to be shown, and why."""
        self._wanted: list[dict[str, Order]] = [{} for _ in Urgency]
        self._telling: list[dict[str, Order]] = [{} for _ in Urgency]
        """What was taken from the queues and is being told; `OVERTAKEN` where something newer is wanted meanwhile."""
        self._shown = Shown(settings, store, clock)
        self._watched = Watched(clock, patience)
        self._strangers: set[str] = set()
        self._unasked = False
        """Whether the session is with a switchboard that cannot be asked what it holds."""
        self.orders = 0
        """How many were carried out."""
        self.gone = False
        """Whether the switchboard is in the settings no more, or at another place: what it was told is forgotten."""
        self.settled = False
        """Whether everybody was decided about anew since the session began, so that all differences are wanted."""
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._told_some = asyncio.Event()
        self.attend: Callable[[Session], Coroutine[None, None, None]] | None = None
        """What else is to be done with each session, to its end."""

    # -- what is wanted -----------------------------------------------------------------------------------------

    def render(self, presentation: Presentation) -> Rendered:
        """The presentation in the switchboard's own words: none where a defect of the driver keeps it from saying."""
        extension = presentation.extension
        try:
            rendered = _checked(self._driver.render(presentation))
        except Exception as error:  # others' switchboards are asked as well, and other people's state
            if not self._unrendered:
                log.error("switchboard %s: cannot say what is to be shown: %s", self.settings.name, where(error))
            why = f"internal error of the driver ({type(error).__name__})"
            self._unrendered[extension] = self.health.refused[extension] = why
            return NOTHING
        if self._unrendered and self._unrendered.pop(extension, ""):
            self.health.refused.pop(extension, None)
        return rendered

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
        await self._shown.pin(extensions)

    def unpin(self, extensions: Iterable[str]) -> None:
        """What was told about these need not be in memory any more."""
        self._shown.unpin(extensions)

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

    async def recall(self) -> None:
        """Know what it was told though the store forgets it. Raises `StoreError`."""
        await self._shown.everything()

    async def clear(self) -> None:
        """Have the switchboard hold nothing of ours any more, once: it was taken out of the settings, and `run` ended.

        One that cannot be reached keeps what it has, which is told in the log.
        """
        try:
            async with asyncio.timeout(CLEARING), Bounded(self._driver, self._patience) as session:
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
        """Keep a session open for ever, compare at each start, then tell what is wanted. Until cancelled: what was told
        by then is stored."""
        try:
            await self._run()
        finally:
            if not self.gone:
                await self._shown.save_the_rest()

    async def _run(self) -> None:
        wait = BACKOFF[0]
        while True:
            asked = 0.0
            try:
                async with Bounded(self._driver, self._patience, self._overdue) as session:
                    await self._compare(session)
                    await self._live(session)
            except* Exception as group:  # a defect of ours must not stop the other switchboards
                if self._lasted():
                    wait = BACKOFF[0]
                self._down(group)
                asked = _asked(_first(group))
            await pause(self._clock, max(asked, wait * random.uniform(0.8, 1.2)))
            wait = min(wait * 2, BACKOFF[1])

    def _lasted(self) -> bool:
        """Whether the session that ends was good for anything: one that ends at once each time is not begun at once."""
        health = self.health
        if not health.connected or health.since is None:
            return False
        return self._clock.now() - health.since > timedelta(seconds=BACKOFF[1])

    def _overdue(self, hung: Hung) -> None:
        self._down(ExceptionGroup("", [hung]))

    def dialled_unknown(self, extensions: frozenset[str]) -> None:
        """At these, and no others, the switchboard keeps something dialled whose code the settings do not have."""
        self.health.waiting = extensions

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
        await self._shown.begin(held)
        self._strangers = set(held)
        self.health = SwitchboardHealth(connected=True, since=self._clock.now(), refused=dict(self._unrendered))

    async def _held(self, session: Session) -> Mapping[str, Rendered]:
        """What the switchboard holds; of one that cannot be asked, what it was told last."""
        patience = self._patience
        async with within(patience.reading, "reading what it holds", patience.grace, self._overdue):
            held = await session.read_back()
        self._unasked = held is None
        return held if held is not None else await self._shown.everything()

    async def _live(self, session: Session) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(session))
            group.create_task(self._tell_for_ever(session))
            group.create_task(self._shown.save_for_ever())
            group.create_task(self._watched.look(session))
            if self.attend is not None:
                group.create_task(self.attend(session))
            await self._settle_differences()

    async def _watch(self, session: Session) -> None:
        raise await session.lost()

    async def _settle_differences(self) -> None:
        self.settled = False
        who = f"switchboard {self.settings.name}"
        known = await patiently(partial(self._resettle, self.settings.organisation), self._clock, who)
        strangers, self._strangers = self._strangers - known, set()
        self.offer({e: self.prepare(e, NOTHING) for e in strangers}, Urgency.TRANSITION)
        self.settled = True

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
        portions = batches(self._watched.first(telling), BATCH[urgency])
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
            self._shown.remember(carried)
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
        orders = await self._shown.up_to_date(batch)
        while orders:
            soon = max(1, session.orders_at_once) if isinstance(session, MessageSession) else PORTION
            part, orders = divided(orders, session.at_once, min(self._most, soon))
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
        patience, count = self._patience, len(orders)
        if self._unasked and not self.gone:  # by then what is stored is another's, or nobody's
            await self._shown.doubt(orders)
        seconds, what = patience.telling + count * patience.each, f"telling it of {count} extensions"
        try:
            async with within(seconds, what, patience.grace, self._overdue):
                await session.show(orders)
        except Hung:
            self._most = max(1, count // 8)
            raise
        except OrdersRefused as error:
            refused = error.refused
            log.warning("switchboard %s refused %d orders", self.settings.name, len(refused))
            orders = [order for order in orders if order.extension not in refused]
        self._most = min(PORTION, self._most + 1)
        self.orders += len(orders)
        if refused or self.health.refused:
            for order in orders:
                if order.extension not in self._unrendered:
                    self.health.refused.pop(order.extension, None)
            self.health.refused.update(refused)
        return orders

    def _expected(self, extension: str) -> Rendered:
        """What will have been told of the extension once all that is wanted is."""
        for queue in (*self._wanted, *self._telling):
            waiting = queue.get(extension)
            if waiting is not None and waiting is not OVERTAKEN:
                return waiting.after
        return self._shown.known(extension) or UNKNOWN


def _checked(rendered: Rendered) -> Rendered:
    """What a driver answered, if it is what it should be: it goes into the store. Raises `TypeError`."""
    if all(isinstance(text, str) for text in (rendered.lamp, rendered.plan)):
        return rendered
    raise TypeError


def _asked(error: BaseException) -> float:
    """The seconds it asks for, bounded: no driver, not one of others either, keeps us from trying again."""
    asked = getattr(error, "retry_after", 0.0)
    return float(min(asked, LONGEST_ASKED)) if isinstance(asked, (int, float)) and asked > 0 else 0.0


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
