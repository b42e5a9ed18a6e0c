"""One person's Google calendar, as a calendar source.

The first read is bounded by the window; what comes by a sync token afterwards is not: a series without end that is
touched comes with its occurrences of many years. So what lies outside is dropped here, and where a token brings more
than a complete read would, the calendar is read completely instead. When a series is removed Google names its
occurrences of some months only; the complete read that a moving window brings each month takes the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from backsoon.domain.model import CalendarEntry
from backsoon.sources.base import (
    Changes,
    Rejected,
    SourceBusy,
    SourceError,
    SourceTooLarge,
    Window,
)
from backsoon.sources.google.api import Api, decoded, of_calendar
from backsoon.sources.google.busy import busy_entries, free_busy
from backsoon.sources.google.entries import FIELDS, Page, read_item
from backsoon.sources.google.errors import BadRequest, NotAllowed, NotGoogles, NotShared, TokenTooOld
from backsoon.sources.google.token import Token, load_token, new_token, short
from backsoon.sources.paging import Pages, within

PER_PAGE: Final = 2_500
"""The most that Google gives on a page."""
MOST_ITEMS: Final = 50_000
MOST_PAGES: Final = 200
MOST_CHANGED: Final = 10_000
"""Where more than this comes by a token, a complete read costs less."""
SECONDS: Final = 110.0
WITHOUT_DETAILS: Final = "shared without details, keywords cannot be read"


class _TokenLost(Exception):
    """The sync token, or reading by it, is of no use: everything has to be read."""


@dataclass
class _Listing:
    """What pages of `events.list` held, by resource: the last word on each counts."""

    entries: dict[str, CalendarEntry | None] = field(default_factory=dict)
    rejected: dict[str, Rejected] = field(default_factory=dict)
    sync_token: str = ""
    access: str = ""

    def take(self, page: Page, window: Window, zone: ZoneInfo) -> None:
        """One more page."""
        for raw in page.items:
            read = read_item(raw, window, zone)
            self.rejected.pop(read.resource, None)
            self.entries[read.resource] = read.entry
            if read.rejected is not None:
                self.rejected[read.resource] = read.rejected
        self.sync_token = page.nextSyncToken
        self.access = page.accessRole or self.access

    def changes(self, token: Token | None, *, complete: bool) -> Changes:
        """What the contract wants of it."""
        return Changes(
            entries=tuple(entry for entry in self.entries.values() if entry is not None),
            touched=frozenset() if complete else frozenset(name for name in self.entries if name),
            complete=complete,
            sync_token=token.dump() if token else None,
            rejected=tuple(self.rejected.values()),
            warnings=(WITHOUT_DETAILS,) if self.access == "freeBusyReader" else (),
        )


class GoogleSource:
    """The calendar at `address` (mostly a mailbox's), read by an account. `zone` is its owner's.

    `ahead` is how much further than asked the first read goes. Nothing is kept between reads.
    """

    def __init__(self, api: Api, address: str, *, zone: ZoneInfo, ahead: timedelta) -> None:
        self._api = api
        self._address = address
        self._zone = zone
        self._ahead = ahead
        self._settings = short(api.settings.base, api.settings.access, address, zone.key)

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        """See `CalendarSource`."""
        async with within(SECONDS):
            return await self._changes(window, load_token(sync_token, self._settings, window))

    async def close(self) -> None:
        """See `CalendarSource`: nothing is held between reads."""

    async def _changes(self, window: Window, token: Token | None) -> Changes:
        if token is not None:
            try:
                return await self._since(token)
            except _TokenLost:
                pass
        try:
            return await self._complete(Window(window.start, window.end + self._ahead))
        except (NotAllowed, NotShared) as error:
            return await self._times_only(window, error)

    async def _since(self, token: Token) -> Changes:
        query = {"syncToken": token.t}
        listing = await self._listed(query, token.window, most=MOST_CHANGED)
        following = new_token(token.window, self._settings, listing.sync_token or token.t)
        return listing.changes(following, complete=False)

    async def _complete(self, window: Window) -> Changes:
        query = {"timeMin": _rfc3339(window.start), "timeMax": _rfc3339(window.end)}
        listing = await self._listed(query, window, most=MOST_ITEMS)
        token = new_token(window, self._settings, listing.sync_token) if listing.sync_token else None
        return listing.changes(token, complete=True)

    async def _times_only(self, window: Window, refusal: SourceError) -> Changes:
        """Where events may not be listed: the times, if at least these are shared."""
        try:
            times = (await free_busy(self._api, [self._address], window))[self._address]
        except SourceBusy:
            raise
        except SourceError:
            raise refusal from None
        if isinstance(times, SourceError):
            raise refusal
        return Changes(entries=busy_entries(times), complete=True, warnings=(WITHOUT_DETAILS,))

    async def _listed(self, query: dict[str, str], window: Window, *, most: int) -> _Listing:
        """All pages. Raises `_TokenLost` where the query's sync token, or reading by it, is of no use."""
        by_token = "syncToken" in query
        asked = {"singleEvents": "true", "maxAttendees": "1", "maxResults": str(PER_PAGE), "fields": FIELDS} | query
        listing, pages = _Listing(), Pages(MOST_PAGES)
        while True:
            page = await self._page(asked, by_token=by_token)
            listing.take(page, window, self._zone)
            if not page.nextPageToken:
                return listing
            asked["pageToken"] = pages.following(page.nextPageToken)
            if len(listing.entries) > most:
                if by_token:
                    raise _TokenLost
                raise SourceTooLarge(f"more than {most} entries in the window")

    async def _page(self, asked: dict[str, str], *, by_token: bool) -> Page:
        path = of_calendar(self._address, "/events")
        try:
            body = await self._api.get("events.list", path, asked, mailbox=self._address)
        except (TokenTooOld, BadRequest):
            if by_token:
                raise _TokenLost from None
            raise
        page = decoded(body, Page)
        if page.kind != "calendar#events":
            raise NotGoogles("the answer is no list of events")
        return page


def _rfc3339(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
