"""One mailbox's calendar as a calendar source.

A round of `calendarView/delta` tells what changed. Microsoft does not take `$select` there ("event: delta"), and sends
of an occurrence nothing but ids and times. So single events are taken from the round, whose bodies and attendees are
dropped while decoding; a series that changed is read anew whole (`instances` with `$select`), for an occurrence that
was deleted is not always told; and where something was removed that may have been an occurrence, so is the calendar
(`calendarView` with `$select`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from backsoon.domain.model import CalendarEntry
from backsoon.sources.base import Changes, Rejected, SourceBroken, SourceUnavailable, Window
from backsoon.sources.graph.client import Answer, Graph, Part, preferring
from backsoon.sources.graph.entries import (
    REPLY,
    Reading,
    is_adrift,
    needs_master,
    read_events,
    reply_entry,
    resource_of,
)
from backsoon.sources.graph.errors import Stale, is_gone, is_stale
from backsoon.sources.graph.records import SELECT, Event, Items, Page, read_event, read_page
from backsoon.sources.graph.replies import Replies, Span
from backsoon.sources.graph.token import VERSION, Token, after, all_known, fingerprint, load_token, pack, read_window
from backsoon.sources.paging import Pages, within

IMMUTABLE: Final = 'IdType="ImmutableId"'
UTC_TIMES: Final = 'outlook.timezone="UTC"'
SECONDS: Final = 300.0
"""The longest that one read may take, all its pages together."""
MOST_PAGES: Final = 500
SMALL_PAGE: Final = 100
"""Of a page among other answers."""
PAGE: Final = 500
_SLACK: Final = timedelta(days=1)
# Graph reads all-day events in a zone of its own; what is too much is left out.


@dataclass(frozen=True, slots=True)
class _Round:
    """What a round of delta brought, where the next one goes on, and when letters are answered automatically."""

    items: Items
    link: str
    reply: Span | None

    @property
    def removed(self) -> set[str]:
        return {event.id for event in self.items if event.removed is not None}

    @property
    def masters(self) -> dict[str, Event]:
        return {event.id: event for event in self.items if event.is_master and event.removed is None}

    @property
    def times(self) -> list[Event]:
        """What takes place: single events and occurrences."""
        return [event for event in self.items if event.removed is None and not event.is_master]


class GraphSource:
    """The calendar of the mailbox at `address`; `zone` (IANA) is its owner's."""

    def __init__(self, graph: Graph, replies: Replies, address: str, zone: str) -> None:
        self._graph = graph
        self._replies = replies
        self._address = address
        self._path = f"/users/{quote(address, safe='@')}"
        self._zone = ZoneInfo(zone)
        self._settings = fingerprint(graph.base, address.lower(), zone, str(replies.wanted))

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        """See `CalendarSource`."""
        async with within(SECONDS):
            return await self._changes(window, load_token(sync_token, self._settings, window))

    async def close(self) -> None:
        """See `CalendarSource`: nothing is held between reads."""

    async def _changes(self, window: Window, token: Token | None) -> Changes:
        if token is not None:
            try:
                return await self._partial(token)
            except Stale:
                pass
        try:
            return await self._complete(read_window(window), token)
        except Stale:
            raise SourceUnavailable("the first page of a listing is not known to the server any more") from None

    # -- what changed ------------------------------------------------------------------------------------------------

    async def _partial(self, token: Token) -> Changes:
        window = token.window
        found = await self._round(self._graph.path_of(token.link), window, token.reply_span, small=True)
        series = {e.series_master_id for e in found.times if e.series_master_id} | found.masters.keys()
        gone = found.removed - series
        if gone and token.series and not all_known(token.known, gone):
            return await self._view(window, found)
        singles = [event for event in found.times if not event.series_master_id]
        reading = read_events(singles, {}, window, self._zone)
        if series:
            await self._instances(series, found.masters, window, reading)
        touched = gone | series | {event.id for event in singles} | (found.items.rejected.keys() - {""})
        there = {entry.resource for entry in reading.entries}
        known = after(token.known, touched, there)
        touched |= {REPLY} if found.reply != token.reply_span else set()
        return Changes(
            entries=(*reading.entries, *(self._reply(found.reply) if REPLY in touched else ())),
            touched=frozenset(touched),
            sync_token=self._token(window, found, known, series=token.series or bool(series)),
            rejected=(*reading.rejected, *_unread(found.items)),
        )

    async def _instances(
        self, series: Iterable[str], masters: Mapping[str, Event], window: Window, reading: Reading
    ) -> None:
        """The occurrences in the window of each series; one that is gone meanwhile has none."""
        span = _span(window)
        parts = [
            self._asking(f"{self._path}/events/{quote(one, safe='')}/instances?{span}&$select={SELECT}", SMALL_PAGE)
            for one in sorted(series)
        ]
        items = Items()
        for answer in await self._graph.each(parts):
            if not is_gone(answer.status, answer.body):
                await self._to_the_end(read_page(answer.good()), items)
        found = await self._told(items, masters, window)
        reading.entries += found.entries
        reading.rejected += [*found.rejected, *items.rejected.values()]

    async def _told(self, events: Iterable[Event], masters: Mapping[str, Event], window: Window) -> Reading:
        """The entries of events; of the series that they need and that did not come along, the masters are asked for.

        Where such a master is gone meanwhile, so are its occurrences.
        """
        needed = {e.series_master_id for e in events if needs_master(e)} - masters.keys()
        parts = [
            self._asking(f"{self._path}/events/{quote(one, safe='')}?$select={SELECT}")
            for one in sorted(one for one in needed if one)
        ]
        answers = await self._graph.each(parts)
        asked = [read_event(answer.good()) for answer in answers if not is_gone(answer.status, answer.body)]
        masters = {**masters, **{event.id: event for event in asked}}
        alive = [e for e in events if not needs_master(e) or e.series_master_id in masters]
        return read_events(alive, masters, window, self._zone)

    # -- everything --------------------------------------------------------------------------------------------------

    async def _complete(self, window: Window, token: Token | None) -> Changes:
        """A first round of delta: it brings all events, of a series its master and bare occurrences."""
        path = f"{self._path}/calendarView/delta?{_span(window)}"
        found = await self._round(path, window, None if token is None else token.reply_span)
        adrift = {e.series_master_id for e in found.times if e.series_master_id and is_adrift(e)}
        steady = [event for event in found.times if event.series_master_id not in adrift]
        reading = await self._told(steady, found.masters, window)
        await self._instances(adrift, found.masters, window, reading)
        return self._whole(window, found, reading, found.items)

    async def _view(self, window: Window, found: _Round) -> Changes:
        """The whole calendar, of which nothing but what is needed is asked for."""
        part = self._asking(f"{self._path}/calendarView?{_span(window)}&$select={SELECT}&$top={PAGE}", PAGE)
        items = Items()
        await self._to_the_end(read_page((await self._graph.one(part)).good()), items)
        return self._whole(window, found, await self._told(items, found.masters, window), items)

    def _whole(self, window: Window, found: _Round, reading: Reading, items: Items) -> Changes:
        series = any(event.series_master_id for event in items if event.removed is None)
        known = pack({resource_of(event) for event in items if event.removed is None})
        return Changes(
            entries=(*reading.entries, *self._reply(found.reply)),
            complete=True,
            sync_token=self._token(window, found, known, series=series),
            rejected=(*reading.rejected, *_unread(items)),
        )

    # -- asking ------------------------------------------------------------------------------------------------------

    async def _round(self, path: str, window: Window, reply: Span | None, *, small: bool = False) -> _Round:
        """All pages of a round (`small`: of one that goes on), and the automatic reply beside the first.

        Raises `Stale`.
        """
        parts = [self._asking(path, SMALL_PAGE)]
        if self._replies.readable:
            parts.append(preferring(self._replies.part(self._path), UTC_TIMES))
        answers = await self._graph.each(parts, small=small)
        items = Items()
        last = await self._to_the_end(_fresh(answers[0]), items)
        if last.delta is None:
            raise SourceBroken("a round of changes that does not say where the next one goes on")
        if len(answers) > 1:
            reply = self._replies.read(answers[1], window.start, reply)
        return _Round(items, last.delta, reply)

    async def _to_the_end(self, page: Page, items: Items) -> Page:
        """Follow the links as they are, to the last page."""
        pages = Pages(MOST_PAGES)
        while True:
            items.add(page)
            if page.next is None:
                return page
            link = self._graph.path_of(pages.following(page.next))
            page = _fresh(await self._graph.one(self._asking(link, PAGE)))

    def _asking(self, path: str, page: int = 0) -> Part:
        size = (f"odata.maxpagesize={page}",) if page else ()
        return preferring(Part("GET", path), IMMUTABLE, UTC_TIMES, *size)

    def _reply(self, span: Span | None) -> tuple[CalendarEntry, ...]:
        return () if span is None else (reply_entry(self._address.lower(), span),)

    def _token(self, window: Window, found: _Round, known: str | None, *, series: bool) -> str:
        link = self._graph.base + self._graph.path_of(found.link)
        return Token(VERSION, self._settings, window.start, window.end, link, known, series, found.reply).dump()


def _fresh(answer: Answer) -> Page:
    if is_stale(answer.status, answer.body):
        raise Stale
    return read_page(answer.good())


def _unread(items: Items) -> tuple[Rejected, ...]:
    return tuple(items.rejected.values())


def _span(window: Window) -> str:
    return f"startDateTime={_iso(window.start - _SLACK)}&endDateTime={_iso(window.end + _SLACK)}"


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
