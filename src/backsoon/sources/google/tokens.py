"""Access tokens: fetched when they are needed, kept while they last, for each right and each mailbox acted for.

google-auth blocks: it runs in a thread, and what it sends comes back to the loop, to our own bounded HTTP.
"""

from __future__ import annotations

import asyncio
import copy
from collections import Counter, OrderedDict
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from backsoon.sources.base import SourceBusy, SourceError, SourceUnavailable
from backsoon.sources.google.credentials import BadCredentials, Credentials, Kind, read_credentials
from backsoon.sources.google.errors import NotGoogles, ScopeMissing, SignInFailed, of_http, token_refused, with_remedy
from backsoon.wire.http import Http, HttpError, Response

KEPT: Final = 1_024
"""Tokens of so many mailboxes are kept; another one costs a request."""
_RENEW_BEFORE: Final = 120.0
MOST_THREADS: Final = 64
_LARGEST: Final = 65_536
_SAID_NO: Final = 30.0
"""For how long (seconds) a refusal is believed without asking again."""
_NOT_NOW: Final = 5.0
"""And that there was no answer."""
_REFUSALS_KEPT: Final = 256
_AT_LEAST: Final = 1_800.0
"""How long (seconds) a token lasts of which that was not said."""
_Key = tuple[str, str]
_Value = TypeVar("_Value")


class _Told(msgspec.Struct):
    """What an answer with a token says besides (RFC 6749 section 5.1)."""

    expires_in: float = _AT_LEAST
    scope: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer as google-auth wants to see it."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    data: bytes = field(repr=False)


