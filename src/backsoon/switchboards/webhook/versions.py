"""Numbers that only grow: over restarts, whatever the clock says.

Numbers are reserved in the `Keep` ahead of being given out, so a restart leaves some out and gives none twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from backsoon.switchboards.base import Keep

KEY = "version"
BLOCK = 10_000
"""Numbers reserved at a time."""
LARGEST = 2**53 - 1
"""What every JSON reader can hold."""


class Versions:
    """Gives numbers out, each once.

    The first is no less than the present milliseconds since 1970: a store that was made anew, or brought back from a
    copy, goes on above what was given out before. The clock never makes a number smaller.
    """

    def __init__(self, keep: Keep, now: Callable[[], datetime]) -> None:
        self._keep = keep
        self._now = now
        self._next = 0
        self._reserved = 0
        self._reserving = asyncio.Lock()

    async def next(self) -> int:
        """The next number. Raises what the `Keep` raises."""
        while self._next >= self._reserved:
            async with self._reserving:
                if self._next >= self._reserved:
                    await self._reserve()
        self._next += 1
        return self._next - 1

    async def _reserve(self) -> None:
        first = self._next or await self._first()
        await self._keep.save({KEY: str(first + BLOCK)})
        self._next, self._reserved = first, first + BLOCK

    async def _first(self) -> int:
        kept = (await self._keep.all()).get(KEY, "")
        known = int(kept) if kept.isascii() and kept.isdigit() and len(kept) < 17 else 1
        return max(known, min(int(self._now().timestamp() * 1000), LARGEST // 2))
