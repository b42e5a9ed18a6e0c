"""NTLM (MS-NLMP) over HTTP: not a request is signed in but a connection, so each of these has one and no more."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from typing import Final

import aiohttp
import spnego
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from spnego.channel_bindings import GssChannelBindings
from yarl import URL

from backsoon.wire.auth import Credentials
from backsoon.wire.http import Cut, Response, _read, _Request, _translated
from backsoon.wire.streaming import StreamingHttp

_CHALLENGE_BYTES: Final = 65_536
SCHEMES: Final = ("ntlm", "negotiate")


class NtlmHttp(StreamingHttp):
    """One connection that signs in as `credentials.user` (`DOMAIN\\name` or `name@example.com`).

    One request at a time: others wait. The sign-in is tied to the server's certificate (RFC 5929,
    `tls-server-end-point`), which Exchange asks for where Extended Protection is on.
    """

    def __init__(self, credentials: Credentials, *, tls: ssl.SSLContext | None = None, deadline: float = 30.0) -> None:
        super().__init__(tls=tls, deadline=deadline, limit_per_host=1)
        self._credentials = credentials
        self._turn = asyncio.Lock()
        self._open_for: URL | None = None
        """The origin that the connection is signed in to, as far as we know."""

    async def _signed_in(self, asked: _Request, url: URL) -> Response:
        async with self._turn:
            if self._open_for == url.origin():
                response = await self._once(asked, url, None)
                if response.status != 401:
                    return response
            response = await self._once(asked, url, await self.authorization(url))
            self._open_for = url.origin() if response.status != 401 else None
            return response

    async def authorization(self, url: URL) -> str | None:
        """Sign the connection in as far as it goes: what is returned must be sent next, with the request itself.

        None where the server wants none. Raises an `HttpError`.
        """
        context = spnego.client(
            self._credentials.user,
            self._credentials.password,
            hostname=url.host or "",
            service="http",
            protocol="ntlm",
            options=spnego.NegotiateOptions.use_ntlm,
        )
        first = await asyncio.to_thread(context.step)
        for scheme in SCHEMES:
            status, challenges, certificate = await self._leg(url, f"{scheme.upper()} {_text(first)}")
            if status != 401:
                return None
            token = _challenge(challenges, scheme)
            if token is not None:
                last = await asyncio.to_thread(_answer, context, token, certificate, url)
                return f"{scheme.upper()} {_text(last)}"
        raise Cut(str(url.origin()), "the server offers no NTLM")

    async def _leg(self, url: URL, authorization: str) -> tuple[int, list[str], bytes | None]:
        headers = {"User-Agent": "Backsoon", "Authorization": authorization, "Accept-Encoding": "identity"}
        try:
            async with self._open().request("POST", url, headers=headers, data=b"", allow_redirects=False) as answer:
                certificate = _certificate(answer)
                await _read(answer, _CHALLENGE_BYTES)
                return answer.status, answer.headers.getall("WWW-Authenticate", []), certificate
        except (aiohttp.ClientError, ValueError) as error:
            raise _translated(error, str(url.origin())) from None


def _answer(context: spnego.ContextProxy, token: bytes, certificate: bytes | None, url: URL) -> bytes | None:
    bindings = channel_bindings(certificate) if certificate else None
    try:
        return context.step(token, channel_bindings=bindings)
    except (spnego.exceptions.SpnegoError, ValueError) as error:
        raise Cut(str(url.origin()), f"the NTLM challenge cannot be answered ({type(error).__name__})") from None


def channel_bindings(certificate: bytes) -> GssChannelBindings | None:
    """The binding to a server's certificate (DER), RFC 5929 section 4.1; None where it has no hash to bind to."""
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if algorithm is None:
        return None
    if algorithm.name in ("md5", "sha1"):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())


def _certificate(answer: aiohttp.ClientResponse) -> bytes | None:
    transport = answer.connection.transport if answer.connection else None
    tls = transport.get_extra_info("ssl_object") if transport else None
    return tls.getpeercert(True) if tls else None


def _challenge(challenges: list[str], scheme: str) -> bytes | None:
    for challenge in challenges:
        name, _, token = challenge.strip().partition(" ")
        if name.lower() == scheme and token:
            try:
                return base64.b64decode(token, validate=True)
            except (binascii.Error, ValueError):
                return None
    return None


def _text(token: bytes | None) -> str:
    return base64.b64encode(token or b"").decode("ascii")
