"""Signing in by an issuer: to it and back. What must come back is kept by the browser, signed, and nowhere here.

So it is known that whoever comes back is who was sent: an answer that another browser was given is worth nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backsoon.domain.errors import BacksoonError
from backsoon.domain.signin import Claims, Issuer, SignIn
from backsoon.engine.logins import Logins, NotLetIn
from backsoon.engine.timing import Clock
from backsoon.store.base import Account, Store
from backsoon.wire.http import Http
from backsoon.wire.oidc import Attempt, Client, NotProved, OidcError, Provider, attempt
from backsoon.wire.tls import client_context

log = logging.getLogger(__name__)

LASTS = timedelta(minutes=10)
"""How long somebody may take at the issuer, and a one-time code holds."""
PATH_LENGTH = 200
LARGEST_COOKIE = 4096


class NoSuchIssuer(BacksoonError):
    """The settings have no such issuer, or no address that it could send people back to."""

    remedy = "see [sign_in] and [api] pages in the settings"


class Failed(BacksoonError):
    """Somebody did not sign in. `code` is a word of ours: `unknown`, `refused`, `failed`, `expired`."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"not signed in: {code}")


@dataclass(frozen=True, slots=True)
class Going:
    """A sign-in that is going on, as the browser keeps it."""

    name: str
    attempt: Attempt
    to: str
    until: int
    """Seconds since 1970."""


