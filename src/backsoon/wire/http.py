"""An HTTP client for hostile servers: every answer is bounded in bytes and time, nothing leaves its origin.

Reads only (GET, PROPFIND, REPORT, OPTIONS): a request that a closing connection swallowed is sent once more.
Errors name the origin and never the path, the query or the account: a subscribed calendar's path is its password.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self

import aiohttp
from yarl import URL

from backsoon.domain.errors import BacksoonError
from backsoon.wire.auth import Authenticator, Credentials
from backsoon.wire.tls import client_context

MAX_REDIRECTS: Final = 5
MAX_RETRY_AFTER: Final = 86_400.0
"""A server that asks for a longer pause (seconds) is asked again after this one."""
DEFAULT_LIMIT: Final = 8 * 1024 * 1024
_CHUNK: Final = 65_536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_DEFAULT_HEADERS: Final = {"User-Agent": "Backsoon", "Accept-Encoding": "gzip, deflate"}


class HttpError(BacksoonError):
    """An HTTP exchange failed. `origin` is scheme, host and port only."""

    def __init__(self, origin: str, detail: str) -> None:
        self.origin = origin
        self.detail = detail
        super().__init__(f"{origin}: {detail}" if origin else detail)


class BadAddress(HttpError):
    """No address that could be asked: not http or https, no host, a user name in it, characters outside ASCII."""


class Unreachable(HttpError):
    """No connection, or it was lost before an answer came."""


class BadCertificate(Unreachable):
    """The server's certificate does not prove that it is the one that was asked."""


class TimedOut(HttpError):
    """The whole exchange took longer than its deadline."""


class TooLarge(HttpError):
    """The answer, decoded, is larger than the caller accepts; `limit` in bytes."""

    def __init__(self, origin: str, limit: int) -> None:
        self.limit = limit
        super().__init__(origin, f"the answer is larger than {limit} bytes")


class Cut(HttpError):
    """The answer ended early, or is no HTTP."""


