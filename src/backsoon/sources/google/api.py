"""Asking Google's Calendar API for one account: signed in, within its limits, every answer bounded."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from backsoon.sources.base import SourceBusy, SourceError
from backsoon.sources.google.errors import NotGoogles, of_http, refused
from backsoon.sources.google.settings import EVENTS, GoogleSettings
from backsoon.sources.google.tokens import Tokens
from backsoon.wire.http import Http, HttpError, Response
from backsoon.wire.throttle import Blocked, Throttle

_LONGEST_BACK_OFF: Final = 64.0
_BURST: Final = 10.0
_Answer = TypeVar("_Answer")


class Api:
    """One account's requests. `counts` says how many there were, by operation (Google's names, and `token`)."""

    def __init__(self, settings: GoogleSettings, http: Http) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self.tokens = Tokens(settings.credentials, http, self.counts, settings.together)
        per_minute = settings.per_minute
        self.throttle = Throttle(
            settings.together, per_second=max(per_minute - _BURST, 1.0) / 60, burst=min(_BURST, per_minute / 10)
        )
        self._http = http
        self._refusals = 0
        """How many times in a row Google asked to wait."""
        self._refused_at = float("-inf")

    async def get(
        self, operation: str, path: str, query: Mapping[str, str], *, mailbox: str = "", scope: str = EVENTS
    ) -> bytes:
        """The answer to a GET. Raises a `SourceError`."""
        return await self._asked(operation, "GET", path, query, None, mailbox, scope)

    async def post(self, operation: str, path: str, body: object, *, mailbox: str = "", scope: str = EVENTS) -> bytes:
        """The answer to a POST of JSON. Raises a `SourceError`."""
        return await self._asked(operation, "POST", path, {}, msgspec.json.encode(body), mailbox, scope)

    async def _asked(
        self,
        operation: str,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None,
        mailbox: str,
        scope: str,
    ) -> bytes:
        url = f"{self.settings.base}{path}?{urlencode({**query, **_quota_user(mailbox)}, quote_via=quote)}".rstrip("?")
        subject = mailbox if self.settings.delegated else ""
        for last in (False, True):
            bearer = await self.tokens.bearer(scope, subject)
            response, error = await self._sent(operation, method, url, body, bearer)
            if error is None:
                return response.body
            if last or response.status != 401:
                raise error
            self.tokens.forget(bearer)  # taken back before its time: once more with another
        raise AssertionError("the second answer is returned or raised")

    async def _sent(
        self, operation: str, method: str, url: str, body: bytes | None, bearer: str
    ) -> tuple[Response, SourceError | None]:
        headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self.throttle.turn() as begun:
                self.counts[operation] += 1
                response = await self._http.request(method, url, headers=headers, body=body)
                return response, self._learnt(response, begun)
        except Blocked as blocked:
            raise SourceBusy("Google asked to wait", retry_after=blocked.seconds) from None
        except HttpError as error:
            raise of_http(error) from None

    def _learnt(self, response: Response, begun: float) -> SourceError | None:
        """What the answer says of Google's limits; its error where it is one."""
        if response.status in (200, 204):
            self._refusals = 0
            self.throttle.went_well()
            return None
        error = refused(response.status, response.headers, response.body, self._back_off())
        if isinstance(error, SourceBusy):
            self.throttle.slow_down(error.retry_after or 1.0, begun)
            if begun >= self._refused_at:  # those that were under way together count once
                self._refusals += 1
                self._refused_at = asyncio.get_running_loop().time()
        return error

    def _back_off(self) -> float:
        """Exponential, with jitter, as Google asks (Calendar API, "Handle API errors")."""
        return min(2.0**self._refusals, _LONGEST_BACK_OFF) + random.random()


def _quota_user(mailbox: str) -> dict[str, str]:
    """Whom Google counts a request for: the mailbox, said by a hash (at most 40 characters are allowed)."""
    if not mailbox:
        return {}
    return {"quotaUser": hashlib.blake2b(mailbox.casefold().encode("utf-8", "replace"), digest_size=12).hexdigest()}


def of_calendar(address: str, rest: str = "") -> str:
    """The path of a calendar's things."""
    return f"/calendars/{quote(address, safe='')}{rest}"


def decoded(body: bytes, kind: type[_Answer]) -> _Answer:
    """What an answer holds. Raises `SourceBroken` where it is something else, such as a page to sign in."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotGoogles("the answer is not what the Calendar API says") from None
