"""Accounts, and which `Authorization` goes where: never to an origin other than the one it was made for."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp
from yarl import URL

from backsoon.domain.address import this_machine
from backsoon.domain.errors import BacksoonError
from backsoon.wire.digest import Digest, choose, parse_challenges

REMEMBERED = 4_096
"""For how many accounts it is kept what their server asked for. More costs a round trip each, nothing else."""


class Scheme(StrEnum):
    """How an account signs in."""

    AUTO = "auto"
    """Basic at once over TLS or to this very machine; elsewhere whatever the server asks for, Digest before Basic."""
    BASIC = "basic"
    """Basic at once, in clear text if the address says so."""
    DIGEST = "digest"
    """Digest only: the password itself never leaves this machine."""


class BadCredentials(BacksoonError):
    """An account that no server could accept as it is written."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account at a server."""

    user: str
    password: str = field(repr=False)
    scheme: Scheme = Scheme.AUTO

    def __post_init__(self) -> None:
        if ":" in self.user and self.scheme is not Scheme.DIGEST:
            raise BadCredentials("a user name with a colon cannot sign in by Basic (RFC 7617); use digest")
        if not self.user.isprintable():
            raise BadCredentials("a user name holds printable characters only")


def may_show_password(url: URL) -> bool:
    """Whether what is sent to the address can be read by nobody on the way: TLS, or this very machine."""
    return url.scheme == "https" or this_machine(url.host or "")


class Authenticator:
    """Remembers, for each origin and account, what the server asked for last."""

    def __init__(self) -> None:
        # None: Basic, because the server asked for it.
        self._known: OrderedDict[tuple[URL, Credentials], Digest | None] = OrderedDict()

    def header(self, url: URL, method: str, credentials: Credentials) -> str | None:
        """The `Authorization` for a request; None where the server has to ask first."""
        key = (url.origin(), credentials)
        if key in self._known:
            self._known.move_to_end(key)
            digest = self._known[key]
            return digest.authorization(method, url.raw_path_qs) if digest else _basic(credentials)
        at_once = credentials.scheme is Scheme.BASIC or (credentials.scheme is Scheme.AUTO and may_show_password(url))
        return _basic(credentials) if at_once else None

    def learn(self, url: URL, credentials: Credentials, asked: str, sent: str | None) -> bool:
        """Take in the `WWW-Authenticate` of a 401; whether asking once more can help."""
        key = (url.origin(), credentials)
        known = self._known.get(key)
        challenges = parse_challenges(asked)
        wanted = None if credentials.scheme is Scheme.BASIC else choose(challenges)
        if wanted is not None:
            if known is not None and known.nonce == wanted.parameters["nonce"]:
                return False
            self._remember(key, Digest(wanted, credentials.user, credentials.password))
            return True
        basic = any(c.scheme == "basic" for c in challenges)
        # A server that knows Digest and suddenly wants the password itself is somebody else's.
        if not basic or sent is not None or credentials.scheme is Scheme.DIGEST:
            return False
        self._remember(key, None)
        return True

    def _remember(self, key: tuple[URL, Credentials], how: Digest | None) -> None:
        self._known[key] = how
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _basic(credentials: Credentials) -> str:
    return aiohttp.encode_basic_auth(credentials.user, credentials.password, encoding="utf-8")
