"""Answers that do not end: read piece by piece, each within a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from backsoon.wire.http import Http, TimedOut, _translated, parse_address


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer that is coming in. `headers` by lower-case name, repeated ones joined by commas."""

    status: int
    headers: Mapping[str, str]
    origin: str
    _content: aiohttp.StreamReader = field(repr=False)

    async def piece(self, deadline: float) -> bytes:
        """What has come, at least one byte; b"" at the end. Raises an `HttpError`, `TimedOut` after so many seconds."""
        try:
            async with asyncio.timeout(deadline):
                return await self._content.readany()
        except TimeoutError:
            raise TimedOut(self.origin, f"nothing came for {deadline:g} s") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise _translated(error, self.origin) from None


class StreamingHttp(Http):
    """`Http`, and answers that do not end."""

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        authorization: str | None = None,
        deadline: float = 30.0,
    ) -> AsyncIterator[Streamed]:
        """Ask, and read the answer while it comes; it must begin within `deadline` seconds. Raises an `HttpError`."""
        target = parse_address(url)
        origin = str(target.origin())
        fields = {"User-Agent": "Backsoon", "Accept-Encoding": "identity", **headers}
        if authorization is not None:
            fields["Authorization"] = authorization
        try:
            async with asyncio.timeout(deadline):
                answer = await self._open().request(method, target, headers=fields, data=body, allow_redirects=False)
        except TimeoutError:
            raise TimedOut(origin, f"no answer within {deadline:g} s") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise _translated(error, origin) from None
        try:
            told = {name.lower(): ", ".join(answer.headers.getall(name)) for name in answer.headers}
            yield Streamed(answer.status, told, origin, answer.content)
        finally:
            answer.close()
