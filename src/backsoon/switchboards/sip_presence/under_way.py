"""What is under way at the server. Whoever waits for it may give up; it is heard to its end all the same.

Each answer brings the tag by which alone the publication can be changed from then on. Who hangs up before it leaves
behind a publication that nobody can take back until it ends by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from backsoon.switchboards.sip_presence.pace import Pace

T = TypeVar("T")


class UnderWay:
    """The requests of one session, each a task that the session owns until `finish`."""

    def __init__(self, pace: Pace, window: int) -> None:
        """`window`: how many of one call of `each` are under way together."""
        self._pace = pace
        self._window = window
        self._tasks: set[asyncio.Task[Any]] = set()
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def heard(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work comes to, which goes on where whoever waits for it is cancelled."""
        return await asyncio.shield(self._begun(work))

    async def each(
        self, items: Iterable[T], work: Callable[[T], Awaitable[None]], within: float | None = None
    ) -> list[T]:
        """Do it for each, at the pace, not too many at once; those that took longer than `within` seconds.

        The first error is raised at once, and keeps what has not begun from beginning. All that has begun goes on.
        """
        free, failed = asyncio.Semaphore(self._window), asyncio.Event()

        async def one(item: T) -> None:
            try:
                await work(item)
            except Exception:
                failed.set()
                raise
            finally:
                free.release()

        begun: dict[asyncio.Task[None], T] = {}
        for item in items:
            await self._pace.turn()
            await free.acquire()
            if failed.is_set():
                break
            begun[self._begun(one(item))] = item
        return [begun[task] for task in await _late(begun, within)]

    @asynccontextmanager
    async def alone(self, key: str) -> AsyncIterator[None]:
        """One at a time of each key, in the order in which they came."""
        lock = self._changing.get(key)
        if lock is None:
            lock = self._changing[key] = asyncio.Lock()
        async with lock:
            yield

    async def finish(self, within: float) -> None:
        """Wait so many seconds for all that is under way, and end what is left."""
        tasks = set(self._tasks)
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=within)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begun(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; if nobody does any more, the session's end says enough


async def _late(begun: Iterable[asyncio.Task[None]], within: float | None) -> set[asyncio.Task[None]]:
    """Wait for these; which are not done after so many seconds. Raises the first error at once."""
    tasks = set(begun)
    if not tasks:
        return tasks
    done, late = await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()
    return late
