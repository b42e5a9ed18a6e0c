"""HTTP authentication by challenge: reading `WWW-Authenticate`, and answering Digest (RFC 7616). No I/O.

Of Digest: MD5 and SHA-256, `qop=auth` (and none at all, as RFC 2069 had it), nonces used again with a growing `nc`.
Not `auth-int`, not the `-sess` algorithms, not `userhash`: no calendar server is known to ask for them.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 -- RFC 9110's word for a word
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_SCHEME = re.compile(rf"({_TOKEN})(?:[ \t]+|$|(?=,))")
_GAP = re.compile(r"[ \t,]*")

ALGORITHMS: Mapping[str, str] = {"SHA-256": "sha256", "MD5": "md5"}
"""Algorithms in the order in which we prefer them, with hashlib's names."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to sign in that a server offers. `scheme` and the names of parameters are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Read a `WWW-Authenticate` field, or several joined by commas (RFC 9110 section 11.6.1).

    What cannot be read ends the list: the challenges before it stand.
    """
    found: list[tuple[str, dict[str, str]]] = []
    at = _skip(header, 0)
    while at < len(header):
        if found and (parameter := _PARAMETER.match(header, at)):
            name, quoted, plain = parameter.groups()
            found[-1][1][name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            at = _skip(header, parameter.end())
        elif scheme := _SCHEME.match(header, at):
            found.append((scheme[1].lower(), {}))
            at = _skip(header, scheme.end())
        else:
            break
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def _skip(header: str, at: int) -> int:
    gap = _GAP.match(header, at)
    return gap.end() if gap else at


def choose(challenges: Sequence[Challenge]) -> Challenge | None:
    """The strongest Digest challenge that can be answered, or None."""
    usable = [c for c in challenges if c.scheme == "digest" and _answerable(c.parameters)]
    order = list(ALGORITHMS)
    return min(usable, key=lambda c: order.index(_algorithm(c.parameters)), default=None)


def _answerable(parameters: Mapping[str, str]) -> bool:
    qop = parameters.get("qop")
    offers = {word.strip().lower() for word in qop.split(",")} if qop is not None else {"auth"}
    sendable = all(parameters.get(name, "").isprintable() for name in ("realm", "nonce", "opaque"))
    return "nonce" in parameters and _algorithm(parameters) in ALGORITHMS and "auth" in offers and sendable


def _algorithm(parameters: Mapping[str, str]) -> str:
    return parameters.get("algorithm", "MD5").upper()


def _new_cnonce() -> str:
    return secrets.token_hex(16)


class Digest:
    """Answers one challenge for one account, as often as the server accepts its nonce."""

    def __init__(self, challenge: Challenge, user: str, password: str, cnonce: Callable[[], str] = _new_cnonce) -> None:
        self._parameters = challenge.parameters
        self._algorithm = _algorithm(challenge.parameters)
        self._user = user
        self._secret = self._hash(f"{user}:{self.realm}:{password}")
        self._cnonce = cnonce
        self._count = 0

    @property
    def realm(self) -> str:
        """The realm that the challenge names."""
        return self._parameters.get("realm", "")

    @property
    def nonce(self) -> str:
        """The server's nonce."""
        return self._parameters["nonce"]

    def authorization(self, method: str, target: str) -> str:
        """The `Authorization` field for one request; `target` is its path and query as they are sent."""
        self._count += 1
        nc, cnonce = f"{self._count:08x}", self._cnonce()
        request = self._hash(f"{method}:{target}")
        with_qop = "qop" in self._parameters
        middle = f"{self.nonce}:{nc}:{cnonce}:auth" if with_qop else self.nonce
        fields = [
            _username(self._user),
            f"realm={_quoted(self.realm)}",
            f"uri={_quoted(target)}",
            f"algorithm={self._algorithm}",
            f"nonce={_quoted(self.nonce)}",
            f'response="{self._hash(f"{self._secret}:{middle}:{request}")}"',
        ]
        if with_qop:
            fields += [f"nc={nc}", f'cnonce="{cnonce}"', "qop=auth"]
        if "opaque" in self._parameters:
            fields.append(f"opaque={_quoted(self._parameters['opaque'])}")
        return "Digest " + ", ".join(fields)

    def _hash(self, text: str) -> str:
        # Not a choice of ours: the server names the algorithm, and MD5 is what most still name.
        return hashlib.new(ALGORITHMS[self._algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _username(user: str) -> str:
    """RFC 7616 section 3.4: a name beyond ASCII goes into `username*`, as RFC 8187 writes it."""
    return f"username={_quoted(user)}" if user.isascii() else f"username*=UTF-8''{quote(user, safe='')}"
