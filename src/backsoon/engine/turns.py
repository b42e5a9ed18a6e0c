"""Who acts upon one thing acts upon it one after the other; different things do not wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K")


class Turns(Generic[K]):
    """A lock for each key, there only as long as somebody holds it or waits for it. Whoever comes first is first."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, key: K) -> AsyncIterator[None]:
        """One's turn at the key."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            yield
