"""The process that answers look-ups of calls, as the main process sees it: begun, told what changed, begun again.

Its messages are lines of JSON. To it: the first says what it needs (`Task`), each further one what has changed
(`News`). From it: after each `News` with a mark the same mark, with what it has counted. A process that does not answer
a mark in time, or lets news pile up, is ended and begun anew: it has nothing that is not in the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable

import msgspec

from backsoon.engine.defects import where
from backsoon.engine.meters import Histogram
from backsoon.engine.timing import Clock, pause

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "backsoon.lookup")
BEAT = 5.0
"""Seconds between two marks."""
STARTING = 60.0
"""Seconds in which it must have begun: in answer to its first mark."""
PATIENCE = 5.0
"""Seconds in which every further mark must be answered."""
PILE = 1 << 20
"""Bytes of news that may wait for it."""
AGAIN = (0.2, 10.0)
"""Seconds until it is begun again, at first and at most."""


class Task(msgspec.Struct, frozen=True):
    """What the process needs to know at its start. `socket` is the number of a file that listens."""

    socket: int
    store: str
    certificate: str | None = None
    key: str | None = None
    behind_proxy: bool = False


class News(msgspec.Struct, frozen=True, omit_defaults=True):
    """What has changed: what is stored of these people; the settings; or nothing, and the mark is to be answered."""

    touched: list[int] = []
    settings: bool = False
    mark: int = 0


class Heard(msgspec.Struct, frozen=True):
    """The mark up to which all news were heard, and how long answers took, as a histogram."""

    mark: int
    counts: list[int]
    sum: float


def line(message: msgspec.Struct) -> bytes:
    """A message as it is sent."""
    return msgspec.json.encode(message) + b"\n"


class LookupProcess:
    """Keeps the process running on a socket that listens already."""

    def __init__(self, task: Task, clock: Clock, seconds: Histogram) -> None:
        """`seconds` is filled with what the process counts."""
        self._task = task
        self._clock = clock
        self._seconds = seconds
        self._counted = ([0] * len(seconds.counts), 0.0)
        self._process: Process | None = None
        self._mark = 0
        self._answered = 0
        self._heard = asyncio.Event()
        self.begun = 0
        """How often it was begun."""

    # -- what it is told -------------------------------------------------------------------------------------------

    def touched(self, people: Iterable[int]) -> None:
        """What is stored of these people has changed. Never waits."""
        self._tell(News(touched=list(people)))

    def settings_changed(self) -> None:
        """The settings have changed, and with them anything. Never waits."""
        self._tell(News(settings=True))

    async def caught_up(self) -> None:
        """Return once it has heard everything that it was told until now, which it does when it is begun anew too."""
        mark = self._tell_mark()
        while self._answered < mark:
            self._heard.clear()
            await self._heard.wait()

    def _tell_mark(self) -> int:
        self._mark += 1
        self._tell(News(mark=self._mark))
        return self._mark

    def _tell(self, news: News) -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            return  # it begins with nothing, and reads the store
        process.stdin.write(line(news))
        if process.stdin.transport.get_write_buffer_size() > PILE:
            log.error("the process for look-ups does not hear what it is told: it is begun anew")
            self._kill(process)

    # -- its life --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep it running, until cancelled."""
        wait = AGAIN[0]
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                await self._once()
            except* (OSError, ValueError) as group:  # it said something else than it should
                log.error("the process for look-ups: %s", where(group.exceptions[0]))
            if asyncio.get_running_loop().time() - begun > AGAIN[1]:
                wait = AGAIN[0]
            log.error("the process for look-ups has ended: it is begun anew in %.1f s", wait)
            await pause(self._clock, wait)
            wait = min(wait * 2, AGAIN[1])

    async def _once(self) -> None:
        process = await asyncio.create_subprocess_exec(*COMMAND, stdin=PIPE, stdout=PIPE, pass_fds=[self._task.socket])
        self._process = process
        self.begun += 1
        try:
            assert process.stdin is not None  # noqa: S101 - as asked for
            process.stdin.write(line(self._task))
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat(process))
                await self._listen(process)
                beating.cancel()
        finally:
            self._process = None
            self._kill(process)
            await process.wait()
            self._keep_counted()

    async def _listen(self, process: Process) -> None:
        """Take its messages, until it ends."""
        assert process.stdout is not None  # noqa: S101 - as asked for
        while said := await process.stdout.readline():
            heard = msgspec.json.decode(said, type=Heard)
            self._answered = max(self._answered, heard.mark)
            before, before_sum = self._counted
            self._seconds.take([a + b for a, b in zip(before, heard.counts, strict=True)], before_sum + heard.sum)
            self._heard.set()

    async def _beat(self, process: Process) -> None:
        """Send marks; end it where one is not answered in time."""
        patience = STARTING
        while True:
            mark = self._tell_mark()
            if not await self._is_answered(mark, patience):
                log.error("the process for look-ups does not answer: it is begun anew")
                self._kill(process)
                return
            patience = PATIENCE
            await pause(self._clock, BEAT)

    async def _is_answered(self, mark: int, patience: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._answered < mark:
                    self._heard.clear()
                    await self._heard.wait()
        return self._answered >= mark

    def _kill(self, process: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    def _keep_counted(self) -> None:
        """What the next one counts is added to this."""
        self._counted = (list(self._seconds.counts), self._seconds.sum)
