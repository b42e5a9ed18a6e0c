"""Drivers of switchboards that hang: what each may take at most, and what becomes of one that takes longer.

A driver promises to notice a silent switchboard itself. One that does not is told to end (cancelled), told again after
a grace, and its health says so at once: nothing else waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType

from backsoon.switchboards.base import Session, Switchboard, SwitchboardError

log = logging.getLogger(__name__)


class Hung(SwitchboardError):
    """A switchboard, or the driver of one, took far longer than it may. Another session is opened."""

    remedy = "see whether the switchboard is well; if it is, report it to whoever made its driver"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that is waited for a driver at most. Telling: without any of the orders being finished."""

    opening: float = 120.0
    reading: float = 600.0
    telling: float = 60.0
    each: float = 0.2
    """And so much more for each order."""
    hands: float = 60.0
    closing: float = 30.0
    grace: float = 15.0
    """Until whoever does not end is told so once more."""


USUAL = Patience()


@asynccontextmanager
async def within(
    seconds: float, what: str, grace: float = USUAL.grace, overdue: Callable[[Hung], None] | None = None
) -> AsyncIterator[None]:
    """What is done in it ends by then. Raises `Hung`; `overdue` is told first, though the work may not end at all."""
    hung = Hung(f"{what} took more than {seconds:.0f} s")
    alarm = asyncio.get_running_loop().call_later(seconds, overdue, hung) if overdue is not None else None
    try:
        async with asyncio.timeout(seconds + grace) as last, asyncio.timeout(seconds) as first:
            yield
    except TimeoutError:
        if first.expired() or last.expired():
            raise hung from None
        raise
    finally:
        if alarm is not None:
            alarm.cancel()


class Bounded(AbstractAsyncContextManager[Session]):
    """A session of a driver that is opened and closed in bounded time. Entering raises `SwitchboardError`."""

    def __init__(
        self, driver: Switchboard, patience: Patience = USUAL, overdue: Callable[[Hung], None] | None = None
    ) -> None:
        self._driver = driver
        self._patience = patience
        self._overdue = overdue

    async def __aenter__(self) -> Session:
        patience = self._patience
        self._manager = self._driver.session()
        async with within(patience.opening, "opening a session", patience.grace, self._overdue):
            return await self._manager.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        patience = self._patience
        try:
            async with within(patience.closing, "closing the session", patience.grace, self._overdue):
                return await self._manager.__aexit__(kind, error, trace)
        except Hung as hung:
            if error is None:
                raise
            log.warning("a driver of a switchboard: %s", hung)
            return None  # what ended the session goes on
