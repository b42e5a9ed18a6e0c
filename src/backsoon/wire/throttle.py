"""Keeping a vendor's limits: how many requests at once, how many a second, and none while it asks us to wait.

Concurrency adapts (additive increase, multiplicative decrease), because what the vendors say of their limits differs
from what their servers do. Times are in seconds of the clock that is given.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

LONGEST_WAIT: Final = 5.0
"""Whoever would have to wait longer than this for a pause to end is told so instead."""


class Blocked(Exception):
    """The vendor asked us to wait, longer than the caller would. `seconds` until it may be asked again."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"asked to wait {seconds:.0f} s")


class Throttle:
    """One account's requests.

    `most` and `least` bound how many are under way together, `per_second` (None: any number) how many begin, of which
    `burst` may do so together.
    """

    def __init__(
        self,
        most: int,
        *,
        least: int = 1,
        per_second: float | None = None,
        burst: float = 10.0,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._most = float(most)
        self._least = float(least)
        self._limit = float(most)
        self._per_second = per_second
        self._burst = burst
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._sleep = sleep
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed_until = float("-inf")
        self._lowered_at = float("-inf")
        self._line = asyncio.Lock()
        self._next_at = float("-inf")
        """When the next request may begin, were there no burst."""

    @property
    def limit(self) -> int:
        """How many may be under way together now."""
        return max(1, int(self._limit))

    @property
    def running(self) -> int:
        """How many are."""
        return self._running

    def blocked_for(self) -> float:
        """For how long nothing may be asked; 0 where it may."""
        return max(0.0, self._closed_until - self._now())

    def slow_down(self, retry_after: float, begun_at: float) -> None:
        """The vendor throttled a request that began at `begun_at`: wait that long, and ask less at once from then on.

        Requests that were under way together lower the limit once.
        """
        now = self._now()
        self._closed_until = max(self._closed_until, now + retry_after)
        if begun_at > self._lowered_at:
            self._limit = max(self._least, self._limit / 2)
            self._lowered_at = now

    def went_well(self) -> None:
        """A request was answered: a little more at once from then on."""
        self._limit = min(self._most, self._limit + 1 / max(self._limit, 1.0))
        self._wake()

    @asynccontextmanager
    async def turn(self, cost: float = 1.0, *, longest_wait: float = LONGEST_WAIT) -> AsyncIterator[float]:
        """A turn to send a request that counts as `cost`; gives the instant at which it began. Raises `Blocked`."""
        await self._room()
        try:
            await self._time(cost, longest_wait)
            yield self._now()
        finally:
            self._running -= 1
            self._wake()

    async def _room(self) -> None:
        if self._running < self.limit and not self._waiting:
            self._running += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn  # whoever sets it counts us as running
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._running -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting and self._running < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._running += 1
                turn.set_result(None)

    async def _time(self, cost: float, longest_wait: float) -> None:
        await self._pause(longest_wait)
        if self._per_second is None:
            return
        async with self._line:  # one waits for its time, the others for it: who gives up takes no time with them
            await self._pause(longest_wait)
            now = self._now()
            begins = max(self._next_at, now - self._burst / self._per_second) + cost / self._per_second
            if begins > now:
                await self._sleep(begins - now)
                await self._pause(longest_wait)
            self._next_at = begins

    async def _pause(self, longest_wait: float) -> None:
        """Wait until the vendor may be asked. Raises `Blocked`."""
        while (wait := self.blocked_for()) > 0:
            if wait > longest_wait:
                raise Blocked(wait)
            await self._sleep(wait)
