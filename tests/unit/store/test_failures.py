"""The disk is full, the file locked or damaged: said clearly, nothing half kept, no restart needed."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backsoon.domain.model import AVAILABLE
from backsoon.store.base import PersonState, Store, StoreError, StoreUnavailable
from backsoon.store.sqlite import SqliteStore
from backsoon.store.sqlite.database import Database
from tests.contract.store.values import House, after, by_hand, change, complete, furnish, health, meeting, referral


def path_of(house: House) -> Path:
    assert isinstance(house.store, SqliteStore)
    return house.store.path


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = await SqliteStore.open(tmp_path / "backsoon.db", wait=0.05)
    yield await furnish(store)
    await store.close()


async def fill(house: House) -> int:
    """Save until it fails; how many went well."""
    said = ""
    for number in range(1000):
        changes = [change(house.anna.id, number, meeting(note="x" * 200)) for _ in range(500)]
        try:
            await house.store.save_states([PersonState(house.anna.id, meeting(note=str(number)), None)], changes)
        except StoreUnavailable as error:
            said = str(error)
            break
    assert "backsoon.db: the disk is full" in said
    return number


async def unharmed(house: House, saved: int) -> None:
    """All that went well is there, nothing of what failed, and reading goes on."""
    states = await house.store.states([house.anna.id])
    assert [each.availability.note for each in states.values()] == ([str(saved - 1)] if saved else [])
    history = await house.store.history(house.anna.id, after(-1), after(10**6), limit=10**6)
    assert len(history) == 500 * saved
    with sqlite3.connect(path_of(house)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_a_full_database_recovers_by_itself(house: House) -> None:
    store = house.store
    assert isinstance(store, SqliteStore)

    pages = await store._writer.run(lambda it: it.execute("pragma page_count").fetchone()[0], durable=False)
    await store._writer.run(lambda it: it.execute(f"pragma max_page_count = {pages + 200}").fetchone(), durable=False)
    saved = await fill(house)
    await unharmed(house, saved)
    await store._writer.run(lambda it: it.execute("pragma max_page_count = 100000").fetchone(), durable=False)
    await store.save_override(house.anna.id, by_hand())
    assert (await store.claims([house.anna.id], after()))[house.anna.id].override == by_hand()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], check=False).returncode
    ):
        pytest.skip("a file system of its own needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_full_disk_recovers_by_itself(small_disk: Path) -> None:
    store = await SqliteStore.open(small_disk / "backsoon.db")
    house = await furnish(store)
    hog = small_disk / "hog"
    hog.write_bytes(b"x" * 1_000_000)
    saved = await fill(house)
    await unharmed(house, saved)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await store.save_read(
                house.calendars[0].id,
                complete(*(referral(house.calendars[0].id, f"{each}" * 50) for each in range(3000))),
                health("never"),
            )
    assert await store.referrals_of(house.calendars[0].id) == ()
    hog.unlink()
    await store.save_override(house.anna.id, by_hand())
    await unharmed(house, saved)
    await store.close()


async def test_readers_go_on_while_another_process_writes(house: House) -> None:
    path = path_of(house)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    other.execute("update person set name = 'changed'")
    assert (await house.store.people([house.anna.id]))[house.anna.id].name == "Anna"
    assert len(await house.store.page_people()) == 4
    with pytest.raises(StoreUnavailable, match=r"backsoon\.db.*locked"):
        await house.store.save_override(house.anna.id, by_hand())
    other.execute("commit")
    other.close()
    await house.store.save_override(house.anna.id, by_hand())
    assert (await house.store.people([house.anna.id]))[house.anna.id].name == "changed"


async def test_two_stores_on_one_file_see_each_other(house: House) -> None:
    path = path_of(house)
    other = await SqliteStore.open(path)

    async def save(store: Store, start: int) -> None:
        for number in range(start, start + 40):
            await store.save_states([], [change(house.anna.id, number)])

    await asyncio.gather(save(other, 0), save(house.store, 100))
    assert len(await other.history(house.anna.id, after(-1), after(10**6))) == 80
    await other.close()


async def look(path: Path) -> None:
    store = await SqliteStore.open(path)
    try:
        await store.page_people()
    finally:
        await store.close()


async def test_a_damaged_file_is_said_with_the_remedy(house: House) -> None:
    path = path_of(house)
    await house.store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"backsoon\.db.*damaged.*backup") as raised:
        await look(path)
    assert not isinstance(raised.value, StoreUnavailable)


async def test_a_connection_that_broke_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    database = Database(path, wait=0.05)
    with pytest.raises(StoreUnavailable, match="cannot be read or written"):
        database.execute("select 1")
    sqlite3.connect(path).close()
    assert database.execute("select 1").fetchone() == (1,)
    database.close()


async def test_the_backup_put_in_the_place_of_a_damaged_file_is_read(tmp_path: Path) -> None:
    path, backup = tmp_path / "file.db", tmp_path / "backup.db"
    with sqlite3.connect(backup) as connection:
        connection.execute("create table number as select 7 as value")
    connection.close()
    shutil.copy(backup, path)
    database = Database(path, wait=0.05)
    assert database.execute("select value from number").fetchall() == [(7,)]
    path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(StoreError, match="damaged"):
        database.execute("select value from number")
    backup.replace(path)
    assert database.execute("select value from number").fetchall() == [(7,)]
    database.close()


async def test_a_closed_store_says_so(house: House) -> None:
    await house.store.close()
    await house.store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await house.store.people([1])
    with pytest.raises(StoreUnavailable, match="closed"):
        await house.store.save_states([PersonState(house.anna.id, AVAILABLE, None)])


async def test_an_error_quotes_no_note(house: House) -> None:
    path = path_of(house)
    await house.store.save_override(house.anna.id, by_hand(note="secret"))
    with sqlite3.connect(path) as connection:
        connection.execute("update override set start_at = 'secret', note = 'secret'")
    connection.close()
    with pytest.raises(StoreError) as raised:
        await house.store.claims([house.anna.id], after())
    assert "secret" not in f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"
