"""A clock that stands still until it is told to move."""

from __future__ import annotations

import asyncio
import heapq
from datetime import datetime, timedelta

from backsoon.domain.model import utc


class FakeClock:
    """A clock that stands still until it is told to move. Waiters wake in the order of their instants."""

    def __init__(self, now: datetime) -> None:
        self._now = utc(now, "clock")
        self._waiting: list[tuple[datetime, int, bool, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        """The instant at which it stands."""
        return self._now

    async def sleep_until(self, at: datetime) -> None:
        """Return once the clock was moved to `at` or past it."""
        await self._wait(at, stepped=True)

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was moved on by so much; being stepped does not count."""
        await self._wait(self._now + timedelta(seconds=seconds), stepped=False)

    async def _wait(self, at: datetime, *, stepped: bool) -> None:
        if at <= self._now:
            await asyncio.sleep(0)
            return
        self._count += 1
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (at, self._count, stepped, waiter))
        await waiter

    async def move_to(self, at: datetime) -> None:
        """Move forward, stopping at every instant that somebody waits for and letting them act."""
        while self._waiting and self._waiting[0][0] <= at:
            until, _, _, waiter = heapq.heappop(self._waiting)
            if waiter.done():
                continue
            self._now = max(self._now, until)
            waiter.set_result(None)
            await _let_others_run()
        self._now = max(self._now, at)
        await _let_others_run()

    def step_to(self, at: datetime) -> None:
        """Jump, as a clock that is set or a machine that slept: nobody is woken on the way, all that are due are at
        the end."""
        by, self._now = at - self._now, at
        self._waiting = [(t if stepped else t + by, n, stepped, w) for t, n, stepped, w in self._waiting]
        heapq.heapify(self._waiting)
        while self._waiting and self._waiting[0][0] <= at:
            waiter = heapq.heappop(self._waiting)[3]
            if not waiter.done():
                waiter.set_result(None)


async def _let_others_run() -> None:
    for _ in range(10):  # as many hops as a message takes through the engine
        await asyncio.sleep(0)
