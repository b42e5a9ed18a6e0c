"""The kinds of store that the suite runs over. A new one joins by a line in `FACTORIES`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from backsoon.store.base import Store
from backsoon.store.sqlite import SqliteStore

Factory = Callable[[Path], Coroutine[Any, Any, Store]]
"""Opens the store that lives in a folder, made if there is none; again, to see what outlived the one before."""


async def _sqlite(folder: Path) -> Store:
    return await SqliteStore.open(folder / "backsoon.db")


async def _sqlite_full(folder: Path) -> Store:
    return await SqliteStore.open(folder / "backsoon.db", durable="full")


FACTORIES: dict[str, Factory] = {"sqlite": _sqlite, "sqlite-full": _sqlite_full}
