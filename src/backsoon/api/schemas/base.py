"""What shapes are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

UTC_PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"
Instant = Annotated[
    str, Field(pattern=UTC_PATTERN, json_schema_extra={"format": "date-time"}, examples=["2026-11-23T10:00:00Z"])
]
State = Literal["available", "referred"]


class Model(BaseModel):
    """Exactly these fields, of exactly these kinds."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Brief(Model):
    """Who somebody is, in short."""

    id: int
    extension: str
    name: str


class Fresh(Model):
    """How old the knowledge of somebody's calendars is."""

    calendars: Annotated[int | None, Field(description="How many calendars are read.")]
    confirmed_at: Annotated[Instant | None, Field(description="When the least recently read one was last read whole.")]
    unconfirmed_since: Annotated[Instant | None, Field(description="Since when that is too long ago; null: it is not.")]
    unconfirmed: Annotated[str | None, Field(description="That in words.", examples=["not confirmed since 09:12"])]


class Fault(Model):
    """A part of the request that cannot stand so."""

    field: str
    what: str
    remedy: Annotated[str | None, Field(description="What to write instead.")] = None


class Problem(BaseModel):
    """Why it was not done (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(examples=["urn:backsoon:problem:no-such-person"])]
    title: str
    status: int
    detail: str
    remedy: Annotated[str | None, Field(description="What to do about it.")] = None
    faults: list[Fault] | None = None
