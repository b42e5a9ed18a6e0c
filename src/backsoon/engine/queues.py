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
    """A connection's: what waits, how many are being read, and until when its server asks us to wait."""

    waiting: deque[ReadCalendar] = field(default_factory=deque)
    reading: int = 0
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
        """The calendars being read, and where."""

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
        for place in [p for p, q in self._by_place.items() if p not in known and not q.reading]:
            del self._by_place[place]

    def start(self) -> Iterator[ReadCalendar]:
        """Those to be read from now on, the lowest lane first, then where the fewest are; each is being read once it is
        given."""
        while len(self.reading) < self._most:
            ready = [(q.waiting[0].health.lane, q.reading, p) for p, q in self._by_place.items() if self._ready(p, q)]
            if not ready:
                return
            *_, place = min(ready)
            yield self._begun(place)

    def start_at(self, place: Place) -> Iterator[ReadCalendar]:
        """The same at one connection, where a read has ended."""
        while self._ready(place, self._of(place)):
            yield self._begun(place)

    def ended(self, read: ReadCalendar) -> bool:
        """It is not being read any more; whether its connection has little left to do."""
        place = self.reading.pop(read.calendar.id)
        queue = self._of(place)
        queue.reading -= 1
        return len(queue.waiting) <= self._at_once_of(*place) // 2

    def _begun(self, place: Place) -> ReadCalendar:
        queue = self._by_place[place]
        read = queue.waiting.popleft()
        queue.reading += 1
        self.reading[read.calendar.id] = place
        return read

    def _ready(self, place: Place, queue: Queue) -> bool:
        most = self._most if queue.reading < FEW else self._most - self._most // 4
        return bool(queue.waiting) and len(self.reading) < most and queue.reading < max(1, self._at_once_of(*place))

    def _of(self, place: Place) -> Queue:
        return self._by_place.setdefault(place, Queue())
