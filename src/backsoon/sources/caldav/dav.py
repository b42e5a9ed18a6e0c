"""WebDAV exchanges with one server: a request out, a checked multistatus back, or an error that says which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from lxml import etree
from yarl import URL

from backsoon.sources.base import (
    SourceBroken,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceTooLarge,
    SourceUnavailable,
)
from backsoon.sources.caldav import bodies
from backsoon.sources.caldav.hrefs import normal_path, read_href
from backsoon.wire.auth import Credentials
from backsoon.wire.http import Http, HttpError, Response, TimedOut, TooLarge, Unreachable, retry_after
from backsoon.wire.xml import BadXml, parse_xml

_XML_HEADERS: Final = {"Content-Type": "application/xml; charset=utf-8"}
_STATUS_LINE: Final = re.compile(r"\s*HTTP/\d(?:\.\d)?\s+(\d{3})\b")
_PASSING: Final = frozenset({408, 423, 425, 429})
_GONE: Final = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class CalDavLimits:
    """What one read may cost. Past a limit the read fails with `SourceTooLarge`; past `item_bytes` only that item."""

    answer_bytes: int = 8 * 1024 * 1024
    """One answer, decoded."""
    total_bytes: int = 16 * 1024 * 1024
    """All calendar data of one read."""
    item_bytes: int = 1024 * 1024
    items: int = 20_000
    """Resources in one collection, changed or not."""
    collections: int = 100
    pages: int = 100
    """Answers to one question that the server gives in pieces."""
    chunk: int = 50
    """Resources that are asked for at once."""
    etags: int = 2_000
    """Resources whose versions the token holds; with more, any change is a complete read."""
    failures: int = 100
    """Resources that the server may refuse before the read as a whole has failed."""
    seconds: float = 300.0
    """The whole read, with all its requests."""


class Refused(Exception):
    """The server answered with an error status; `conditions` are the names in its `DAV:error` (RFC 4918 section 16)."""

    def __init__(
        self, what: str, status: int, conditions: frozenset[str] = frozenset(), wait: float | None = None
    ) -> None:
        self.what = what
        self.status = status
        self.conditions = conditions
        self.wait = wait
        super().__init__(f"status {status} to {what}")

    def as_source_error(self) -> SourceError:
        """The kind of source error that the status means."""
        if self.status in (401, 403):
            return SourceDenied(str(self))
        if self.status in _GONE:
            return SourceMissing(str(self))
        if self.status == 507:
            return SourceTooLarge(str(self))
        if self.status in _PASSING or self.status >= 500:
            return SourceUnavailable(str(self), retry_after=self.wait)
        return SourceBroken(str(self))


@contextmanager
def source_errors() -> Iterator[None]:
    """Turn what goes wrong on the wire into the source errors of the contract."""
    try:
        yield
    except Refused as error:
        raise error.as_source_error() from None
    except TooLarge as error:
        raise SourceTooLarge(str(error)) from None
    except (Unreachable, TimedOut) as error:
        raise SourceUnavailable(str(error)) from None
    except (HttpError, BadXml) as error:
        raise SourceBroken(str(error)) from None


@dataclass(frozen=True, slots=True)
class Answer:
    """One `DAV:response`: `path` normalised, `properties` those that the server gave, `base` what was asked."""

    path: str
    status: int
    properties: Mapping[str, etree._Element] = field(repr=False)
    base: URL = field(repr=False)

    def text(self, name: str) -> str:
        """A property's text without the blanks around it; "" where it was not given."""
        element = self.properties.get(name)
        return (element.text or "").strip() if element is not None else ""


@dataclass(frozen=True, slots=True)
class Multistatus:
    """All answers to one request."""

    answers: tuple[Answer, ...]
    sync_token: str


class Dav:
    """Asks one server for one account; `address` is any URL on it. No request leaves the origin of the address."""

    def __init__(self, http: Http, address: URL, credentials: Credentials | None, limits: CalDavLimits) -> None:
        self.limits = limits
        self._http = http
        self._address = address
        self._credentials = credentials

    async def find(self, path: str, depth: int, body: bytes) -> tuple[str, Multistatus]:
        """PROPFIND that follows redirects: the path where it ended, and the answers."""
        response = await self._send("PROPFIND", path, depth, body, follow=True)
        return normal_path(URL(response.url, encoded=True).raw_path), self._read("PROPFIND", response)

    async def propfind(self, path: str, depth: int, body: bytes) -> Multistatus:
        """PROPFIND (RFC 4918 section 9.1). Raises `Refused`, a `SourceError`, an `HttpError` or `BadXml`."""
        return self._read("PROPFIND", await self._send("PROPFIND", path, depth, body))

    async def report(self, path: str, depth: int, body: bytes) -> Multistatus:
        """REPORT (RFC 3253 section 3.6). Raises like `propfind`."""
        return self._read("REPORT", await self._send("REPORT", path, depth, body))

    async def get(self, path: str) -> bytes:
        """One resource as it is. Raises like `propfind`."""
        url = str(self._address.origin()) + path
        response = await self._http.request("GET", url, auth=self._credentials, limit_bytes=self.limits.item_bytes)
        if response.status != 200:
            raise _refusal("GET", response)
        return response.body

    async def _send(self, method: str, path: str, depth: int, body: bytes, *, follow: bool = False) -> Response:
        return await self._http.request(
            method,
            str(self._address.origin()) + path,
            headers={**_XML_HEADERS, "Depth": str(depth)},
            body=body,
            auth=self._credentials,
            limit_bytes=self.limits.answer_bytes,
            follow=follow,
        )

    def _read(self, what: str, response: Response) -> Multistatus:
        if response.status != 207:
            raise _refusal(what, response)
        root = parse_xml(response.body, self.limits.answer_bytes)
        if root.tag != bodies.MULTISTATUS:
            raise SourceBroken(f"the answer to {what} is XML, but no multistatus")
        responses = root.findall(bodies.RESPONSE)
        if len(responses) > self.limits.items + 1:
            raise SourceTooLarge(f"more than {self.limits.items} resources in an answer")
        base = URL(response.url, encoded=True)
        answers = tuple(answer for element in responses for answer in _answers(element, base))
        return Multistatus(answers, (root.findtext(bodies.SYNC_TOKEN) or "").strip())


def _refusal(what: str, response: Response) -> Exception:
    if response.status < 300:
        return SourceBroken(f"status {response.status} to {what}, which is no calendar's answer (a login page?)")
    if response.status < 400:
        return SourceBroken(f"status {response.status} to {what}: a redirect (to a login page?)")
    try:
        root = parse_xml(response.body)
        conditions = frozenset(str(child.tag) for child in root) if root.tag == bodies.ERROR else frozenset()
    except BadXml:
        conditions = frozenset()
    return Refused(what, response.status, conditions, retry_after(response.headers))


def _answers(element: etree._Element, base: URL) -> Iterator[Answer]:
    properties: dict[str, etree._Element] = {}
    for propstat in element.iterfind(bodies.PROPSTAT):
        if _status(propstat.findtext(bodies.STATUS)) == 200:
            for prop in propstat.iterfind(bodies.PROP):
                properties.update((str(child.tag), child) for child in prop)
    line = element.findtext(bodies.STATUS)
    status = 200 if line is None else _status(line)
    for href in element.findall(bodies.HREF):  # several may share one status
        yield Answer(read_href(href.text or "", base), status, properties, base)


def _status(line: str | None) -> int:
    found = _STATUS_LINE.match(line or "")
    if found is None:
        raise SourceBroken("a multistatus with a status that is none")
    return int(found[1])
