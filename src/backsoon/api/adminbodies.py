"""What requests of the administrator's page may hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool

from backsoon.api.bodies import Body, Days, Id
from backsoon.domain.model import Mode

_FIELDS = 200
"""The most changes in one request."""
Mailbox = Annotated[str, Field(max_length=320, pattern=r"^([^@\s]{1,64}@[^@\s]{1,255})?$")]


class ChangeBody(Body):
    """One field of the settings, dotted as in the file, and what shall stand there; null takes it out."""

    field: Annotated[str, Field(min_length=1, max_length=400, examples=["organisation.warn_before_minutes"])]
    value: Annotated[
        Any, Field(description="A text, a number, true, false, a list or a table of these; null: nothing.")
    ]


Changes = Annotated[list[ChangeBody], Field(max_length=_FIELDS)]


class SettingsBody(Body):
    """Changes to the settings file as it was read: `etag` says which."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"etag": "0" * 32, "changes": [{"field": "organisation.warn_before_minutes", "value": 30}]}]
        },
    )

    etag: Annotated[str, Field(min_length=1, max_length=64)]
    changes: Changes


class TryBody(Body):
    """Which part to try, with which changes."""

    what: Annotated[str, Field(min_length=1, max_length=100, examples=["switchboards.main", "calendars.main"])]
    changes: Annotated[Changes, Field(default_factory=list)]
    mailbox: Annotated[Mailbox, Field(description="Whose calendar to try, in place of a few.")] = ""


class DryRunBody(Body):
    """Which mode to compare with what is in force."""

    mode: Literal["keywords", "all_busy", "all-busy"]
    changes: Annotated[Changes, Field(default_factory=list)]
    days: Days = 7
    people: Annotated[
        Annotated[list[Id], Field(max_length=1000)] | None, Field(description="Their ids; null: everybody's calendars.")
    ] = None


class ActiveBody(Body):
    """Whether somebody counts."""

    active: StrictBool


class ActivateBody(Body):
    """Everybody in the switchboard."""

    source: Annotated[str, Field(min_length=1, max_length=64, examples=["asterisk"])] = "asterisk"
    dry_run: StrictBool = False


def wishes_of(changes: list[ChangeBody]) -> list[dict[str, Any]]:
    """The changes as plain values."""
    return [{"field": one.field, "value": one.value} for one in changes]


def mode_of(body: DryRunBody) -> Mode:
    """The mode."""
    return Mode(body.mode.replace("-", "_"))
