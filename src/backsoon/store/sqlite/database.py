"""One connection to the SQLite file: opened when it is needed, opened again after it broke, errors in our own words."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from backsoon.store import codec
from backsoon.store.base import NotStored, StoreConflict, StoreError, StoreUnavailable
from backsoon.store.sql import load_queries

T = TypeVar("T")
Row = tuple[Any, ...]

MARKS = {
    "identity": "integer primary key autoincrement",
    "id": "integer",
    "ids": "(select value from json_each($n))",
    "texts": "(select value from json_each($n))",
    "rows": "json_each($n)",
    "confirmed": (
        "cast(strftime('%s', substr(json_extract(health, '$.confirmed_at'), 1, 19)) as integer) * 1000000 + "
        "case when substr(json_extract(health, '$.confirmed_at'), 20, 1) = '.' "
        "then cast(substr(json_extract(health, '$.confirmed_at'), 21, 6) as integer) else 0 end"
    ),
}
"""What the marks in the shared SQL mean here. Only `integer primary key autoincrement` never gives a key twice."""


def placeholders(sql: str) -> str:
    """`$1` as `?1`, for parameters are a plain sequence in every version of Python; not the `$` of paths in JSON."""
    return re.sub(r"\$(?=[0-9])", "?", sql)


QUERIES = {name: placeholders(sql) for name, sql in load_queries(MARKS).items()}


class Locked(StoreUnavailable):
    """Another connection holds the lock just now."""


_FULL = "the disk is full: free some space and it works again by itself"
_LOCKED = "another process has kept it locked: see which one writes to it (fuser names it)"
_UNREADABLE = "it cannot be read or written: check the disk, and that this user may write the file and its folder"
_DAMAGED = "it is damaged or no SQLite file: stop Backsoon and put the latest backup in its place"

_EXPLAINED: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_FULL: (StoreUnavailable, _FULL),
    sqlite3.SQLITE_BUSY: (Locked, _LOCKED),
    sqlite3.SQLITE_LOCKED: (Locked, _LOCKED),
    sqlite3.SQLITE_PROTOCOL: (Locked, _LOCKED),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, _UNREADABLE),
    sqlite3.SQLITE_CANTOPEN: (StoreUnavailable, _UNREADABLE),
    sqlite3.SQLITE_READONLY: (StoreUnavailable, _UNREADABLE),
    sqlite3.SQLITE_PERM: (StoreUnavailable, _UNREADABLE),
    sqlite3.SQLITE_NOMEM: (StoreUnavailable, "there is no memory left for it"),
    sqlite3.SQLITE_CORRUPT: (StoreError, _DAMAGED),
    sqlite3.SQLITE_NOTADB: (StoreError, _DAMAGED),
}
_BROKEN = frozenset(
    (
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )
)
_CONSTRAINTS: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: (NotStored, "what the row belongs to is not stored"),
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: (StoreConflict, "a value that must be unique is taken"),
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: (StoreConflict, "a value that must be unique is taken"),
}


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """The error in our own words, with the file and what to do. It quotes no stored text."""
    code = getattr(error, "sqlite_errorcode", 0)
    kind, words = _CONSTRAINTS.get(code) or _EXPLAINED.get(code & 0xFF, (StoreError, "it refused a statement"))
    return kind(f"{path}: {words} ({getattr(error, 'sqlite_errorname', type(error).__name__)})")


class Database:
    """One connection. Not for two threads at once; a statement is read to its end before the next.

    `wait` is how long a lock is waited for in seconds, `cache` the page cache in KiB.
    """

    def __init__(self, path: Path, *, wait: float, cache: int = 2048) -> None:
        self.path = path
        self._wait = wait
        self._cache = cache
        self._connection: sqlite3.Connection | None = None
        self._synchronous = ""
        self.errors = 0
        """How many statements failed, but for those that were refused for what they asked."""

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._wait,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in ("foreign_keys = on", f"cache_size = -{self._cache}", "mmap_size = 0", "synchronous = full"):
            connection.execute(f"pragma {pragma}")
        self._synchronous = "full"
        self._connection = connection
        return connection

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run one statement. Raises `StoreError` and its kinds."""
        try:
            return (self._connection or self._open()).execute(sql, parameters)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def all(self, query: str, *parameters: object) -> list[Row]:
        """All rows that a named query yields."""
        try:
            return (self._connection or self._open()).execute(QUERIES[query], parameters).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def one(self, query: str, *parameters: object) -> Row | None:
        """The first row that a named query yields."""
        rows = self.all(query, *parameters)
        return rows[0] if rows else None

    def run(self, query: str, *parameters: object) -> int:
        """How many rows a named query changed."""
        return self.execute(QUERIES[query], parameters).rowcount

    def many(self, query: str, rows: Iterable[Row]) -> None:
        """Run a named query for each row of parameters."""
        for row in rows:
            self.execute(QUERIES[query], row)

    def bulk(self, query: str, decoder: msgspec.json.Decoder[T], *parameters: object) -> T:
        """The one JSON value that a named query yields, decoded.

        Each row that `sqlite3` fetches gives up the interpreter lock and asks for it again, which beside a busy event
        loop costs milliseconds; thousands of rows in one JSON value cost that once.
        """
        return codec.decode(decoder, self.all(query, *parameters)[0][0], "rows")

    def synchronous(self, level: str) -> None:
        """`full` (a commit outlives a power cut) or `normal` (it may not). Only between transactions."""
        if level != self._synchronous:
            self.execute(f"pragma synchronous = {level}")
            self._synchronous = level

    def begin(self) -> None:
        """Begin to write. Waits for other writers, at most `wait`."""
        self.execute("begin immediate")

    def commit(self) -> None:
        """Keep the transaction."""
        self.execute("commit")

    def roll_back(self) -> None:
        """Undo what is left of a transaction, if anything is."""
        if self._connection is not None and self._connection.in_transaction:
            with suppress(StoreError):
                self.execute("rollback")
        if self._connection is not None and self._connection.in_transaction:
            self.close()

    def backup(self, target: Path) -> None:
        """Copy the whole database, as it is now, into a new file."""
        try:
            copy = sqlite3.connect(target)
            try:
                (self._connection or self._open()).backup(copy)
            finally:
                copy.close()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Release the file; the next statement opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _failed(self, error: sqlite3.Error) -> StoreError:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
            self.close()
        explained = explain(error, self.path)
        if not isinstance(explained, Locked | NotStored | StoreConflict):
            self.errors += 1
        return explained
