"""The one thread that writes: a queue of whole transactions, each answered after its commit.

Some work can be done for many at once (`Writer.run_with_others`): those that wait behind each other are one call.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from backsoon.store.base import StoreUnavailable
from backsoon.store.sqlite.database import Database

T = TypeVar("T")
V = TypeVar("V")

GATHER = 0.02
"""For how many seconds further transactions that wait already may join a commit."""


MOST_TOGETHER = 100
"""How many are done in one call."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    work: Callable[[Database], Any]
    durable: bool
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """Work that can be done together with others of the same `work`; no two of one `key`."""

    work: Callable[[Database, Sequence[Any]], Sequence[Any]]
    value: Any
    key: Hashable
    durable: bool
    answer: asyncio.Future[Any]


_Work = _Job | _Item
_Outcome = tuple[_Work, Any, BaseException | None]


class Writer:
    """Owns a connection and the thread that uses it.

    Work is a function that only talks to the database, so that it can be tried again: transactions that wait together
    share one commit, and if anything in it fails each is done on its own. An error never ends the thread.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Work | None] = SimpleQueue()
        self._held: _Work | None = None
        self._last = False
        self._ended = asyncio.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="backsoon-store-writer", daemon=True)
        self._thread.start()

    @property
    def errors(self) -> int:
        """How many of its statements failed."""
        return self._database.errors

    async def run(self, work: Callable[[Database], T], *, durable: bool) -> T:
        """Do the work in a transaction; returns after the commit. `durable`: the commit outlives a power cut."""
        if self._closing:
            raise StoreUnavailable("the store is closed")
        answer: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, durable, answer))
        return await answer

    async def run_with_others(
        self,
        work: Callable[[Database, Sequence[V]], Sequence[T | BaseException]],
        value: V,
        key: Hashable,
        *,
        durable: bool,
    ) -> T:
        """The same of work that is done for many values at once: it gives for each what is to be returned or raised.

        Those that wait behind each other are one call, but for values of the same `key`.
        """
        if self._closing:
            raise StoreUnavailable("the store is closed")
        answer: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Item(work, value, key, durable, answer))
        return await answer

    async def close(self) -> None:
        """Finish what is queued, end the thread and close the connection."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        await self._ended.wait()
        self._thread.join()

    # -- in the thread ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._take()) is not None:
            self._commit(job)
        self._database.close()
        self._tell(self._ended.set)

    def _take(self) -> _Work | None:
        """The next to begin with; None at the end."""
        job, self._held = self._held, None
        return job or (None if self._last else self._jobs.get())

    def _join(self, first: _Work) -> _Work | None:
        """One more for the commit that `first` has begun: None if none waits, or the next needs a safer commit."""
        job, self._held = self._held, None
        if job is None:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return None
            self._last = job is None
        if job is not None and job.durable and not first.durable:
            self._held = job
            return None
        return job

    def _commit(self, first: _Work) -> None:
        jobs = [first]
        try:
            outcomes = self._together(jobs, gather=GATHER)
        except BaseException as error:  # nothing may end the thread, and every caller must get its answer
            self._database.roll_back()
            outcomes = [(first, None, error)] if len(jobs) == 1 else [self._alone(job) for job in jobs]
        self._tell(lambda: _answer(outcomes))

    def _together(self, jobs: list[_Work], gather: float) -> list[_Outcome]:
        """Do the job, and those that wait, in one transaction. Whatever was begun stands in `jobs` if it fails."""
        until = monotonic() + gather
        first = jobs[0]
        self._database.synchronous("full" if first.durable else "normal")
        self._database.begin()
        outcomes = self._done(first, jobs, alone=gather <= 0)
        while gather > 0 and monotonic() < until and (job := self._join(first)) is not None:
            jobs.append(job)
            outcomes += self._done(job, jobs, alone=False)
        self._database.commit()
        return outcomes

    def _done(self, job: _Work, jobs: list[_Work], *, alone: bool) -> list[_Outcome]:
        """Do what was begun; with it what waits and can be done in the same call, unless it is to be done alone."""
        if isinstance(job, _Job):
            return [(job, job.work(self._database), None)]
        items = [job] if alone else self._alike(job, jobs)
        results = job.work(self._database, [item.value for item in items])
        return [_outcome(item, result) for item, result in zip(items, results, strict=True)]

    def _alike(self, first: _Item, jobs: list[_Work]) -> list[_Item]:
        """The item and those waiting behind it that can be done in its call; all but the first are put into `jobs`.

        What ends the row is held: it comes next.
        """
        items, keys = [first], {first.key}
        while len(items) < MOST_TOGETHER and (job := self._join(first)) is not None:
            if not isinstance(job, _Item) or job.work is not first.work or job.key in keys:
                self._held = job
                break
            items.append(job)
            jobs.append(job)
            keys.add(job.key)
        return items

    def _alone(self, job: _Work) -> _Outcome:
        try:
            return self._together([job], gather=0)[0]
        except BaseException as error:
            self._database.roll_back()
            return job, None, error

    def _tell(self, callback: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:  # the loop is gone, and whoever waited with it
            return


def _outcome(item: _Item, result: Any) -> _Outcome:  # noqa: ANN401 - it is the caller's
    return (item, None, result) if isinstance(result, BaseException) else (item, result, None)


def _answer(outcomes: list[_Outcome]) -> None:
    for job, result, error in outcomes:
        if job.answer.done():
            continue
        if error is None:
            job.answer.set_result(result)
        else:
            job.answer.set_exception(error)
