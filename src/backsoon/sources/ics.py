"""A subscribed calendar: one iCalendar file behind https, http or webcal, or on this machine.

A feed has no changes to ask for, so each read is "unchanged" or all of it. What makes it unchanged is the server's word
(ETag, Last-Modified: RFC 9110 section 13) or the digest of the bytes, and the same days in the window.
"""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Final, Never
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec

from backsoon.sources.base import (
    Changes,
    SourceBroken,
    SourceDenied,
    SourceMissing,
    SourceTooLarge,
    SourceUnavailable,
    Window,
)
from backsoon.sources.ical.worker import Reader
from backsoon.wire.auth import Credentials
from backsoon.wire.http import (
    BadAddress,
    Http,
    HttpError,
    Response,
    TimedOut,
    TooLarge,
    Unreachable,
    parse_address,
    retry_after,
)

_VERSION: Final = 1
"""Of the token, and of what is read out of a calendar: a higher one makes every feed be read again."""
_LIMIT: Final = 20 * 1024 * 1024
_MOST_VALIDATOR: Final = 1_000
_PASSING: Final = frozenset({408, 423, 425, 429})
_WEBCAL: Final = ("webcal://", "webcals://")


class Token(msgspec.Struct, omit_defaults=True):
    """What a sync token holds. `settings` is the digest of whatever else decides what a read yields."""

    version: int
    settings: str
    digest: str
    first: date
    last: date
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class _Body:
    """A calendar's bytes with what the server calls this state of it."""

    data: bytes
    etag: str = ""
    modified: str = ""
    is_page: bool = False


class IcsSource:
    """The calendar at `address`: an https, http, webcal or webcals address, a file: address or a path.

    webcal is https. `zone` is the owner's IANA zone, for floating times and all-day entries; `owner` their e-mail
    addresses, for their answer to invitations. The `Http` and the `Reader` belong to the caller and stay open.
    Raises `BadAddress`.
    """

    def __init__(
        self,
        http: Http,
        reader: Reader,
        address: str,
        *,
        zone: str,
        owner: frozenset[str] = frozenset(),
        credentials: Credentials | None = None,
        limit_bytes: int = _LIMIT,
        seconds: float = 60.0,
    ) -> None:
        self._http = http
        self._reader = reader
        self._path, self._url = _where(address)
        self._origin = str(parse_address(self._url).origin()) if self._url else str(self._path)
        self._zone = zone
        self._owner = owner
        self._credentials = credentials
        self._limit_bytes = limit_bytes
        self._seconds = seconds
        stated = "\n".join([self._url or str(self._path), zone, *sorted(owner)])
        self._settings = sha256(stated.encode()).hexdigest()[:32]

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        """See `CalendarSource`."""
        known = self._known(window, sync_token)
        body = await self._body(known)
        if body is None:
            return Changes(sync_token=sync_token)
        token = Token(_VERSION, self._settings, sha256(body.data).hexdigest(), *_days(window), body.etag, body.modified)
        stated = msgspec.json.encode(token).decode()
        if known is not None and known.digest == token.digest:
            return Changes(sync_token=stated)
        return await self._read(body, window, stated)

    async def close(self) -> None:
        """See `CalendarSource`: nothing is held between reads."""

    async def _read(self, body: _Body, window: Window, token: str) -> Changes:
        try:
            reading = await self._reader.read(
                [("", body.data)], window=window, zone=self._zone, owner=self._owner, resource_is_uid=True
            )
        except SourceBroken as broken:
            if body.is_page:
                raise SourceBroken(f"{self._origin}: a web page came instead of a calendar") from None
            raise SourceBroken(f"{self._origin}: {broken.detail}") from None
        return Changes(
            entries=reading.entries,
            touched=frozenset(entry.resource for entry in reading.entries),
            complete=True,
            sync_token=token,
            rejected=reading.rejected,
            warnings=reading.warnings,
        )

    def _known(self, window: Window, sync_token: str | None) -> Token | None:
        """What the token says, if it still holds for this window and these settings."""
        if sync_token is None:
            return None
        try:
            token = msgspec.json.decode(sync_token, type=Token)
        except (msgspec.MsgspecError, ValueError):
            return None
        same = (token.version, token.settings, token.first, token.last) == (_VERSION, self._settings, *_days(window))
        return token if same else None

    async def _body(self, known: Token | None) -> _Body | None:
        """The calendar's bytes; None where the server says that they are those of the token."""
        if self._path is not None:
            return _Body(await asyncio.to_thread(_read_file, self._path, self._limit_bytes))
        response = await self._get(_conditions(known))
        if response.status == 304 and known is not None and (known.etag or known.modified):
            return None
        if response.status != 200:
            self._refuse(response)
        return _Body(
            response.body,
            _validator(response.headers.get("etag", "")),
            _validator(response.headers.get("last-modified", "")),
            response.headers.get("content-type", "").lower().startswith("text/html"),
        )

    async def _get(self, conditions: dict[str, str]) -> Response:
        headers = {"Accept": "text/calendar, */*;q=0.5", **conditions}
        try:
            return await self._http.request(
                "GET", self._url, headers=headers, limit_bytes=self._limit_bytes,
                auth=self._credentials, follow=True, deadline=self._seconds,
            )  # fmt: skip
        except TooLarge as error:
            raise SourceTooLarge(str(error)) from None
        except (Unreachable, TimedOut) as error:
            raise SourceUnavailable(str(error)) from None
        except HttpError as error:
            raise SourceBroken(str(error)) from None

    def _refuse(self, response: Response) -> Never:
        """Raise what an answer other than a calendar means."""
        status, pause = response.status, retry_after(response.headers)
        detail = f"{self._origin}: status {status}"
        if status in (401, 403):
            raise SourceDenied(detail, retry_after=pause)
        if status in (404, 410):
            raise SourceMissing(detail, retry_after=pause)
        if status >= 500 or status in _PASSING:
            raise SourceUnavailable(detail, retry_after=pause)
        raise SourceBroken(f"{detail} is not a calendar")


