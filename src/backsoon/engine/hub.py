"""Tells whoever listens what changed: one announcement a change, in order; a listener that is too slow is told so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from backsoon.domain.organisation import Person
from backsoon.store.base import AvailabilityChange


@dataclass(frozen=True, slots=True)
class Announcement:
    """One change of one person's availability. `number` grows by one from announcement to announcement."""

    number: int
    person: Person
    change: AvailabilityChange


class Lagged(Exception):
    """The listener missed announcements; it must read the present state anew."""


class Listener:
    """One listener's queue."""

    def __init__(self, limit: int) -> None:
        self._queue: asyncio.Queue[Announcement] = asyncio.Queue(limit)
        self.lagged = False
        """Whether there was no room: what follows is not heard until `next` has said so."""

    def offer(self, announcement: Announcement) -> None:
        """Queue an announcement, or note that there is no room."""
        if self.lagged:
            return
        try:
            self._queue.put_nowait(announcement)
        except asyncio.QueueFull:
            self.lagged = True

    async def next(self) -> Announcement:
        """The next announcement. Raises `Lagged` once after the last one before a gap."""
        if self.lagged and self._queue.empty():
            self.lagged = False
            raise Lagged
        return await self._queue.get()


class Hub:
    """Fans announcements out to listeners."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self.number = 0

    def announce(self, changes: Sequence[tuple[Person, AvailabilityChange]]) -> None:
        """Tell every listener. Never waits."""
        self.announce_lazily(len(changes), changes)

    def announce_lazily(self, count: int, changes: Iterable[tuple[Person, AvailabilityChange]]) -> None:
        """The same for `count` changes that need not be made where nobody listens."""
        if not self._listeners:
            self.number += count
            return
        last = self.number + count
        for person, change in changes:
            if all(listener.lagged for listener in self._listeners):
                break  # nobody hears the rest
            self.number += 1
            announcement = Announcement(self.number, person, change)
            for listener in self._listeners:
                listener.offer(announcement)
        self.number = last

    @contextmanager
    def listening(self, limit: int = 1000) -> Iterator[Listener]:
        """A listener that holds at most `limit` announcements, for as long as the context lasts."""
        listener = Listener(limit)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
