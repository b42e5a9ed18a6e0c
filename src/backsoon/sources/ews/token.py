"""The sync token of a mailbox: what was seen of it, as JSON. Only this source reads it."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

import msgspec

from backsoon.sources.base import Window
from backsoon.sources.ews.replies import Reply

VERSION: Final = 1
"""Of the token, and of what is read out of a calendar: a higher one makes every calendar be read again."""
ROLL: Final = timedelta(days=1)
"""A window that has moved this far since the last complete read calls for another one."""


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was seen of a mailbox.

    `digest` is of all that the window held. `sync` is the state of `SyncFolderItems` ("": there is none yet; "-": not
    worth it, the folder is too large), `often` how many times in a row it was read soon after the time before. `at` is
    when it was read, `replied_at` when the automatic reply was; `free_busy` True: only when the owner is busy can be
    read.
    """

    version: int
    settings: str
    start: datetime
    end: datetime
    at: datetime
    digest: str
    sync: str = ""
    often: int = 0
    reply: Reply | None = None
    replied_at: datetime | None = None
    free_busy: bool = False
    free_busy_since: datetime | None = None

    def fits(self, window: Window) -> bool:
        """Whether what was read then is what the window holds, as long as nothing changes."""
        return abs(window.start - self.start) < ROLL and abs(window.end - self.end) < ROLL

    def dump(self) -> str:
        """As text."""
        return msgspec.json.encode(self).decode()


def load_token(text: str | None, settings: str) -> Token | None:
    """The token, or None where it is none of ours or of other settings."""
    if text is None:
        return None
    try:
        token = msgspec.json.decode(text, type=Token)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    times = (token.start, token.end, token.at, token.replied_at or token.at, token.free_busy_since or token.at)
    aware = all(at.tzinfo is not None for at in times)
    return token if aware and token.version == VERSION and token.settings == settings else None


def short(text: str) -> str:
    """What stands for settings in a token."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()