def _where(address: str) -> tuple[Path | None, str]:
    """The path of a file, or else the address to ask."""
    name, mark, _ = address.partition("://")
    scheme = name.lower() + mark if mark else ""
    if scheme in _WEBCAL:
        address = "https://" + address[len(scheme) :]
    elif scheme == "file://" or address[:5].lower() == "file:":
        return _file_path(address), ""
    elif scheme == "":
        if not address:
            raise BadAddress("", "a calendar needs an address or the path of a file")
        return Path(address).expanduser(), ""
    parse_address(address)
    return None, address


def _file_path(address: str) -> Path:
    parts = urlsplit(address)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise BadAddress("", "a file: address names a file on this machine")
    return Path(url2pathname(parts.path))


def _days(window: Window) -> tuple[date, date]:
    """The window as far as it matters to a token: within a day it moves on without a new read."""
    return window.start.date(), window.end.date()


def _conditions(known: Token | None) -> dict[str, str]:
    """The request's conditions, for a token that holds; without one the whole calendar is wanted."""
    headers = {}
    if known is not None and known.etag:
        headers["If-None-Match"] = known.etag
    if known is not None and known.modified:
        headers["If-Modified-Since"] = known.modified
    return headers


def _validator(value: str) -> str:
    """A validator that may be sent back; what is none is as good as absent."""
    return value if value.isascii() and value.isprintable() and len(value) <= _MOST_VALIDATOR else ""


def _read_file(path: Path, limit: int) -> bytes:
    """A regular file, whole and as it was at one time. Blocks: for a thread."""
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise SourceBroken(f"{path}: not a file")
            data = file.read(limit + 1)
            after, named = os.fstat(file.fileno()), path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise SourceMissing(f"{path}: no such file") from None
    except PermissionError:
        raise SourceDenied(f"{path}: this user may not read it") from None
    except IsADirectoryError:
        raise SourceBroken(f"{path}: a folder, not a file") from None
    except OSError as error:
        raise SourceUnavailable(f"{path}: {os.strerror(error.errno or 0)}") from None
    if len(data) > limit:
        raise SourceTooLarge(f"{path}: more than {limit} bytes")
    if not _state(before) == _state(after) == _state(named):
        raise SourceUnavailable(f"{path}: it changed while it was read")
    return data


def _open_without_waiting(path: str, flags: int) -> int:
    """A pipe that nobody writes to would hold the opening up for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _state(of: os.stat_result) -> tuple[int, int, int]:
    return of.st_ino, of.st_size, of.st_mtime_ns
