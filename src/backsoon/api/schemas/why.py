"""Why somebody is shown as they are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from backsoon.api.schemas.base import Fresh, Instant, Model
from backsoon.api.schemas.people import Availability, Person


class _Entry(Model):
    start: Instant
    end: Annotated[Instant | None, Field(description="Null: until further notice.")]
    calendar: int
    connection: str | None
    uid: str | None
    recurrence_id: str | None


class _Referral(_Entry):
    reason: str | None
    phone: Literal["closed", "open"]
    rule: Literal["keyword", "show_as", "automatic_reply"]
    keyword: str | None


class _Claim(_Referral):
    known_from: Annotated[Instant | None, Field(description="When it was read first so.")]
    known_to: Annotated[Instant | None, Field(description="When it was read otherwise, or gone.")]


class EntryWinner(_Claim):
    """The entry that decides."""

    kind: Literal["entry"]


class HandWinner(Model):
    """What was set by hand, and decides."""

    kind: Literal["by_hand"]
    reason: str | None
    since: Instant
    until: Instant | None
    by: str | None
    through: str | None
    replaced_at: Instant | None
    replaced_by: str | None
    replaced_through: str | None


class Referral(_Referral):
    """An entry that refers somebody."""


class Beaten(_Claim):
    """An entry that covers the instant and does not decide."""

    ground: Annotated[str, Field(description="By which ground.", examples=["priority"])]
    over: Referral | None


class PassedOver(_Entry):
    """An entry that has a keyword, and counts for nothing all the same."""

    because: Literal["not_first", "no_length", "cancelled", "declined"]
    keyword: str | None
    counts_by_show_as: bool


class Later(Model):
    """Why somebody is back later than the entry ends."""

    wait: Annotated[str, Field(examples=["chained"])]
    start: Instant
    end: Annotated[Instant | None, Field(description="Null: until further notice.")]
    entry: Referral | None


class Ahead(Model):
    """What a switchboard does by itself when the time comes."""

    start: Instant
    end: Instant | None
    reason: str | None


class ToldTo(Model):
    """What a switchboard was told, and when."""

    switchboard: str
    shows: str
    at: Instant | None
    reason: str | None
    text: str | None
    written_ahead: Ahead | None
    problem: str | None


class Decided(Model):
    """The decision that was recorded."""

    at: Instant
    recorded_at: Instant
    trigger: str
    by: str | None
    through: str | None


class Link(Model):
    """One line of the answer in words."""

    code: str
    words: str


class Why(Fresh):
    """Why somebody is shown as they are."""

    person: Person
    at: Instant
    now: Instant
    tense: Literal["past", "present", "coming"]
    availability: Availability
    agrees: Annotated[bool, Field(description="False: what was recorded does not follow from what was known.")]
    winner: EntryWinner | HandWinner | None
    beaten: list[Beaten]
    passed_over: list[PassedOver]
    later: list[Later]
    standing: list[str]
    problems: list[str]
    decided: Decided | None
    told: list[ToldTo]
    chain: list[Link]
