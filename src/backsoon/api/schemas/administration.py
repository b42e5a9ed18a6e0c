"""The settings file, what comes of trying it, dry runs, the audit log."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from backsoon.api.schemas.base import Brief, Instant, Model
from backsoon.api.schemas.operation import Difference


class SettingFault(Model):
    """What is wrong with a field, and what to write instead."""

    field: str
    what: str
    remedy: str


class Secret(Model):
    """A secret as far as it is told."""

    reference: Annotated[str, Field(description="Where it is; of an address that may be secret its origin.")]
    set: Annotated[bool, Field(description="Whether it can be read there.")]


class SettingsPlaces(Model):
    """Where things stand in the file: what field names begin with."""

    organisation: Annotated[str, Field(examples=["organisation"])]
    calendars: str
    switchboards: str
    directories: str


class SettingsFile(Model):
    """The settings as the file has them."""

    etag: str
    path: str
    writable: bool
    why_not: str | None
    remedy: str | None
    at: SettingsPlaces
    fields: Annotated[dict[str, Any], Field(description="Every field that is set, by its dotted name.")]
    secrets: dict[str, Secret]
    fixed: Annotated[dict[str, str], Field(description="Fields that are not changed here, each with why.")]
    unapplied: Annotated[list[Difference], Field(description="What of the file is not in force.")]
    faults: Annotated[list[SettingFault], Field(description="What is wrong with the file as it is.")]


class Judged(Model):
    """What comes of changes."""

    faults: list[SettingFault]
    differences: list[Difference]


class Written(Judged):
    """What was written and is in force."""

    applied: Annotated[int, Field(description="How many settings were not in force before.")]
    etag: str


class TriedPart(Model):
    """What came of one try."""

    what: str
    level: Literal["ok", "warning", "error"]
    text: str
    remedy: str


class TriedParts(Model):
    """What came of trying a part."""

    tried: list[TriedPart]


class DrySpan(Model):
    """When a phone would be closed; an end may be the end of the days looked at."""

    start: Instant
    end: Instant
    reason: str


class DryPerson(Model):
    """What would become of somebody."""

    person: Brief
    hours_before: float
    hours_after: float
    spans: list[DrySpan]


class DryFailure(Model):
    """A calendar that could not be read."""

    person: Brief
    connection: str
    because: str
    remedy: str


class DryTotals(Model):
    """All of them together."""

    people: int
    without_calendar: int
    hours_before: float
    hours_after: float
    calendars_failed: int


class DryRun(Model):
    """A dry run, and how far it is."""

    state: Literal["none", "waiting", "running", "done", "stopped", "failed"]
    because: str | None
    mode: Literal["keywords", "all_busy"]
    start: Instant
    end: Instant
    done: int
    of: int
    totals: DryTotals
    people: list[DryPerson]
    failed: list[DryFailure]
    next: int | None


class AuditLine(Model):
    """Something that somebody did."""

    at: Instant
    who: str
    through: str
    what: Annotated[str, Field(examples=["settings.changed"])]
    about: str
    details: dict[str, Any]


class Audit(Model):
    """A page of who did what."""

    entries: list[AuditLine]
    next: Annotated[str | None, Field(description="The `after` of the next page; null: this was the last one.")]
