"""The sync token of a Graph source, as JSON: where the next delta goes on, and what tells removals apart."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from backsoon.domain.model import utc
from backsoon.sources.base import Window

VERSION: Final = 1
"""Of the token, and of what is read out of an event: a higher one makes every mailbox be read again."""
LONG: Final = timedelta(days=90)
SLACK: Final = timedelta(days=30)
ROLL: Final = timedelta(days=1)
MOST_KNOWN: Final = 2_000
_SIZE: Final = 4


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """`start` and `end` are the window that was read, `link` asks for what changed since.

    `known` are the resources in it, each shortened to four bytes (None: too many); an id that is removed and is not
    among them is an occurrence of a series, or none of ours. `series`: whether there is one at all. `reply` is when
    letters are answered automatically.
    """

    version: int
    settings: str
    start: datetime
    end: datetime
    link: str
    known: str | None = None
    series: bool = False
    reply: tuple[datetime, datetime] | None = None

    @property
    def window(self) -> Window:
        """What was read."""
        return Window(utc(self.start), utc(self.end))

    @property
    def reply_span(self) -> tuple[datetime, datetime] | None:
        """`reply`, in UTC."""
        return None if self.reply is None else (utc(self.reply[0]), utc(self.reply[1]))

    def fits(self, settings: str, window: Window) -> bool:
        """Whether a read of that window may go on from here."""
        slack = _slack(window)
        return (
            self.version == VERSION
            and self.settings == settings
            and -ROLL < window.start - self.start < slack + ROLL
            and window.end - self.end < ROLL
            and self.end - window.end < slack + ROLL
        )

    def dump(self) -> str:
        """As text."""
        return msgspec.json.encode(self).decode()


def load_token(text: str | None, settings: str, window: Window) -> Token | None:
    """The token, or None where it is none of ours, of other settings or of another window."""
    if text is None:
        return None
    try:
        token = msgspec.json.decode(text, type=Token)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    times = (token.start, token.end, *(token.reply or ()))
    if any(at.tzinfo is None for at in times) or not _is_known(token.known):
        return None
    return token if token.fits(settings, window) else None


def read_window(window: Window) -> Window:
    """The window that is read where `window` is asked for.

    A long one is read further than asked, so that it need not be read anew each time that it has moved by a day.
    """
    return Window(window.start, window.end + _slack(window))


def pack(resources: Iterable[str]) -> str | None:
    """Resources as they are known; None where they are too many."""
    return join({_short(resource) for resource in resources})


def join(shorts: set[bytes]) -> str | None:
    """The same of what has been shortened already."""
    return None if len(shorts) > MOST_KNOWN else b64encode(b"".join(sorted(shorts))).decode()


def unpack(known: str | None) -> set[bytes] | None:
    """What `pack` packed."""
    if known is None:
        return None
    whole = b64decode(known)
    return {whole[at : at + _SIZE] for at in range(0, len(whole), _SIZE)}


def after(known: str | None, touched: Iterable[str], there: Iterable[str]) -> str | None:
    """What is known after some resources were touched, of which those in `there` still are."""
    shorts = unpack(known)
    if shorts is None:
        return None
    return join((shorts - {_short(r) for r in touched}) | {_short(r) for r in there})


def all_known(known: str | None, resources: Iterable[str]) -> bool:
    """Whether each of them was there."""
    shorts = unpack(known)
    return shorts is not None and all(_short(resource) in shorts for resource in resources)


def fingerprint(*settings: str) -> str:
    """What stands for all else that decides what is read."""
    return hashlib.blake2b("\n".join(settings).encode("utf-8", "replace"), digest_size=6).hexdigest()


def _short(resource: str) -> bytes:
    return hashlib.blake2b(resource.encode("utf-8", "replace"), digest_size=_SIZE).digest()


def _slack(window: Window) -> timedelta:
    return SLACK if window.end - window.start >= LONG else timedelta()


def _is_known(known: str | None) -> bool:
    try:
        return known is None or len(b64decode(known, validate=True)) % _SIZE == 0
    except ValueError:
        return False
