"""Reading calendars in worker processes, where a hostile one can neither hang nor exhaust what others need.

Tiny calendars that cannot cost anything are read on the spot. A process that dies, hangs or grows past its bounds is
replaced; the calendar that it was at gets `SourceTooLarge`, and no other calendar notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from backsoon.domain.model import CalendarEntry
from backsoon.sources.base import SourceBroken, SourceTooLarge, SourceUnavailable, Window
from backsoon.sources.ical.lines import unfold
from backsoon.sources.ical.names import learn_zones
from backsoon.sources.ical.packing import HEAD, Answer, Job, entries_of, frame, pack_window
from backsoon.sources.ical.reader import Limits, Reading, read_calendar

INLINE_BYTES: Final = 6 * 1024
"""Up to this size a calendar without recurrence is read on the spot: one millisecond, in place of a round trip."""
_SLICE: Final = 256 * 1024
_MOST_ANSWER: Final = 64 * 1024 * 1024
_RECURRENCE: Final = (b"RRULE", b"RDATE", b"EXRULE")


class Reader:
    """Reads iCalendar for all sources. Use it in `async with`, or close it.

    At most `processes` work at a time; they are started when first needed and kept. Each may take `memory_mib`; a
    calendar that is not read within `deadline` seconds of wall time is given up.
    """

    def __init__(
        self, *, limits: Limits | None = None, processes: int = 1, memory_mib: int = 512, deadline: float = 60.0
    ) -> None:
        self._limits = limits or Limits()
        self._free = asyncio.Semaphore(processes)
        self._memory_mib = memory_mib
        self._deadline = deadline
        self._idle: list[_Worker] = []
        self._zones_known = False
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the worker processes. What is being read elsewhere in the program ends with an error."""
        self._closed = True
        idle, self._idle = self._idle, []
        for worker in idle:
            await worker.end()

    async def read(
        self,
        items: Sequence[tuple[str, bytes]],
        *,
        window: Window,
        zone: str,
        owner: frozenset[str] = frozenset(),
        resource_is_uid: bool = False,
    ) -> Reading:
        """As `read_calendar`; in addition `SourceUnavailable` where no process can be started."""
        if sum(len(data) for _, data in items) > self._limits.bytes:
            raise SourceTooLarge(f"the calendar has more than {self._limits.bytes} bytes")
        if _is_cheap(items):
            await self._learn_zones()
            return read_calendar(
                items, window=window, zone=zone, owner=owner, limits=self._limits, resource_is_uid=resource_is_uid
            )
        names = [name for name, _ in items]
        job = Job(names, pack_window(window), zone, sorted(owner), resource_is_uid, self._limits)
        async with self._free:
            return await self._work(job, [data for _, data in items])

    async def _learn_zones(self) -> None:
        """The list of zones comes from the disk the first time: not while the event loop waits."""
        if not self._zones_known:
            await asyncio.to_thread(learn_zones)
            self._zones_known = True

    async def _work(self, job: Job, data: list[bytes]) -> Reading:
        worker = await self._worker()
        try:
            async with asyncio.timeout(self._deadline):
                reading = await worker.run(job, data)
        except TimeoutError:
            await worker.end()
            raise SourceTooLarge(f"the calendar was not read within {self._deadline:g} seconds") from None
        except (asyncio.IncompleteReadError, OSError, msgspec.MsgspecError):
            await worker.end()
            raise SourceTooLarge("the calendar needs more memory or CPU time than it may have") from None
        except (SourceBroken, SourceTooLarge, ValueError):
            await self._put_back(worker)
            raise
        except BaseException:
            await worker.end()
            raise
        await self._put_back(worker)
        return reading

    async def _worker(self) -> _Worker:
        if self._closed:
            raise SourceUnavailable("the calendar reader is closed")
        while self._idle:
            worker = self._idle.pop()
            if worker.lives:
                return worker
            await worker.end()
        try:
            return await _Worker.start(self._memory_mib)
        except OSError:
            raise SourceUnavailable("a process that reads calendars could not be started") from None

    async def _put_back(self, worker: _Worker) -> None:
        if self._closed:
            await worker.end()
        else:
            self._idle.append(worker)


class _Worker:
    """One process and the way to it."""

    def __init__(self, process: Process, to: asyncio.StreamWriter, back: asyncio.StreamReader) -> None:
        self._process = process
        self._to = to
        self._back = back

    @classmethod
    async def start(cls, memory_mib: int) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "backsoon.sources.ical.child", str(memory_mib),
            stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=_SLICE,
        )  # fmt: skip
        if process.stdin is None or process.stdout is None:
            raise OSError("no pipes")
        return cls(process, process.stdin, process.stdout)

    @property
    def lives(self) -> bool:
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def run(self, job: Job, data: Sequence[bytes]) -> Reading:
        """Raises `OSError` or `IncompleteReadError` when the process dies."""
        self._to.write(frame(msgspec.msgpack.encode(job)))
        for item in data:
            self._to.write(len(item).to_bytes(HEAD, "big"))
            for start in range(0, len(item), _SLICE):
                self._to.write(item[start : start + _SLICE])
                await self._to.drain()
        await self._to.drain()
        return await self._reading()

    async def _reading(self) -> Reading:
        entries: list[CalendarEntry] = []
        while True:
            answer = await self._answer()
            entries += entries_of(answer.rows)
            if answer.last:
                _raise_fault(answer)
                return Reading(tuple(entries), tuple(answer.rejected), tuple(answer.warnings))
            await asyncio.sleep(0)

    async def _answer(self) -> Answer:
        size = int.from_bytes(await self._back.readexactly(HEAD), "big")
        if size > _MOST_ANSWER:
            raise OSError("an answer of that size is none of ours")
        return msgspec.msgpack.decode(await self._back.readexactly(size), type=Answer)

    async def end(self) -> None:
        """Kill the process and wait for its end."""
        if self.lives:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        self._to.close()


def _raise_fault(answer: Answer) -> None:
    match answer.fault:
        case "broken":
            raise SourceBroken(answer.detail)
        case "large":
            raise SourceTooLarge(answer.detail)
        case "zone":
            raise ValueError("the owner's time zone is not a known one")


def _is_cheap(items: Sequence[tuple[str, bytes]]) -> bool:
    """Whether reading it on the spot takes no longer than a millisecond or so, whatever it holds."""
    if sum(len(data) for _, data in items) > INLINE_BYTES:
        return False
    plain = [unfold(data).upper() for _, data in items]  # a fold may cut the word that is looked for
    return not any(mark in data for data in plain for mark in _RECURRENCE)