class _Bridge:
    """google-auth's transport (`google.auth.transport.Request`): called in its thread, sent by our loop."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._loop = asyncio.get_running_loop()
        self._sending: Future[Response] | None = None
        self._given_up = False
        self.answer: _Answer | None = None
        self.failure: HttpError | None = None

    def give_up(self) -> None:
        """Nobody waits for a token any more."""
        self._given_up = True
        if self._sending is not None:
            self._sending.cancel()

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: object,
    ) -> _Answer:
        """Send it; the deadline is our own."""
        from google.auth.exceptions import TransportError

        if self._given_up:
            raise TransportError("nobody waits")  # type: ignore[no-untyped-call]
        content = body.encode() if isinstance(body, str) else body
        sending = self._http.request(method, url, headers=headers, body=content, limit_bytes=_LARGEST)
        self._sending = asyncio.run_coroutine_threadsafe(sending, self._loop)
        try:
            answer = self._sending.result()
        except (HttpError, CancelledError) as error:
            self.failure = error if isinstance(error, HttpError) else None
            raise TransportError("no answer") from None  # type: ignore[no-untyped-call]
        self.answer = _Answer(answer.status, answer.headers, answer.body)
        return self.answer


class Tokens:
    """The tokens of one account. `setting` names its file of credentials, `counts` counts the requests; `at_once` of
    them are fetched together, a thread each. Close it."""

    def __init__(self, setting: str, http: Http, counts: Counter[str], at_once: int = 8) -> None:
        self._setting = setting
        self._http = http
        self._counts = counts
        self._known: Credentials | None = None
        self._held: OrderedDict[_Key, tuple[str, float]] = OrderedDict()
        self._refused: OrderedDict[_Key, tuple[SourceError, float]] = OrderedDict()
        self._fetching: dict[_Key, asyncio.Lock] = {}
        self._threads = ThreadPoolExecutor(max(1, min(at_once, MOST_THREADS)), thread_name_prefix="google-auth")
        self.granted: frozenset[str] = frozenset()
        """The rights that a user's consent covers, where Google said so."""

    async def credentials(self) -> Credentials:
        """What the setting names. Raises `BadCredentials`."""
        loop = asyncio.get_running_loop()
        read = await loop.run_in_executor(self._threads, read_credentials, self._setting, self._known)
        if self._known is None or self._known.text != read.text:  # else others were quicker: theirs has its key read
            self._known = read
        return self._known

    def close(self) -> None:
        """End the threads; no token is asked for afterwards."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def bearer(self, scope: str, subject: str = "") -> str:
        """A token for a right, in the name of `subject` ("": the account's own). Raises a `SourceError`."""
        key = (scope, subject)
        if (token := self._kept(key)) is not None:
            return token
        lock = self._fetching.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                if (token := self._kept(key)) is not None:
                    return token
                return await self._fetch(key)
        finally:
            if not lock.locked():
                self._fetching.pop(key, None)

    def forget(self, bearer: str) -> None:
        """Google does not take this one any more."""
        for key in [key for key, (token, _) in self._held.items() if token == bearer]:
            del self._held[key]

    def _kept(self, key: _Key) -> str | None:
        now = asyncio.get_running_loop().time()
        if (held := self._held.get(key)) is not None and now < held[1]:
            self._held.move_to_end(key)
            return held[0]
        if (refused := self._refused.get(key)) is not None and now < refused[1]:
            raise copy.copy(refused[0])
        return None

    async def _fetch(self, key: _Key) -> str:
        began = asyncio.get_running_loop().time()
        try:
            token, told = await self._ask(await self.credentials(), *key)
        except SourceError as error:
            _keep(self._refused, key, (copy.copy(error), began + _believed(error)), _REFUSALS_KEPT)
            raise
        self._refused.pop(key, None)
        _keep(self._held, key, (token, began + max(told.expires_in - _RENEW_BEFORE, 1.0)), KEPT)
        return token

    async def _ask(self, credentials: Credentials, scope: str, subject: str) -> tuple[str, _Told]:
        if subject and credentials.kind is not Kind.SERVICE_ACCOUNT:
            raise BadCredentials("access = delegation takes a service account with a key")
        self._counts["token"] += 1
        bridge = _Bridge(self._http)
        token = await self._refreshed(credentials, scope, subject, bridge)
        told = _told(bridge.answer)
        if credentials.kind is Kind.AUTHORISED_USER:
            self.granted = frozenset(told.scope.split())
            if self.granted and not covers(self.granted, scope):
                raise ScopeMissing(f"the consent does not cover {scope}")
        return token, told

    async def _refreshed(self, credentials: Credentials, scope: str, subject: str, bridge: _Bridge) -> str:
        from google.auth.exceptions import GoogleAuthError

        def in_thread() -> str:
            made = credentials.of_google(scope, subject)
            made.refresh(bridge)
            return str(made.token)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, in_thread)
        except asyncio.CancelledError:
            bridge.give_up()
            raise
        except (GoogleAuthError, OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            # google-auth trusts the answer's shape: nonsense with status 200 is a TypeError there
            raise _why(error, credentials, bridge) from None


def _believed(error: SourceError) -> float:
    """For how many seconds nobody asks again: all who wait for one token learn of one failure."""
    if isinstance(error, SourceBusy):
        return error.retry_after or _NOT_NOW
    return _NOT_NOW if isinstance(error, SourceUnavailable) else _SAID_NO


def _why(error: Exception, credentials: Credentials, bridge: _Bridge) -> SourceError:
    """What an answer said, else what befell the exchange, else that there was none."""
    if bridge.failure is not None:
        return of_http(bridge.failure)
    answer = bridge.answer
    if answer is None:
        return SignInFailed(f"google-auth cannot sign in ({type(error).__name__})")
    if answer.status == 200:
        return with_remedy(SignInFailed("the answer of Google's sign-in holds no token"), NotGoogles.remedy)
    if credentials.kind is Kind.EXTERNAL_ACCOUNT and answer.status < 500:
        return SignInFailed("the identity provider or Google refused the external account")
    return token_refused(answer.status, answer.data, user=credentials.kind is Kind.AUTHORISED_USER)


def _told(answer: _Answer | None) -> _Told:
    try:
        return msgspec.json.decode(answer.data if answer else b"{}", type=_Told, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Told()


def covers(granted: frozenset[str], scope: str) -> bool:
    """Whether the rights include this one: itself, or one that is wider (the API description's `security`)."""
    prefix = scope.rpartition("/")[0]
    return bool(granted & {scope, scope.removesuffix(".readonly"), f"{prefix}/calendar", f"{prefix}/calendar.readonly"})


def _keep(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
