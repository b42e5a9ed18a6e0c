"""Getting calendar data out of a server: by time range, by name, or one by one where that is all it can do.

A resource that the server will not give is `failed`; only one that it says is not there is `gone`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from backsoon.sources.base import SourceBroken, SourceTooLarge, SourceUnavailable
from backsoon.sources.caldav import bodies
from backsoon.sources.caldav.dav import Answer, Dav, Refused
from backsoon.sources.caldav.hrefs import as_collection, is_beneath
from backsoon.wire.http import Cut, TimedOut, TooLarge
from backsoon.wire.xml import BadXml

GONE: Final = frozenset({404, 410})
TRUNCATED: Final = 507
# These say something about the account or the server, and asking in another way would not help.
_FINAL: Final = frozenset({401, 429, 503})


class Fetch:
    """What one read gathered: `items` by path; paths that are `gone`; paths that `failed`, and why."""

    def __init__(self, dav: Dav) -> None:
        self.items: dict[str, bytes] = {}
        self.gone: set[str] = set()
        self.failed: dict[str, str] = {}
        self._dav = dav
        self._bytes = 0

    async def window(self, collection: str, start: datetime, end: datetime) -> None:
        """All events of a collection in `[start, end)`; where the server cannot answer that, all of them.

        A server can choke on one event while it looks for a span, and one event can spoil the XML of all;
        then the others are read by name.
        """
        try:
            answers = (await self._dav.report(collection, 1, bodies.calendar_query(start, end))).answers
        except Refused as error:
            if error.status in _FINAL or error.status in GONE:
                raise
            answers = None
        except (TooLarge, TimedOut, BadXml):
            answers = None
        if answers is None or any(answer.status == TRUNCATED for answer in answers):
            await self.named(collection, await self.versions(collection))
        else:
            await self._settle(self._take(members(answers, collection)))

    async def versions(self, collection: str) -> dict[str, str]:
        """The ETag of every resource in a collection ("" where the server gives none)."""
        answers = (await self._dav.propfind(collection, 1, bodies.ETAGS)).answers
        return {answer.path: answer.text(bodies.GETETAG) for answer in members(answers, collection)}

    async def named(self, collection: str, paths: Iterable[str]) -> None:
        """These resources of a collection."""
        for chunk in _chunks(paths, self._dav.limits.chunk):
            await self._chunk(collection, chunk)

    async def _chunk(self, collection: str, paths: Sequence[str]) -> None:
        try:
            answers = (await self._dav.report(collection, 1, bodies.multiget(paths))).answers
        except (TooLarge, BadXml):
            await self._halves(collection, paths)
            return
        except Refused as error:
            if error.status in _FINAL:
                raise
            answers = ()  # sabre answers 404 for all where one is missing
        wanted = set(paths)
        left = self._take(answer for answer in members(answers, collection) if answer.path in wanted)
        await self._settle(left | (wanted - self.items.keys() - self.gone))

    async def _halves(self, collection: str, paths: Sequence[str]) -> None:
        if len(paths) == 1:
            await self._settle(set(paths))
            return
        middle = len(paths) // 2
        await self._chunk(collection, paths[:middle])
        await self._chunk(collection, paths[middle:])

    def _take(self, answers: Iterable[Answer]) -> set[str]:
        """Keep what came; the paths about which nothing certain was said."""
        unclear: set[str] = set()
        for answer in answers:
            data = answer.properties.get(bodies.CALENDAR_DATA)
            if answer.status in GONE:
                self.gone.add(answer.path)
            elif answer.status == 200 and data is not None and data.text:
                self._keep(answer.path, data.text.encode())
            else:
                unclear.add(answer.path)
        return unclear

    def _keep(self, path: str, data: bytes) -> None:
        limits = self._dav.limits
        if len(data) > limits.item_bytes:
            self._fail(path, f"larger than {limits.item_bytes} bytes")
            return
        if not _is_calendar(data):
            self._fail(path, "the server gives something for it that is no whole calendar")
            return
        self._bytes += len(data)
        self.items[path] = data
        if self._bytes > limits.total_bytes:
            raise SourceTooLarge(f"more than {limits.total_bytes} bytes of calendar data")
        if len(self.items) > limits.items:
            raise SourceTooLarge(f"more than {limits.items} resources")

    async def _settle(self, paths: Iterable[str]) -> None:
        """Ask for resources one by one."""
        for path in sorted(paths):
            if path in self.failed:
                continue
            try:
                self._keep(path, await self._dav.get(path))
            except Refused as error:
                if error.status in _FINAL:
                    raise
                if error.status in GONE:
                    self.gone.add(path)
                else:
                    self._fail(path, f"the server answers {error.status} for it")
            except TooLarge as error:
                self._fail(path, f"larger than {error.limit} bytes")
            except (Cut, TimedOut, SourceBroken):
                self._fail(path, "the server does not give it whole")

    def _fail(self, path: str, because: str) -> None:
        self.failed[path] = because
        if len(self.failed) > self._dav.limits.failures:
            raise SourceUnavailable(f"the server does not give more than {self._dav.limits.failures} resources")


def members(answers: Iterable[Answer], collection: str) -> Iterator[Answer]:
    """The answers about resources in the collection. Raises `SourceBroken` for any about something outside it."""
    for answer in answers:
        if as_collection(answer.path) == collection:
            continue
        if not is_beneath(answer.path, collection):
            raise SourceBroken("the server answers about something outside the calendar")
        if not answer.path.endswith("/"):
            yield answer


def _is_calendar(data: bytes) -> bool:
    """Whether it begins and ends like iCalendar. A login page in an event's place does not take the event away."""
    begins = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").upper().startswith(b"BEGIN:VCALENDAR")
    return begins and data[-64:].rstrip().upper().endswith(b"END:VCALENDAR")


def _chunks(paths: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    left = iter(paths)
    while chunk := tuple(islice(left, size)):
        yield chunk
