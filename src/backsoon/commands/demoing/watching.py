"""A driver's wrapper that notes when the switchboard acknowledged what: how late each change really was shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from backsoon.engine.timing import Clock
from backsoon.switchboards.base import Order, Presentation, Rendered, Session, Switchboard, SwitchboardError


@dataclass
class Acknowledged:
    """When each extension's lamp was last acknowledged."""

    lamps: dict[str, datetime] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Watched:
    """A switchboard like the one it wraps; see `Acknowledged`."""

    def __init__(self, driver: Switchboard, clock: Clock, seen: Acknowledged) -> None:
        self._driver = driver
        self._clock = clock
        self._seen = seen

    def render(self, presentation: Presentation) -> Rendered:
        """As the driver does."""
        return self._driver.render(presentation)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """As the driver does, watched."""
        async with self._driver.session() as session:
            yield _WatchedSession(session, self._clock, self._seen)


class _WatchedSession:
    def __init__(self, session: Session, clock: Clock, seen: Acknowledged) -> None:
        self._session = session
        self._clock = clock
        self._seen = seen

    @property
    def at_once(self) -> int:
        return self._session.at_once

    async def read_back(self) -> Mapping[str, Rendered] | None:
        return await self._session.read_back()

    async def show(self, orders: Sequence[Order]) -> None:
        await self._session.show(orders)
        now = self._clock.now()
        self._seen.lamps.update((o.extension, now) for o in orders if o.before.lamp != o.after.lamp)
        self._seen.news.set()

    async def lost(self) -> SwitchboardError:
        return await self._session.lost()
