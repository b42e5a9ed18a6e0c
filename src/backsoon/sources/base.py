"""The contract of a calendar source: what every kind of calendar must keep.

Terminology: a *source* reads one configured calendar (for CalDAV that may be all the collections of one person).
A *resource* is the unit in which it reports changes; one resource holds one event with all its occurrences.
A *sync token* is opaque text that the source makes and the caller stores; only the source reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from backsoon.domain.errors import BacksoonError, NaiveTime
from backsoon.domain.model import CalendarEntry


@dataclass(frozen=True, slots=True)
class Window:
    """The span of which occurrences are wanted: those that overlap `[start, end)`; both in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC:
            raise NaiveTime("window")


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that was left out because it is broken or too costly; the rest of the calendar works.

    `unread` is True where the item itself could not be fetched: what is stored of it stands until it can.
    `because` is in our own words and quotes nothing but standard property names and numbers.
    """

    resource: str
    uid: str
    because: str
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What one read found.

    `complete` True: `entries` is the whole calendar in the window; everything stored before is replaced.
    `complete` False: for every resource in `touched` (changed *or removed*) all its stored occurrences are replaced
    by those in `entries`, which may be none; resources not in `touched` are as they were.
    `sync_token` starts the next read; None where only complete reads are possible.
    Nothing in `touched` and not `complete`: the calendar has not changed since the token.
    `warnings` are said in the health report (unknown time zones, for example); like `Rejected.because` they quote no
    text.
    """

    entries: tuple[CalendarEntry, ...] = ()
    touched: frozenset[str] = frozenset()
    complete: bool = False
    sync_token: str | None = None
    rejected: tuple[Rejected, ...] = ()
    warnings: tuple[str, ...] = ()


@runtime_checkable
class CalendarSource(Protocol):
    """One calendar that can be read.

    The caller owns the token: it stores it in the same transaction as the changes and gives it back. A token made
    for another window, or one that the server no longer knows, is no error: the source answers with a complete read.
    A source keeps no state between calls that a restart would lose, apart from connections. Every read is bounded in
    bytes,
    items, time and CPU.
    """

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        """What has changed since `sync_token` (None: everything).

        Raises a `SourceError` whenever the calendar could not be read *whole*: never an empty answer in its place.
        """
        ...

    async def close(self) -> None:
        """Release connections. The source is not used afterwards."""
        ...


class SourceError(BacksoonError):
    """A calendar could not be read. Nothing stored is touched; the last good state stands."""

    remedy = "look at the calendar server's own log"

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        self.detail = detail
        self.retry_after = retry_after
        """Seconds that the server asked us to wait, or None."""
        super().__init__(detail)


class SourceUnavailable(SourceError):
    """The server did not answer, or said that it cannot now (connection failures, time-outs, 429, 5xx)."""

    remedy = "nothing to do if it passes; otherwise see whether the address answers from this machine"


class SourceBusy(SourceUnavailable):
    """The server asks the whole account to wait (429, `ErrorServerBusy`, a quota that is used up).

    `retry_after` is always set. It is no fault of the calendar that was read: nothing is noted against it, and nobody
    at that connection is asked before then.
    """

    remedy = "nothing to do: the server's limits are kept, and reading goes on when it allows"

    def __init__(self, detail: str, *, retry_after: float = 10.0) -> None:
        super().__init__(detail, retry_after=retry_after)


class SourceDenied(SourceError):
    """The server refused the account (401, 403)."""

    remedy = "check user name and password, and that the calendar is shared with this account"


class SourceMissing(SourceError):
    """There is no such calendar (404, 410, a file that is gone)."""

    remedy = "check the calendar's address"


class SourceBroken(SourceError):
    """The answer is not a calendar: cut, a login page, XML with a DOCTYPE, not iCalendar at all."""

    remedy = "open the address in a browser: it must be a calendar, not a page"


class SourceTooLarge(SourceError):
    """The answer is past a bound on bytes, items or CPU time."""

    remedy = "split the calendar, or raise the limit for it"
