"""The worker process: reads calendars, one after the other, until its standard input ends.

Started by `backsoon.sources.ical.worker`. It has no more memory and CPU time than it was given, writes no file, and
says nothing on standard error: a traceback could quote a calendar.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from typing import BinaryIO

import msgspec

from backsoon.sources.base import SourceBroken, SourceTooLarge
from backsoon.sources.ical.names import learn_zones
from backsoon.sources.ical.packing import HEAD, Answer, Job, frame, pieces, unpack_window
from backsoon.sources.ical.reader import Reading, read_calendar

if sys.platform != "win32":  # there the reader's own bounds remain
    import resource

_GRACE = 2
"""Seconds of CPU time beyond a calendar's own bound, after which the kernel ends the process."""


def main(memory_mib: int) -> None:
    """Serve until the other side closes. The answers go out through what was standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _bound_memory(memory_mib)
    learn_zones()  # before the first calendar waits for it
    jobs = sys.stdin.buffer
    while (payload := _take(jobs)) is not None:
        job = msgspec.msgpack.decode(payload, type=Job)
        items = [(name, _take(jobs) or b"") for name in job.resources]
        for answer in _answers(job, items):
            answers.write(frame(msgspec.msgpack.encode(answer)))
        answers.flush()


def _answers(job: Job, items: list[tuple[str, bytes]]) -> list[Answer]:
    try:
        return list(pieces(_read(job, items)))
    except SourceBroken as broken:
        return [Answer(True, fault="broken", detail=broken.detail)]
    except SourceTooLarge as large:
        return [Answer(True, fault="large", detail=large.detail)]
    except ValueError:
        return [Answer(True, fault="zone")]
    except (MemoryError, RecursionError):
        return [Answer(True, fault="large", detail="the calendar needs more memory than it may have")]


def _read(job: Job, items: list[tuple[str, bytes]]) -> Reading:
    _bound_time(job.limits.cpu_seconds)
    return read_calendar(
        items,
        window=unpack_window(job.window),
        zone=job.zone,
        owner=frozenset(job.owner),
        limits=job.limits,
        resource_is_uid=job.resource_is_uid,
    )


def _take(stream: BinaryIO) -> bytes | None:
    head = stream.read(HEAD)
    return stream.read(int.from_bytes(head, "big")) if len(head) == HEAD else None


def _bound_memory(mib: int) -> None:
    """What the interpreter and its libraries take up already does not count: that differs from system to system."""
    if sys.platform == "win32":
        return
    for kind, bound in (
        (resource.RLIMIT_AS, _mapped() + mib * 1024 * 1024),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, most = resource.getrlimit(kind)
        resource.setrlimit(kind, (bound if most == resource.RLIM_INFINITY else min(bound, most), most))


def _mapped() -> int:
    """Bytes of address space that are taken; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as pages:
            return int(pages.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _bound_time(seconds: float) -> None:
    if sys.platform == "win32":
        return
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    bound = math.ceil(time.process_time() + seconds) + _GRACE
    resource.setrlimit(resource.RLIMIT_CPU, (bound if most == resource.RLIM_INFINITY else min(bound, most), most))


if __name__ == "__main__":
    main(int(sys.argv[1]))
