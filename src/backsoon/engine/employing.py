"""Which switchboards are told: one publisher runs for each in the settings, for as long as it is set so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.publisher import Publisher
from backsoon.store.base import Store


class Employing:
    """Begins and ends publishers as the settings want it; owns their tasks."""

    def __init__(self, store: Store, make: Callable[[SwitchboardSettings], Publisher]) -> None:
        self.publishers: dict[str, list[Publisher]] = {}
        """By organisation; whoever is given this sees who comes and goes."""
        self._store = store
        self._make = make
        self._telling: dict[tuple[str, str], tuple[SwitchboardSettings, asyncio.Task[None]]] = {}
        self._clearing: dict[tuple[str, ...], asyncio.Task[None]] = {}
        """Switchboards, by their place, that were taken out of the settings and are being cleared."""

    async def employ(self, tasks: asyncio.TaskGroup) -> None:
        """Have one publisher for each switchboard in the settings: new ones begin, those that are gone end.

        One that is gone, and not only called otherwise, is cleared of what it shows of ours. Raises `StoreError`.
        """
        wanted = {(s.organisation, s.name): s for s in await self._store.switchboards()}
        places = {settings.place for settings in wanted.values()}
        ended: dict[tuple[str, ...], list[asyncio.Task[None]]] = {}
        for key, (settings, task) in list(self._telling.items()):
            if (now := wanted.get(key)) != settings:
                (before,) = (p for p in self.publishers[key[0]] if p.settings == settings)
                before.gone = now is None or now.place != settings.place
                task.cancel()
                ended.setdefault(settings.place, []).append(task)
                del self._telling[key]
                self.publishers[key[0]] = [p for p in self.publishers[key[0]] if p.settings != settings]
                if settings.place not in places:
                    self._clearing[settings.place] = tasks.create_task(self._clear(before, after=task))
        for place in places & self._clearing.keys():  # it is back
            clearing = self._clearing.pop(place)
            clearing.cancel()  # it may take its time, or not end at all: only who tells that place waits for it
            ended.setdefault(place, []).append(clearing)
        for key, settings in wanted.items():
            if key not in self._telling:
                publisher = self._make(settings)
                self.publishers.setdefault(key[0], []).append(publisher)
                self._telling[key] = (
                    settings,
                    tasks.create_task(self._tell(publisher, after=ended.get(settings.place, []))),
                )

    def end(self) -> None:
        """Tell nobody any more."""
        for task in chain((task for _, task in self._telling.values()), self._clearing.values()):
            task.cancel()

    async def _tell(self, publisher: Publisher, *, after: Sequence[asyncio.Task[None]]) -> None:
        if after:
            await asyncio.wait(after)  # what those told is stored by then
        await publisher.run()

    async def _clear(self, publisher: Publisher, *, after: asyncio.Task[None]) -> None:
        """By the publisher that told it: its driver knows what the store has forgotten by now."""
        await asyncio.wait([after])
        await publisher.clear()
        if self._clearing.get(publisher.settings.place) is asyncio.current_task():
            del self._clearing[publisher.settings.place]

    async def recalled(self, before: Iterable[SwitchboardSettings]) -> list[Publisher]:
        """Where nothing runs: who knows what these were told, though they leave the settings. Raises `StoreError`."""
        publishers = [self._make(settings) for settings in before]
        for publisher in publishers:
            await publisher.recall()
        return publishers

    async def clear_gone(self, before: Iterable[Publisher]) -> None:
        """Where nothing runs: clear those of the switchboards that are in the settings no more. Raises `StoreError`."""
        places = {settings.place for settings in await self._store.switchboards()}
        for publisher in before:
            if publisher.settings.place not in places:
                publisher.gone = True
                await publisher.clear()
