"""The sync token of a CalDAV source: what was seen of each collection, as JSON. Only this source reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from backsoon.sources.base import Window

VERSION: Final = 1
"""Of the token, and of what is read out of a calendar: a higher one makes every calendar be read again."""
ROLL: Final = timedelta(days=1)
"""A window that has moved this far since the last complete read calls for another one."""


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was seen of one collection.

    `sync` is the server's token (RFC 6578). Where the server has none it is `etags`, by name within the collection,
    shortened to a hash; `digest` of them where they are too many. `again` are the resources that it would not give.
    """

    sync: str = ""
    ctag: str = ""
    etags: dict[str, str] | None = None
    digest: str = ""
    again: tuple[str, ...] = ()


class Token(msgspec.Struct, frozen=True):
    """What was seen of a person's calendars, in a window. `settings` stands for all else that decides what is read."""

    version: int
    settings: str
    start: datetime
    end: datetime
    homes: tuple[str, ...]
    members: tuple[str, ...]
    collections: dict[str, State]

    def fits(self, settings: str, window: Window) -> bool:
        """Whether a read may start from here, rather than from nothing."""
        same = self.version == VERSION and self.settings == settings
        return same and abs(window.start - self.start) < ROLL and abs(window.end - self.end) < ROLL

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
    aware = token.start.tzinfo is not None and token.end.tzinfo is not None
    return token if aware and token.fits(settings, window) else None


def short(etag: str) -> str:
    """A version as it is kept: 12 hexadecimal digits that differ where the versions do."""
    return hashlib.blake2b(etag.encode("utf-8", "replace"), digest_size=6).hexdigest()


def digest(etags: Mapping[str, str]) -> str:
    """All versions of a collection in one."""
    whole = "\n".join(f"{name} {etag}" for name, etag in sorted(etags.items()))
    return hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()
