"""Notification channels at Google (`events.watch`): ordered for each calendar, told of by an empty request.

Source: Google Calendar API, "Push notifications". A channel cannot be prolonged and Google does not list them: a new
one is ordered while the old one lasts. `ttl` is always said: what Google takes without one has changed over the years.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from backsoon.sources.account import Ordered, Wanted
from backsoon.sources.base import SourceBroken, SourceBusy, SourceDenied, SourceError, SourceMissing
from backsoon.sources.google.api import Api, decoded, of_calendar

TTL: Final = timedelta(days=7)
"""How long a channel is asked to last; what Google makes of it is read back."""
TOGETHER: Final = 10


class AddressRefused(SourceDenied):
    """Google does not send to the public address."""

    remedy = "`[api] public` must be https with a certificate that browsers trust, reachable from the internet"


class _Channel(msgspec.Struct):
    id: str
    resourceId: str
    expiration: str | int = ""


class GoogleWebhooks:
    """See `backsoon.sources.account.Webhooks`."""

    path = "/hooks/google"
    together = TOGETHER
    renewable = False
    of_everything = True

    def __init__(self, api: Api) -> None:
        self._api = api

    async def order(self, wanted: Sequence[Wanted]) -> Sequence[Ordered | SourceError]:
        """See `Webhooks`. The channel takes the proposed id; its token is the secret."""
        found = await asyncio.gather(*(self._ordered(each) for each in wanted))
        busy = [each for each in found if isinstance(each, SourceBusy)]
        if busy and len(busy) == len(found):
            raise busy[0]
        return found

    async def _ordered(self, wanted: Wanted) -> Ordered | SourceError:
        body = {
            "id": wanted.id,
            "type": "web_hook",
            "address": wanted.url,
            "token": wanted.secret,
            "params": {"ttl": str(int(TTL.total_seconds()))},
        }
        try:
            path = of_calendar(wanted.address, "/events/watch")
            channel = decoded(await self._api.post("events.watch", path, body, mailbox=wanted.address), _Channel)
        except SourceError as error:
            return _said(error)
        expires_at = _expiration(channel.expiration)
        if channel.id != wanted.id or expires_at is None:
            return SourceBroken("Google answered for another channel, or did not say how long it lasts")
        return Ordered(
            channel.id,
            expires_at,
            calendar=wanted.calendar,
            address=wanted.address,
            resource=channel.resourceId,
            url=wanted.url,
        )

    async def renew(self, ordered: Sequence[Ordered]) -> Sequence[Ordered | SourceError]:
        """See `Webhooks`: a channel cannot be prolonged."""
        return [SourceMissing("Google prolongs no channel: order a new one") for _ in ordered]

    async def cancel(self, ordered: Sequence[Ordered]) -> None:
        """See `Webhooks`. Each is stopped in the name in which it was ordered."""
        results = await asyncio.gather(*(self._cancelled(each) for each in ordered))
        failed = [error for error in results if error is not None]
        if failed:
            raise failed[0]

    async def _cancelled(self, ordered: Ordered) -> SourceError | None:
        body = {"id": ordered.id, "resourceId": ordered.resource}
        try:
            await self._api.post("channels.stop", "/channels/stop", body, mailbox=ordered.address)
        except SourceMissing:
            return None
        except SourceError as error:
            return error
        return None

    async def listed(self) -> Sequence[Ordered] | None:
        """See `Webhooks`: Google cannot say."""
        return None


def _expiration(told: str | int) -> datetime | None:
    """Milliseconds since 1970, mostly as text."""
    try:
        return datetime.fromtimestamp(int(told) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _said(error: SourceError) -> SourceError:
    """`push.webhookUrlNotHttps`, `push.webhookUrlUnauthorized` and their kin concern our own address."""
    return AddressRefused(error.detail) if "push.webhookUrl" in error.detail else error
