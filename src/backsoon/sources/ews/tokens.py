"""Bearer tokens for an application (client credentials), by msal in a thread: it is not asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from yarl import URL

from backsoon.sources.base import SourceDenied, SourceError, SourceUnavailable
from backsoon.sources.ews.failures import with_remedy
from backsoon.sources.ews.settings import EwsSettings

SIGN_IN: Final = {
    "global": "https://login.microsoftonline.com",
    "us_gov": "https://login.microsoftonline.us",
    "us_dod": "https://login.microsoftonline.us",
    "china": "https://login.partner.microsoftonline.cn",
}
_REMEDIES: Final = {
    7000215: "the client secret is wrong: write the secret's value, not its id",
    7000222: "the client secret has expired: make a new one in the app's registration",
    700016: "there is no such application in this tenant: check client_id and tenant",
    90002: "there is no such tenant: check tenant",
    700027: "the certificate is not the one that the application was registered with",
    700024: "this machine's clock is off, or the certificate's: set the time",
}
_EARLY: Final = 180.0
"""So many seconds before its end a token is asked for anew; msal does so five minutes before."""
_DEADLINE: Final = 20.0
Acquire = Callable[[EwsSettings, str], Mapping[str, Any]]
"""Fetches a token for a scope, blocking: what msal's `acquire_token_for_client` returns."""


class Tokens:
    """Tokens for one application. msal keeps each until shortly before it ends."""

    def __init__(self, settings: EwsSettings, acquire: Acquire | None = None) -> None:
        self._settings = settings
        self._acquire = acquire or Msal().acquire
        self._turn = asyncio.Lock()
        self._good: dict[str, tuple[str, float]] = {}
        """By scope the token, and until when it need not be asked for (seconds of the event loop's clock)."""

    async def header(self, url: str) -> str:
        """The `Authorization` for an Exchange server. Raises `SourceDenied`, `SourceUnavailable`."""
        scope = f"{URL(url).origin()}/.default"
        async with self._turn:
            token, until = self._good.get(scope, ("", float("-inf")))
            if asyncio.get_running_loop().time() >= until:
                token, lasts = await self._fetched(scope)
                self._good[scope] = token, asyncio.get_running_loop().time() + lasts - _EARLY
        return f"Bearer {token}"

    async def _fetched(self, scope: str) -> tuple[str, float]:
        """The token, and for how many seconds it lasts."""
        try:
            found = await asyncio.to_thread(self._acquire, self._settings, scope)
        except (OSError, ValueError) as error:
            raise _unfetched(error) from None
        token = found.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise refused(found)
        lasts = found.get("expires_in")
        return token, float(lasts) if isinstance(lasts, int | float) else 0.0


class Msal:
    """Keeps msal's application, so that its tokens are kept."""

    def __init__(self) -> None:
        self._application: Any = None

    def acquire(self, settings: EwsSettings, scope: str) -> Mapping[str, Any]:
        """See `Acquire`. Raises `OSError` or `ValueError`."""
        import msal  # type: ignore[import-untyped]  # it takes a third of a second; most connections do without

        if self._application is None:
            self._application = msal.ConfidentialClientApplication(
                settings.client_id,
                authority=f"{SIGN_IN.get(settings.cloud, SIGN_IN['global'])}/{settings.tenant}",
                client_credential=credential(settings),
                timeout=_DEADLINE,  # msal has none of its own
            )
        found: Mapping[str, Any] = self._application.acquire_token_for_client([scope])
        if "access_token" not in found:
            self._application = None  # the next one shows what the secret or the certificate is by then
        return found


def credential(settings: EwsSettings) -> str | dict[str, str]:
    """What the application shows: its secret, or the key and the certificate in a PEM file. Raises `OSError`."""
    if not settings.certificate:
        return (settings.anew("client_secret") if settings.anew else "") or settings.client_secret
    pem = Path(settings.certificate).read_text("ascii")
    return {"private_key": pem, "public_certificate": pem}


def refused(found: Mapping[str, Any]) -> SourceError:
    """The error for a token that was not given: by Microsoft's number (`AADSTS...`), without its text."""
    codes = [c for c in found.get("error_codes") or [] if isinstance(c, int)]
    number = codes[0] if codes else 0
    detail = f"AADSTS{number}" if number else "no reason that is known"
    error = SourceDenied(f"the application was given no token ({detail})")
    return with_remedy(error, _REMEDIES.get(number, "check tenant, client_id and the secret or certificate"))


def _unfetched(error: Exception) -> SourceError:
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return with_remedy(SourceDenied("the certificate's file cannot be read"), "check the path in certificate")
    return SourceUnavailable(f"no token could be fetched ({type(error).__name__})")
