"""Signing in as the user with whom everybody shares: the authorization-code flow with PKCE, back to this machine.

Sources: RFC 8252 (section 7.3, loopback redirect), RFC 7636 (PKCE), Google's "OAuth 2.0 for mobile & desktop apps".
Nothing is opened here: an address is given that a person opens in a browser, on this machine.

    async with signing_in(client_file, http) as pending:
        print(pending.address)
        granted = await pending.finish(Path("google.json"))
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from backsoon.sources.base import SourceUnavailable
from backsoon.sources.google.credentials import BadCredentials, check_address, read_text
from backsoon.sources.google.errors import PolicyForbids, ScopeMissing, SignInFailed, of_http, token_refused
from backsoon.sources.google.settings import CALENDAR_LIST, EVENTS, FREE_BUSY, TOKEN_URL
from backsoon.wire.http import Http, HttpError

SCOPES: Final = (EVENTS, FREE_BUSY, CALENDAR_LIST)
"""What consent is asked for: to read entries, to ask who is busy, to list what was shared."""
AUTH_URL: Final = "https://accounts.google.com/o/oauth2/v2/auth"
_LARGEST: Final = 65_536


class BadClient(BadCredentials):
    """The file of the OAuth client cannot be used."""

    remedy = (
        "in the Google Cloud console under APIs & Services, Credentials, make an OAuth client ID of type Desktop app"
        " and download its JSON"
    )


class _Client(msgspec.Struct):
    client_id: str
    client_secret: str = ""
    auth_uri: str = AUTH_URL
    token_uri: str = TOKEN_URL


class _ClientFile(msgspec.Struct):
    """As the console gives it; `web` is the type of an app on a server, which works where it knows our redirect."""

    installed: _Client | None = None
    web: _Client | None = None


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str = ""
    scope: str = ""


@dataclass
class Pending:
    """A sign-in that waits for somebody at a browser: open `address`."""

    address: str
    redirect: str
    _client: _Client = field(repr=False)
    _http: Http = field(repr=False)
    _verifier: str = field(repr=False)
    _state: str = field(repr=False)
    _code: asyncio.Future[str] = field(repr=False)

    async def finish(self, destination: Path, *, seconds: float = 300.0) -> frozenset[str]:
        """Wait for the consent and write the file of credentials, readable by its owner only; the rights it covers.

        Raises a `SourceError`, and `OSError` where the file cannot be written.
        """
        try:
            async with asyncio.timeout(seconds):
                code = await asyncio.shield(self._code)
        except TimeoutError:
            raise SignInFailed(f"nobody consented within {seconds:g} s") from None
        tokens = await self._exchanged(code)
        granted = frozenset(tokens.scope.split())
        if granted and EVENTS not in granted:
            raise ScopeMissing("the consent leaves out reading entries: every box has to be ticked")
        if not tokens.refresh_token:
            raise SignInFailed("Google gave no refresh token: take the app's access back and sign in again")
        told = {
            "type": "authorized_user",
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret,
            "refresh_token": tokens.refresh_token,
            "token_uri": self._client.token_uri,
        }
        content = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
        await asyncio.to_thread(write_secret, destination, content)
        return granted

    async def _exchanged(self, code: str) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": self._verifier,
            "redirect_uri": self.redirect,
            "client_id": self._client.client_id,
            **({"client_secret": self._client.client_secret} if self._client.client_secret else {}),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        try:
            answer = await self._http.request(
                "POST", self._client.token_uri, headers=headers, body=urlencode(form).encode(), limit_bytes=_LARGEST
            )
        except HttpError as error:
            raise of_http(error) from None
        if answer.status != 200:
            raise token_refused(answer.status, answer.body, user=True)
        try:
            return msgspec.json.decode(answer.body, type=_Tokens)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SignInFailed("the answer of Google's sign-in holds no token") from None

    async def returned(self, request: web.Request) -> web.Response:
        """The browser comes back. Whoever does not bring the state is somebody else, and is not heard."""
        if not compare_digest(request.query.get("state", "").encode(), self._state.encode()):
            return _page("This is not the sign-in that was begun.", 400)
        if not self._code.done():
            if code := request.query.get("code"):
                self._code.set_result(code)
            else:
                refused = "access_denied: the consent was refused"
                self._code.set_exception(PolicyForbids(refused))
        if self._code.exception() is not None:
            return _page("Google did not give consent. Back at the command it says what to do.", 400)
        return _page("Signed in. This window can be closed.", 200)


@asynccontextmanager
async def signing_in(client: str, http: Http, *, port: int = 0, path: str = "/") -> AsyncIterator[Pending]:
    """Begin to sign in. `client` is the path of an OAuth client's JSON, or the JSON; `port` where the browser comes
    back to on 127.0.0.1 (0: any that is free).

    Raises `BadClient`, and `SourceUnavailable` where the port cannot be had.
    """
    try:
        text = await asyncio.to_thread(read_text, client)
    except BadCredentials:
        raise BadClient(f"the file of the OAuth client cannot be read: {client}") from None
    known = read_client(text)
    waiting: list[Pending] = []

    async def returned(request: web.Request) -> web.Response:
        return await waiting[0].returned(request)

    app = web.Application()
    app.router.add_get(path, returned)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError:
            raise SourceUnavailable(f"port {port} is taken: name another one") from None
        redirect = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
        waiting.append(_begun(known, http, redirect))
        yield waiting[0]
    finally:
        await runner.cleanup()
        if waiting:
            waiting[0]._code.cancel()


def read_client(text: str) -> _Client:
    """The OAuth client of a file. Raises `BadClient`."""
    try:
        told = msgspec.json.decode(text, type=_ClientFile)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise BadClient("the file of the OAuth client is no JSON of Google's") from None
    client = told.installed or told.web
    if client is None or not client.client_id:
        raise BadClient("the file holds no OAuth client")
    check_address(client.auth_uri)
    check_address(client.token_uri)
    return client


def _begun(client: _Client, http: Http, redirect: str) -> Pending:
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "client_id": client.client_id,
        "redirect_uri": redirect,
        "response_type": "code",
        "scope": " ".join(SCOPES),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "access_type": "offline",
        "prompt": "consent",  # else Google gives no refresh token the second time
    }
    waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    return Pending(f"{client.auth_uri}?{urlencode(asked)}", redirect, client, http, verifier, state, waiting)


def write_secret(destination: Path, content: bytes) -> None:
    """Write a file that its owner alone can read, whole or not at all. Raises `OSError`."""
    beside = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}")
    number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(destination)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def _page(text: str, status: int) -> web.Response:
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(text=text, status=status, headers=headers)
