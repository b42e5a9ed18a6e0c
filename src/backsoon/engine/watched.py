"""Whose lamps are looked at: where many change at once these are told before most others, at the same pace.

What is known of it is a hint, minutes old at times. It decides on the order alone: everybody is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from itertools import islice

from backsoon.engine.deadlines import Patience, within
from backsoon.engine.timing import Clock
from backsoon.switchboards.base import Order, Session, WatchedSession

LOOK_EVERY = timedelta(minutes=5)
AWAY_FROM_THE_MINUTE = 30
"""The second at which is looked: what people book begins with a minute, and telling it waits for nothing."""
BETWEEN = 3
"""So many others are told between two that are looked at, whose lamps cost a switchboard several times as much."""


class Watched:
    """Of one switchboard."""

    def __init__(self, clock: Clock, patience: Patience) -> None:
        self._clock = clock
        self._patience = patience
        self._extensions: Collection[str] = ()

    async def look(self, session: Session) -> None:
        """Look again and again, to the end of the session, where it can tell. Raises `SwitchboardError`."""
        if not isinstance(session, WatchedSession):
            return
        while True:
            async with within(self._patience.hands, "asking whose lamps are looked at"):
                self._extensions = dict.fromkeys(await session.watched())
            await self._clock.sleep_until(_next(self._clock.now()))

    def first(self, orders: dict[str, Order]) -> Iterator[Order]:
        """Each of the orders, as it is when its turn comes: every fourth is looked at, as long as there are any."""
        watched = dict.fromkeys(extension for extension in self._extensions if extension in orders)
        others = (order for extension, order in orders.items() if extension not in watched)
        for extension in watched:
            yield orders[extension]
            yield from islice(others, BETWEEN)
        yield from others


def _next(now: datetime) -> datetime:
    at = (now + LOOK_EVERY).replace(second=AWAY_FROM_THE_MINUTE, microsecond=0)
    return max(at, now + LOOK_EVERY / 2)