class BadRedirect(HttpError):
    """A redirect to another host, port or scheme, or one too many. `location` is the origin it pointed to."""

    def __init__(self, origin: str, detail: str, location: str = "") -> None:
        self.location = location
        super().__init__(origin, detail)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `headers` by lower-case name, repeated ones joined by commas; `body` decoded; `url` the last asked."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str = field(repr=False)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The pause in seconds that `Retry-After` asks for (RFC 9110 section 10.2.3), 0 to `MAX_RETRY_AFTER`.

    A date counts from the answer's own `Date`, so that the two clocks need not agree; from `now` where it has none.
    None where nothing readable is said.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said), MAX_RETRY_AFTER)
    until, since = _http_date(said), _http_date(headers.get("date", "")) or now
    if until is None or since is None:
        return None
    return min(max((until - since).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


class Http:
    """Connections to calendar servers, kept alive and few to a host. Close it, or use it in `async with`.

    `tls` verifies servers (`backsoon.wire.tls.client_context`); `deadline` is in seconds, for one whole request:
    its redirects, its signing in and its body.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, deadline: float = 30.0, limit_per_host: int = 4) -> None:
        self._tls = tls
        self._deadline = deadline
        self._limit_per_host = limit_per_host
        self._authenticator = Authenticator()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit_bytes: int = DEFAULT_LIMIT,
        auth: Credentials | None = None,
        follow: bool = False,
        deadline: float | None = None,
    ) -> Response:
        """Ask, and hand back whatever status came. Without `follow` a redirect is an answer like another.

        `url` must be percent-encoded already. Followed are at most five redirects, within one origin or from port 80 to
        443 of one host. Raises an `HttpError`.
        """
        target = parse_address(url)
        seconds = self._deadline if deadline is None else deadline
        asked = _Request(method, dict(headers or {}), body, limit_bytes, auth)
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(asked, target, MAX_REDIRECTS if follow else 0)
        except TimeoutError:
            raise TimedOut(str(target.origin()), f"no whole answer within {seconds:g} s") from None

    async def _follow(self, asked: _Request, url: URL, redirects: int) -> Response:
        left = redirects
        while True:
            response = await self._signed_in(asked, url)
            if not redirects or response.status not in _REDIRECTS or "location" not in response.headers:
                return response
            if not left:
                raise BadRedirect(str(url.origin()), f"more than {redirects} redirects")
            left -= 1
            url = _redirected(url, response.headers["location"])

    async def _signed_in(self, asked: _Request, url: URL) -> Response:
        if asked.auth is None:
            return await self._once(asked, url, None)
        sent = self._authenticator.header(url, asked.method, asked.auth)
        response = await self._once(asked, url, sent)
        challenge = response.headers.get("www-authenticate", "")
        if response.status != 401 or not self._authenticator.learn(url, asked.auth, challenge, sent):
            return response
        return await self._once(asked, url, self._authenticator.header(url, asked.method, asked.auth))

    async def _once(self, asked: _Request, url: URL, authorization: str | None) -> Response:
        try:
            return await self._send(asked, url, authorization)
        except aiohttp.ServerDisconnectedError:
            pass  # most likely a kept connection that the server closed meanwhile
        except (aiohttp.ClientError, ValueError) as error:
            raise _translated(error, str(url.origin())) from None
        try:
            return await self._send(asked, url, authorization)
        except (aiohttp.ClientError, ValueError) as error:
            raise _translated(error, str(url.origin())) from None

    async def _send(self, asked: _Request, url: URL, authorization: str | None) -> Response:
        headers = _DEFAULT_HEADERS | asked.headers
        if authorization is not None:
            headers["Authorization"] = authorization
        async with self._open().request(
            asked.method, url, headers=headers, data=asked.body, allow_redirects=False
        ) as answer:
            try:
                body = await _read(answer, asked.limit_bytes)
            except BaseException:
                answer.close()
                raise
            fields = {name.lower(): ", ".join(answer.headers.getall(name)) for name in answer.headers}
            return Response(answer.status, fields, body, str(url))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls or client_context(), limit=0, limit_per_host=self._limit_per_host
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # `request` has the deadline
                auto_decompress=False,  # `_read` bounds what comes out
                skip_auto_headers=("Content-Type",),
            )
        return self._session


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    headers: dict[str, str]
    body: bytes | None
    limit_bytes: int
    auth: Credentials | None


def parse_address(url: str) -> URL:
    """Check an address that is to be asked. Raises `BadAddress`, which repeats nothing of it."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise BadAddress("", "an address holds printable ASCII only; percent-encode the rest")
    try:
        parsed = URL(url, encoded=True)
        usable = parsed.scheme in ("http", "https") and bool(parsed.host) and parsed.port is not None
    except ValueError:
        usable = False
    if not usable:
        raise BadAddress("", "an address begins with http:// or https:// and names a host")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise BadAddress(str(parsed.origin()), "a user name or password has no place in an address")
    return parsed.with_fragment(None)


def _redirected(url: URL, location: str) -> URL:
    origin = str(url.origin())
    try:
        target = parse_address(str(url.join(URL(location, encoded=True))))
    except (ValueError, BadAddress):
        raise BadRedirect(origin, "a redirect to something that is no address") from None
    upgrade = (url.scheme, url.port, target.scheme, target.port) == ("http", 80, "https", 443)
    if target.host != url.host or not (upgrade or target.origin() == url.origin()):
        there = str(target.origin())
        raise BadRedirect(origin, f"a redirect to {there}, which was not followed", there)
    return target


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, decoded; both what comes over the wire and what it decodes to are held to `limit`."""
    origin = str(answer.url.origin())
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise Cut(origin, "the answer is in a content coding that was not offered")
    if (answer.content_length or 0) > limit:
        raise TooLarge(origin, limit)
    inflate = None if coding in ("identity", "") else _Inflate(origin, limit)
    body, received = bytearray(), 0
    async for piece in answer.content.iter_chunked(_CHUNK):
        received += len(piece)
        body += piece if inflate is None else inflate.feed(piece, len(body))
        if max(received, len(body)) > limit:
            raise TooLarge(origin, limit)
    if inflate is not None and received and not inflate.finished:
        raise Cut(origin, "the compressed answer ended early")
    return bytes(body)


class _Inflate:
    """gzip, zlib or bare deflate (RFC 9110 section 8.4.1), never past a limit."""

    def __init__(self, origin: str, limit: int) -> None:
        self._origin = origin
        self._limit = limit
        self._inner: zlib._Decompress | None = None

    @property
    def finished(self) -> bool:
        return self._inner is not None and self._inner.eof

    def feed(self, piece: bytes, so_far: int) -> bytes:
        if self._inner is None:
            self._inner = zlib.decompressobj(_window_bits(piece))
        try:
            return self._inner.decompress(piece, self._limit - so_far + 1)
        except zlib.error:
            raise Cut(self._origin, "the compressed answer is damaged") from None


def _window_bits(head: bytes) -> int:
    if head[:1] == b"\x1f":
        return zlib.MAX_WBITS | 16
    return zlib.MAX_WBITS if head[0] & 0x0F == 8 else -zlib.MAX_WBITS


def _translated(error: Exception, origin: str) -> HttpError:
    """Our error for one of aiohttp's; its text is left behind, for it may quote the address or the answer."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ServerFingerprintMismatch():
            return BadCertificate(origin, "the server's certificate is not to be trusted")
        case aiohttp.ClientSSLError():
            return Unreachable(origin, "TLS could not be set up")
        case aiohttp.ClientConnectorDNSError():
            return Unreachable(origin, "the host name does not resolve")
        case aiohttp.ClientPayloadError() | aiohttp.ClientConnectionResetError():
            return Cut(origin, "the answer ended early")
        case aiohttp.ServerDisconnectedError():
            return Unreachable(origin, "the server closed the connection without an answer")
        case aiohttp.ClientConnectionError():
            return Unreachable(origin, "no connection")
    return Cut(origin, "the answer is no HTTP")
