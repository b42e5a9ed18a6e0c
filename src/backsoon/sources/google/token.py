"""The sync token of a Google source: Google's own, and the span that was read. Only this source reads it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final

import msgspec

from backsoon.sources.base import Window

VERSION: Final = 1
"""Of the token, and of what is read out of a calendar: a higher one makes every calendar be read again."""
_LONGEST: Final = 8_192


class Token(msgspec.Struct, frozen=True):
    """What a complete read covered (seconds since 1970), of which calendar, and what Google calls the state then."""

    v: int
    k: str
    s: int
    e: int
    t: str

    @property
    def window(self) -> Window:
        """The span in which everything is stored."""
        return Window(datetime.fromtimestamp(self.s, UTC), datetime.fromtimestamp(self.e, UTC))

    def dump(self) -> str:
        """As text."""
        return msgspec.json.encode(self).decode()


def new_token(window: Window, settings: str, google: str) -> Token:
    """The token after a complete read of the window."""
    return Token(VERSION, settings, int(window.start.timestamp()), int(window.end.timestamp()), google)


def load_token(text: str | None, settings: str, window: Window) -> Token | None:
    """The token, or None where it is none of ours, of other settings, or does not cover the window."""
    if text is None or len(text) > _LONGEST:
        return None
    try:
        token = msgspec.json.decode(text, type=Token)
        read = token.window
    except (msgspec.DecodeError, UnicodeEncodeError, OverflowError, OSError, ValueError):
        return None
    covered = read.start <= window.start and window.end <= read.end
    return token if covered and token.t and (token.v, token.k) == (VERSION, settings) else None


def short(*parts: str) -> str:
    """What a token is good for, in 12 hexadecimal digits."""
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=6).hexdigest()
