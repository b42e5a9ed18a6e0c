"""A Backsoon that dies: its store in one thread and one connection, which stops for ever at the call that is named.

What was committed by then is in the file, and nothing else is: so it is with a process that is killed. No thread and no
disk is waited for, so a life takes milliseconds and runs the same way each time.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from backsoon.store.sqlite import SqliteStore
from backsoon.store.sqlite.database import Database

T = TypeVar("T")


@dataclass
class Fate:
    """When a process dies: at a call of its store, counted from now, before what it stores is committed or after it.

    `chance` decides how many others come in between while the store is at work.
    """

    chance: random.Random
    left: int | None = None
    afterwards: bool = False
    dead: bool = False
    at_death: Callable[[], None] = lambda: None

    def arm(self, calls: int, *, afterwards: bool) -> None:
        """Die at the call after so many others."""
        self.left, self.afterwards = calls, afterwards

    def die(self) -> None:
        """Now."""
        self.dead, self.left = True, None
        self.at_death()

    async def call(self, work: Callable[[], T], *, writes: bool) -> T:
        """Do the store's work, unless it is too late for that."""
        for _ in range(int(WRITING ** self.chance.random()) if writes else self.chance.random() < READING):
            await asyncio.sleep(0)
        doomed = self.left == 0
        if self.left:
            self.left -= 1
        if doomed and not (self.afterwards and writes):
            self.die()
        await self.live()
        result = work()
        if doomed:
            self.die()
        await self.live()
        return result

    async def live(self) -> None:
        """Returns at once, or never."""
        if self.dead:
            await asyncio.get_running_loop().create_future()


READING = 0.25
"""How many reads give others a turn of the loop."""
WRITING = 5
"""A write gives them at least one, and fewer than so many."""


class Bystander(Fate):
    """Somebody who looks on, never dies, and takes no time."""

    async def call(self, work: Callable[[], T], *, writes: bool) -> T:
        """Do it."""
        return work()


_LOOKS_ON = Bystander(random.Random(0))


class _Careless(Database):
    """A connection that does not wait for the disk: a process that is killed takes nothing from the system's cache."""

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None)
        for pragma in ("foreign_keys = on", "locking_mode = exclusive", "synchronous = off", "journal_mode = memory"):
            connection.execute(f"pragma {pragma}")
        self._connection = connection
        return connection

    def synchronous(self, level: str) -> None:
        """No matter."""


class MortalStore(SqliteStore):
    """`SqliteStore`, its threads left out. The file is there, at the schema of this version."""

    def __init__(self, path: Path, fate: Fate, committed: Callable[[str, tuple[Any, ...]], None]) -> None:
        self.path = path
        self._fate = fate
        self._committed = committed
        self._database = _Careless(path, wait=0)

    def aside(self) -> MortalStore:
        """The same file, as somebody sees it who looks on."""
        other = MortalStore(self.path, _LOOKS_ON, self._committed)
        other._database = self._database
        return other

    async def close(self) -> None:
        """As a process ends."""
        self._database.close()

    async def _read(self, work: Callable[..., T], short: bool, *given: Any, **named: Any) -> T:
        return await self._fate.call(lambda: work(self._database, *given, **named), writes=False)

    async def _write(self, work: Callable[..., T], *given: Any, **named: Any) -> T:
        return await self._fate.call(lambda: self._commit(work, given, named), writes=True)

    async def _write_again(self, work: Callable[..., T], *given: Any, **named: Any) -> T:
        return await self._write(work, *given, **named)

    async def _write_with_others(
        self, work: Callable[..., Sequence[T | BaseException]], value: Any, key: Hashable
    ) -> T:
        (result,) = await self._fate.call(lambda: self._commit(work, ([value],), {}), writes=True)
        if isinstance(result, BaseException):
            raise result
        return result

    def _commit(self, work: Callable[..., T], given: tuple[Any, ...], named: dict[str, Any]) -> T:
        self._database.begin()
        try:
            result = work(self._database, *given, **named)
            self._database.commit()
        except BaseException:
            self._database.roll_back()
            raise
        self._committed(work.__name__, given)
        return result


async def bury(most: int = 100) -> None:
    """End all that a dead process was at. Some of it waits for other parts to end: it is told again until it has."""
    for _ in range(most):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        await turns(5)
        for task in tasks:
            if task.done() and not task.cancelled():
                task.exception()
    raise AssertionError(f"they go on: {tasks}")


def turns(count: int) -> Coroutine[None, None, None]:
    """Let the others run for so many turns of the loop."""
    return _turns(count)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def quiet(most: int = 50_000) -> None:
    """Return when everybody waits for the clock, for an order or for ever."""
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # there is no other way to know
    for _ in range(most):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("it never became quiet")
