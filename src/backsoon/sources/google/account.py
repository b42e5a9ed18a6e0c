"""An account at Google: one with whom everybody shares their calendar, or one that acts for each mailbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from backsoon.sources.account import BusyTime, Finding, Shared, Stream, Webhooks
from backsoon.sources.base import CalendarSource, SourceBroken, SourceDenied, SourceError, SourceMissing, Window
from backsoon.sources.google.api import Api
from backsoon.sources.google.busy import AT_ONCE, free_busy
from backsoon.sources.google.check import check, discover
from backsoon.sources.google.errors import DelegationMissing, NoSuchUser, ScopeMissing
from backsoon.sources.google.settings import GoogleSettings
from backsoon.sources.google.source import GoogleSource
from backsoon.sources.google.webhooks import GoogleWebhooks
from backsoon.wire.http import Http

_TRIED = 3


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
        self._busy_at_once = AT_ONCE
        self._asks_as = ""
        """In whose name free/busy was asked last, where each mailbox is acted for."""

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

    async def busy(self, addresses: Sequence[str], window: Window) -> Mapping[str, tuple[BusyTime, ...] | SourceError]:
        """See `Account`. In a domain everybody may see when everybody is busy, unless its administrator says else."""
        if not addresses:
            return {}
        try:
            return await self._busy(addresses, window)
        except (ScopeMissing, DelegationMissing):
            self._busy_at_once = 0  # the consent is not wide enough; reading works without
            raise

    async def _busy(self, addresses: Sequence[str], window: Window) -> Mapping[str, tuple[BusyTime, ...] | SourceError]:
        asking = [name for name in (self._asks_as, *addresses[:_TRIED]) if name]
        for number, mailbox in enumerate(asking, 1):
            try:
                found = await free_busy(self._api, addresses, window, mailbox=mailbox)
            except (NoSuchUser, SourceDenied) as error:
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
