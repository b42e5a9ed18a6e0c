"""What is a person's own: messages, phone codes, what each entry of their calendars does."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from backsoon.api.schemas.base import Instant, Model


class Message(Model):
    """A message that was left for somebody."""

    id: int
    at: Instant
    text: Annotated[str, Field(description="One line of plain text.")]
    caller: Annotated[str | None, Field(description="Who called, as the attendant wrote it.")]
    by: Annotated[str | None, Field(description="Who wrote it.")]
    read_at: Annotated[Instant | None, Field(description="When the person read it; told to that person only.")]
    undo_until: Annotated[Instant | None, Field(description="Until when whoever wrote it may take it back.")]


class Messages(Model):
    """Messages, the oldest first."""

    messages: list[Message]


class PhoneCode(Model):
    """What is dialled, and what that means."""

    dial: Annotated[str, Field(description="Capital letters stand for digits.", examples=["*23*1*HHMM#"])]
    means: Annotated[str, Field(examples=["At lunch, back at HHMM"])]
    argument: Annotated[str | None, Field(description="What the capital letters stand for.")]
    reason: str | None


class PhoneCodes(Model):
    """What people dial to refer themselves."""

    organisation: str
    codes: list[PhoneCode]


class PreviewRow(Model):
    """One occurrence and what becomes of it; times are null for an item that could not be read."""

    uid: str
    recurrence_id: str | None
    start: Instant | None
    end: Instant | None
    all_day: bool | None
    show_as: str | None
    outcome: Literal["referral", "ignored", "rejected"]
    reason: str | None
    phone: str | None
    divert_to: str | None
    note: str | None
    because: str
    subject: Annotated[str | None, Field(description="Null for a private entry.")]


class Preview(Model):
    """What each entry of one's own calendars does, as they are now."""

    start: Instant
    end: Instant
    zone: str
    rows: list[PreviewRow]
    left_out: Annotated[int, Field(description="How many occurrences there are beyond the rows.")]
    warnings: list[str]
