"""Signing in as an application (OAuth 2.0 client credentials, RFC 6749 section 4.4), with msal in a thread.

msal keeps tokens until they are about to end. Its requests verify servers as ours do, are bounded, and follow nothing.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from backsoon.sources.base import SourceBroken, SourceDenied, SourceError, SourceUnavailable
from backsoon.sources.graph.errors import NotGraphs, remedied, sign_in_refused
from backsoon.sources.graph.settings import GraphSettings
from backsoon.wire.tls import BadCaFile, client_context

if TYPE_CHECKING:
    import msal  # type: ignore[import-untyped]
    from requests.adapters import HTTPAdapter

DEADLINE: Final = 20.0
_EARLY: Final = 180.0
"""So many seconds before its end a token is asked for anew; msal does so five minutes before."""
REFUSED_FOR: Final = 30.0
"""Seconds for which a refusal stands: all who wait for a token learn of one. Then secret or certificate are read anew,
for they may have been changed meanwhile."""
NOT_NOW: Final = 5.0
"""The same for having got no answer, where nobody said for how long."""
_LIMIT: Final = 256 * 1024
_WELL_KNOWN: Final = "/v2.0/.well-known/openid-configuration"


class SignIn:
    """Gives the application's access token."""

    def __init__(self, settings: GraphSettings) -> None:
        self._settings = settings
        self._transport: Transport | None = None
        self._application: msal.ConfidentialClientApplication | None = None
        self._lock = asyncio.Lock()
        self._good, self._good_until = "", float("-inf")
        """The token, and until when it need not be asked for (seconds of the event loop's clock)."""
        self._refusal: tuple[SourceError, float] | None = None
        """Why no token was given, and until when nobody asks again."""
        self._refused = ""
        """The token that Graph did not accept: another one is asked for."""

    async def token(self) -> str:
        """The token, from msal's cache while it is good. Raises a `SourceError`."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            if loop.time() >= self._good_until or self._good == self._refused:
                self._good, seconds = await self._asked()
                self._good_until = loop.time() + seconds - _EARLY
            return self._good

    async def _asked(self) -> tuple[str, float]:
        now = asyncio.get_running_loop().time
        if self._refusal is not None and now() < self._refusal[1]:
            raise copy.copy(self._refusal[0])
        try:
            found = await asyncio.to_thread(self._token)
        except SourceError as error:
            denied = isinstance(error, SourceDenied)
            self._refusal = copy.copy(error), now() + (REFUSED_FOR if denied else error.retry_after or NOT_NOW)
            if denied:
                await self.close()
                self._application = self._transport = None
            raise
        self._refusal = None
        return found

    def forget(self, token: str) -> None:
        """The token was not accepted: the next one is a new one."""
        self._refused = token

    async def close(self) -> None:
        """Release connections."""
        if self._transport is not None:
            self._transport.close()

    def _token(self) -> tuple[str, float]:
        """The token, and for how many seconds it lasts."""
        token, seconds = self._acquire()
        if token == self._refused:
            self._made().remove_tokens_for_client()
            token, seconds = self._acquire()
        return token, seconds

    def _acquire(self) -> tuple[str, float]:
        import msal
        import requests

        try:
            said: Mapping[str, Any] = self._made().acquire_token_for_client([self._settings.scope])
        except requests.exceptions.SSLError:
            problem = SourceUnavailable("the server where tokens are given out cannot be trusted")
            raise remedied(problem, "name the file of your authority as ca_file") from None
        except (requests.exceptions.RequestException, msal.exceptions.MsalServiceError):
            raise SourceUnavailable("no answer from where tokens are given out") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NotGraphs("where tokens are given out something answered that is no token") from None
        token = said.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise sign_in_refused(said)
        lasts = said.get("expires_in")
        return token, float(lasts) if isinstance(lasts, int | float) else 0.0

    def _made(self) -> msal.ConfidentialClientApplication:
        if self._application is None:
            import msal

            try:
                self._transport = Transport(self._settings)
                self._application = msal.ConfidentialClientApplication(
                    self._settings.client_id,
                    client_credential=credential(self._settings),
                    authority=f"{_https(self._settings.authority)}/{self._settings.tenant}",
                    http_client=self._transport,
                    instance_discovery=False,
                    validate_authority=False,
                )
            except BadCaFile as error:
                raise remedied(SourceUnavailable(str(error)), "name a file of authorities in PEM") from None
            except (ValueError, TypeError):
                problem = SourceBroken("the certificate, the tenant or the client_id cannot be used to sign in")
                raise remedied(problem, "the PEM file must hold the certificate and its private key") from None
        return self._application


def credential(settings: GraphSettings) -> str | dict[str, str]:
    """What msal shows: the secret, or the certificate with its key. Raises `SourceError`."""
    if settings.client_secret:
        return (settings.anew("client_secret") if settings.anew else "") or settings.client_secret
    try:
        text = Path(settings.certificate).read_text("ascii")
    except (OSError, UnicodeDecodeError):
        problem = SourceError(f"the certificate cannot be read: {settings.certificate}")
        raise remedied(problem, "name a PEM file that this account may read") from None
    if "-----BEGIN CERTIFICATE-----" not in text or "PRIVATE KEY-----" not in text:
        problem = SourceError(f"no certificate with a private key in {settings.certificate}")
        raise remedied(problem, "put both into one PEM file: the certificate and its private key")
    return {"private_key": text, "public_certificate": text}


def _https(url: str) -> str:
    """msal speaks https only; what is on this machine without TLS (a test) is put right by the transport."""
    return "https://" + url.partition("://")[2]


def _verified(ca_file: str | Path | None) -> HTTPAdapter:
    """The transport of requests, with the context that all other connections of ours have."""
    from requests.adapters import HTTPAdapter

    context = client_context(Path(ca_file) if ca_file else None)

    class Verified(HTTPAdapter):
        def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: object) -> None:
            super().init_poolmanager(connections, maxsize, block, ssl_context=context)

        def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
            vars(conn).update(cert_reqs="CERT_REQUIRED", ca_certs=None)  # the authorities are the context's

    return Verified()


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


class Answered:
    """An answer as msal reads it."""

    def __init__(self, status_code: int, text: str, headers: Mapping[str, str]) -> None:
        self.status_code = status_code
        self.text = text
        self.headers = dict(headers)

    def raise_for_status(self) -> None:
        """See `requests.Response`."""
        if self.status_code >= 400:
            raise ValueError(f"status {self.status_code}")


class Transport:
    """msal's way to the network.

    Where tokens are given out is known (Microsoft identity platform, "OAuth 2.0 client credentials flow"): what msal
    asks to find it out is answered here, so that a wrong tenant is told by its code, and nothing else is ever asked.
    """

    def __init__(self, settings: GraphSettings) -> None:
        import requests

        self._base = settings.authority
        self._tenant = settings.tenant
        self._session = requests.Session()
        self._session.trust_env = False  # no bundle of authorities, proxy or account that a variable names
        self._session.mount("https://", _verified(settings.ca_file))

    def get(self, url: str, **_: object) -> Answered:
        """The description of the tenant's endpoints; everything else there is none of."""
        if urlsplit(url).path != urlsplit(self._base).path + f"/{self._tenant}{_WELL_KNOWN}":
            return Answered(404, "", {})
        place = f"{_https(self._base)}/{self._tenant}"
        known = {
            "issuer": f"{place}/v2.0",
            "authorization_endpoint": f"{place}/oauth2/v2.0/authorize",
            "token_endpoint": f"{place}/oauth2/v2.0/token",
        }
        return Answered(200, json.dumps(known), {"Content-Type": "application/json"})

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> Answered:
        """Ask for a token."""
        place = f"{self._base}/{self._tenant}/oauth2/v2.0/token"
        if url != _https(place):
            raise ValueError("msal asks for a token somewhere else")
        with self._session.post(
            place, params=params, data=data, headers=headers, timeout=DEADLINE, allow_redirects=False, stream=True
        ) as answer:
            body = b""
            for piece in answer.iter_content(_LIMIT):  # decoded, and of what is left over nothing is read
                body += piece
                if len(body) >= _LIMIT:
                    break
            if answer.is_redirect or len(body) >= _LIMIT or not _is_object(body):
                raise ValueError("no answer of a token endpoint")  # msal would write it into the log
            return Answered(answer.status_code, body.decode("utf-8", "replace"), answer.headers)

    def close(self) -> None:
        """Release connections."""
        self._session.close()
