"""Makes one switchboard show what is wanted: level, not edge, the latest state of each extension only.

Three queues by urgency, each keeping the latest wanted state of an extension. What the switchboard was told last is
in the
store; that of people who change within the minute is pinned in memory, so that a transition needs no look-up.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from itertools import islice

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.timing import Clock, pause
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

BATCH = (100, 1000, 1000)
"""Orders handed over at once, by urgency: few where somebody waits."""
BACKOFF = (1.0, 30.0)
TOLD_BATCH = 5000
PAGE = 500


class Urgency(IntEnum):
    """Who comes first."""

    BY_HAND = 0
    """Somebody pressed a key and looks at the lamp."""
    TRANSITION = 1
    """A lamp changes."""
    AHEAD = 2
    """Only what is written ahead changes."""


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
        self._wanted: tuple[dict[str, Rendered], ...] = ({}, {}, {})
        self._pinned: dict[str, Rendered] = {}
        self._unsaved: dict[str, Rendered] = {}
        self._strangers: set[str] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()

    # -- what is wanted -----------------------------------------------------------------------------------------

    def render(self, presentation: Presentation) -> Rendered:
        """The presentation in the switchboard's own words."""
        return self._driver.render(presentation)

    def offer(self, wanted: Sequence[tuple[str, Rendered]], urgency: Urgency) -> None:
        """These extensions should be shown so; replaces whatever was wanted for them before. Never waits.

        What waits in a more urgent queue keeps its place there.
        """
        if any(queue for u, queue in enumerate(self._wanted) if u != urgency):
            for extension, rendered in wanted:
                place = next((u for u in Urgency if u < urgency and extension in self._wanted[u]), urgency)
                for queue in self._wanted[place + 1 :]:
                    queue.pop(extension, None)
                self._wanted[place][extension] = rendered
        else:
            self._wanted[urgency].update(wanted)
        self._idle.clear()
        self._wake.set()

    async def pin(self, extensions: Iterable[str]) -> None:
        """Keep in memory what was told about these (see `keep_pinned`)."""
        new = [e for e in extensions if e not in self._pinned]
        for extension, before in (await self._told(new)).items():
            self._pinned.setdefault(extension, before)

    def keep_pinned(self, extensions: Set[str]) -> None:
        """Only these need be in memory; what is being told is not let go before it is."""
        busy = self._wanted
        self._pinned = {e: r for e, r in self._pinned.items() if e in extensions or any(e in queue for queue in busy)}

    async def drained(self) -> None:
        """Wait until everything wanted has been told (for ever while the switchboard is down)."""
        await self._idle.wait()

    # -- the switchboard ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep a session open for ever, compare at each start, then tell what is wanted."""
        wait = BACKOFF[0]
        while True:
            try:
                async with self._driver.session() as session:
                    await self._compare(session)
                    wait = BACKOFF[0]
                    await self._live(session)
            except* (SwitchboardError, StoreError) as group:
                self._down(group)
            await pause(self._clock, wait * random.uniform(0.8, 1.2))
            wait = min(wait * 2, BACKOFF[1])

    def _down(self, group: ExceptionGroup[SwitchboardError | StoreError]) -> None:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if self.health.connected or not self.health.problem:
            self.health.since = self._clock.now()
            log.warning("switchboard %s: %s", self.settings.name, error)
        self.health.connected = False
        self.health.problem = str(error)
        self.health.remedy = getattr(error, "remedy", "")

    async def _compare(self, session: Session) -> None:
        held = await session.read_back()
        told = await self._store.told(self.settings.organisation, self.settings.name)
        now = self._clock.now()
        differences = [
            Told(e, r.lamp, r.plan, now)
            for e, r in held.items()
            if (row := told.get(e)) is None or (row.lamp, row.plan) != (r.lamp, r.plan)
        ]
        differences += [Told(e, "", "", now) for e in told if e not in held]
        await self._store.save_told(self.settings.organisation, self.settings.name, differences)
        self._strangers = set(held)
        self._pinned = {e: held.get(e, NOTHING) for e in self._pinned}
        self._unsaved.clear()
        self.health = SwitchboardHealth(connected=True, since=self._clock.now())

    async def _live(self, session: Session) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(session))
            group.create_task(self._tell_for_ever(session))
            await self._settle_differences()

    async def _watch(self, session: Session) -> None:
        raise await session.lost()

    async def _settle_differences(self) -> None:
        known = await self._resettle(self.settings.organisation)
        strangers, self._strangers = self._strangers - known, set()
        self.offer([(e, NOTHING) for e in strangers], Urgency.TRANSITION)

    async def _tell_for_ever(self, session: Session) -> None:
        while True:
            if not any(self._wanted):
                await self._save_told()
                if not any(self._wanted):
                    self._idle.set()
                await self._wake.wait()
            self._wake.clear()
            urgency = next((u for u in Urgency if self._wanted[u]), None)
            if urgency is not None:
                await self._tell(session, urgency)

    async def _tell(self, session: Session, urgency: Urgency) -> None:
        queue = self._wanted[urgency]
        batch = {e: queue[e] for e in islice(queue, BATCH[urgency])}
        before = await self._before(batch)
        orders = [Order(e, before[e], after) for e, after in batch.items() if before[e] != after]
        if orders:
            await self._show(session, orders)
        for extension, after in batch.items():
            if queue.get(extension) is after:  # otherwise something newer is wanted meanwhile
                del queue[extension]
        if len(self._unsaved) >= TOLD_BATCH:
            await self._save_told()
        await asyncio.sleep(0)

    async def _show(self, session: Session, orders: list[Order]) -> None:
        refused: Mapping[str, str] = {}
        try:
            await session.show(orders)
        except OrdersRefused as error:
            refused = error.refused
            log.warning("switchboard %s refused %d orders", self.settings.name, len(refused))
        self.health.refused.update(refused)
        for order in orders:
            extension = order.extension
            if extension in refused:
                continue
            self.health.refused.pop(extension, None)
            self._unsaved[extension] = order.after
            if extension in self._pinned:
                self._pinned[extension] = order.after

    # -- what was told ------------------------------------------------------------------------------------------

    async def _before(self, batch: Mapping[str, Rendered]) -> dict[str, Rendered]:
        pinned, unsaved = self._pinned, self._unsaved
        known: dict[str, Rendered] = {}
        missing: list[str] = []
        for extension in batch:
            before = pinned.get(extension) or unsaved.get(extension)
            if before is None:
                missing.append(extension)
            else:
                known[extension] = before
        if missing:
            known.update(await self._told(missing))
        return known

    async def _told(self, extensions: list[str]) -> dict[str, Rendered]:
        known: dict[str, Rendered] = {}
        for start in range(0, len(extensions), PAGE):
            page = extensions[start : start + PAGE]
            told = await self._store.told(self.settings.organisation, self.settings.name, page)
            for extension in page:
                row = told.get(extension)
                known[extension] = self._unsaved.get(extension) or (
                    NOTHING if row is None else Rendered(row.lamp, row.plan)
                )
        return known

    async def _save_told(self) -> None:
        if not self._unsaved:
            return
        now = self._clock.now()
        saved = dict(self._unsaved)
        rows = [Told(e, r.lamp, r.plan, now) for e, r in saved.items()]
        await self._store.save_told(self.settings.organisation, self.settings.name, rows)
        for extension, rendered in saved.items():
            if self._unsaved.get(extension) is rendered:
                del self._unsaved[extension]
