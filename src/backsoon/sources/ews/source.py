"""One mailbox's calendar on Exchange, as a calendar source.

A read is one `FindItem`, for it costs the server as much as to say what has changed. Where a calendar is read often,
because nothing tells of changes, `SyncFolderItems` says beforehand whether there is anything new: its answer is a
twentieth as long. What it gives are series and no occurrences, so that it is not read for more than that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from backsoon.sources.base import Changes, SourceBusy, SourceError, Window
from backsoon.sources.ews import reading
from backsoon.sources.ews.busy import WITHOUT_DETAILS, read_events
from backsoon.sources.ews.client import Client
from backsoon.sources.ews.entries import NOTHING, Read, read_items
from backsoon.sources.ews.failures import NOT_SHARED, EwsFailure, source_errors
from backsoon.sources.ews.replies import RESOURCE, Reply, begun, reply_entries
from backsoon.sources.ews.token import VERSION, Token, load_token, short

REPLY_EVERY: Final = timedelta(minutes=15)
OFTEN: Final = timedelta(minutes=30)
"""A calendar is read often where it is read again within this time,"""
FOLLOWED: Final = 2
"""and from the second time in a row on it is followed by `SyncFolderItems`: that begins with a look at every item."""
ASK_AGAIN: Final = timedelta(hours=1)
"""How long only free and busy times are asked for, before it is tried whether more may be read by now."""
GRACE: Final = timedelta(hours=24)
"""How long what was read in full stands, where only free and busy times may be read any more."""
_STALE: Final = frozenset({"ErrorInvalidSyncStateData", "ErrorSyncFolderNotFound"})


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read: `read` None says that nothing has changed."""

    read: Read | None
    sync: str = ""
    free_busy: bool = False
    free_busy_since: datetime | None = None
    warnings: tuple[str, ...] = ()


class EwsSource:
    """The calendar of a mailbox. `zone` is its owner's; `clock` gives the time in UTC."""

    def __init__(self, client: Client, address: str, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._address = address
        self._zone = zone
        self._clock = clock
        self._settings = short("\n".join([client.settings.access, address, zone.key]))

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        """See `CalendarSource`."""
        token = load_token(sync_token, self._settings)
        at = self._clock()
        with source_errors():
            found = await self._found(window, token, at)
            reply, replied_at, warning = await self._reply(window, token, at)
        return self._changes(window, token, at, found, (reply, replied_at, warning))

    async def close(self) -> None:
        """See `CalendarSource`: nothing is held between reads."""

    def _changes(
        self,
        window: Window,
        token: Token | None,
        at: datetime,
        found: _Found,
        replied: tuple[Reply | None, datetime | None, tuple[str, ...]],
    ) -> Changes:
        reply, replied_at, warnings = replied
        read = found.read
        same = read is None or bool(
            token is not None and token.fits(window) and read.digest and read.digest == token.digest
        )
        assert token is not None or read is not None  # noqa: S101 - nothing but a token says that nothing changed
        following = Token(
            VERSION,
            self._settings,
            token.start if same and token else window.start,
            token.end if same and token else window.end,
            at,
            read.digest if read is not None else token.digest if token else "",
            found.sync,
            _often(token, at),
            reply,
            replied_at,
            found.free_busy,
            found.free_busy_since,
        ).dump()
        told = reply_entries(reply, self._address, window)
        warnings = found.warnings + warnings
        if same or read is None:
            touched = frozenset({RESOURCE}) if token is not None and reply != token.reply else frozenset[str]()
            entries = told if touched else ()
            return Changes(entries, touched, sync_token=following, warnings=warnings)
        entries = (*read.entries, *told)
        return Changes(entries, complete=True, sync_token=following, rejected=tuple(read.rejected), warnings=warnings)

    # -- the calendar --------------------------------------------------------------------------------------------

    async def _found(self, window: Window, token: Token | None, at: datetime) -> _Found:
        if token is not None and token.free_busy and token.free_busy_since and at < token.free_busy_since + ASK_AGAIN:
            return await self._free_busy(window, token.free_busy_since)
        try:
            return await self._full(window, token, at)
        except EwsFailure as failure:
            if self._client.settings.impersonates or failure.code not in NOT_SHARED:
                raise
            if token is not None and not token.free_busy and at < token.at + GRACE:
                raise
            return await self._instead(window, at, failure)

    async def _instead(self, window: Window, at: datetime, failure: EwsFailure) -> _Found:
        """What may be read of a calendar that is not shared in full; where nothing may be, why not."""
        try:
            return await self._free_busy(window, at)
        except SourceBusy:
            raise
        except (EwsFailure, SourceError):
            raise failure from None

    async def _full(self, window: Window, token: Token | None, at: datetime) -> _Found:
        changed, sync = await self._looked(token, at)
        if not changed and token is not None and token.fits(window):
            return _Found(None, sync)
        read = await self._read(window)
        if token is not None and read.digest == NOTHING != token.digest:
            read = await self._read(window)  # everything gone at once: seldom true, so it is asked twice
        return _Found(read, sync)

    async def _read(self, window: Window) -> Read:
        items = await reading.items(self._client, self._address, window)
        return read_items(items, window, self._zone)

    async def _looked(self, token: Token | None, at: datetime) -> tuple[bool, str]:
        """Whether there is anything new, and the state to look from next time; asked before the calendar is read, so
        that a change in between is read twice rather than never."""
        if token is None or token.free_busy:
            return True, ""
        if token.sync == "-":
            return True, token.sync
        if _often(token, at) < FOLLOWED:
            return True, ""
        try:
            return await reading.changed_since(self._client, self._address, token.sync)
        except EwsFailure as failure:
            if failure.code in _STALE:
                return True, ""
            raise

    async def _free_busy(self, window: Window, since: datetime) -> _Found:
        events = await reading.busy_events(self._client, self._address, window)
        read, details = read_events(events, window)
        return _Found(read, "", True, since, () if details else (WITHOUT_DETAILS,))

    # -- the automatic reply -------------------------------------------------------------------------------------

    async def _reply(
        self, window: Window, token: Token | None, at: datetime
    ) -> tuple[Reply | None, datetime | None, tuple[str, ...]]:
        """The reply, when it was read, and what is to be said of it. What cannot be read stands as it was."""
        before = token.reply if token else None
        last = token.replied_at if token else None
        if not self._client.settings.automatic_replies:
            return None, None, ()
        if last is not None and at - last < REPLY_EVERY:
            return before, last, ()
        try:
            found = await reading.reply(self._client, self._address)
        except EwsFailure as failure:
            return before, at, (f"the automatic reply could not be read ({failure.code})",)
        except SourceError:
            return before, last, ("the automatic reply could not be read",)
        return begun(found, before, window), at, ()


def _often(token: Token | None, at: datetime) -> int:
    """How many times in a row the calendar was read soon after the time before, this one included."""
    if token is None or not timedelta() <= at - token.at <= OFTEN:
        return 0
    return min(token.often + 1, FOLLOWED)
