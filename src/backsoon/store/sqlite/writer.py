"""The one thread that writes: a queue of whole transactions, each answered after its commit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from backsoon.store.base import StoreUnavailable
from backsoon.store.sqlite.database import Database

T = TypeVar("T")

GATHER = 0.02
"""For how many seconds further transactions that wait already may join a commit."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    work: Callable[[Database], Any]
    durable: bool
    answer: asyncio.Future[Any]


_Outcome = tuple[_Job, Any, BaseException | None]


class Writer:
    """Owns a connection and the thread that uses it.

    Work is a function that only talks to the database, so that it can be tried again: transactions that wait together
    share one commit, and if anything in it fails each is done on its own. An error never ends the thread.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._held: _Job | None = None
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

    def _take(self) -> _Job | None:
        """The next transaction to begin; None at the end."""
        job, self._held = self._held, None
        return job or (None if self._last else self._jobs.get())

    def _join(self, first: _Job) -> _Job | None:
        """One more for the commit that `first` has begun: None if none waits, or the next needs a safer commit."""
        try:
            job = self._jobs.get_nowait()
        except Empty:
            return None
        self._last = job is None
        if job is not None and job.durable and not first.durable:
            self._held = job
            return None
        return job

    def _commit(self, first: _Job) -> None:
        jobs = [first]
        try:
            outcomes = self._together(jobs, gather=GATHER)
        except BaseException as error:  # nothing may end the thread, and every caller must get its answer
            self._database.roll_back()
            outcomes = [(first, None, error)] if len(jobs) == 1 else [self._alone(job) for job in jobs]
        self._tell(lambda: _answer(outcomes))

    def _together(self, jobs: list[_Job], gather: float) -> list[_Outcome]:
        """Do the job, and those that wait, in one transaction. Whatever was begun stands in `jobs` if it fails."""
        until = monotonic() + gather
        self._database.synchronous("full" if jobs[0].durable else "normal")
        self._database.begin()
        results = [jobs[0].work(self._database)]
        while self._held is None and monotonic() < until and (job := self._join(jobs[0])) is not None:
            jobs.append(job)
            results.append(job.work(self._database))
        self._database.commit()
        return [(job, result, None) for job, result in zip(jobs, results, strict=True)]

    def _alone(self, job: _Job) -> _Outcome:
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


def _answer(outcomes: list[_Outcome]) -> None:
    for job, result, error in outcomes:
        if job.answer.done():
            continue
        if error is None:
            job.answer.set_result(result)
        else:
            job.answer.set_exception(error)
