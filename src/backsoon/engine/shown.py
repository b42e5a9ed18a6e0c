"""What one switchboard was told last: of everybody in the store, of some in memory as well.

Those who change within the minute are *pinned*: nothing is left to be looked up at their instant. What was told just
now is *unsaved*: it is stored in bulk soon after, since telling comes first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.patience import patiently
from backsoon.engine.queued import UNKNOWN, sharing
from backsoon.engine.timing import Clock, finished, pause
from backsoon.store.base import Store, StoreError, Told
from backsoon.switchboards.base import NOTHING, Order, Rendered

log = logging.getLogger(__name__)

SAVE_AFTER = 0.5
"""Seconds until what was told is stored."""
SAVE_PAGE = 5000
PAGE = 500


class Shown:
    """What a switchboard shows as far as we know, by extension; it outlasts the switchboard's sessions."""

    def __init__(self, settings: SwitchboardSettings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._pinned: dict[str, Rendered] = {}
        self._unsaved: dict[str, Rendered] = {}
        self._storing = asyncio.Lock()
        self._said = asyncio.Event()
        self._unasked: set[str] = set()
        """Of whom one that cannot be asked holds something: the store forgets that when it leaves the settings."""

    # -- in memory ----------------------------------------------------------------------------------------------

    def known(self, extension: str) -> Rendered | None:
        """What was told of the extension, where that is in memory."""
        return self._pinned.get(extension) or self._unsaved.get(extension)

    async def pin(self, extensions: Iterable[str]) -> None:
        """Keep in memory what was told about these, until they are let go by `unpin`. Raises `StoreError`."""
        new = [e for e in extensions if e not in self._pinned]
        for start in range(0, len(new), PAGE):
            for extension, before in (await self.of(new[start : start + PAGE])).items():
                # What was told while we looked is not stored yet, and counts.
                self._pinned.setdefault(extension, self._unsaved.get(extension) or before)

    def unpin(self, extensions: Iterable[str]) -> None:
        """What was told about these need not be in memory any more."""
        for extension in extensions:
            self._pinned.pop(extension, None)

    async def doubt(self, orders: Sequence[Order]) -> None:
        """These are about to be told to a switchboard that cannot be asked: until it is remembered that they were,

        through a crash as well, what it shows is not known, so that they are told again whatever is wanted by then.
        """
        now = self._clock.now()
        doubtful = {o.extension: Rendered(o.before.lamp, UNKNOWN.plan) for o in orders}
        rows = [Told(e, r.lamp, r.plan, now) for e, r in doubtful.items()]
        self._unasked.update(doubtful)
        async with self._storing:
            for extension, rendered in doubtful.items():
                self._unsaved[extension] = rendered
                if extension in self._pinned:
                    self._pinned[extension] = rendered
            try:
                await finished(self._store.save_told(self._settings.organisation, self._settings.name, rows))
            except StoreError:
                self._said.set()  # telling goes on; it is stored when that works again

    def remember(self, carried: Iterable[list[Order]]) -> None:
        """What was told by these orders. Not before the last of them: at an instant each costs the next time."""
        pinned = self._pinned
        for orders in carried:
            said = [(order.extension, order.after) for order in orders]
            self._unsaved.update(said)
            pinned.update([each for each in said if each[0] in pinned])
            if self._unasked:
                self._unasked.difference_update([e for e, rendered in said if rendered == NOTHING])
        self._said.set()

    async def up_to_date(self, batch: Sequence[Order]) -> list[Order]:
        """The orders that change anything, those made anew upon which something else was told than was thought.

        Raises `StoreError`.
        """
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
            told_now = await self.of([order.extension for order in others])
            fresh = [Order(o.extension, before := told_now[o.extension], sharing(before, o.after)) for o in others]
            orders += [order for order in fresh if order.after is not order.before]
        return orders

    # -- in the store -------------------------------------------------------------------------------------------

    async def of(self, extensions: list[str]) -> dict[str, Rendered]:
        """What was told of each of these. Raises `StoreError`."""
        found: dict[str, Rendered] = {}
        missing: list[str] = []
        for extension in extensions:
            before = self.known(extension)
            if before is None:
                missing.append(extension)
            else:
                found[extension] = before
        for start in range(0, len(missing), PAGE):
            found |= await self._stored(missing[start : start + PAGE])
        return found

    async def everything(self) -> dict[str, Rendered]:
        """What a switchboard that cannot be asked was told of everybody of whom anything was. Raises `StoreError`."""
        told_of = sorted(await self._told_of() | self._unsaved.keys())
        found: dict[str, Rendered] = {}
        for start in range(0, len(told_of), PAGE):
            found |= await self._stored(told_of[start : start + PAGE])
        found |= dict.fromkeys(self._unasked - found.keys(), Rendered("", UNKNOWN.plan))
        self._unasked = {extension for extension, rendered in found.items() if rendered != NOTHING}
        return found

    async def begin(self, held: Mapping[str, Rendered]) -> None:
        """A session began, and this is what the switchboard holds, whatever it was told. Raises `StoreError`."""
        self._unsaved = await self._differing(held)
        self._said.set()
        self._pinned = {e: held.get(e, NOTHING) for e in self._pinned}

    async def save_for_ever(self) -> None:
        """Store what was told, soon after."""
        while True:
            await self._said.wait()
            self._said.clear()
            await pause(self._clock, SAVE_AFTER)
            while self._unsaved:
                await patiently(self._save, self._clock, f"switchboard {self._settings.name}")

    async def save_the_rest(self) -> None:
        """Nothing is told any more: store what was told just now, or it would be told as if it had not been. Of a
        store that fails it is said in the log."""
        try:
            while self._unsaved:
                await self._save()
        except StoreError as error:
            log.error("switchboard %s: what it was told last is not stored: %s", self._settings.name, error)

    async def _told_of(self) -> frozenset[str]:
        return await self._store.extensions_told(self._settings.organisation, self._settings.name)

    async def _differing(self, held: Mapping[str, Rendered]) -> dict[str, Rendered]:
        """What is held otherwise than was stored as told: by pages, since all of it at once takes much memory."""
        differing: dict[str, Rendered] = {}
        for start in range(0, len(held), PAGE):
            page = dict(islice(held.items(), start, start + PAGE))
            told = await self._store.told(self._settings.organisation, self._settings.name, list(page))
            differing |= {
                e: r
                for e, r in page.items()
                if (row := told.get(e)) is None or (row.lamp, row.plan) != (r.lamp, r.plan)
            }
        return differing | dict.fromkeys(await self._told_of() - held.keys(), NOTHING)

    async def _stored(self, page: list[str]) -> dict[str, Rendered]:
        async with self._storing:  # what is being stored is on its way from `_unsaved` to there
            told = await self._store.told(self._settings.organisation, self._settings.name, page)
            rows = {e: NOTHING if (row := told.get(e)) is None else Rendered(row.lamp, row.plan) for e in page}
            return {e: self._unsaved.get(e) or rendered for e, rendered in rows.items()}

    async def _save(self) -> None:
        async with self._storing:
            now = self._clock.now()
            saved = list(islice(self._unsaved.items(), SAVE_PAGE))
            rows = [Told(e, r.lamp, r.plan, now) for e, r in saved]
            await finished(self._store.save_told(self._settings.organisation, self._settings.name, rows))
            for extension, rendered in saved:
                if self._unsaved.get(extension) is rendered:
                    del self._unsaved[extension]
