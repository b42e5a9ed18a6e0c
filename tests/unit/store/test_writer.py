"""The writing thread: order, commits shared, errors apart, and the end."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from backsoon.store.base import StoreConflict, StoreUnavailable
from backsoon.store.sqlite.database import Database
from backsoon.store.sqlite.writer import Writer


class Recording(Database):
    """A connection that notes what ends a transaction, and with which `synchronous`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, wait=0.05)
        self.ends: list[str] = []

    def commit(self) -> None:
        level = self.execute("pragma synchronous").fetchone()[0]
        self.ends.append({1: "normal", 2: "full"}[level])
        super().commit()


@pytest.fixture
def database(tmp_path: Path) -> Recording:
    path = tmp_path / "file.db"
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table number (value integer primary key)")
    connection.close()
    return Recording(path)


@pytest.fixture
async def writer(database: Recording) -> AsyncIterator[Writer]:
    made = Writer(database)
    yield made
    await made.close()


def insert(value: int) -> Callable[[Database], int]:
    def work(database: Database) -> int:
        database.execute("insert into number values (?)", (value,))
        return value

    return work


def numbers(database: Database) -> list[int]:
    connection = sqlite3.connect(database.path)
    try:
        return [row[0] for row in connection.execute("select value from number order by value")]
    finally:
        connection.close()


class Gate:
    """Work that holds the thread until it is opened, so that what follows waits together."""

    def __init__(self, value: int) -> None:
        self.entered, self.opened, self.value = threading.Event(), threading.Event(), value

    def __call__(self, database: Database) -> int:
        self.entered.set()
        assert self.opened.wait(30)
        return insert(self.value)(database)


async def held(writer: Writer, gate: Gate) -> asyncio.Task[int]:
    task = asyncio.create_task(writer.run(gate, durable=True))
    await asyncio.to_thread(gate.entered.wait, 30)
    return task


async def test_the_answer_comes_after_the_commit(writer: Writer, database: Recording) -> None:
    assert await writer.run(insert(1), durable=True) == 1
    assert numbers(database) == [1]


async def test_what_waits_together_shares_commits(writer: Writer, database: Recording) -> None:
    gate = Gate(0)
    first = await held(writer, gate)
    rest = [asyncio.create_task(writer.run(insert(each), durable=True)) for each in range(1, 101)]
    await asyncio.sleep(0)
    gate.opened.set()
    assert await asyncio.gather(first, *rest) == list(range(101))
    assert numbers(database) == list(range(101))
    assert len(database.ends) < 101


async def test_one_that_fails_harms_no_other(writer: Writer, database: Recording) -> None:
    gate = Gate(0)
    first = await held(writer, gate)
    works = [insert(1), insert(2), insert(1), insert(3)]
    tasks = [asyncio.create_task(writer.run(each, durable=True)) for each in works]
    await asyncio.sleep(0)
    gate.opened.set()
    await first
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in outcomes] == [int, int, StoreConflict, int]
    assert numbers(database) == [0, 1, 2, 3]


