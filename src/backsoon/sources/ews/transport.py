"""How requests get to an Exchange server, signed in by Basic, NTLM or a bearer token."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from backsoon.sources.base import SourceDenied
from backsoon.sources.ews.failures import with_remedy
from backsoon.sources.ews.settings import EwsSettings
from backsoon.sources.ews.tokens import Tokens
from backsoon.wire.auth import Credentials, Scheme, may_show_password
from backsoon.wire.http import Http, Response
from backsoon.wire.ntlm import SCHEMES, NtlmHttp
from backsoon.wire.streaming import Streamed, StreamingHttp
from backsoon.wire.tls import client_context

LIMIT_BYTES: Final = 8 * 1024 * 1024
_USUAL: Final = {"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml"}


class Transport:
    """Requests to one account's servers. The `Http` belongs to the caller; what is opened here is closed here."""

    def __init__(self, settings: EwsSettings, http: Http, tokens: Tokens | None = None) -> None:
        self._settings = settings
        self._http = http
        self._tokens = tokens or (Tokens(settings) if settings.sign_in == "oauth" else None)
        self._schemes: dict[URL, str] = {}
        self._asking = asyncio.Lock()
        self._idle: list[NtlmHttp] = []
        """Connections that are signed in by NTLM, or can be; the last one used is the first one used again."""
        self._context: ssl.SSLContext | None = None
        self._password = settings.password

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Ask. Raises an `HttpError`, or a `SourceError` where no sign-in is possible."""
        shown = self._password
        response = await self._post(url, headers, body)
        if response.status == 401 and (self.renewed() or self._password != shown):
            return await self._post(url, headers, body)
        return response

    def renewed(self) -> bool:
        """Whether the account has another password since it was read last; that is shown from now on."""
        password = self._settings.anew("password") if self._settings.anew is not None else ""
        if password in ("", self._password):
            return False
        self._password = password
        return True

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        scheme = await self._scheme(url)
        headers = {**_USUAL, **headers}
        if scheme != "ntlm":
            told = {"Authorization": await self._authorization(scheme, url)}
            return await self._http.request(
                "POST",
                url,
                headers={**headers, **told},
                body=body,
                limit_bytes=LIMIT_BYTES,
                deadline=self._settings.deadline,
            )
        lane = self._idle.pop() if self._idle else self._lane()
        try:
            response = await lane.request(
                "POST", url, headers=headers, body=body, limit_bytes=LIMIT_BYTES, deadline=self._settings.deadline
            )
        except BaseException:
            await lane.close()
            raise
        if response.status == 401:  # it knows a password that is not the right one, or not any more
            await lane.close()
        else:
            self._idle.append(lane)
        return response

    @asynccontextmanager
    async def stream(self, url: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Streamed]:
        """Ask for an answer that does not end, on a connection of its own. Raises as `post`."""
        scheme = await self._scheme(url)
        target = URL(url, encoded=True)
        lane = self._lane() if scheme == "ntlm" else StreamingHttp(tls=self._tls())
        try:
            if isinstance(lane, NtlmHttp):
                async with asyncio.timeout(self._settings.deadline):
                    authorization = await lane.authorization(target)
            else:
                authorization = await self._authorization(scheme, url)
            async with lane.stream(
                "POST",
                url,
                headers={**_USUAL, **headers},
                body=body,
                authorization=authorization,
                deadline=self._settings.deadline,
            ) as streamed:
                yield streamed
        finally:
            await lane.close()

    async def close(self) -> None:
        """Close what was opened here."""
        while self._idle:
            await self._idle.pop().close()

    def _credentials(self) -> Credentials:
        return Credentials(self._settings.username, self._password, Scheme.BASIC)

    def _lane(self) -> NtlmHttp:
        return NtlmHttp(self._credentials(), tls=self._tls(), deadline=self._settings.deadline)

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = client_context(Path(self._settings.ca_file) if self._settings.ca_file else None)
        return self._context

    async def _authorization(self, scheme: str, url: str) -> str:
        if scheme == "oauth" and self._tokens is not None:
            return await self._tokens.header(url)
        who = self._credentials()
        return aiohttp.encode_basic_auth(who.user, who.password, encoding="utf-8")

    async def _scheme(self, url: str) -> str:
        """How to sign in at the address. Raises `SourceDenied`."""
        if self._settings.sign_in != "auto":
            return self._settings.sign_in
        origin = URL(url, encoded=True).origin()
        async with self._asking:
            if origin not in self._schemes:
                response = await self._http.request(
                    "GET", url, limit_bytes=LIMIT_BYTES, deadline=self._settings.deadline
                )
                self._schemes[origin] = chosen(origin, response)
        return self._schemes[origin]


def chosen(origin: URL, response: Response) -> str:
    """Basic where it is offered and nobody can read it on the way, else NTLM. Raises `SourceDenied`."""
    safe = may_show_password(origin)
    said = response.headers.get("www-authenticate", "").lower()
    offered = {word for part in said.split(",") for word in part.split()[:1]}
    if response.status != 401 or not offered:
        if safe:
            return "basic"
        raise with_remedy(SourceDenied("the server did not say how to sign in"), "set sign_in, and an address in https")
    if "basic" in offered and safe:
        return "basic"
    if offered & set(SCHEMES):
        return "ntlm"
    error = SourceDenied("the server offers neither Basic over TLS nor NTLM")
    raise with_remedy(error, "switch one of them on for the virtual directory EWS, or use sign_in = oauth")
