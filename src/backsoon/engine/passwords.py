"""Passwords: kept as argon2id hashes (RFC 9106), looked at in a thread, two at a time.

A hash takes 64 MiB and a third of a second of one core: two of them at once are 128 MiB, and leave the event loop to
itself. Whoever is unknown costs as much as whoever is known, so that the time does not tell who there is.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from backsoon.domain.errors import BacksoonError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

AT_ONCE = 2
"""Hashes under way together."""
WAITING = 16
"""Hashes that may wait for that; more are answered `TooBusy`. So many more may wait that are of browsers known here:
whoever asks from everywhere at once keeps out only those who sign in for the first time."""
SHORTEST, LONGEST = 10, 256
"""Characters of a password."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what is read as something else: i l o 0 1."""


class BadPassword(BacksoonError):
    """A password that cannot be kept."""

    remedy = f"use {SHORTEST} to {LONGEST} characters; several words make a good one"


class TooBusy(BacksoonError):
    """More people sign in at this moment than can be looked at."""

    remedy = "try again in some seconds"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password was right. `renewed`: the hash to keep from now on, where the one there is too cheap."""

    right: bool
    renewed: str = ""


class Passwords:
    """Makes hashes and compares with them."""

    def __init__(self, *, passes: int = 3, memory_kib: int = 65_536, lanes: int = 1) -> None:
        """`lanes` are threads of one hash: one, for the other cores have other things to do."""
        self._parameters = passes, memory_kib, lanes
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._dummy = ""

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher  # a tenth of a second: only where somebody signs in

        return PasswordHasher(*self._parameters)

    async def hashed(self, password: str) -> str:
        """The hash of a new password. Raises `BadPassword`, `TooBusy`."""
        check(password)
        return await self._in_thread(password, None)

    async def verify(self, stored: str, password: str, *, known: bool = False) -> Verdict:
        """Compare; with `stored` "" (nobody, or nobody's password) it takes as long and is never right. `TooBusy`.

        `known`: whoever asks has signed in from there before.
        """
        if len(password) > LONGEST:
            password = ""
        if not self._dummy:
            self._dummy = await self._in_thread(secrets.token_hex(16), None)
        right = bool(await self._in_thread(password, stored or self._dummy, known=known)) and bool(stored)
        if right and self._hasher.check_needs_rehash(stored):
            return Verdict(True, await self._in_thread(password, None, known=known))
        return Verdict(right)

    async def _in_thread(self, password: str, stored: str | None, *, known: bool = False) -> str:
        if self._waiting >= AT_ONCE + WAITING + (WAITING if known else 0):
            raise TooBusy("too many sign in at once")
        self._waiting += 1
        try:
            async with self._at_once:
                return await asyncio.to_thread(self._work, _normal(password), stored)
        finally:
            self._waiting -= 1

    def _work(self, password: str, stored: str | None) -> str:
        """A new hash, or the one given where the password fits, "" where it does not."""
        from argon2.exceptions import Argon2Error, InvalidHashError

        if stored is None:
            return self._hasher.hash(password)
        try:
            self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return ""
        return stored


def check(password: str) -> None:
    """Raises `BadPassword`; it says nothing of the password."""
    if not SHORTEST <= len(password) <= LONGEST or not password.strip():
        raise BadPassword(f"a password has {SHORTEST} to {LONGEST} characters")


def generated() -> str:
    """A password of 79 bits, in four groups that can be read out."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def _normal(password: str) -> str:
    """One keyboard composes å of two characters, another does not (NFC; RFC 8265, section 4.2)."""
    return unicodedata.normalize("NFC", password)
