"""Where vendors tell of changes: `POST /hooks/graph` and `POST /hooks/google`, and addresses below them.

No token of ours is needed: each notification brings the secret that was given with its order. What cannot be proven is
counted and answered as everything else, so that nobody learns by guessing; only what is stored is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from backsoon.api.parts import Running
from backsoon.api.problems import problem
from backsoon.engine.hearing import Event, Notice
from backsoon.store.base import StoreError

LARGEST: Final = 64 * 1024
"""The largest body in bytes."""
LONGEST_TOKEN: Final = 4096
SECONDS: Final = 10.0
"""How long a body may take to arrive."""
NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_LIFECYCLE: Final = {
    "reauthorizationRequired": Event.RENEW,
    "subscriptionRemoved": Event.REMOVED,
    "missed": Event.MISSED,
}


class _Value(msgspec.Struct):
    """One notification of Microsoft Graph (resource type `changeNotification`)."""

    subscriptionId: str
    clientState: str | None = None
    lifecycleEvent: str | None = None


class _Values(msgspec.Struct):
    value: list[msgspec.Raw]


class Hooks:
    """The routes of one Backsoon."""

    def __init__(self, parts: Running) -> None:
        self._parts = parts

    def routes(self) -> list[Route]:
        """All of them; what follows the vendor's name tells connections apart, and proves nothing."""
        made = []
        for path, answer in (("/hooks/graph", self._graph), ("/hooks/google", self._google)):
            made += [Route(path, answer, methods=["POST"]), Route(f"{path}/{{tag}}", answer, methods=["POST"])]
        return made

    async def _graph(self, request: Request) -> Response:
        """Microsoft Graph: "Receive change notifications through webhooks", "lifecycle notifications"."""
        if "validationToken" in request.query_params:
            return self._validated(request.query_params["validationToken"])
        body = await _body(request)
        if isinstance(body, Response):
            self._parts.meters.notices["refused"] += 1
            return body
        try:
            values = msgspec.json.decode(body, type=_Values).value
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self._parts.meters.notices["refused"] += 1
            return problem(400, "Bad request", "the body is no list of notifications")
        return await self._taken(list(_notices(values)))

    def _validated(self, token: str) -> Response:
        """The vendor tries the address: only while something is being ordered is it answered, as plain text."""
        if len(token) > LONGEST_TOKEN or not self._parts.pushing.expects("/hooks/graph"):
            self._parts.meters.notices["refused"] += 1
            return problem(400, "Bad request", "nothing is being ordered")
        return PlainTextResponse(token, headers=NO_STORE)

    async def _google(self, request: Request) -> Response:
        """Google Calendar: "Push notifications". Everything is in the headers; the body is empty."""
        headers = request.headers
        state = headers.get("x-goog-resource-state", "")
        notice = Notice(
            headers.get("x-goog-channel-id", ""),
            headers.get("x-goog-channel-token", ""),
            Event.BEGAN if state == "sync" else Event.CHANGED,
            headers.get("x-goog-resource-id", "")[:256],
            _expiration(headers),
        )
        return await self._taken([notice])

    async def _taken(self, notices: Sequence[Notice]) -> Response:
        meters = self._parts.meters
        try:
            verdicts = await self._parts.pushing.hearing.take(notices)
        except StoreError:
            meters.notices["refused"] += len(notices)
            answer = problem(503, "Store unavailable", "it cannot be stored now", remedy="send it again")
            answer.headers["Retry-After"] = "10"
            return answer
        for verdict in verdicts:
            meters.notices[verdict.value] += 1
        meters.notices["unknown"] += len(notices) - len(verdicts)
        return Response(status_code=202, headers=NO_STORE)


def _notices(values: Sequence[msgspec.Raw]) -> Iterator[Notice]:
    """Each entry by itself: one that is none does not take the others with it."""
    for raw in values:
        try:
            value = msgspec.json.decode(raw, type=_Value)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            yield Notice("", "")
            continue
        event = Event.CHANGED if value.lifecycleEvent is None else _LIFECYCLE.get(value.lifecycleEvent, Event.MISSED)
        yield Notice(value.subscriptionId, value.clientState or "", event)


def _expiration(headers: Mapping[str, str]) -> datetime | None:
    try:
        found = parsedate_to_datetime(headers.get("x-goog-channel-expiration", ""))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


async def _body(request: Request) -> bytes | Response:
    """The body, or the answer to one that is too large or too slow."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > LARGEST:
        return _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST:
                    return _too_large()
    except (TimeoutError, ClientDisconnect):
        return problem(408, "Request timeout", f"the body did not arrive within {SECONDS:g} s")
    return bytes(body)


def _too_large() -> Response:
    answer = problem(413, "Content too large", f"the body is larger than {LARGEST} bytes")
    answer.headers["Connection"] = "close"
    return answer
