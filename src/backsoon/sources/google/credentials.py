"""The files with which one signs in at Google: a service account's, an authorised user's, an external account's.

Their shapes are those that Google's console, `gcloud` and our own `calendars sign-in` write ("Application Default
Credentials"; AIP-4110 to AIP-4117). A file is read again whenever a token is needed, so that a new key counts at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from backsoon.sources.base import SourceBroken, SourceDenied
from backsoon.sources.google.settings import TOKEN_URL

_LASTS: Final = timedelta(hours=1)
_EARLY: Final = timedelta(seconds=10)
"""An assertion is said to be this much older, for clocks that are slightly fast."""
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LARGEST: Final = 65_536


class BadCredentials(SourceDenied):
    """The file of credentials cannot be used."""

    remedy = "download the service account's key as JSON, or sign in with `backsoon calendars sign-in`"


class _File(msgspec.Struct):
    """What may stand in such a file."""

    type: str = ""
    client_email: str = ""
    client_id: str = ""
    client_secret: str = ""
    private_key: str = ""
    private_key_id: str = ""
    refresh_token: str = ""
    token_uri: str = TOKEN_URL
    service_account_impersonation_url: str = ""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account with a key of its own. `email` is whom calendars are shared with, `client_id` what domain-wide
    delegation is granted to."""

    email: str
    client_id: str
    token_url: str
    key_id: str = field(repr=False)
    key: str = field(repr=False)

    def grant(self, scope: str, subject: str, now: datetime) -> dict[str, str]:
        """The form that asks for a token (RFC 7523 section 2.1), in the name of `subject` where there is one.

        Blocks for the milliseconds of an RSA signature. Raises `BadCredentials`.
        """
        from google.auth import crypt, jwt

        begun = now - _EARLY
        claims = {
            "iss": self.email,
            "scope": scope,
            "aud": self.token_url,
            "iat": int(begun.timestamp()),
            "exp": int((begun + _LASTS).timestamp()),
        }
        if subject:
            claims["sub"] = subject
        try:
            signer = crypt.RSASigner.from_string(self.key, self.key_id or None)  # type: ignore[no-untyped-call]
            assertion = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError):
            raise BadCredentials("the private key in the file of credentials cannot be read") from None
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion.decode()}


@dataclass(frozen=True, slots=True)
class AuthorisedUser:
    """A user who consented once: the one with whom everybody shares."""

    client_id: str
    token_url: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)

    def grant(self) -> dict[str, str]:
        """The form that asks for a token (RFC 6749 section 6)."""
        form = {"grant_type": "refresh_token", "client_id": self.client_id, "refresh_token": self.refresh_token}
        return form | ({"client_secret": self.client_secret} if self.client_secret else {})


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """A keyless account (workload identity federation): another identity provider vouches for this machine."""

    email: str
    text: str = field(repr=False)

    def token(self, scope: str) -> tuple[str, float]:
        """A token, and for how many seconds it lasts at least. Blocks: call it in a thread.

        Raises google-auth's errors.
        """
        import google.auth
        from google.auth.transport.requests import Request

        credentials, _ = google.auth.load_credentials_from_dict(  # type: ignore[no-untyped-call]
            msgspec.json.decode(self.text), scopes=[scope]
        )
        credentials.refresh(Request())
        return str(credentials.token), 1_800.0


Credentials = ServiceAccount | AuthorisedUser | ExternalAccount


def read_credentials(setting: str) -> Credentials:
    """The credentials that a setting names: the path of a JSON file, or the JSON itself. Blocks for a small file.

    Raises `BadCredentials`, which quotes nothing of it.
    """
    text = setting if setting.lstrip().startswith("{") else _file(setting)
    try:
        told = msgspec.json.decode(text, type=_File)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise BadCredentials("the file of credentials is no JSON of Google's") from None
    match told.type:
        case "service_account" if told.client_email and told.private_key:
            return ServiceAccount(
                told.client_email, told.client_id, _safe(told.token_uri), told.private_key_id, told.private_key
            )
        case "authorized_user" if told.client_id and told.refresh_token:
            return AuthorisedUser(told.client_id, _safe(told.token_uri), told.client_secret, told.refresh_token)
        case "external_account":
            return ExternalAccount(_impersonated(told.service_account_impersonation_url), text)
    raise BadCredentials(_unusable(told))


def _unusable(told: _File) -> str:
    if told.type in ("service_account", "authorized_user"):
        return f"the file of credentials says {told.type}, and lacks what belongs to one"
    return (
        "the file of credentials is of no known type: service_account, authorized_user and external_account are;"
        " an OAuth client's file is what `calendars sign-in` takes"
    )


def _file(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise BadCredentials("the file of credentials is too large to be one")
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        because = getattr(error, "strerror", None) or "it cannot be read"
        raise BadCredentials(f"the file of credentials: {because}") from None


def _safe(address: str) -> str:
    """A key is shown to an address over TLS only, or to this machine."""
    try:
        parts = urlsplit(address)
        good = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    except ValueError:
        good = False
    if not good:
        raise SourceBroken("token_uri in the file of credentials is no https address")
    return address


def _impersonated(address: str) -> str:
    """The service account's e-mail address in `.../serviceAccounts/ADDRESS:generateAccessToken`."""
    return address.rpartition("/")[2].partition(":")[0]