class SigningIn:
    """To issuers and back. One in a process, which remembers what issuers say of themselves."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        logins: Logins,
        settings: Callable[[], SignIn],
        secret: Callable[[str], str],
    ) -> None:
        """`secret` reads what a reference stands for. Raises nothing; what it raises is a `BacksoonError`."""
        self._store = store
        self._clock = clock
        self._logins = logins
        self._settings = settings
        self._secret = secret
        self._providers: dict[Issuer, tuple[Provider, Http]] = {}

    @property
    def settings(self) -> SignIn:
        """As they are now."""
        return self._settings()

    async def close(self) -> None:
        """Close all connections."""
        while self._providers:
            await self._providers.popitem()[1][1].close()

    async def begin(self, name: str, to: str) -> tuple[str, str]:
        """Where to send somebody, and what their browser must bring back. Raises `NoSuchIssuer`, `Failed`."""
        issuer, now, made = self._issuer(name), self._clock.now(), attempt()
        try:
            address = await (await self._provider(issuer)).address(made, self._redirect(name), now)
        except BacksoonError as error:
            raise self._failed(issuer, error, "failed") from None
        going = Going(name, made, local_path(to), int((now + LASTS).timestamp()))
        return address, sealed(going, await self._store.key("sign-in"))

    async def wanted(self, kept: str) -> str:
        """Where somebody wanted to go, by what their browser kept, whether they come in or not. Raises `StoreError`."""
        going = opened(kept, await self._store.key("sign-in"))
        return "/" if going is None else going.to

    async def finish(self, name: str, answer: Mapping[str, str], kept: str) -> tuple[Account, str]:
        """Who came back, and where they wanted to go. Raises `NoSuchIssuer`, `Failed`, `StoreError`."""
        issuer, now = self._issuer(name), self._clock.now()
        going = opened(kept, await self._store.key("sign-in"))
        if going is None or going.name != name or going.until <= now.timestamp():
            raise Failed("expired")
        if not hmac.compare_digest(answer.get("state", "").encode("utf-8", "replace"), going.attempt.state.encode()):
            raise Failed("expired")
        try:
            provider = await self._provider(issuer)
            found = await provider.claims(going.attempt, self._redirect(name), answer, now)
            claims = claims_of(issuer, found)
        except BacksoonError as error:
            raise self._failed(issuer, error, getattr(error, "code", "failed")) from None
        try:
            return await self._logins.enter_by(issuer, claims), going.to
        except NotLetIn as error:
            raise Failed(error.code) from None

    async def discover(self, name: str) -> None:
        """See that an issuer can be used. Raises `NoSuchIssuer`, `OidcError`, what reading a secret raises."""
        await (await self._provider(self._issuer(name))).discover(self._clock.now())

    def _issuer(self, name: str) -> Issuer:
        issuer = self._settings().named(name)
        if issuer is None or not self._settings().pages:
            raise NoSuchIssuer(f"there is no issuer {name!r}")
        return issuer

    def _redirect(self, name: str) -> str:
        return f"{self._settings().pages}/sign-in/{name}/callback"

    async def _provider(self, issuer: Issuer) -> Provider:
        found = self._providers.get(issuer)
        if found is None:
            for gone in self._providers.keys() - set(self._settings().issuers):
                await self._providers.pop(gone)[1].close()
            secret = self._secret(issuer.client_secret) if issuer.client_secret else ""
            http = Http(tls=client_context(Path(issuer.ca_file) if issuer.ca_file else None), deadline=15)
            found = Provider(Client(issuer.url, issuer.client_id, secret), http), http
            self._providers[issuer] = found
        return found[0]

    def _failed(self, issuer: Issuer, error: BacksoonError, code: str) -> Failed:
        log.warning("sign-in by %s: %s", issuer.name, error)
        if not isinstance(error, OidcError):
            code = "failed"
        return Failed(code)


def claims_of(issuer: Issuer, found: Mapping[str, Any]) -> Claims:
    """Who it is by what was proved. Raises `NotProved`.

    At Entra ID that is the tenant's id and the object's, and only of the one tenant that the settings name; an address
    counts as verified there where its owner's domain is (`xms_edov`).
    """
    subject = _text(found, "sub")
    if issuer.tenant:
        tenant, object_id = _text(found, "tid").lower(), _text(found, "oid").lower()
        if tenant != issuer.tenant or not object_id:
            raise NotProved("the ID token is another tenant's, or names no object")
        subject = f"{tenant}:{object_id}"
    verified = "xms_edov" if issuer.tenant and "email_verified" not in found else "email_verified"
    return Claims(
        subject,
        _text(found, "name") or _text(found, "preferred_username"),
        _text(found, "email"),
        found.get(verified) in (True, "true", "1", 1),
        _text(found, "hd"),
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def local_path(to: str) -> str:
    """Where to go afterwards: a path here, else `/`. Never another place (an open redirect)."""
    plain = to.isascii() and to.isprintable() and not set(to) & set(' \\"<>')
    return to if plain and to.startswith("/") and not to.startswith("//") and len(to) <= PATH_LENGTH else "/"


# -- what the browser keeps --------------------------------------------------------------------------------------------


def sealed(going: Going, key: bytes) -> str:
    """As text that nobody else can make."""
    said = going.attempt
    values = [going.name, said.state, said.nonce, said.verifier, going.to, going.until]
    body = base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()
    return f"{body}.{_mac(body, key)}"


def opened(text: str, key: bytes) -> Going | None:
    """What `sealed` made with that key; None for anything else."""
    body, _, mac = text.partition(".")
    if len(text) > LARGEST_COOKIE or not text.isascii() or not hmac.compare_digest(mac, _mac(body, key)):
        return None
    name, state, nonce, verifier, to, until = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return Going(name, Attempt(state, nonce, verifier), to, until)


def _mac(body: str, key: bytes) -> str:
    return hmac.new(key, b"sign-in going on:" + body.encode(), hashlib.sha256).hexdigest()


# -- once ------------------------------------------------------------------------------------------------------------


class OneTimeCodes:
    """Codes that sign somebody in without anything else, each once and for ten minutes: for the demo alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._codes: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def make(self, account: Account) -> str:
        """A new code for an account that is stored."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = (account.id, self._clock.now() + LASTS)
        while len(self._codes) > 16:
            self._codes.popitem(last=False)
        return code

    def take(self, code: str) -> int | None:
        """The id of the account that the code is for, once; None for anything else."""
        id, until = self._codes.pop(code, (0, self._clock.now()))
        return id if id and self._clock.now() < until else None
