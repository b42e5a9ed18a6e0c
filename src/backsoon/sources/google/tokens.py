"""Access tokens: fetched when they are needed, kept while they last, for each right and each mailbox acted for."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from backsoon.sources.base import SourceError, SourceUnavailable
from backsoon.sources.google.credentials import (
    AuthorisedUser,
    BadCredentials,
    Credentials,
    ExternalAccount,
    ServiceAccount,
    read_credentials,
)
from backsoon.sources.google.errors import ScopeMissing, SignInFailed, of_http, token_refused
from backsoon.wire.http import Http, HttpError

KEPT: Final = 1_024
"""Tokens of so many mailboxes are kept; another one costs a request."""
_RENEW_BEFORE: Final = 120.0
_FETCHED_AT_ONCE: Final = 8
_LARGEST: Final = 65_536
_SAID_NO: Final = 30.0
"""For how long (seconds) a refusal is believed without asking again."""
_REFUSALS_KEPT: Final = 256
_Key = tuple[str, str]
_Value = TypeVar("_Value")


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 3_600.0
    scope: str = ""


class Tokens:
    """The tokens of one account. `clock` gives the time that assertions are dated with, in UTC."""

    def __init__(self, setting: str, http: Http, clock: Callable[[], datetime], counts: Counter[str]) -> None:
        self._setting = setting
        self._http = http
        self._clock = clock
        self._counts = counts
        self._held: OrderedDict[_Key, tuple[str, float]] = OrderedDict()
        self._refused: OrderedDict[_Key, tuple[SourceError, float]] = OrderedDict()
        self._fetching: dict[_Key, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(_FETCHED_AT_ONCE)
        self.granted: frozenset[str] = frozenset()
        """The rights that a user's consent covers, where Google said so."""

    async def credentials(self) -> Credentials:
        """What the setting names. Raises `BadCredentials`."""
        return await asyncio.to_thread(read_credentials, self._setting)

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
                async with self._slots:
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
            raise type(refused[0])(refused[0].detail)
        return None

    async def _fetch(self, key: _Key) -> str:
        began = asyncio.get_running_loop().time()
        try:
            token = await self._ask(await self.credentials(), *key)
        except SourceError as error:
            if not isinstance(error, SourceUnavailable):
                _keep(self._refused, key, (error, began + _SAID_NO), _REFUSALS_KEPT)
            raise
        self._refused.pop(key, None)
        _keep(self._held, key, (token.access_token, began + max(token.expires_in - _RENEW_BEFORE, 1.0)), KEPT)
        return token.access_token

    async def _ask(self, credentials: Credentials, scope: str, subject: str) -> _Token:
        if subject and not isinstance(credentials, ServiceAccount):
            raise BadCredentials("access = delegation takes a service account with a key")
        self._counts["token"] += 1
        match credentials:
            case ServiceAccount():
                form = await asyncio.to_thread(credentials.grant, scope, subject, self._clock())
                return await self._post(credentials.token_url, form, user=False)
            case AuthorisedUser():
                token = await self._post(credentials.token_url, credentials.grant(), user=True)
                self._check(token, scope)
                return token
            case ExternalAccount():
                return await _external(credentials, scope)

    def _check(self, token: _Token, scope: str) -> None:
        """A user's token covers what they consented to, whatever is asked."""
        self.granted = frozenset(token.scope.split())
        if self.granted and not covers(self.granted, scope):
            raise ScopeMissing(f"the consent does not cover {scope}")

    async def _post(self, url: str, form: dict[str, str], *, user: bool) -> _Token:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        try:
            answer = await self._http.request(
                "POST", url, headers=headers, body=urlencode(form).encode(), limit_bytes=_LARGEST
            )
        except HttpError as error:
            raise of_http(error) from None
        if answer.status != 200:
            raise token_refused(answer.status, answer.body, user=user)
        try:
            return msgspec.json.decode(answer.body, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SignInFailed("the answer of Google's sign-in holds no token") from None


def covers(granted: frozenset[str], scope: str) -> bool:
    """Whether the rights include this one: itself, or one that is wider (the swagger description's `security`)."""
    prefix = scope.rpartition("/")[0]
    wider = {scope, f"{prefix}/calendar"}
    if not scope.endswith("freebusy"):
        wider.add(scope.removesuffix(".readonly"))
    return bool(granted & (wider | {f"{prefix}/calendar.readonly"}))


async def _external(credentials: ExternalAccount, scope: str) -> _Token:
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        token, seconds = await asyncio.to_thread(credentials.token, scope)
    except TransportError:
        raise SourceUnavailable("the identity provider that vouches for this machine does not answer") from None
    except (GoogleAuthError, ValueError, OSError):
        raise SignInFailed("the identity provider or Google refused the external account") from None
    return _Token(token, seconds)


def _keep(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
