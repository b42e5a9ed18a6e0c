"""The store in one SQLite file, for a single node."""

from backsoon.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
