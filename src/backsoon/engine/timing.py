"""The clock as an argument: what the engine needs of time. The real one is built by the wiring."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Return once `now() >= at`: never early, and soon after the wall clock was stepped past it."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that long has passed, however the wall clock was stepped meanwhile."""
        ...


async def pause(clock: Clock, seconds: float) -> None:
    """Wait for a while, however the wall clock is stepped meanwhile."""
    await clock.sleep(seconds)


async def finished(work: Coroutine[None, None, T]) -> T:
    """Do the work to its end: whoever is cancelled meanwhile is so once it is done, for it cannot be called back."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def until_set(event: asyncio.Event, clock: Clock, at: datetime | None) -> None:
    """Wait until the event is set or the instant has come (None: only the event), and clear the event."""
    waits: list[asyncio.Future[object]] = [asyncio.ensure_future(event.wait())]
    if at is not None:
        waits.append(asyncio.ensure_future(clock.sleep_until(at)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    event.clear()
