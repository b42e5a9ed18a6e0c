"""An account at Google: one with whom everybody shares their calendar, or one that acts for each mailbox."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from backsoon.sources.account import BusyTime, Finding, Shared, Stream, Webhooks
from backsoon.sources.base import (
    CalendarSource,
    SourceBroken,
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceMissing,
    Window,
)
from backsoon.sources.google.api import Api
from backsoon.sources.google.busy import AT_ONCE, free_busy
from backsoon.sources.google.check import check, discover
from backsoon.sources.google.errors import DelegationMissing, NoCalendarUser, NoSuchUser, ScopeMissing
from backsoon.sources.google.settings import GoogleSettings
from backsoon.sources.google.source import GoogleSource
from backsoon.sources.google.webhooks import GoogleWebhooks
from backsoon.wire.http import Http

MOST_QUERIES: Final = 20
"""Free/busy queries of one call that are under way together; at most a quarter of what the account may ask at once."""
_TRIED: Final = 3
_GROUPS_TRIED: Final = 5
_IN_ONE_NAME: Final = 300
"""After so many queries another mailbox lends its name: Google allows each user 600 requests a minute."""
_Busy = Mapping[str, tuple[BusyTime, ...] | SourceError]


class GoogleAccount:
    """See `backsoon.sources.account.Account`.

    The `Http` belongs to the caller and stays open. Google has no automatic replies in its calendar: an absence that
    its owner books (`outOfOffice`) does their work.
    """

    stream: Stream | None = None

    def __init__(self, settings: GoogleSettings, http: Http) -> None:
        self._settings = settings
        self._api = Api(settings, http)
        self._webhooks = GoogleWebhooks(self._api)
        self._busy_at_once = AT_ONCE * max(1, min(MOST_QUERIES, settings.together // 4))
        self._asks_as = ""
        """In whose name free/busy is asked, where each mailbox is acted for: one's token serves for everybody."""
        self._asked = 0
        """How often it was in that name."""

    @property
    def at_once(self) -> int:
        """See `Account`."""
        return self._api.throttle.limit

    @property
    def busy_at_once(self) -> int:
        """See `Account`; 0 where the consent does not cover free/busy."""
        return self._busy_at_once

    @property
    def webhooks(self) -> Webhooks | None:
        """See `Account`."""
        return self._webhooks

    @property
    def counts(self) -> Counter[str]:
        """How many requests there were, by operation: Google bills a project from 1,000,000 a day."""
        return self._api.counts

    def source(self, address: str, *, zone: str, owner: frozenset[str]) -> CalendarSource:
        """See `Account`. Google says itself which attendee is the owner, so `owner` is not needed."""
        if not address or len(address) > 320 or not address.isprintable():
            raise SourceMissing("no address of a mailbox")
        try:
            return GoogleSource(self._api, address, zone=ZoneInfo(zone), ahead=self._settings.ahead)
        except (ValueError, OSError, KeyError):
            raise SourceBroken("the owner's time zone is not known") from None

    async def busy(self, addresses: Sequence[str], window: Window) -> _Busy:
        """See `Account`. In a domain everybody may see when everybody is busy, unless its administrator says else.

        Several queries are under way together: one after the other, each would stand in line behind all reads.
        """
        groups = [addresses[first : first + AT_ONCE] for first in range(0, len(addresses), AT_ONCE)]
        if not groups:
            return {}
        try:
            first = {} if self._asks_as else await self._first(groups, window)
            return {**first, **await self._together(groups, window)}
        except (ScopeMissing, DelegationMissing):
            self._busy_at_once = 0  # the consent is not wide enough; reading works without
            raise

    async def _first(self, groups: list[Sequence[str]], window: Window) -> _Busy:
        """The first query that is answered, taken out of these, finds out in whose name the others can be asked: some
        mailboxes lend none, such as those of nobody at Google."""
        last = min(len(groups), _GROUPS_TRIED) - 1
        for number in range(last + 1):
            try:
                found = await self._busy(groups[number], window)
            except (NoSuchUser, NoCalendarUser):
                if number == last:
                    raise
            else:
                del groups[number]
                return found
        return {}

    async def _together(self, groups: Sequence[Sequence[str]], window: Window) -> _Busy:
        """A query that fails is its own mailboxes' failure, unless all of them fail or it concerns everybody."""
        answers = await asyncio.gather(*(self._busy(group, window) for group in groups), return_exceptions=True)
        found: dict[str, tuple[BusyTime, ...] | SourceError] = {}
        failed: list[SourceError] = []
        for group, answer in zip(groups, answers, strict=True):
            if isinstance(answer, SourceError):
                failed.append(answer)
                found.update(dict.fromkeys(group, answer))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found.update(answer)
        of_all = [e for e in failed if isinstance(e, SourceBusy | SourceDenied)]
        if of_all or (failed and len(failed) == len(groups)):
            raise (of_all or failed)[0]
        return found

    async def _busy(self, addresses: Sequence[str], window: Window) -> _Busy:
        self._asked += 1
        if self._asked > _IN_ONE_NAME:
            self._asked, self._asks_as = 0, ""
        asking = [name for name in (self._asks_as, *addresses[:_TRIED]) if name]
        for number, mailbox in enumerate(asking, 1):
            try:
                found = await free_busy(self._api, addresses, window, mailbox=mailbox)
            except (NoSuchUser, NoCalendarUser, SourceDenied) as error:
                if isinstance(error, DelegationMissing | ScopeMissing) or number == len(asking):
                    raise
                if not self._settings.delegated:
                    raise
                continue  # that one mailbox is gone: in another's name
            self._asks_as = mailbox
            return found
        raise SourceDenied("free/busy can be asked in nobody's name")

    async def check(self, addresses: Sequence[str]) -> Sequence[Finding]:
        """See `Account`."""
        return await check(self._api, addresses)

    async def discover(self, addresses: Sequence[str]) -> Sequence[Shared]:
        """See `Account`. A service account's list holds nothing that it did not put there: it is tried instead."""
        return await discover(self._api, addresses)

    async def close(self) -> None:
        """See `Account`."""
        self._api.tokens.close()
