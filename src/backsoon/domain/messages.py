"""Messages that attendants leave for people: short plain text, kept for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from backsoon.domain.errors import DomainError
from backsoon.domain.keyword import clean

TEXT_LENGTH = 1000
"""The most characters of a message."""
CALLER_LENGTH = 100
"""The most characters of who called."""
KEPT_READ = timedelta(days=30)
"""How long a message stays after it was read."""
KEPT = timedelta(days=90)
"""How long it stays in any case."""
UNDO = timedelta(seconds=10)
"""For how long whoever wrote it may take it back."""
MOST = 200
"""The most messages that wait for one person."""


class BadMessage(DomainError):
    """A message that says nothing."""

    remedy = "write what is to be told"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Text and caller are one line each, without controls and bidi overrides; `id` 0: not stored.

    `at` is when it was left, `read_at` when it was read (None: not yet). `by` says who wrote it, for people to
    read; whose it is says `writer` (`Identity.key`).
    """

    person: int
    at: datetime
    text: str
    caller: str = ""
    by: str = ""
    read_at: datetime | None = None
    id: int = 0
    writer: str = ""


def message(person: int, at: datetime, text: str, *, caller: str = "", by: str = "", writer: str = "") -> Message:
    """A message as it is kept. Raises `BadMessage` where nothing is left of its text."""
    text = clean(text, TEXT_LENGTH)
    if not text:
        raise BadMessage("the message is empty")
    return Message(person, at, text, clean(caller, CALLER_LENGTH), clean(by), writer=writer)


def may_be_taken_back(message: Message, now: datetime) -> bool:
    """Whether whoever wrote it may still take it back."""
    return message.at <= now < message.at + UNDO


def forgotten(now: datetime) -> tuple[datetime, datetime]:
    """Messages read before the first instant, or left before the second, are not kept any more."""
    return now - KEPT_READ, now - KEPT
