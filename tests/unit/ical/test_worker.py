"""The worker process: real ones, that are killed, stopped, starved and cancelled."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from backsoon.sources.base import SourceBroken, SourceTooLarge, SourceUnavailable
from backsoon.sources.ical import Limits, Reading, read_calendar
from backsoon.sources.ical.worker import INLINE_BYTES, Reader
from bench.ics_sample import sample
from tests.unit.ical.helpers import WINDOW, ZONE, because, calendar, event

SERIES = calendar(event("DTSTART:20261102T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY", "SUMMARY:m: Möte"))
SINGLE = calendar(event("DTSTART:20261102T090000Z", "SUMMARY:m: Möte"))
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are those of Unix")


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    async with Reader() as made:
        yield made


async def read(reader: Reader, data: bytes) -> Reading:
    return await reader.read([("", data)], window=WINDOW, zone=ZONE, resource_is_uid=True)


def pids(reader: Reader) -> list[int]:
    return [worker.pid for worker in reader._idle]


def alone(data: bytes) -> Reading:
    return read_calendar([("", data)], window=WINDOW, zone=ZONE, resource_is_uid=True)


@pytest.mark.parametrize("data", [SERIES, SINGLE, sample(300), calendar()], ids=["series", "single", "feed", "empty"])
async def test_the_answer_is_that_of_the_reader(reader: Reader, data: bytes) -> None:
    assert await read(reader, data) == alone(data)


async def test_rejections_and_warnings_come_along(reader: Reader) -> None:
    data = calendar(event("DTSTART;TZID=X:20261102T090000", "RRULE:FREQ=DAILY;COUNT=1"), event("RRULE:FREQ=X", uid="b"))
    reading = await read(reader, data)
    assert reading == alone(data)
    assert (len(reading.rejected), len(reading.warnings)) == (1, 1)


async def test_several_items(reader: Reader) -> None:
    items = [("/1", SERIES), ("/2", b"<html>"), ("/3", SINGLE)]
    reading = await reader.read(items, window=WINDOW, zone=ZONE)
    assert reading == read_calendar(items, window=WINDOW, zone=ZONE)
    assert {entry.resource for entry in reading.entries} == {"/1", "/3"}


async def test_the_process_is_kept(reader: Reader) -> None:
    await read(reader, SERIES)
    first = pids(reader)
    await read(reader, SERIES)
    assert pids(reader) == first
    assert len(first) == 1


async def test_what_cannot_cost_anything_needs_no_process(reader: Reader) -> None:
    await read(reader, SINGLE)
    assert pids(reader) == []


@pytest.mark.parametrize(
    "data",
    [
        SERIES.replace(b"RRULE", b"RR\r\n ULE"),
        SERIES.lower().replace(b"rrule", b"rRuLe"),
        SERIES.decode().encode("utf-16"),
        SINGLE.replace(b"m: ", b"m: " + b"x" * INLINE_BYTES),
    ],
)
async def test_what_might_cost_something_is_read_apart(reader: Reader, data: bytes) -> None:
    await read(reader, data)
    assert len(pids(reader)) == 1


async def test_faults_are_those_of_the_reader(reader: Reader) -> None:
    with pytest.raises(SourceBroken, match="it is cut"):
        await read(reader, SERIES[:-5])
    with pytest.raises(SourceBroken, match="not iCalendar"):
        await read(reader, b"<html>" * 5000)
    with pytest.raises(ValueError, match="time zone"):
        await reader.read([("", SERIES)], window=WINDOW, zone="Nowhere/Here")
    assert len(pids(reader)) == 1
    assert await read(reader, SERIES) == alone(SERIES)


async def test_a_calendar_past_the_bounds() -> None:
    async with Reader(limits=Limits(bytes=1000, events=1)) as reader:
        with pytest.raises(SourceTooLarge, match="1000 bytes"):
            await read(reader, b"x" * 1001)
        with pytest.raises(SourceTooLarge, match="more than 1 events"):
            await read(reader, calendar(event("RRULE:x"), event()))


async def test_a_process_that_was_killed_between_calendars_is_replaced(reader: Reader) -> None:
    await read(reader, SERIES)
    os.kill(pids(reader)[0], signal.SIGKILL)
    await reader._idle[0]._process.wait()
    assert await read(reader, SERIES) == alone(SERIES)


async def test_a_process_that_dies_costs_one_calendar_only(reader: Reader) -> None:
    await read(reader, SERIES)
    (pid,) = pids(reader)
    os.kill(pid, signal.SIGSTOP)
    reading = asyncio.ensure_future(read(reader, SERIES))
    waiting = asyncio.ensure_future(read(reader, SERIES))
    while pids(reader):
        await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(SourceTooLarge, match="memory or CPU"):
        await reading
    assert await waiting == alone(SERIES)
    assert pids(reader) != [pid]


async def test_a_process_that_hangs_is_given_up() -> None:
    async with Reader(deadline=5.0) as reader:
        await read(reader, SERIES)
        (pid,) = pids(reader)
        os.kill(pid, signal.SIGSTOP)
        reader._deadline = 0.2
        with pytest.raises(SourceTooLarge, match="not read within"):
            await read(reader, SERIES)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        reader._deadline = 60.0
        assert await read(reader, SERIES) == alone(SERIES)


async def test_whoever_is_cancelled_leaves_no_half_read_answer_behind(reader: Reader) -> None:
    await read(reader, SERIES)
    (pid,) = pids(reader)
    os.kill(pid, signal.SIGSTOP)
    reading = asyncio.ensure_future(read(reader, SERIES))
    while pids(reader):
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await read(reader, SINGLE + SERIES) == alone(SINGLE + SERIES)


async def test_memory_is_bounded() -> None:
    events = "".join(event("DTSTART:20261102", "SUMMARY:" + "x" * 950, uid=str(number)) for number in range(19_000))
    async with Reader(memory_mib=40) as reader:
        with pytest.raises(SourceTooLarge, match="memory"):
            await read(reader, calendar(events))
        assert await read(reader, SERIES) == alone(SERIES)


async def test_cpu_time_is_bounded_by_the_kernel_too() -> None:
    async with Reader(limits=Limits(cpu_seconds=0.05)) as reader:
        with pytest.raises(SourceTooLarge, match=r"seconds of CPU"):
            await read(reader, sample(3000))
        assert because(await read(reader, SERIES)) == []


async def test_nothing_is_left_running_after_the_end() -> None:
    async with Reader(processes=2) as reader:
        await asyncio.gather(*[read(reader, SERIES) for _ in range(6)])
        running = pids(reader)
        assert 1 <= len(running) <= 2
    for pid in running:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(SourceUnavailable, match="closed"):
        await read(reader, SERIES)


async def test_a_process_ends_when_whoever_started_it_does(reader: Reader) -> None:
    await read(reader, SERIES)
    worker = reader._idle[0]
    worker._to.close()
    assert await worker._process.wait() == 0


async def test_a_process_that_cannot_be_started(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SourceUnavailable, match="could not be started"):
        await read(reader, SERIES)
