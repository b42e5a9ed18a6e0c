"""One person's calendars on a CalDAV server, as a calendar source.

An unchanged calendar costs one PROPFIND for each home. What the server holds is remembered *before* the data are read,
so that a change in between is read twice rather than never.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol

import msgspec
from yarl import URL

from backsoon.sources.base import Changes, Rejected, SourceUnavailable, Window
from backsoon.sources.caldav import bodies
from backsoon.sources.caldav.dav import Answer, CalDavLimits, Dav, Refused, source_errors
from backsoon.sources.caldav.delta import Delta, Stale, first_state, since
from backsoon.sources.caldav.discovery import Collection, Found, find_calendars
from backsoon.sources.caldav.fetch import GONE, Fetch
from backsoon.sources.caldav.hrefs import as_collection, is_beneath
from backsoon.sources.caldav.token import VERSION, State, Token, load_token, short
from backsoon.sources.ical import Reading
from backsoon.sources.paging import within
from backsoon.wire.auth import Credentials
from backsoon.wire.http import BadAddress, Http, parse_address

# Servers read all-day and floating times in zones of their own; what is too much the reader leaves out.
_SLACK: Final = timedelta(days=1)


class AsyncReader(Protocol):
    """Reads iCalendar somewhere where it can do no harm."""

    async def read(
        self, items: Sequence[tuple[str, bytes]], *, window: Window, zone: str, owner: frozenset[str]
    ) -> Reading:
        """The occurrences in the window of what each (resource, bytes) holds; a broken item is rejected, not raised."""
        ...


class CalDavSource:
    """One person's calendars: those behind `address`, which is a root, a principal, a home or one calendar.

    `zone` is the owner's IANA zone, for floating times; `owner` their e-mail addresses in lower case, for their answer
    to invitations. `use_sync_tokens=False` compares ETags instead, for a server whose sync tokens cannot be relied on.
    The `Http` belongs to the caller and stays open. Raises `BadAddress`.
    """

    def __init__(
        self,
        http: Http,
        reader: AsyncReader,
        address: str,
        *,
        zone: str,
        owner: frozenset[str] = frozenset(),
        credentials: Credentials | None = None,
        limits: CalDavLimits | None = None,
        use_sync_tokens: bool = True,
    ) -> None:
        self._address: URL = parse_address(address)
        if self._address.raw_query_string:
            raise BadAddress(str(self._address.origin()), "a CalDAV address has no query")
        self._dav = Dav(http, self._address, credentials, limits or CalDavLimits())
        self._reader = reader
        self._zone = zone
        self._owner = owner
        self._use_sync_tokens = use_sync_tokens
        self._settings = short("\n".join([str(self._address), zone, *sorted(owner)]))

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        """See `CalendarSource`."""
        async with within(self._dav.limits.seconds):
            with source_errors():
                return await self._changes(window, load_token(sync_token, self._settings, window))

    async def close(self) -> None:
        """See `CalendarSource`: nothing is held between reads."""

    async def _changes(self, window: Window, token: Token | None) -> Changes:
        distrusted: set[str] = set()
        if token is not None:
            deltas = await self._deltas(token, distrusted)
            if deltas is not None:
                return await self._partial(window, token, deltas)
        return await self._complete(window, distrusted)

    async def _deltas(self, token: Token, distrusted: set[str]) -> dict[str, Delta] | None:
        """What changed in each collection; None where only a complete read can tell."""
        seen = await self._states(token)
        if seen is None:
            return None
        deltas: dict[str, Delta] = {}
        for href, state in token.collections.items():
            try:
                deltas[href] = await since(self._dav, state, seen[href])
            except Stale as stale:
                if stale.distrusted:
                    distrusted.add(href)
                return None
        return deltas

    async def _states(self, token: Token) -> Mapping[str, Collection] | None:
        """What the server says of each collection now; None where others are there than were."""
        seen: dict[str, Collection] = {}
        for path, depth in [(home, 1) for home in token.homes] or [(href, 0) for href in token.collections]:
            try:
                answers = (await self._dav.propfind(path, depth, bodies.STATES)).answers
            except Refused as error:
                if error.status in GONE:
                    return None
                raise
            seen |= {as_collection(a.path): _seen(a) for a in answers if a.status == 200}
        inside = {href for href in seen if any(is_beneath(href, home) for home in token.homes)}
        same = inside == set(token.members) and token.collections.keys() <= seen.keys()
        return seen if same else None

    async def _partial(self, window: Window, token: Token, deltas: Mapping[str, Delta]) -> Changes:
        fetch = Fetch(self._dav)
        for href, delta in deltas.items():
            await fetch.named(href, sorted(delta.changed))
        removed = frozenset().union(fetch.gone, *(delta.removed for delta in deltas.values()))
        states = {href: delta.state for href, delta in deltas.items()}
        reading = await self._read(fetch, window)
        return Changes(
            entries=reading.entries,
            touched=removed | fetch.items.keys(),
            sync_token=_token(token, states, fetch),
            rejected=(*reading.rejected, *_rejected(fetch)),
            warnings=reading.warnings,
        )

    async def _complete(self, window: Window, distrusted: set[str]) -> Changes:
        found = await find_calendars(self._dav, self._address)
        fetch, states = Fetch(self._dav), dict[str, State]()
        for calendar in found.read:
            by_etags = not self._use_sync_tokens or calendar.href in distrusted
            states[calendar.href] = await first_state(self._dav, calendar, distrusted=by_etags)
            await fetch.window(calendar.href, window.start - _SLACK, window.end + _SLACK)
        if fetch.failed and not fetch.items:
            raise SourceUnavailable(f"the server gives none of {len(fetch.failed)} resources")
        reading = await self._read(fetch, window)
        return Changes(
            entries=reading.entries,
            complete=True,
            sync_token=_token(_blank(self._settings, window, found), states, fetch),
            rejected=(*reading.rejected, *_rejected(fetch)),
            warnings=reading.warnings,
        )

    async def _read(self, fetch: Fetch, window: Window) -> Reading:
        if not fetch.items:
            return Reading()
        items = tuple(fetch.items.items())
        return await self._reader.read(items, window=window, zone=self._zone, owner=self._owner)


def _seen(answer: Answer) -> Collection:
    return Collection(
        as_collection(answer.path), sync_token=answer.text(bodies.SYNC_TOKEN), ctag=answer.text(bodies.GETCTAG)
    )


def _blank(settings: str, window: Window, found: Found) -> Token:
    return Token(VERSION, settings, window.start, window.end, found.homes, tuple(sorted(found.members)), {})


def _token(token: Token, states: Mapping[str, State], fetch: Fetch) -> str:
    """The next token: what the server would not give is asked for again."""
    collections = {
        href: msgspec.structs.replace(state, again=tuple(p for p in sorted(fetch.failed) if is_beneath(p, href)))
        for href, state in states.items()
    }
    return msgspec.structs.replace(token, collections=collections).dump()


def _rejected(fetch: Fetch) -> tuple[Rejected, ...]:
    return tuple(Rejected(path, "", because, unread=True) for path, because in sorted(fetch.failed.items()))
