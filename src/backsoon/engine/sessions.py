"""Sessions of whoever is signed in: made from chance, kept as their SHA-256 alone, known for a moment in memory."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from backsoon.domain.signin import SignIn
from backsoon.engine.timing import Clock
from backsoon.store.base import Account, AccountState, Session, Store

_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")
KNOWN_FOR = timedelta(seconds=5)
"""How long the store is not asked again: what another process ended may be used no longer than this."""
SEEN_EVERY = timedelta(minutes=5)
"""That a session was used is written down no more often."""
MOST = 10_000
"""Sessions known at a time."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that holds, and whose it is."""

    session: Session
    account: Account


@dataclass(frozen=True, slots=True)
class _Known:
    found: SignedIn
    until: datetime
    """When the store is to be asked again."""


def digest_of(text: str) -> str:
    """The SHA-256 of a session's id, in hexadecimal digits: 256 bits of chance need no slow or salted hash."""
    return hashlib.sha256(text.encode()).hexdigest()


class Sessions:
    """Begins, knows and ends sessions. One in a process, so that what it ends is forgotten at once."""

    def __init__(self, store: Store, clock: Clock, settings: Callable[[], SignIn] = SignIn) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._forgotten = 0

    async def begin(self, account: Account) -> tuple[str, SignedIn]:
        """A new session: its id, which is seen nowhere else, and what it is. Raises `NotStored`, `StoreError`."""
        now, text = self._clock.now(), secrets.token_urlsafe(32)
        session = Session(account.id, digest_of(text), now, now, now + self._settings().longest)
        return text, SignedIn(await self._store.save_session(session), account)

    async def used(self, text: str) -> SignedIn | None:
        """The session with that id, which is used by that; None where there is none, or it is over. `StoreError`."""
        if not _SHAPE.fullmatch(text):
            return None
        digest, now = digest_of(text), self._clock.now()
        found = await self.by_digest(digest)
        if found is not None and now - found.session.seen_at > SEEN_EVERY:
            await self._store.see_session(digest, now)
            self._known.pop(digest, None)
        return found

    async def by_digest(self, digest: str) -> SignedIn | None:
        """The same by its SHA-256, for whoever only waits: a stream that stays open keeps no session alive."""
        now = self._clock.now()
        found = self._remembered(digest, now) or await self._looked_up(digest, now)
        return None if found is None or self._is_over(found, now) else found

    async def end(self, digest: str) -> bool:
        """End one; whether there was one. Raises `StoreError`."""
        self.forget()
        ended = await self._store.remove_session(digest)
        self.forget()  # once more: it may have been asked for meanwhile
        return ended

    async def end_all(self, account: int, *, but: str = "") -> None:
        """End all of an account's but the one with that digest. Raises `StoreError`."""
        self.forget()
        await self._store.remove_sessions(account, but=but)
        self.forget()

    def forget(self) -> None:
        """Ask the store again for every session: some may be gone, or somebody else's."""
        self._forgotten += 1
        self._known.clear()

    def ends_at(self, session: Session) -> datetime:
        """When it ends if it is not used any more."""
        settings = self._settings()
        return min(session.ends_at, session.created_at + settings.longest, session.seen_at + settings.idle)

    def _is_over(self, found: SignedIn, now: datetime) -> bool:
        return found.account.state is not AccountState.ACTIVE or self.ends_at(found.session) <= now

    def _remembered(self, digest: str, now: datetime) -> SignedIn | None:
        known = self._known.get(digest)
        if known is None or not now < known.until <= now + KNOWN_FOR:  # a clock that was set back, too
            return None
        return known.found

    async def _looked_up(self, digest: str, now: datetime) -> SignedIn | None:
        forgotten = self._forgotten
        row = await self._store.session(digest)
        self._known.pop(digest, None)
        if row is None:
            return None
        found = SignedIn(*row)
        if forgotten == self._forgotten:  # else it may have been ended while it was read
            self._known[digest] = _Known(found, now + KNOWN_FOR)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return found
