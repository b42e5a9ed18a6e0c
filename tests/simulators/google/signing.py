"""Signing in at the simulator: service accounts whose assertions are verified, users who consented, expired tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

from tests.simulators.google.refusals import Refused

PREFIX = "https://www.googleapis.com/auth/"
EVENTS, FREE_BUSY = PREFIX + "calendar.events.readonly", PREFIX + "calendar.freebusy"
LIST, ALL = PREFIX + "calendar.calendarlist.readonly", PREFIX + "calendar"
SERVICE = "backsoon@project.iam.gserviceaccount.example"
CLIENT_ID, CLIENT_SECRET = "client.apps.example", "client-secret"
REFRESH = "refresh-1"
VOUCHED = "what the identity provider says"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""For whom google-auth says that an assertion is, wherever it sends it."""


@cache
def private_key() -> tuple[str, str]:
    """A key made for this run: private and public, in PEM."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@dataclass
class Grant:
    """What a token stands for."""

    user: str
    scopes: frozenset[str]
    until: datetime


@dataclass
class Signing:
    """The accounts of a simulator. `people` says whether there is such a mailbox."""

    people: Callable[[str], bool]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    delegated: frozenset[str] = frozenset({EVENTS, FREE_BUSY})
    """What domain-wide delegation covers."""
    consented: frozenset[str] = frozenset({EVENTS, FREE_BUSY, LIST})
    """What the user consents to."""
    user: str = "switchboard@example.com"
    """With whom everybody shares, where it is a user."""
    lasts: timedelta = timedelta(hours=1)
    key_enabled: bool = True
    refresh_valid: bool = True
    tokens: dict[str, Grant] = field(default_factory=dict)
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    """The errors that were answered."""

    def service_account(self, origin: str) -> str:
        """The key file of the service account."""
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "project",
                "client_email": SERVICE,
                "client_id": "1234567890",
                "private_key_id": "key-1",
                "private_key": private_key()[0],
                "token_uri": f"{origin}/token",
            }
        )

    def authorised_user(self, origin: str) -> str:
        """The file that signing in wrote."""
        return json.dumps(
            {
                "type": "authorized_user",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "refresh_token": REFRESH,
                "token_uri": f"{origin}/token",
            }
        )

    def external_account(self, origin: str, vouched: str) -> str:
        """The file of a keyless account; `vouched` is the path of what its identity provider writes."""
        return json.dumps(
            {
                "type": "external_account",
                "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": f"{origin}/v1/token",
                "service_account_impersonation_url": f"{origin}/v1/projects/-/serviceAccounts/{SERVICE}"
                ":generateAccessToken",
                "credential_source": {"file": vouched},
            }
        )

    async def exchange(self, request: web.Request) -> web.Response:
        """The Security Token Service: a token of another identity provider's for one of Google's."""
        form = await request.post()
        if form.get("subject_token") != VOUCHED:
            return web.json_response({"error": "invalid_grant"}, status=400)
        issued = "urn:ietf:params:oauth:token-type:access_token"
        return web.json_response({**self._give("federated", ()), "issued_token_type": issued})

    async def impersonate(self, request: web.Request) -> web.Response:
        """IAM: a token of the service account's for one that may act as it."""
        grant = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if grant is None or grant.user != "federated":
            return web.json_response({"error": {"code": 403, "status": "PERMISSION_DENIED"}}, status=403)
        told = self._give(SERVICE, (await request.json())["scope"])
        until = self.now() + self.lasts
        return web.json_response({"accessToken": told["access_token"], "expireTime": f"{until:%Y-%m-%dT%H:%M:%SZ}"})

    def client(self, origin: str) -> str:
        """The file of the OAuth client ("Desktop app")."""
        installed = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "auth_uri": f"{origin}/o/oauth2/v2/auth",
            "token_uri": f"{origin}/token",
            "redirect_uris": ["http://localhost"],
        }
        return json.dumps({"installed": installed})

    def who(self, authorization: str, *scopes: str) -> str:
        """Whose token it is. Raises `Refused`."""
        grant = self.tokens.get(authorization.removeprefix("Bearer "))
        if grant is None or grant.until <= self.now():
            raise Refused(401)
        if not grant.scopes & {*scopes, ALL, PREFIX + "calendar.readonly"}:
            raise Refused(403, "insufficientPermissions", domain="global")
        return grant.user

    def expire(self) -> None:
        """No token given so far is good for anything any more."""
        self.tokens.clear()

    async def authorise(self, request: web.Request) -> web.Response:
        """The page on which a user consents; this one does so at once."""
        asked = request.query
        back = {"state": asked.get("state", "")}
        if not self.consented:
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_urlsafe(12)
            self.codes[back["code"]] = dict(asked)
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

    async def token(self, request: web.Request) -> web.Response:
        """The token endpoint."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        grants: dict[str, Callable[[Mapping[str, str], str], Mapping[str, Any]]] = {
            "urn:ietf:params:oauth:grant-type:jwt-bearer": self._assertion,
            "refresh_token": self._refresh,
            "authorization_code": self._code,
        }
        grant = grants.get(form.get("grant_type", ""))
        try:
            if grant is None:
                raise _NoToken("unsupported_grant_type")
            return web.json_response(grant(form, f"{request.scheme}://{request.host}/token"))
        except _NoToken as error:
            self.refused.append(error.error)
            told = {"error": error.error, "error_description": error.description}
            return web.json_response(told, status=401 if "client" in error.error else 400)

    def _give(self, user: str, scopes: Iterable[str]) -> dict[str, Any]:
        token = f"ya29.{secrets.token_urlsafe(16)}"
        self.tokens[token] = Grant(user, frozenset(scopes), self.now() + self.lasts)
        return {"access_token": token, "expires_in": int(self.lasts.total_seconds()), "token_type": "Bearer"}

    def _assertion(self, form: Mapping[str, str], audience: str) -> Mapping[str, Any]:
        payload = self._verified(form.get("assertion", ""), audience)
        scopes = frozenset(str(payload.get("scope", "")).split())
        subject = str(payload.get("sub") or "")
        if not subject:
            return self._give(SERVICE, scopes)
        if not scopes <= self.delegated:
            raise _NoToken("unauthorized_client", "Client is unauthorized to retrieve access tokens using this method")
        if not self.people(subject):
            raise _NoToken("invalid_grant", "Invalid email or User ID")
        return self._give(subject, scopes)

    def _verified(self, assertion: str, audience: str) -> Mapping[str, Any]:
        try:
            payload: dict[str, Any] = jwt.decode(assertion, verify=False)
            jwt.decode(assertion, certs=private_key()[1], audience=[AUDIENCE, audience], clock_skew_in_seconds=10**9)
        except ValueError:
            raise _NoToken("invalid_grant", "Invalid JWT Signature.") from None
        if not self.key_enabled or payload.get("iss") != SERVICE:
            raise _NoToken("invalid_grant", "Invalid JWT Signature.")
        now = self.now().timestamp()
        if not payload["iat"] - 300 <= now <= payload["exp"] or payload["exp"] - payload["iat"] > 3_600:
            raise _NoToken(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
                " Check your iat and exp values in the JWT claim.",
            )
        return payload

    def _refresh(self, form: Mapping[str, str], _: str) -> Mapping[str, Any]:
        self._client(form)
        if not self.refresh_valid or form.get("refresh_token") != REFRESH:
            raise _NoToken("invalid_grant", "Token has been expired or revoked.")
        return self._give(self.user, self.consented) | {"scope": " ".join(sorted(self.consented))}

    def _code(self, form: Mapping[str, str], _: str) -> Mapping[str, Any]:
        self._client(form)
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            raise _NoToken("invalid_grant", "Malformed auth code.")
        if asked.get("code_challenge_method") != "S256" or asked.get("code_challenge") != challenge:
            raise _NoToken("invalid_grant", "Invalid code verifier.")
        scopes = self.consented & frozenset(asked["scope"].split())
        told = self._give(self.user, scopes) | {"scope": " ".join(sorted(scopes))}
        return told | ({"refresh_token": REFRESH} if asked.get("access_type") == "offline" else {})

    def _client(self, form: Mapping[str, str]) -> None:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise _NoToken("invalid_client", "The OAuth client was not found.")


class _NoToken(Exception):
    def __init__(self, error: str, description: str = "") -> None:
        self.error = error
        self.description = description
