"""A receiver of webhooks on this machine that believes only what another implementation of the signature verifies."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from backsoon.domain.model import Phone
from backsoon.switchboards.base import (
    Keep,
    Lamp,
    MemoryKeep,
    Order,
    PlannedReferral,
    Presentation,
    Rendered,
    Surroundings,
)
from backsoon.switchboards.webhook import WebhookSettings, WebhookSwitchboard, WebhookTimes
from backsoon.switchboards.webhook.render import render
from backsoon.switchboards.webhook.session import WebhookSession
from tools.ports import free_port

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
QUICK = WebhookTimes(deadline=5.0, again=(0.01, 0.02), probe=0.05, failed=0.05, refused=60.0, apart=0.0)
Data = dict[str, Any]


@dataclass
class Took:
    """One request that was verified."""

    id: str
    type: str
    data: Data
    headers: Mapping[str, str]
    body: bytes


@dataclass
class WebhookReceiver:
    """Keeps the latest version of each person. `answer` decides what a message is answered with; for the extensions in
    `drops` the connection is closed instead."""

    secret: str = SECRET
    answer: Callable[[Took], Awaitable[web.StreamResponse]] | None = None
    port: int = field(default_factory=free_port)
    took: list[Took] = field(default_factory=list)
    people: dict[str, Data] = field(default_factory=dict)
    drops: set[str] = field(default_factory=set)
    requests: int = 0
    tls: ssl.SSLContext | None = None
    _runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/hook"

    def settings(self, **changes: Any) -> WebhookSettings:
        """How it is reached."""
        plain = WebhookSettings("acme", "desk", self.url, "env:SECRET", internal_hosts=("127.0.0.1",), times=QUICK)
        return replace(plain, **changes)

    async def open(self) -> None:
        """Listen."""
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True, ssl_context=self.tls).start()

    async def close(self) -> None:
        """Be gone, with all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests += 1
        body = await request.read()
        try:
            message = Webhook(self.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            return web.Response(status=401)
        took = Took(request.headers["webhook-id"], message["type"], message["data"], dict(request.headers), body)
        if took.data.get("extension") in self.drops and request.transport is not None:
            request.transport.close()
            return web.Response()
        response = web.Response(status=204) if self.answer is None else await self.answer(took)
        self.took.append(took)
        if response.status < 300:
            self.keep(took)
        return response

    def keep(self, took: Took) -> None:
        """Remember what is newer than what is known."""
        known = self.people.get(took.data.get("extension", ""), {})
        if took.type == "person.availability" and took.data["version"] > known.get("version", 0):
            self.people[took.data["extension"]] = took.data

    def states(self) -> dict[str, str]:
        """State or reason by extension."""
        return {e: data["reason"] or data["state"] for e, data in self.people.items()}


@asynccontextmanager
async def receiving(secret: str = SECRET, tls: ssl.SSLContext | None = None) -> AsyncIterator[WebhookReceiver]:
    """A receiver that listens."""
    receiver = WebhookReceiver(secret, tls=tls)
    await receiver.open()
    try:
        yield receiver
    finally:
        await receiver.close()


def around(
    keep: Keep | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC), secret: str = SECRET
) -> Surroundings:
    """Surroundings in which every secret is the same."""
    return Surroundings(keep or MemoryKeep(), now, lambda reference: secret)


def answering(*statuses: int, headers: Mapping[str, str] | None = None) -> Callable[[Took], Awaitable[web.Response]]:
    """Answers with these in turn, the last one for ever."""
    left = list(statuses)

    async def answer(took: Took) -> web.Response:
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0], headers=headers)

    return answer


def presented(data: Data) -> Presentation:
    """The presentation that a message tells, read as its documentation says."""
    lamp = None
    plan: list[PlannedReferral] = []
    if data["state"] != "available":
        phone = Phone.CLOSED if data["state"] == "referred" else Phone.OPEN
        lamp = Lamp(data["reason"], data["text"], phone)
        if data["since"]:
            plan.append(_stretch(data | {"start": data["since"], "end": data["until"]}))
    plan += map(_stretch, data["coming"])
    who = {key: data[key] for key in ("language", "zone", "name", "email")}
    return Presentation(data["extension"], lamp, tuple(plan), **who)


def _stretch(said: Data) -> PlannedReferral:
    start, end, back_at = (said[key] and datetime.fromisoformat(said[key]) for key in ("start", "end", "back_at"))
    phone = Phone.CLOSED if said["state"] == "referred" else Phone.OPEN
    return PlannedReferral(start, end, back_at, said["told_callers"], phone, said["divert_to"])


class AskedSession:
    """A session that asks the receiver what it holds, since a webhook cannot."""

    def __init__(self, session: WebhookSession, receiver: WebhookReceiver) -> None:
        self._session = session
        self._at = receiver

    @property
    def at_once(self) -> int:
        """See `Session`."""
        return self._session.at_once

    async def read_back(self) -> Mapping[str, Rendered]:
        """What the receiver's people are, in our words again."""
        assert await self._session.read_back() is None
        held = {extension: render(presented(data)) for extension, data in self._at.people.items()}
        return {extension: rendered for extension, rendered in held.items() if rendered != Rendered()}

    async def show(self, orders: Sequence[Order]) -> None:
        """See `Session`."""
        await self._session.show(orders)

    async def lost(self) -> Exception:
        """See `Session`."""
        return await self._session.lost()


class AskedSwitchboard(WebhookSwitchboard):
    """A webhook whose receiver is asked; `cut` has it gone until the session has noticed."""

    def __init__(self, receiver: WebhookReceiver) -> None:
        super().__init__(receiver.settings(), around())
        self._at = receiver
        self._open: WebhookSession | None = None

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Any]:
        async with super()._session() as session:
            self._open = session
            yield AskedSession(session, self._at)

    async def cut(self) -> None:
        """Have the receiver gone until that is noticed."""
        assert self._open is not None
        await self._at.close()
        async with asyncio.timeout(10):
            await self._open.lost()
        await self._at.open()


def json_of(took: Took) -> Data:
    """The whole message."""
    read: Data = json.loads(took.body)
    return read


def each(receiver: WebhookReceiver) -> Iterator[tuple[str, int]]:
    """Extension and version of all messages, in the order in which they came."""
    return ((took.data["extension"], took.data["version"]) for took in receiver.took)
