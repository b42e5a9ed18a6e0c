"""Calendars, switchboards, health, tokens."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from backsoon.api.schemas.base import Brief, Instant, Model


class LeftOut(Model):
    """An item of a calendar that cannot be read."""

    resource: str
    because: str


class Calendar(Model):
    """A calendar and how reading it goes."""

    id: int
    organisation: str
    person: Brief
    connection: str
    confirmed_at: Instant | None
    next_read: Instant | None
    failures: int
    since: Instant | None
    problem: str | None
    remedy: str | None
    warnings: list[str]
    rejected: list[LeftOut]


class Calendars(Model):
    """A page of calendars."""

    calendars: list[Calendar]
    next: int | None


class RefusedOrder(Model):
    """An extension that a switchboard does not take."""

    extension: str
    because: str


class Switchboard(Model):
    """A switchboard and how it does."""

    organisation: str
    name: str
    kind: str
    connected: Annotated[bool | None, Field(description="Null: no Backsoon runs.")]
    since: Instant | None
    problem: str | None
    remedy: str | None
    refused: list[RefusedOrder]


class Switchboards(Model):
    """The switchboards."""

    switchboards: list[Switchboard]


class SwitchboardHealth(Model):
    """How a switchboard does."""

    organisation: str
    name: str
    connected: bool
    since: Instant | None
    problem: str
    remedy: str
    refused: Annotated[dict[str, str], Field(description="The first ones, by extension.")]
    refused_count: int


class CalendarHealth(Model):
    """A calendar of which there is something to say."""

    calendar: int
    person: int
    organisation: str
    connection: str
    confirmed_at: Instant | None
    since: Instant | None
    failures: int
    problem: str
    remedy: str
    warnings: list[str]
    rejected: list[LeftOut]


class ConnectionHealth(Model):
    """How many calendars of a connection there are, and how they do."""

    organisation: str
    name: str
    calendars: int
    failing: Annotated[int, Field(description="They cannot be read.")]
    unconfirmed: Annotated[int, Field(description="They were not read for too long.")]
    behind: Annotated[int, Field(description="Of these: without a problem.")]
    unread: Annotated[int, Field(description="They were never read whole.")]
    remarked: Annotated[int, Field(description="Read with a warning, or with items left out.")]
    notifications: Annotated[
        str,
        Field(
            description="Whether changes are told of, in words.",
            examples=["notifications since 09:12", "polled every 2-15 minutes: no public address"],
        ),
    ]


class Finding(Model):
    """One thing that is wrong, and what to do."""

    level: Annotated[Literal["error", "note"], Field(description="A note may be as it is meant to be.")]
    code: Literal[
        "switchboard_down",
        "orders_refused",
        "dialled_unknown",
        "calendars_failing",
        "calendars_unconfirmed",
        "calendars_remarked",
        "calendars_polled",
        "calendars_wait",
        "notifications_lost",
    ]
    organisation: str
    about: str
    what: str
    remedy: str
    count: Annotated[int, Field(description="How many calendars or extensions it is about.")]
    since: Instant | None


class Health(Model):
    """What is wrong, and what to do."""

    well: Annotated[bool, Field(description="There is no finding but notes.")]
    at: Instant
    people: int
    findings: list[Finding]
    findings_left_out: int
    switchboards: list[SwitchboardHealth]
    connections: list[ConnectionHealth]
    calendars: Annotated[list[CalendarHealth], Field(description="The first ones of which there is something to say.")]


class Synced(Model):
    """How many calendars will be read now."""

    calendars: int


class Difference(Model):
    """A setting that differs."""

    field: str
    before: str
    after: str


class Applied(Model):
    """What differed."""

    differences: list[Difference]
    dry_run: bool


class Token(Model):
    """A token: all but what it is."""

    id: int
    organisation: str
    name: Annotated[str, Field(examples=["console"])]
    role: Literal["attendant", "person", "administrator", "switchboard"]
    person: Brief | None
    created_at: Instant
    created_by: str | None
    expires_at: Instant | None
    expired: bool


class NewToken(Token):
    """A token that was just made, with what it is."""

    token: Annotated[str, Field(pattern=r"^bsn_[A-Za-z0-9_-]{43}$")]


class Tokens(Model):
    """A page of tokens."""

    tokens: list[Token]
    next: int | None
