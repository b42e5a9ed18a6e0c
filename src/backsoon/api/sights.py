"""Who is in sight of each console: of these it hears all, of everybody else only the lamp.

A sight has a name that its client chose, and belongs to whoever asks: another's of the same name is another one. It is
kept while a stream has it, and a while longer, so that a console that was cut off finds it again.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backsoon.domain.access import Identity
from backsoon.domain.errors import BacksoonError
from backsoon.engine.timing import Clock

MOST_PEOPLE = 500
"""The most people in one sight: some screens' full."""
MOST_OF_ONE = 512
MOST = 4096
"""The most sights of one who asks, and of all together: 4 KiB each at most."""
KEPT = timedelta(seconds=60)
"""How long one is kept that no stream has."""
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BadSight(BacksoonError):
    """The name of a sight that cannot be one."""

    remedy = "write 1 to 64 letters of A-Z, a-z, 0-9, _ and -"


class TooManySights(BacksoonError):
    """There is no room for another one."""

    remedy = "use a name again, or end streams that nobody reads"


@dataclass(eq=False)
class Sight:
    """Who is in sight, by id; `streams` have it, or none since `left_at`."""

    left_at: datetime
    people: array[int] = field(default_factory=lambda: array("q"))
    streams: int = 0


class Sights:
    """All of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sights: dict[tuple[Identity, str], Sight] = {}

    def __len__(self) -> int:
        return len(self._sights)

    def look(self, who: Identity, name: str, people: Iterable[int]) -> None:
        """These people are in sight from now on, and no others. Raises `BadSight`, `TooManySights`."""
        sight = self._sight(who, name)
        sight.people = array("q", dict.fromkeys(people))
        if not sight.streams:
            sight.left_at = self._clock.now()

    @contextmanager
    def held(self, who: Identity, name: str) -> Iterator[Sight]:
        """The sight for a stream, kept as long as the context lasts. Raises `BadSight`, `TooManySights`."""
        sight = self._sight(who, name)
        sight.streams += 1
        try:
            yield sight
        finally:
            sight.streams -= 1
            sight.left_at = self._clock.now()

    def _sight(self, who: Identity, name: str) -> Sight:
        if not NAME.fullmatch(name):
            raise BadSight("this cannot be the name of a sight")
        self._forget()
        found = self._sights.get((who, name))
        if found is None:
            self._make_room(who)
            found = self._sights[who, name] = Sight(self._clock.now())
        return found

    def _forget(self) -> None:
        """Forget what no stream has any more."""
        before = self._clock.now() - KEPT
        for key in [key for key, sight in self._sights.items() if not sight.streams and sight.left_at <= before]:
            del self._sights[key]

    def _make_room(self, who: Identity) -> None:
        """Raises `TooManySights` where streams have all that there may be; else the one that was left first goes."""
        own = [key for key in self._sights if key[0] == who]
        for keys, most in ((own, MOST_OF_ONE), (list(self._sights), MOST)):
            if len(keys) < most:
                continue
            idle = [key for key in keys if not self._sights[key].streams]
            if not idle:
                raise TooManySights(f"there are {most} sights already")
            del self._sights[min(idle, key=lambda key: self._sights[key].left_at)]
