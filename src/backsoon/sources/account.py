"""The contract of an account: how many people's calendars at one server are read, and how it tells of changes.

A connection of kind `ews`, `graph` or `google` has one account. It owns what its sources share: sign-in, connections,
the vendor's limits. Whatever it tells of changes is a hint: it is answered by reading, and a lost one does no harm.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from backsoon.domain.model import ShowAs
from backsoon.sources.base import CalendarSource, SourceError, Window


@dataclass(frozen=True, slots=True)
class BusyTime:
    """One busy stretch of a mailbox, both ends in UTC; nothing of the entry behind it."""

    start: datetime
    end: datetime
    show_as: ShowAs = ShowAs.BUSY


@dataclass(frozen=True, slots=True)
class Finding:
    """What `check` says of an account. `level` is `ok`, `warning` or `error`."""

    level: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Shared:
    """A calendar that the account can read. `access` is in the vendor's words (`reader`, `freeBusyReader`, ...);
    `details` is False where titles cannot be read, so that keywords cannot either."""

    address: str
    access: str = ""
    details: bool = True
    name: str = field(default="", repr=False)


class Account(Protocol):
    """An account at one server. Every method may raise a `SourceError`; `SourceBusy` where the vendor asks to wait."""

    @property
    def at_once(self) -> int:
        """How many reads may be under way together now; it falls when the vendor throttles, and rises again."""
        ...

    @property
    def busy_at_once(self) -> int:
        """How many mailboxes one call of `busy` takes; 0 where it is not offered."""
        ...

    @property
    def webhooks(self) -> Webhooks | None:
        """How notifications are ordered by HTTP, where the vendor has that."""
        ...

    @property
    def stream(self) -> Stream | None:
        """How notifications are listened to on a connection of ours, where the server has that."""
        ...

    def source(self, address: str, *, zone: str, owner: frozenset[str]) -> CalendarSource:
        """The source of the calendar at an address (mostly the mailbox's e-mail address).

        `zone` (IANA) is its owner's, `owner` are their e-mail addresses in lower case. Raises `SourceError`.
        """
        ...

    async def busy(self, addresses: Sequence[str], window: Window) -> Mapping[str, tuple[BusyTime, ...] | SourceError]:
        """When each mailbox is busy in the window, of at most `busy_at_once` of them; a mailbox's own failure is its
        value. What is shown as free is left out."""
        ...

    async def check(self, addresses: Sequence[str]) -> Sequence[Finding]:
        """Whether the account may do what it must, and no more; `addresses` are some mailboxes to try.

        Reads only. What fails is a finding, not an exception.
        """
        ...

    async def discover(self, addresses: Sequence[str]) -> Sequence[Shared]:
        """The calendars that the account can read: those that it can list, and which of `addresses` it reaches."""
        ...

    async def close(self) -> None:
        """Release everything. Neither the account nor its sources are used afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Notifications to order for one calendar.

    `id` is a proposal (Google takes it as the channel's; Graph makes its own), `secret` what each notification must
    bring with it (`clientState`, the channel's token), `url` where it shall arrive.
    """

    calendar: int
    address: str
    id: str
    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ordered:
    """Notifications that are ordered. `calendar` is 0 and `address` "" where the vendor's list does not say whose.

    `resource` is what the vendor calls the thing that is watched, `expires_at` is as *it* said.
    """

    id: str
    expires_at: datetime
    calendar: int = 0
    address: str = ""
    resource: str = ""
    url: str = ""


class Webhooks(Protocol):
    """Ordering notifications by HTTP."""

    path: str
    """Where they arrive, below the public address (`/hooks/graph`)."""
    together: int
    """How many one call of `order`, `renew` or `cancel` takes."""
    renewable: bool
    """True: one is prolonged in place. False: a new one is ordered while the old one lasts, which is then cancelled."""

    of_everything: bool
    """Whether they tell of everything that a read brings. False: automatic replies, say, are found by reading only."""

    async def order(self, wanted: Sequence[Wanted]) -> Sequence[Ordered | SourceError]:
        """Order them; in the same order what came of each. Raises `SourceBusy` where none could be tried."""
        ...

    async def renew(self, ordered: Sequence[Ordered]) -> Sequence[Ordered | SourceError]:
        """Prolong them. `SourceMissing` where there is no such one any more."""
        ...

    async def cancel(self, ordered: Sequence[Ordered]) -> None:
        """Cancel them; those that are gone already are no failure."""
        ...

    async def listed(self) -> Sequence[Ordered] | None:
        """All of this account's at the vendor; None where it cannot say."""
        ...


class Listener(Protocol):
    """Who listens to a stream."""

    def heard(self, addresses: Collection[str]) -> None:
        """Something may have changed in these mailboxes."""
        ...

    def covered(self, addresses: Collection[str], *, live: bool) -> None:
        """From now on changes in these mailboxes are told (`live`), or not any more."""
        ...


class Stream(Protocol):
    """Listening on connections of ours."""

    @property
    def problem(self) -> SourceError | None:
        """What keeps changes in some mailboxes from being told now, or in all; None where nothing does."""
        ...

    def want(self, addresses: Collection[str]) -> None:
        """The mailboxes to be listened to from now on, all of them."""
        ...

    async def run(self, listener: Listener) -> None:
        """Listen until cancelled. Whatever fails is tried again, with back-off, and said by `covered`.

        After a gap in which something may have been missed, `heard` is called with everybody concerned.
        """
        ...
