"""Failed sign-ins are slowed: by address and by account, and so that nobody can keep somebody else out for good.

- An address may fail ten times at once, and then once in ten seconds.
- An account at which ten sign-ins failed is guarded: each address may try once a minute there, however many there are.
- A browser that signed in before has a cookie that says so, and counts by itself alone: whatever others do, at its
  address or at its account, it goes on (OWASP, "Slow down online guessing attacks with device cookies").

All of it is kept in memory, bounded, and forgiven with time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime

from backsoon.api.failures import Failures, network

ADDRESS, EVERY_ADDRESS = 10, 10.0
ACCOUNT, EVERY_ACCOUNT = 10, 60.0
GUARDED = 60.0
BROWSER, EVERY_BROWSER = 10, 30.0
_CHANCE = 22
"""Characters of chance in a browser's cookie."""


class Slowing:
    """How long somebody has to wait before they may try again."""

    def __init__(self) -> None:
        self._addresses = Failures(ADDRESS, EVERY_ADDRESS)
        self._accounts = Failures(ACCOUNT, EVERY_ACCOUNT)
        self._guarded = Failures(1, GUARDED)
        self._browsers = Failures(BROWSER, EVERY_BROWSER)

    def wait(self, address: str, user: str, browser: str, now: datetime) -> int:
        """Seconds to wait; 0: none. `user` "": no account is meant. `browser` is what `browser_of` found, "" for one
        that is not known here."""
        if browser:
            return self._browsers.wait(browser, now)
        wait = self._addresses.wait(address, now)
        if user and self._accounts.wait(_key(user), now):
            wait = max(wait, self._guarded.wait(_pair(address, user), now))
        return wait

    def note(self, address: str, user: str, browser: str, now: datetime) -> None:
        """It failed."""
        if browser:
            self._browsers.note(browser, now)
            return
        self._addresses.note(address, now)
        if user:
            self._accounts.note(_key(user), now)
            self._guarded.note(_pair(address, user), now)

    def forgive(self, address: str, user: str, browser: str, now: datetime) -> None:
        """It did not fail after all; what others failed at stays counted."""
        if browser:
            self._browsers.forgive(browser, now)
            return
        self._addresses.forgive(address, now)
        self._accounts.forgive(_key(user), now)
        self._guarded.forgive(_pair(address, user), now)


def _key(user: str) -> str:
    """What stands for a user name: it may be any text, or a password that somebody typed there."""
    return "user " + hashlib.sha256(user.strip().casefold().encode("utf-8", "replace")).hexdigest()


def _pair(address: str, user: str) -> str:
    return f"{network(address)} {_key(user)}"


def browser_cookie(user: str, key: bytes) -> str:
    """A new value for a browser in which somebody has just signed in: `CHANCE.MAC`."""
    chance = secrets.token_urlsafe(16)
    return f"{chance}.{_mac(chance, user, key)}"


def browser_of(cookie: str, user: str, key: bytes) -> str:
    """What a browser is counted by, if that user signed in with it before; "" otherwise."""
    chance, _, mac = cookie.partition(".")
    good = len(chance) == _CHANCE and cookie.isascii() and hmac.compare_digest(mac, _mac(chance, user, key))
    return f"browser {chance}" if good else ""


def _mac(chance: str, user: str, key: bytes) -> str:
    return hmac.new(key, f"browser:{chance}:{_key(user)}".encode(), hashlib.sha256).hexdigest()
