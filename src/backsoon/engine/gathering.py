"""People whose calendars were read at the same time are decided about together: it costs hardly more than one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from backsoon.engine.settling import Cause

Settle = Callable[[Iterable[int], Cause], Awaitable[None]]


@dataclass(slots=True, eq=False)
class _Batch:
    people: set[int]
    done: asyncio.Future[bool]
    """True: everybody is settled. False: it failed, and whoever waits settles their own."""


@dataclass(slots=True, eq=False)
class _Line:
    """Those of one cause."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    next: _Batch | None = None


class Gathering:
    """Settles at once where nobody is being settled, else together with whoever comes meanwhile."""

    def __init__(self, settle: Settle) -> None:
        self._settle = settle
        self._lines: dict[Cause, _Line] = {}

    async def settle(self, people: Iterable[int], cause: Cause) -> None:
        """As the `settle` that was given; returns when these people are."""
        line = self._lines.setdefault(cause, _Line())
        if line.next is not None:
            line.next.people.update(people)
            if await asyncio.shield(line.next.done):
                return
            await self._settle(people, cause)
            return
        line.next = _Batch(set(people), asyncio.get_running_loop().create_future())
        await self._lead(line, line.next, cause)

    async def _lead(self, line: _Line, batch: _Batch, cause: Cause) -> None:
        try:
            async with line.turn:
                line.next = None  # who comes from now on waits for the next one
                await self._settle(batch.people, cause)
            batch.done.set_result(True)
        finally:
            if line.next is batch:
                line.next = None
            if not batch.done.done():
                batch.done.set_result(False)
