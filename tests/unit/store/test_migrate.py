"""Bringing the file up to date."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backsoon.store.base import StoreError, StoreUnavailable
from backsoon.store.sql import Migration
from backsoon.store.sqlite.migrate import prepare

STEPS = (
    Migration(1, "one", "create table one (id integer);\ninsert into one values (7);\n"),
    Migration(2, "two", "create table two (id integer);\ninsert into two select id from one;\n"),
    Migration(3, "three", "create trigger t after insert on one begin\n delete from two;\nend;\n"),
    Migration(4, "four", "drop trigger t;\n"),
    Migration(5, "five", "drop table two;\n"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "backsoon.db"


def apply(path: Path, steps: Sequence[Migration], backups: int = 3) -> None:
    prepare(path, wait=5, backups=backups, migrations=tuple(steps))


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def copies(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir() if ".bak" in each.name)


def test_a_new_file_is_private_and_has_no_copy(path: Path) -> None:
    prepare(path, wait=5, backups=3)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    applied = [name for (name,) in rows(path, "select name from migration order by number")]
    shipped = ["initial", "grounds", "notifications", "subscribed_addresses", "kept_by_switchboards", "sign_in"]
    assert applied[: len(shipped)] == shipped
    assert copies(path) == []
    assert rows(path, "pragma journal_mode") == [("wal",)]


def test_each_step_leaves_a_copy_of_the_file_before(path: Path) -> None:
    for number in range(1, 6):
        apply(path, STEPS[:number], backups=3)
    assert copies(path) == [f"backsoon.db.v{each:04}.bak" for each in (2, 3, 4)]
    before = path.with_name("backsoon.db.v0002.bak")
    assert stat.S_IMODE(before.stat().st_mode) == 0o600
    assert rows(before, "select id from two") == [(7,)]
    assert rows(before, "select max(number) from migration") == [(2,)]
    assert rows(path, "select max(number) from migration") == [(5,)]


def test_nothing_to_do_leaves_no_copy(path: Path) -> None:
    for _ in range(2):
        apply(path, STEPS[:3])
    assert copies(path) == []
    assert rows(path, "select id from two") == [(7,)]


def test_a_step_that_fails_changes_nothing(path: Path) -> None:
    apply(path, STEPS[:1])
    broken = Migration(3, "broken", "create table three (id integer);\ncreate table one (id integer);\n")
    with pytest.raises(StoreError, match=r"backsoon\.db"):
        apply(path, [*STEPS[:2], broken])
    assert rows(path, "select max(number) from migration") == [(1,)]
    assert rows(path, "select name from sqlite_master where name in ('two', 'three')") == []
    apply(path, STEPS)


def test_a_file_of_a_later_version_is_refused_with_the_remedy(path: Path) -> None:
    apply(path, STEPS)
    with pytest.raises(StoreError, match=r"later version.*schema 5.*knows 2.*backsoon\.db\.v0002\.bak"):
        apply(path, STEPS[:2])
    assert rows(path, "select max(number) from migration") == [(5,)]


def test_back_to_the_version_before_with_its_copy(path: Path) -> None:
    apply(path, STEPS[:2])
    apply(path, STEPS[:4])
    path.with_name("backsoon.db.v0002.bak").replace(path)
    apply(path, STEPS[:2])
    assert rows(path, "select id from two") == [(7,)]
    apply(path, STEPS[:4])


def test_two_processes_may_be_first(path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: apply(path, STEPS[:2]), range(4)))
    assert rows(path, "select id from two") == [(7,)]


def test_many_may_be_first_with_a_new_file(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.db" for number in range(25)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda path: apply(path, STEPS[:2]), [path for path in paths for _ in range(6)]))
    assert [rows(path, "select id from two") for path in paths] == [[(7,)]] * len(paths)


def test_a_new_file_that_somebody_keeps_locked_is_said(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("begin exclusive")
    try:
        with pytest.raises(StoreUnavailable, match=r"backsoon\.db.*locked"):
            prepare(path, wait=0.05, backups=3)
    finally:
        connection.close()
    apply(path, STEPS[:2])


def test_what_is_no_database_is_said(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database" * 200)
    with pytest.raises(StoreError, match=r"backsoon\.db: it is damaged or no SQLite file.*backup"):
        apply(path, STEPS)


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"nowhere.*folder"):
        apply(tmp_path / "nowhere" / "backsoon.db", STEPS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_is_said(path: Path) -> None:
    apply(path, STEPS[:1])
    path.chmod(0o400)
    with pytest.raises(StoreUnavailable, match="this user may write"):
        apply(path, STEPS)
