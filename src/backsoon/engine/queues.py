"""Which calendars are read next: a short queue for each connection, in the order of the store's lanes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from backsoon.store.base import ReadCalendar

Place = tuple[str, str]
"""An organisation and one of its connections."""
FEW = 4
"""So many reads at a connection begin even where others take most of the room: their servers may be hanging."""


def place_of(read: ReadCalendar) -> Place:
    """Where the calendar is read."""
    return read.calendar.organisation, read.calendar.connection


@dataclass(slots=True, eq=False)
class Queue:
    """A connection's: what waits, how many its server is asked for, how many of those it has answered are being stored,
    and until when it asks us to wait."""

    waiting: deque[ReadCalendar] = field(default_factory=deque)
    reading: int = 0
    storing: int = 0
    held_until: datetime | None = None

    def held(self, now: datetime) -> bool:
        """Whether nobody is to be asked there now."""
        return self.held_until is not None and now < self.held_until


class Queues:
    """All connections' queues. No connection waits for another, but for `most` reads under way in all."""

    def __init__(self, at_once_of: Callable[[str, str], int], most: int) -> None:
        self._at_once_of = at_once_of
        self._most = most
        self._by_place: dict[Place, Queue] = {}
        self.reading: dict[int, Place] = {}
        """The calendars being read, and where; those that are being stored, too."""
        self._storing: set[int] = set()

    def hold(self, place: Place, until: datetime) -> None:
        """Ask nobody at the connection before the instant."""
        queue = self._of(place)
        queue.held_until = until if queue.held_until is None else max(queue.held_until, until)
        queue.waiting.clear()

    def held(self, now: datetime) -> dict[Place, datetime]:
        """The connections that wait, and until when."""
        return {p: q.held_until for p, q in self._by_place.items() if q.held_until is not None and now < q.held_until}

    def room(self, places: Iterable[Place], now: datetime) -> dict[Place, int]:
        """How many more calendars each connection takes, of those that take any. What waits is taken out: it is due
        still, and comes again in its place among what has come since."""
        room = {}
        for place in places:
            queue, at_once = self._of(place), max(1, self._at_once_of(*place))
            if queue.held(now):
                continue
            queue.waiting.clear()
            if (free := 2 * at_once - queue.reading) > 0:
                room[place] = free
        return room

    def add(self, read: ReadCalendar) -> None:
        """Another one that is due, behind the others."""
        self._of(place_of(read)).waiting.append(read)

    def forget(self, places: Iterable[Place]) -> None:
        """Forget the connections that are not among these, once nothing is being read there."""
        known = set(places)
        for place in [p for p, q in self._by_place.items() if p not in known and not q.reading and not q.storing]:
            del self._by_place[place]

    def start(self) -> Iterator[ReadCalendar]:
        """Those to be read from now on, the lowest lane first, then where the fewest are; each is being read once it is
        given."""
        while self._asked < self._most:
            ready = [(q.waiting[0].health.lane, q.reading, p) for p, q in self._by_place.items() if self._ready(p, q)]
            if not ready:
                return
            *_, place = min(ready)
            yield self._begun(place)

    def start_at(self, place: Place) -> Iterator[ReadCalendar]:
        """The same at one connection, where a read has ended or a server has answered."""
        while self._ready(place, self._of(place)):
            yield self._begun(place)

    def answered(self, read: ReadCalendar) -> bool:
        """Its server has answered all that was asked; whether another one may be asked for before this one is stored.

        As many are stored together as are asked for: a store that is slow stops the reading.
        """
        place = self.reading.get(read.calendar.id)
        if place is None or (queue := self._of(place)).storing >= max(1, self._at_once_of(*place)):
            return False
        self._storing.add(read.calendar.id)
        queue.reading -= 1
        queue.storing += 1
        return True

    def ended(self, read: ReadCalendar) -> bool:
        """It is neither read nor stored any more; whether another one may be asked for now that might not before."""
        queue = self._of(self.reading.pop(read.calendar.id))
        if read.calendar.id in self._storing:
            self._storing.discard(read.calendar.id)
            queue.storing -= 1
            return False
        queue.reading -= 1
        return True

    def is_low(self, place: Place) -> bool:
        """Whether the connection has little left to do."""
        return len(self._of(place).waiting) <= self._at_once_of(*place) // 2

    @property
    def _asked(self) -> int:
        return len(self.reading) - len(self._storing)

    def _begun(self, place: Place) -> ReadCalendar:
        queue = self._by_place[place]
        read = queue.waiting.popleft()
        queue.reading += 1
        self.reading[read.calendar.id] = place
        return read

    def _ready(self, place: Place, queue: Queue) -> bool:
        most = self._most if queue.reading < FEW else self._most - self._most // 4
        return bool(queue.waiting) and self._asked < most and queue.reading < max(1, self._at_once_of(*place))

    def _of(self, place: Place) -> Queue:
        return self._by_place.setdefault(place, Queue())
