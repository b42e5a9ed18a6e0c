"""The part of the store's contract about messages that attendants leave for people."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from backsoon.domain.messages import Message


class Messages(Protocol):
    """What waits for people. See `backsoon.store.base`."""

    async def messages(self, person: int, writer: str | None = None) -> tuple[Message, ...]:
        """The person's messages in order of id; `writer`: only those of that `Message.writer`."""
        ...

    async def save_message(self, message: Message) -> Message:
        """Insert it (id 0); with its id. Durable when it returns. Raises `NotStored` for an unknown person."""
        ...

    async def read_message(self, person: int, id: int, at: datetime | None) -> bool:
        """Note when the person read it (None: it is unread again); whether there is one of that id."""
        ...

    async def remove_message(self, person: int, id: int) -> bool:
        """Take it out; whether there was one. Durable when it returns."""
        ...

    async def forget_messages(self, read_before: datetime, left_before: datetime) -> int:
        """Delete those that were read before the one instant, or left before the other; how many."""
        ...
