"""An organisation: settings and words."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from backsoon.api.schemas.base import Instant, Model


class ConnectionName(Model):
    """How calendars are reached."""

    name: str
    kind: str
    server: str | None
    people: str | None


class SwitchboardName(Model):
    """Which switchboard there is."""

    name: str
    kind: str


class Settings(Model):
    """An organisation's settings in force."""

    id: str
    name: str
    zone: str
    language: str
    country: str | None
    mode: Literal["keywords", "all_busy"]
    busy_phone: Literal["closed", "open"]
    count_tentative: bool
    automatic_replies: bool
    chain_gap_minutes: float
    warn_before_minutes: float
    confirmed_within_minutes: float
    notes_for_colleagues: bool
    notes_for_attendants: bool
    calendars: list[ConnectionName]
    switchboards: list[SwitchboardName]


class Reason(Model):
    """A reason for which somebody may be away."""

    code: Annotated[str, Field(examples=["lunch"])]
    words: Annotated[str, Field(examples=["At lunch"])]
    labels: dict[str, str]
    outside: Annotated[dict[str, str] | None, Field(description="Words for callers, where they have their own.")]
    sensitive: Annotated[bool | None, Field(description='Others learn only "not available".')]
    priority: int | None
    lifetime: Literal["minutes", "next_working_morning", "until_taken_back"] | None
    minutes: int | None
    digit: Annotated[str | None, Field(description="Its code on the telephone.")]


class Reasons(Model):
    """The reasons there are."""

    organisation: str
    reasons: list[Reason]


class Keyword(Model):
    """What is typed in front of a subject."""

    keyword: Annotated[str, Field(examples=["m"])]
    reason: str
    words: str


class Keywords(Model):
    """The keywords there are; one's own come before the organisation's."""

    organisation: str
    keywords: list[Keyword]
    own: list[Keyword]


class HereOrganisation(Model):
    """The organisation."""

    id: str
    name: str
    zone: str
    language: str


class Here(Model):
    """What a page needs to begin."""

    organisation: HereOrganisation
    warn_before_minutes: int
    confirmed_within_minutes: int
    reasons: list[Reason]
    departments: list[str]
    now: Instant
