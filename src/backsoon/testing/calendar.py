"""A calendar in memory that keeps the contract of calendar sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, tzinfo

from backsoon.domain.model import CalendarEntry, Timed, local_instant
from backsoon.sources.base import Changes, Rejected, SourceError, Window


class MemorySource:
    """A calendar in memory that keeps the contract of `CalendarSource`.

    `put` and `remove` change it, `fail` breaks it, `lose_token` makes it forget what it told. `zone` is the owner's: it
    decides where all-day entries lie. `reads` counts the reads, `closed` tells whether it was closed.
    """

    def __init__(self, entries: Iterable[CalendarEntry] = (), *, zone: tzinfo = UTC) -> None:
        self.reads = 0
        self.closed = False
        self._zone = zone
        self._resources: dict[str, tuple[CalendarEntry, ...]] = {}
        self._rejected: dict[str, str] = {}
        self._touched: dict[str, int] = {}
        self._revision = 0
        self._oldest = 0
        self._error: SourceError | None = None
        self._warnings: tuple[str, ...] = ()
        for entry in entries:
            self.put(entry.resource or entry.uid, *self._resources.get(entry.resource or entry.uid, ()), entry)

    def put(self, resource: str, *entries: CalendarEntry) -> None:
        """Write a resource: these occurrences replace those that it held."""
        self._touch(resource)
        self._rejected.pop(resource, None)
        self._resources[resource] = tuple(_in_resource(entry, resource) for entry in entries)

    def reject(self, resource: str, because: str) -> None:
        """Write a resource that cannot be read."""
        self._touch(resource)
        self._resources.pop(resource, None)
        self._rejected[resource] = because

    def remove(self, resource: str) -> None:
        """Take a resource away. Raises `KeyError` if it is not there."""
        if resource not in self._resources and resource not in self._rejected:
            raise KeyError(resource)
        self._touch(resource)
        self._resources.pop(resource, None)
        self._rejected.pop(resource, None)

    def warn(self, *warnings: str) -> None:
        """Give these warnings with each read from now on."""
        self._warnings = warnings

    def fail(self, error: SourceError | None) -> None:
        """Raise this from every read, until told otherwise with None."""
        self._error = error

    def lose_token(self) -> None:
        """Forget every token given so far: the next read is complete."""
        self._revision += 1
        self._oldest = self._revision

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        """See `CalendarSource`."""
        self.reads += 1
        if self._error is not None:
            raise self._error
        since = self._known(window, sync_token)
        touched = {name for name, revision in self._touched.items() if since is None or revision > since}
        return Changes(
            entries=tuple(
                entry
                for name in sorted(touched & self._resources.keys())
                for entry in self._resources[name]
                if self._overlaps(entry, window)
            ),
            touched=frozenset() if since is None else frozenset(touched),
            complete=since is None,
            sync_token=_token(self._revision, window),
            rejected=tuple(
                Rejected(name, "", self._rejected[name]) for name in sorted(touched & self._rejected.keys())
            ),
            warnings=self._warnings,
        )

    async def close(self) -> None:
        """See `CalendarSource`."""
        self.closed = True

    def _touch(self, resource: str) -> None:
        self._revision += 1
        self._touched[resource] = self._revision

    def _known(self, window: Window, sync_token: str | None) -> int | None:
        """The revision that a token stands for; None where only a complete read will do."""
        revision = (sync_token or "").partition(" ")[0]
        if not (revision.isascii() and revision.isdigit()) or sync_token != _token(int(revision), window):
            return None
        return int(revision) if self._oldest <= int(revision) <= self._revision else None

    def _overlaps(self, entry: CalendarEntry, window: Window) -> bool:
        start, end = self._instants(entry)
        return start < window.end and (end > window.start or start >= window.start)

    def _instants(self, entry: CalendarEntry) -> tuple[datetime, datetime]:
        if isinstance(entry.when, Timed):
            return entry.when.start, entry.when.end
        first, end = (datetime.combine(day, time()) for day in (entry.when.first, entry.when.end))
        return local_instant(first, self._zone), local_instant(end, self._zone)


def _in_resource(entry: CalendarEntry, resource: str) -> CalendarEntry:
    return entry if entry.resource == resource else replace(entry, resource=resource)


def _token(revision: int, window: Window) -> str:
    return f"{revision} {window.start.isoformat()} {window.end.isoformat()}"