class Inserting:
    """Work for many at once: a call with 13 in it fails whole, and 7 is refused alone."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    def __call__(self, database: Database, values: Sequence[int]) -> list[int | BaseException]:
        self.calls.append(list(values))
        if 13 in values:
            raise StoreConflict("13")
        return [LookupError("7") if value == 7 else insert(value)(database) for value in values]


async def test_what_waits_for_the_same_work_is_one_call(writer: Writer, database: Recording) -> None:
    gate, many, other = Gate(0), Inserting(), Inserting()
    first = await held(writer, gate)
    works = [(many, 1), (many, 2), (many, 7), (other, 3), (many, 4), (many, 5)]
    rest = [asyncio.create_task(writer.run_with_others(work, value, value, durable=True)) for work, value in works]
    rest += [asyncio.create_task(writer.run(insert(6), durable=True))]
    await asyncio.sleep(0)
    gate.opened.set()
    await first
    outcomes = await asyncio.gather(*rest, return_exceptions=True)
    assert [each if isinstance(each, int) else str(each) for each in outcomes] == [1, 2, "7", 3, 4, 5, 6]
    assert (many.calls, other.calls) == ([[1, 2, 7], [4, 5]], [[3]])
    assert numbers(database) == [0, 1, 2, 3, 4, 5, 6]


async def test_of_one_key_each_is_a_call(writer: Writer, database: Recording) -> None:
    gate, many = Gate(0), Inserting()
    first = await held(writer, gate)
    rest = [asyncio.create_task(writer.run_with_others(many, each, each % 3, durable=False)) for each in (1, 2, 4, 5)]
    await asyncio.sleep(0)
    gate.opened.set()
    assert await asyncio.gather(first, *rest) == [0, 1, 2, 4, 5]
    assert many.calls == [[1, 2], [4, 5]]


async def test_where_a_call_for_many_fails_each_is_done_alone(writer: Writer, database: Recording) -> None:
    gate, many = Gate(0), Inserting()
    first = await held(writer, gate)
    rest = [asyncio.create_task(writer.run_with_others(many, each, each, durable=True)) for each in (1, 13, 2)]
    rest += [asyncio.create_task(writer.run(insert(3), durable=True))]
    await asyncio.sleep(0)
    gate.opened.set()
    outcomes = await asyncio.gather(first, *rest, return_exceptions=True)
    assert [each if isinstance(each, int) else type(each) for each in outcomes] == [0, 1, StoreConflict, 2, 3]
    assert many.calls == [[1, 13, 2], [1], [13], [2]]
    assert numbers(database) == [0, 1, 2, 3]


async def test_an_error_of_ours_ends_no_thread(writer: Writer, database: Recording) -> None:
    def wrong(database: Database) -> None:
        insert(1)(database)
        raise LookupError("a defect")

    with pytest.raises(LookupError):
        await writer.run(wrong, durable=False)
    assert await writer.run(insert(2), durable=False) == 2
    assert numbers(database) == [2]


async def test_what_must_be_durable_waits_for_the_disk(writer: Writer, database: Recording) -> None:
    for number, durable in enumerate((False, True, False)):
        await writer.run(insert(number), durable=durable)
    assert database.ends == ["normal", "full", "normal"]


async def test_a_durable_one_never_joins_a_lesser_commit(writer: Writer, database: Recording) -> None:
    gate = Gate(0)
    first = asyncio.create_task(writer.run(gate, durable=False))
    await asyncio.to_thread(gate.entered.wait, 30)
    rest = [asyncio.create_task(writer.run(insert(each), durable=each == 2)) for each in (1, 2, 3)]
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, *rest)
    assert database.ends[0] == "normal"
    assert "full" in database.ends[1:]
    assert numbers(database) == [0, 1, 2, 3]


async def test_whoever_gives_up_hinders_nobody(writer: Writer, database: Recording) -> None:
    gate = Gate(0)
    first = await held(writer, gate)
    second = asyncio.create_task(writer.run(insert(1), durable=True))
    await asyncio.sleep(0)
    for task in (first, second):
        task.cancel()
    gate.opened.set()
    assert await writer.run(insert(2), durable=True) == 2
    assert 2 in numbers(database)


async def test_close_finishes_what_was_queued(writer: Writer, database: Recording) -> None:
    gate = Gate(0)
    first = await held(writer, gate)
    rest = [asyncio.create_task(writer.run(insert(each), durable=True)) for each in range(1, 20)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        await writer.run(insert(99), durable=True)
    gate.opened.set()
    await asyncio.gather(first, *rest, closing)
    await writer.close()
    assert numbers(database) == list(range(20))


async def test_a_lock_that_stays_is_said_and_then_it_goes_on(writer: Writer, database: Recording) -> None:
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StoreUnavailable, match="locked"):
        await writer.run(insert(1), durable=True)
    other.execute("rollback")
    other.close()
    assert await writer.run(insert(1), durable=True) == 1
