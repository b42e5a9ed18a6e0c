"""Bearer tokens: made from chance, shown once, kept as their SHA-256 alone, and known again for a moment in memory."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from backsoon.domain.access import Identity, Role
from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Person
from backsoon.engine.timing import Clock
from backsoon.store.base import NotStored, Store, Token

PREFIX = "bsn_"
"""Tokens begin so: whoever looks for secrets that leaked can tell them."""
_SHAPE = re.compile(r"bsn_[A-Za-z0-9_-]{43}")
KNOWN_FOR = timedelta(seconds=5)
"""How long the store is not asked again: what another process revoked may be used no longer than this."""
MOST = 10_000
"""Tokens known at a time."""
NAME_LENGTH = 64
LONGEST = timedelta(days=3660)


class BadToken(BacksoonError):
    """A token that cannot be made as it was asked for."""

    remedy = "`backsoon tokens add --help` shows what a token needs"


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was just made: `text` is the only time that it is seen."""

    token: Token
    text: str


@dataclass(frozen=True, slots=True)
class _Known:
    token: Token
    until: datetime
    """When the store is to be asked again."""


def digest_of(text: str) -> str:
    """The SHA-256 of a token, in hexadecimal digits: 256 bits of chance need no slow or salted hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def identity_of(token: Token) -> Identity:
    """Who the bearer of a token is."""
    return Identity(token.role, token.organisation, token.person, token.name, token=token.id)


class Tokens:
    """Makes, knows and revokes tokens. One in a process, so that what it revokes is forgotten at once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._forgotten = 0

    async def issue(
        self,
        organisation: str,
        name: str,
        role: Role,
        *,
        person: Person | None = None,
        expires_at: datetime | None = None,
        by: str = "",
    ) -> Issued:
        """Make a token. Raises `BadToken`, `NotStored`, `StoreError`."""
        now = self._clock.now()
        check(name, role, has_person=person is not None)
        if expires_at is not None and not now < expires_at <= now + LONGEST:
            raise BadToken(f"a token ends after it is made, and within {LONGEST.days} days")
        text = PREFIX + secrets.token_urlsafe(32)
        token = Token(
            organisation,
            role,
            name.strip(),
            digest_of(text),
            created_at=now,
            created_by=by,
            person=0 if person is None else person.id,
            expires_at=expires_at,
        )
        return Issued(await self._store.save_token(token), text)

    async def revoke(self, organisation: str, id: int) -> None:
        """Take a token out; it is worth nothing from now on. Raises `NotStored` where there is none."""
        self.forget()
        removed = await self._store.remove_token(organisation, id)
        self.forget()  # once more: it may have been asked for meanwhile
        if not removed:
            raise NotStored(f"there is no token {id}")

    def forget(self) -> None:
        """Ask the store again for every token: some may be gone."""
        self._forgotten += 1
        self._known.clear()

    async def known(self, text: str) -> Token | None:
        """The token with that text; None where there is none, or it is over. Raises `StoreError`."""
        if not _SHAPE.fullmatch(text):
            return None
        return await self.by_digest(digest_of(text))

    async def by_digest(self, digest: str) -> Token | None:
        """The same by the token's SHA-256."""
        now = self._clock.now()
        token = self._remembered(digest, now) or await self._looked_up(digest, now)
        return None if token is None or is_over(token, now) else token

    def _remembered(self, digest: str, now: datetime) -> Token | None:
        known = self._known.get(digest)
        if known is None or not now < known.until <= now + KNOWN_FOR:  # a clock that was set back, too
            return None
        return known.token

    async def _looked_up(self, digest: str, now: datetime) -> Token | None:
        forgotten = self._forgotten
        token = await self._store.token(digest)
        self._known.pop(digest, None)
        if token is not None and forgotten == self._forgotten:  # else it may have been revoked while it was read
            self._known[digest] = _Known(token, now + KNOWN_FOR)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return token


def is_over(token: Token, now: datetime) -> bool:
    """Whether the token has expired."""
    return token.expires_at is not None and token.expires_at <= now


def check(name: str, role: Role, *, has_person: bool) -> None:
    """Raises `BadToken` for one that makes no sense whenever it is made."""
    if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
        raise BadToken(f"the name of a token is 1 to {NAME_LENGTH} printable characters")
    if role is Role.PERSON and not has_person:
        raise BadToken("a token of the role person needs the person that it is for")
    if role is not Role.PERSON and has_person:
        raise BadToken(f"a token of the role {role} is nobody's own: take the person out")
