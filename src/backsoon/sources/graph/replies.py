"""Automatic replies: when a mailbox answers letters by itself. Source: Microsoft Graph reference,
"Get user mailbox settings". The right for it, `MailboxSettings.Read`, is one that may be missing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from backsoon.domain.model import LATEST
from backsoon.sources.base import SourceBroken
from backsoon.sources.graph.client import Answer, Part
from backsoon.sources.graph.entries import Unreadable, reply_span
from backsoon.sources.graph.records import read_setting

AGAIN: Final = timedelta(hours=6)
"""Where the right is missing, it is tried again after this time."""
SELECT: Final = "status,scheduledStartDateTime,scheduledEndDateTime"
Span = tuple[datetime, datetime]


class Replies:
    """What an account knows of reading automatic replies. `wanted`: whether they are to be read at all."""

    def __init__(self, wanted: bool, clock: Callable[[], datetime]) -> None:
        self.wanted = wanted
        self._clock = clock
        self._denied_at: datetime | None = None
        self._select = f"?$select={SELECT}"

    @property
    def readable(self) -> bool:
        """Whether to ask: wanted, and not refused lately."""
        return self.wanted and (self._denied_at is None or self._clock() - self._denied_at >= AGAIN)

    def part(self, mailbox: str) -> Part:
        """The request for one mailbox's (`/users/...`): the setting without its texts."""
        return Part("GET", f"{mailbox}/mailboxSettings/automaticRepliesSetting{self._select}")

    def read(self, answer: Answer, start: datetime, before: Span | None) -> Span | None:
        """When letters are answered automatically; as `before` where it was not told, from `start` where always.

        One that is always on keeps the start it had.
        """
        if answer.status == 403:
            self._denied_at = self._clock()
            return None
        if answer.status == 400 and self._select:
            self._select = ""  # the texts come along from now on, and are dropped while decoding
            return before
        if answer.status != 200:
            return before
        self._denied_at = None
        try:
            span = reply_span(read_setting(answer.body), start)
        except (SourceBroken, Unreadable):
            return before
        if span is None or span[1] <= max(span[0], start):
            return None
        always = before is not None and before[1] == span[1] == LATEST
        return before if always else span
