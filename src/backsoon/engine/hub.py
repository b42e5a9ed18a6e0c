"""Tells whoever listens what changed: one ring of announcements, and each listener a cursor into it.

An announcement is kept once, however many listen, until the ring has gone round; so a listener that was cut off can
take up where it was, and one that is too slow finds that what it has not heard is gone (`Lagged`). What is announced is
recorded only while somebody listens, and after the last one has left for as long as they could still take it up:
until as much has been announced as the ring holds. So nothing is recorded where nobody has listened lately, and no
clock is needed to say so.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from backsoon.domain.organisation import Person
from backsoon.store.base import AvailabilityChange

RING = 16_384
"""How many announcements are kept."""
TICK = 0.01
"""For how many seconds news waits for more, so that listeners wake once for all of it."""
_ID = re.compile(r"([0-9a-f]{1,32})-([0-9]{1,18})")


class News(StrEnum):
    """What an announcement says of a person."""

    CHANGE = "change"
    """The availability is decided otherwise; the announcement has the change."""
    ANEW = "anew"
    """Something else about how the person stands (how old the knowledge is): as it is when it is told."""
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    MESSAGE = "message"
    """A message for the person was left, read or taken out: for nobody else to hear."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One piece of news about one person. `number` grows by one from announcement to announcement.

    `change` is there for `News.CHANGE` only, `message` (its id) for `News.MESSAGE` only.
    """

    number: int
    person: Person
    news: News
    change: AvailabilityChange | None = None
    message: int = 0


class Lagged(Exception):
    """What was asked for is not in the ring any more; the present state must be read anew."""


class Listener:
    """A cursor. It has heard everything up to `after`.

    `resumed` says whether that is where it asked to begin; else it begins at the present, and has missed something.
    """

    def __init__(self, hub: Hub, after: int, *, resumed: bool) -> None:
        self.after = after
        self.resumed = resumed
        self._hub = hub
        self._waiting: asyncio.Future[None] | None = None
        self._woken = False

    @property
    def lagged(self) -> bool:
        """Whether it was too slow: what comes next for it is gone."""
        return self.after < self._hub.first

    @property
    def behind(self) -> bool:
        """Whether there is something to hear."""
        return self.after < self._hub.told

    def take(self, most: int = RING) -> Sequence[Announcement]:
        """What it has not heard, in order, at most so many. Raises `Lagged` where it is gone, once: it then goes on at
        the present."""
        if self.lagged:
            self.after = self._hub.number
            raise Lagged
        taken = self._hub.since(self.after, most)
        self.after += len(taken)
        return taken

    async def batch(self) -> Sequence[Announcement]:
        """The same, once there is something. Raises `Lagged`."""
        while not (self.behind or self.lagged):
            await self.pause(None)
        return self.take()

    def wake(self) -> None:
        """Have `pause` return."""
        self._woken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def pause(self, seconds: float | None) -> None:
        """Return when woken since the last time (news wakes everybody), or after so many seconds."""
        if not self._woken:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = None if seconds is None else loop.call_later(seconds, self.wake)
            try:
                await self._waiting
            finally:
                self._waiting = None
                if timer is not None:
                    timer.cancel()
        self._woken = False


class Hub:
    """Keeps announcements, and wakes listeners. Its ids are `<epoch>-<number>`; the epoch is another at each start."""

    def __init__(self, *, ring: int = RING, epoch: str | None = None) -> None:
        self.epoch = secrets.token_hex(4) if epoch is None else epoch
        self.number = 0
        """That of the last announcement."""
        self.first = 0
        """Everything later than this is in the ring."""
        self.told = 0
        """The last announcement that listeners were woken for: so all of them take the same, and share what is made
        of it."""
        self._size = ring
        self._ring: list[Announcement | None] = []
        self._listeners: set[Listener] = set()
        self._recorded_for: int | None = None
        """The number at which somebody was last known to listen; None: nothing is recorded."""
        self._waking: asyncio.TimerHandle | None = None

    # -- announcing ------------------------------------------------------------------------------------------------

    def announce(self, changes: Sequence[tuple[Person, AvailabilityChange]]) -> None:
        """Tell every listener. Never waits."""
        self.announce_lazily(len(changes), changes)

    def announce_lazily(self, count: int, changes: Iterable[tuple[Person, AvailabilityChange]]) -> None:
        """The same for `count` changes that need not be made where nobody listens, or there is no room for them."""
        self._record(count, ((person, News.CHANGE, change) for person, change in changes))

    def announce_people(self, people: Sequence[Person], news: News = News.ANEW) -> None:
        """Tell every listener of people: that they stand otherwise, or were added, changed or removed. Never waits."""
        self._record(len(people), ((person, news, None) for person in people))

    def announce_message(self, person: Person, id: int) -> None:
        """Tell the person, where they listen, that something became of a message for them. Never waits."""
        self._record(1, [(person, News.MESSAGE, None)], id)

    def _record(
        self, count: int, said: Iterable[tuple[Person, News, AvailabilityChange | None]], message: int = 0
    ) -> None:
        if not count:
            return
        if not self._is_recording(count):
            self.number += count
            self.first = self.told = self.number
            return
        if count > self._size:  # whoever listens has to read the state anew
            self.number += count
            self.first = self.number
            self._ring = [None] * self._size
        else:
            for person, news, change in said:
                self.number += 1
                self._ring[self.number % self._size] = Announcement(self.number, person, news, change, message)
            self.first = max(self.first, self.number - self._size)
        self._wake_soon()

    def _is_recording(self, count: int) -> bool:
        """Whether anybody may yet ask for what comes."""
        if self._listeners:
            self._recorded_for = self.number
        elif self._recorded_for is not None and self.number + count - self._recorded_for > self._size:
            self._recorded_for = None  # whoever left has missed more than there is room for
            self._ring = []
        return self._recorded_for is not None

    # -- listening -------------------------------------------------------------------------------------------------

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def id_of(self, number: int) -> str:
        """The id of an announcement."""
        return f"{self.epoch}-{number}"

    def position(self) -> str:
        """The id of the last announcement: whoever reads the state now, and then listens after it, misses nothing."""
        self._keep()
        return self.id_of(self.number)

    def since(self, after: int, most: int = RING) -> Sequence[Announcement]:
        """The announcements that follow number `after`, at most so many. Raises `Lagged` where they are gone."""
        if after < self.first:
            raise Lagged
        last = min(self.told, after + most)
        return [each for n in range(after + 1, last + 1) if (each := self._ring[n % self._size]) is not None]

    @contextmanager
    def listening(self, after: str | None = None) -> Iterator[Listener]:
        """A listener, for as long as the context lasts. `after` is the id of what it has heard (None: all until now).

        Where it cannot begin there (`Listener.resumed`) it begins at the present.
        """
        self._keep()
        number = self.number if after is None else self._number_of(after)
        listener = Listener(self, self.number if number is None else number, resumed=number is not None)
        self._listeners.add(listener)
        if self.told < self.number:
            self._wake_soon()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self._recorded_for = self.number

    def wake(self) -> None:
        """Have every listener look around."""
        for listener in self._listeners:
            listener.wake()

    def _keep(self) -> None:
        """Record from now on."""
        if self._recorded_for is None:
            self._ring = [None] * self._size
            self.first = self.number
        self._recorded_for = self.number

    def _number_of(self, after: str) -> int | None:
        """The number in an id of ours that can be taken up from; else None."""
        found = _ID.fullmatch(after)
        if found is None or found[1] != self.epoch:
            return None
        number = int(found[2])
        return number if self.first <= number <= self.number else None

    def _wake_soon(self) -> None:
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(TICK, self._wake_for_news)

    def _wake_for_news(self) -> None:
        self._waking = None
        self.told = self.number
        self.wake()
