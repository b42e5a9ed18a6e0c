"""Notification channels: ordered, stopped, and told by empty requests with `X-Goog-*` headers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from tests.simulators.faults import Faults
from tests.simulators.google.refusals import Refused

LONGEST = timedelta(days=30)
USUAL = timedelta(days=7)


@dataclass
class Channel:
    """One channel."""

    id: str
    address: str
    token: str
    mailbox: str
    user: str
    resource: str
    expires_at: datetime
    messages: int = 0


class Channels:
    """All channels of a simulator. `deliver_to` replaces the origin of their addresses (nothing is sent elsewhere)."""

    def __init__(self, faults: Faults, now: Callable[[], datetime]) -> None:
        self.open: dict[str, Channel] = {}
        self.longest = LONGEST
        self.deliver_to = ""
        self.retry_after = 0.2
        self.told: list[tuple[str, str, int]] = []
        """What was sent: channel, state, the status that came back (0: none)."""
        self._faults = faults
        self._now = now
        self._session: aiohttp.ClientSession | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._held: list[tuple[Channel, str, int]] = []

    async def close(self) -> None:
        """Nothing more is sent."""
        for task in list(self._sending):
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def settled(self) -> None:
        """Wait until everything that was to be sent has been."""
        while self._sending:
            await asyncio.gather(*self._sending, return_exceptions=True)

    def order(self, mailbox: str, user: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new channel. Raises `Refused`."""
        if body.get("type") not in ("web_hook", "webhook") or not body.get("id"):
            raise Refused(400, "required")
        if len(str(body["id"])) > 64 or len(str(body.get("token", ""))) > 256:
            raise Refused(400, "invalid")
        if str(body["id"]) in self.open:
            raise Refused(400, "channelIdNotUnique")
        where = urlsplit(str(body.get("address", "")))
        if where.scheme != "https" and where.hostname != "127.0.0.1":
            raise Refused(400, "push.webhookUrlNotHttps")
        asked = (body.get("params") or {}).get("ttl")
        lasts = min(timedelta(seconds=int(asked)) if asked else USUAL, self.longest)
        channel = Channel(
            str(body["id"]),
            str(body["address"]),
            str(body.get("token", "")),
            mailbox,
            user,
            f"resource-{mailbox}",
            self._now() + lasts,
        )
        self.open[channel.id] = channel
        self._tell(channel, "sync")
        return {
            "kind": "api#channel",
            "id": channel.id,
            "resourceId": channel.resource,
            "resourceUri": f"https://www.googleapis.com/calendar/v3/calendars/{mailbox}/events?alt=json",
            "token": channel.token,
            "expiration": str(int(channel.expires_at.timestamp() * 1_000)),
        }

    def stop(self, user: str, body: Mapping[str, Any]) -> None:
        """Stop one. Raises `Refused` where there is none, or it is somebody else's."""
        channel = self.open.get(str(body.get("id", "")))
        if channel is None or (channel.resource, channel.user) != (body.get("resourceId"), user):
            raise Refused(404)
        del self.open[channel.id]

    def changed(self, mailbox: str) -> None:
        """Something in a mailbox has changed."""
        for channel in [each for each in self.open.values() if each.mailbox == mailbox]:
            if channel.expires_at <= self._now():
                del self.open[channel.id]
            else:
                self._tell(channel, "exists")

    def release(self) -> None:
        """Send what was held back, the last first."""
        while self._held:
            self._send(*self._held.pop())

    def _tell(self, channel: Channel, state: str) -> None:
        channel.messages += 1
        fault = self._faults.take(f"notify {channel.mailbox} {state}", "drop", "duplicate", "reorder")
        match fault.kind if fault else "":
            case "drop":
                return
            case "reorder":
                self._held.append((channel, state, channel.messages))
                return
            case "duplicate":
                assert fault is not None
                for _ in range(fault.told.get("times_sent", 2) - 1):
                    self._send(channel, state, channel.messages)
        self._send(channel, state, channel.messages)

    def _send(self, channel: Channel, state: str, number: int) -> None:
        task = asyncio.get_running_loop().create_task(self._sent(channel, state, number))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _sent(self, channel: Channel, state: str, number: int) -> None:
        url = URL(channel.address)
        if self.deliver_to:
            url = URL(self.deliver_to).join(url.relative())
        if url.host != "127.0.0.1":
            return
        headers = {
            "X-Goog-Channel-ID": channel.id,
            "X-Goog-Message-Number": str(number),
            "X-Goog-Resource-ID": channel.resource,
            "X-Goog-Resource-State": state,
            "X-Goog-Resource-URI": f"https://www.googleapis.com/calendar/v3/calendars/{channel.mailbox}/events?alt=json",
            "X-Goog-Channel-Expiration": format_datetime(channel.expires_at, usegmt=True),
            **({"X-Goog-Channel-Token": channel.token} if channel.token else {}),
        }
        for _ in range(4):  # 500, 502, 503 and 504 are tried again, with back-off
            status = await self._post(url, headers)
            self.told.append((channel.id, state, status))
            if status not in (0, 500, 502, 503, 504):
                return
            await asyncio.sleep(self.retry_after)

    async def _post(self, url: URL, headers: Mapping[str, str]) -> int:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        try:
            async with self._session.post(url, headers=headers, data=b"") as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0
