"""The same file opened for reading only, by a process beside the one that writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn, TypeVar

from backsoon.store.base import StoreError
from backsoon.store.sqlite.database import Database
from backsoon.store.sqlite.store import SqliteStore
from backsoon.store.sqlite.writer import Writer

T = TypeVar("T")


class ReadOnlyDatabase(Database):
    """A connection that cannot write; the file must be there, prepared."""

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=self._wait,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in ("query_only = on", f"cache_size = -{self._cache}", "mmap_size = 0"):
            connection.execute(f"pragma {pragma}")
        self._connection = connection
        return connection


class ReadOnlyStore(SqliteStore):
    """`SqliteStore` whose writing methods raise `StoreError`.

    `cache` is that of the connection for short reads, in KiB; `wait` how long a lock is waited for, in seconds.
    """

    def __init__(self, path: Path, *, cache: int = 16_384, wait: float = 0.2) -> None:
        """Nothing is opened before it is asked for."""
        self.path = path
        self._always_durable = False
        self._near = ReadOnlyDatabase(path, wait=0, cache=cache)
        self._far = ReadOnlyDatabase(path, wait=wait)
        self._far_thread = ThreadPoolExecutor(1, thread_name_prefix="backsoon-store-reader")
        self._writer = NoWriter(path)
        self._closed = False


class NoWriter(Writer):
    """Refuses to write."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def errors(self) -> int:
        """None."""
        return 0

    async def run(self, work: Callable[[Database], T], *, durable: bool) -> NoReturn:
        """Raises `StoreError`."""
        raise StoreError(f"{self._path}: it is opened for reading only")

    async def close(self) -> None:
        """There is nothing to finish."""
