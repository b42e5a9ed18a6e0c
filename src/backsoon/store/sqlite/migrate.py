"""Bringing the file up to the schema of this version, with a copy of it beside."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

from backsoon.store.base import StoreError, StoreUnavailable
from backsoon.store.sql import Migration, load_migrations
from backsoon.store.sqlite.database import MARKS, Database, Locked

OLDEST_SQLITE = (3, 35, 0)
"""The first with RETURNING."""

_VERSION_TABLE = "create table if not exists migration (number integer not null primary key, name text not null)"


def prepare(path: Path, *, wait: float, backups: int, migrations: tuple[Migration, ...] | None = None) -> None:
    """Make the file if there is none, and apply the migrations that it lacks, all or none.

    Before that the file is copied to `NAME.vNNNN.bak` (its version); the latest `backups` copies stay.
    Raises `StoreError` for a file that a later version has written, `StoreUnavailable` if it cannot be opened.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old: Backsoon needs 3.35 or later")
    _make_file(path)
    database = Database(path, wait=wait)
    try:
        _use_wal(database, wait)
        _upgrade(database, load_migrations(MARKS) if migrations is None else migrations, backups)
    finally:
        database.close()


def _make_file(path: Path) -> None:
    """Only where there is none: closing a file by hand would drop the locks that SQLite holds on it in this process."""
    if path.exists():
        return
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        words = f"it cannot be made ({error.strerror}): check that its folder is there and may be written to"
        raise StoreUnavailable(f"{path}: {words}") from error


def _use_wal(database: Database, wait: float) -> None:
    """Waits by itself: where two change the mode of a new file at once, SQLite says at once that it is locked."""
    until = monotonic() + wait
    while (mode := _mode(database)) == "":
        if monotonic() >= until:
            raise Locked(f"{database.path}: another process has kept it locked: see which one (fuser names it)")
        sleep(0.01)
    if mode != "wal":
        raise StoreError(f"{database.path}: its file system cannot share memory (a network drive?): use a local disk")


def _mode(database: Database) -> str:
    """The mode that it is in now, "" while somebody else holds the lock."""
    try:
        return str(database.execute("pragma journal_mode = wal").fetchone()[0])
    except Locked:
        return ""


def _upgrade(database: Database, migrations: tuple[Migration, ...], backups: int) -> None:
    version = _version(database)
    _refuse_newer(database.path, version, migrations)
    if version == migrations[-1].number:
        return
    if version:
        _back_up(database, version, backups)
    database.begin()
    try:
        database.execute(_VERSION_TABLE)
        _apply(database, migrations)
        database.commit()
    except BaseException:
        database.roll_back()
        raise


def _version(database: Database) -> int:
    if not database.execute("select 1 from sqlite_master where name = 'migration'").fetchall():
        return 0
    return int(database.execute("select coalesce(max(number), 0) from migration").fetchall()[0][0])


def _refuse_newer(path: Path, version: int, migrations: tuple[Migration, ...]) -> None:
    latest = migrations[-1].number
    if version > latest:
        words = f"written by a later version of Backsoon (schema {version}, this one knows {latest})"
        raise StoreError(f"{path}: {words}: upgrade Backsoon, or put back {path.name}.v{latest:04}.bak")


def _apply(database: Database, migrations: tuple[Migration, ...]) -> None:
    version = _version(database)  # again: another process may have been first
    for migration in migrations:
        if migration.number > version:
            for statement in _statements(migration.script):
                database.execute(statement)
            database.execute("insert into migration values (?, ?)", (migration.number, migration.name))


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _back_up(database: Database, version: int, keep: int) -> None:
    path = database.path
    target, part = path.with_name(f"{path.name}.v{version:04}.bak"), path.with_name(f"{path.name}.bak.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        database.backup(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    for old in sorted(path.parent.glob(f"{path.name}.v*.bak"))[:-keep]:
        old.unlink()
