"""The files with which one signs in at Google: a service account's, an authorised user's, an external account's.

Their shapes are those that Google's console, `gcloud` and our own `calendars sign-in` write ("Application Default
Credentials"). A file is read again whenever a token is needed, so that a new key counts at once. What is signed and
asked is google-auth's business; the asking itself goes over our own bounded HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from backsoon.sources.base import SourceDenied
from backsoon.sources.google.settings import TOKEN_URL

_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LARGEST: Final = 65_536


class BadCredentials(SourceDenied):
    """The file of credentials cannot be used."""

    remedy = "download the service account's key as JSON, or sign in with `backsoon calendars sign-in`"


class Kind(StrEnum):
    """The kinds of credentials, in Google's words."""

    SERVICE_ACCOUNT = "service_account"
    """With a key of its own."""
    AUTHORISED_USER = "authorized_user"
    """One who consented once: the one with whom everybody shares."""
    EXTERNAL_ACCOUNT = "external_account"
    """Keyless (workload identity federation): another identity provider vouches for this machine."""


class _File(msgspec.Struct):
    """What is looked at in such a file."""

    type: str = ""
    client_email: str = ""
    client_id: str = ""
    private_key: str = ""
    refresh_token: str = ""
    token_uri: str = TOKEN_URL
    service_account_impersonation_url: str = ""


class Refreshing(Protocol):
    """What is used of google-auth's credentials."""

    token: Any

    def refresh(self, request: Callable[..., object]) -> None:
        """Ask for a token. Blocks; raises google-auth's errors."""


@dataclass(slots=True)
class Credentials:
    """What a file holds. `email` is whom calendars are shared with ("" where the file does not say), `client_id` what
    domain-wide delegation is granted to, `text` the file itself."""

    kind: Kind
    email: str = ""
    client_id: str = ""
    text: str = field(default="", repr=False)
    info: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _key: Any = field(default=None, repr=False, compare=False)
    """A service account's, once it is read: that costs more than everything else (an RSA key is checked)."""
    _reading: Lock = field(default_factory=Lock, repr=False, compare=False)
    """At the start dozens of threads want it together: one of them reads it."""

    def of_google(self, scope: str, subject: str) -> Refreshing:
        """google-auth's own, for a right and in the name of `subject` ("": its own). Blocks for some milliseconds.

        Raises `BadCredentials`.
        """
        from google.auth.exceptions import GoogleAuthError

        try:
            match self.kind:
                case Kind.SERVICE_ACCOUNT:
                    return self._service_account(scope, subject)
                case Kind.AUTHORISED_USER:  # whatever is asked, its token covers what was consented to
                    return _user(self.info)
                case Kind.EXTERNAL_ACCOUNT:
                    return _external(dict(self.info), scope)
        except (ValueError, TypeError, GoogleAuthError):
            raise BadCredentials(f"the file of credentials says {self.kind}, and google-auth cannot use it") from None

    def _service_account(self, scope: str, subject: str) -> Refreshing:
        from google.oauth2 import service_account

        with self._reading:
            if self._key is None:
                self._key = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                    dict(self.info)
                )
        acting: Refreshing = self._key.with_scopes([scope]).with_subject(subject or None)
        return acting


def _user(info: Mapping[str, Any]) -> Refreshing:
    from google.oauth2 import credentials

    parts = {name: info.get(name) for name in ("refresh_token", "token_uri", "client_id")}
    made: Refreshing = credentials.Credentials(  # type: ignore[no-untyped-call]
        None, client_secret=info.get("client_secret", ""), **parts
    )
    return made


def _external(info: dict[str, Any], scope: str) -> Refreshing:
    """One that a file or an address vouches for, or AWS. What runs a program to be vouched for is not taken."""
    from google.auth import aws, identity_pool

    source = info.get("credential_source") or {}
    if "executable" in source:
        raise BadCredentials("an external account that runs a program is not taken")
    kind = aws if str(source.get("environment_id", "")).startswith("aws") else identity_pool
    made: Refreshing = kind.Credentials.from_info(info, scopes=[scope])
    return made


def read_credentials(setting: str, known: Credentials | None = None) -> Credentials:
    """The credentials that a setting names: the path of a JSON file, or the JSON itself; `known` where it still holds
    the same. Blocks for a small file. Raises `BadCredentials`, which quotes nothing of it.
    """
    text = read_text(setting)
    if known is not None and known.text == text:
        return known
    try:
        told = msgspec.json.decode(text, type=_File)
        info: dict[str, Any] = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise BadCredentials("the file of credentials is no JSON of Google's") from None
    check_address(told.token_uri)
    with_uri = {"token_uri": TOKEN_URL, **info}
    match told.type:
        case Kind.SERVICE_ACCOUNT if told.client_email and told.private_key:
            return Credentials(Kind.SERVICE_ACCOUNT, told.client_email, told.client_id, text, with_uri)
        case Kind.AUTHORISED_USER if told.client_id and told.refresh_token:
            return Credentials(Kind.AUTHORISED_USER, "", told.client_id, text, with_uri)
        case Kind.EXTERNAL_ACCOUNT:
            acting_as = told.service_account_impersonation_url.rpartition("/")[2].partition(":")[0]
            return Credentials(Kind.EXTERNAL_ACCOUNT, acting_as, "", text, info)
    raise BadCredentials(_unusable(told))


def _unusable(told: _File) -> str:
    if told.type in (Kind.SERVICE_ACCOUNT, Kind.AUTHORISED_USER):
        return f"the file of credentials says {told.type}, and lacks what belongs to one"
    return (
        "the file of credentials is of no known type: service_account, authorized_user and external_account are;"
        " an OAuth client's file is what `calendars sign-in` takes"
    )


def read_text(setting: str) -> str:
    """The JSON that a setting is, or names by its path. Raises `BadCredentials`."""
    return setting if setting.lstrip().startswith("{") else _file(setting)


def _file(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError, RuntimeError) as error:
        because = getattr(error, "strerror", None) or "it cannot be read"
        raise BadCredentials(f"the file of credentials: {because}") from None
    if len(content) > _LARGEST:
        raise BadCredentials("the file of credentials is too large to be one")
    return text


def check_address(address: str) -> None:
    """A secret is shown to an address over TLS only, or to this machine. Raises `BadCredentials`."""
    try:
        parts = urlsplit(address)
        good = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    except ValueError:
        good = False
    if not good:
        raise BadCredentials("an address in the file of credentials is no https address")
