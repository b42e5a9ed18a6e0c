"""Messages that attendants leave for people: transactions on a `Database`."""

from __future__ import annotations

from dataclasses import replace

from backsoon.domain.messages import Message
from backsoon.store import codec, rows
from backsoon.store.base import NotStored
from backsoon.store.sqlite.database import Database


def messages(database: Database, person: int, writer: str | None) -> tuple[Message, ...]:
    """A person's, in order of id."""
    if writer is None:
        return tuple(map(rows.message, database.all("messages", person)))
    return tuple(map(rows.message, database.all("messages_of", person, codec.clean(writer))))


def save_message(database: Database, message: Message) -> Message:
    """Insert it."""
    try:
        row = database.one("insert_message", *rows.message_row(message))
    except NotStored:
        raise NotStored(f"there is no person {message.person}") from None
    if row is None:
        raise NotStored
    return replace(message, id=row[0])


def read_message(database: Database, person: int, id: int, at: int | None) -> bool:
    """Note when it was read."""
    return database.run("read_message", person, id, at) > 0


def remove_message(database: Database, person: int, id: int) -> bool:
    """Take it out."""
    return database.run("remove_message", person, id) > 0


def forget_messages(database: Database, read_before: int, left_before: int) -> int:
    """Delete old ones."""
    return database.run("forget_messages", read_before, left_before)
