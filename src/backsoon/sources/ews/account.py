"""An account at Exchange: it acts for every mailbox, or everybody shares their calendar with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from backsoon.sources.account import BusyTime, Finding, Shared, Stream, Webhooks
from backsoon.sources.base import CalendarSource, SourceBroken, SourceError, SourceMissing, Window
from backsoon.sources.ews import reading
from backsoon.sources.ews.autodiscover import Autodiscover, Written
from backsoon.sources.ews.busy import busy_times
from backsoon.sources.ews.check import check, discover
from backsoon.sources.ews.client import Client
from backsoon.sources.ews.failures import EwsFailure, source_errors
from backsoon.sources.ews.requests import AVAILABILITY_AT_ONCE
from backsoon.sources.ews.settings import EwsSettings
from backsoon.sources.ews.source import EwsSource
from backsoon.sources.ews.stream import EwsStream
from backsoon.sources.ews.transport import Transport
from backsoon.wire.http import Http
from backsoon.wire.throttle import Throttle

__all__ = ["EwsAccount", "EwsSettings"]


class EwsAccount:
    """See `backsoon.sources.account.Account`.

    The `Http` belongs to the caller and stays open; it should allow `settings.at_once` connections to a host. `clock`
    gives the time in UTC.
    """

    webhooks: Webhooks | None = None

    def __init__(self, settings: EwsSettings, http: Http, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._transport = Transport(settings, http)
        addresses = Written(settings.url) if settings.url else Autodiscover(settings, self._transport)
        self._client = Client(settings, self._transport, Throttle(settings.at_once), addresses)
        self._stream = EwsStream(self._client) if settings.push else None

    @property
    def at_once(self) -> int:
        """See `Account`."""
        return self._client.throttle.limit * 3 // 2  # while some are stored, others are asked for

    @property
    def busy_at_once(self) -> int:
        """See `Account`."""
        return AVAILABILITY_AT_ONCE

    @property
    def stream(self) -> Stream | None:
        """See `Account`."""
        return self._stream

    @property
    def counts(self) -> Counter[str]:
        """How many requests there were, by operation."""
        return self._client.counts

    def source(self, address: str, *, zone: str, owner: frozenset[str]) -> CalendarSource:
        """See `Account`. Exchange says itself what the owner answered, so `owner` is not needed."""
        if not address or len(address) > 320 or not address.isprintable():
            raise SourceMissing("no address of a mailbox")
        try:
            return EwsSource(self._client, address, ZoneInfo(zone), self._clock)
        except (ValueError, OSError, KeyError):
            raise SourceBroken("the owner's time zone is not known") from None

    async def busy(self, addresses: Sequence[str], window: Window) -> Mapping[str, tuple[BusyTime, ...] | SourceError]:
        """See `Account`."""
        if not addresses:
            return {}
        with source_errors():
            views = await reading.busy_views(self._client, addresses, window, details=False)
        return {
            address: view.as_source_error() if isinstance(view, EwsFailure) else busy_times(view, window)
            for address, view in zip(addresses, views, strict=True)
        }

    async def check(self, addresses: Sequence[str]) -> Sequence[Finding]:
        """See `Account`."""
        return await check(self._client, addresses, self._clock)

    async def discover(self, addresses: Sequence[str]) -> Sequence[Shared]:
        """See `Account`."""
        return await discover(self._client, addresses, self._clock)

    async def close(self) -> None:
        """See `Account`."""
        await self._transport.close()
