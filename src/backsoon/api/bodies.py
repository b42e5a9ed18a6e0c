"""What requests may hold; anything else is refused, and nothing is guessed: a text is no number."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, WithJsonSchema

from backsoon.api.sights import MOST_PEOPLE
from backsoon.domain.access import Role
from backsoon.domain.keyword import MOST_OWN
from backsoon.domain.messages import CALLER_LENGTH, TEXT_LENGTH

DAYS = 3660
PEOPLE = 1_000_000
_RFC3339 = re.compile(r"([1-9]\d{3}-\d\d-\d\d)T(\d\d:\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_FIRST, _LAST = datetime(1000, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def instant(text: object) -> datetime:
    """An instant of RFC 3339, section 5.6, in UTC; years from 1000 on. Raises `ValueError`."""
    match = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("write a time with its zone, as 2026-11-23T09:00:00Z")
    day, clock, seconds, fraction, zone = match.groups()
    leap = seconds == "60"  # a leap second counts as the one before it
    zone = "+00:00" if zone in "zZ" else zone
    read = datetime.fromisoformat(f"{day}T{clock}:{'59' if leap else seconds}{(fraction or '')[:7]}{zone}")
    if not _FIRST.date() <= read.date() <= _LAST.date():
        return _FIRST if read.year == _FIRST.year else _LAST
    return read.astimezone(UTC)


def _flag(text: object) -> bool:
    if text not in ("true", "false"):
        raise ValueError("write true or false")
    return text == "true"


def count(text: object) -> int:
    """A whole number in a query or a path. Raises `ValueError`."""
    if isinstance(text, int):  # a default
        return text
    if not (isinstance(text, str) and re.fullmatch(r"[0-9]{1,18}", text)):
        raise ValueError("write a whole number")
    return int(text)


def _whole(value: object) -> int:
    """JSON knows one kind of number: 30.0 is as whole as 30."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("write a whole number")
    return value


INSTANT_SCHEMA = {"type": "string", "format": "date-time", "pattern": "^[1-9]"}
Instant = Annotated[datetime, BeforeValidator(instant), WithJsonSchema(INSTANT_SCHEMA)]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
"""`true` or `false` in a query."""
MOST = 10**15
"""The largest number that anything can have."""
Short = Annotated[str, Field(max_length=200)]
Whole = Annotated[int, BeforeValidator(_whole)]
Id = Annotated[int, Field(ge=0, le=MOST), BeforeValidator(_whole)]
Days = Annotated[int, Field(ge=1, le=31), BeforeValidator(_whole)]
Seconds = Annotated[int, Field(gt=0, le=DAYS * 86_400), BeforeValidator(_whole)]


class Body(BaseModel):
    """A body without fields that nobody knows."""

    model_config = ConfigDict(extra="forbid")


class OverrideBody(Body):
    """A referral by hand. Without `until` and `seconds` it lasts as its reason does; both are a conflict."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "lunch"}, {"reason": "meeting", "seconds": 1800, "note": "Budget"}]},
    )

    reason: Annotated[str, Field(min_length=1, max_length=32, description="One of `/api/v1/reasons`.")]
    until: Annotated[Instant | None, Field(description="Until when.")] = None
    seconds: Annotated[Seconds | None, Field(description="How long.")] = None
    note: Annotated[Short, Field(description="For attendants and the person.")] = ""
    divert_to: Annotated[
        str, Field(pattern=r"^([0-9A-Za-z_.+-]{1,32})?$", description="Calls go there while it lasts.")
    ] = ""
    by: Annotated[Short, Field(description="Who does it. Of whoever has a token it is the token's name.")] = ""
    through: Annotated[str, Field(max_length=32, description="What with: `console`, `app`, ...")] = "api"

    @property
    def lasting(self) -> timedelta | None:
        """How long, where that was said."""
        return None if self.seconds is None else timedelta(seconds=self.seconds)


class UndoBody(Body):
    """What is to be undone."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"id": "0" * 32}]})

    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="`undo.id` of the answer to what was done.")]
    by: Annotated[Short, Field(description="Who does it. Of whoever has a token it is the token's name.")] = ""
    through: Annotated[str, Field(max_length=32, description="What with: `console`, `app`, ...")] = "api"


class RowBody(Body):
    """One row of people: texts by field. `number` is where it stood in its source."""

    number: Whole = 0
    values: dict[str, str]


class PeopleBody(Body):
    """Rows of people."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"rows": [{"number": 1, "values": {"extension": "101", "name": "Anna Berg"}}]}]
        },
    )

    rows: Annotated[list[RowBody], Field(max_length=PEOPLE)]


class KeywordsBody(Body):
    """Keywords of somebody's own; those that are not named are theirs no more."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"keywords": {"gym": "leave"}}]})

    keywords: Annotated[
        dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=32)]],
        Field(max_length=MOST_OWN, description="The reason for each keyword."),
    ]


class MessageBody(Body):
    """A message for somebody: plain text, of which one line is made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "Please call back", "caller": "Bo Ek, 08 123 45"}]}
    )

    text: Annotated[str, Field(min_length=1, max_length=TEXT_LENGTH)]
    caller: Annotated[str, Field(max_length=CALLER_LENGTH, description="Who called.")] = ""


class ReadBody(Body):
    """Whether a message has been read."""

    read: StrictBool


class SightBody(Body):
    """Who is in sight; whoever is nobody, or another organisation's, is passed over."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"people": [1, 2, 3]}]})

    people: Annotated[
        list[Annotated[int, Field(ge=0, le=MOST), BeforeValidator(_whole)]],
        Field(max_length=MOST_PEOPLE, description="Ids, as rows have them."),
    ]


class SyncBody(Body):
    """Which calendars to read: one person's, or everybody's. `whole`: all of them, not only what changed."""

    person: Annotated[Short | None, Field(min_length=1)] = None
    organisation: Annotated[str | None, Field(max_length=32)] = None
    whole: StrictBool = False


class ApplyBody(Body):
    """Whether to say only what would change."""

    dry_run: StrictBool = False


class _TokenBody(Body):
    name: Annotated[
        str,
        Field(min_length=1, max_length=64, pattern=r"^[ -~]*[!-~][ -~]*$", description="Who it is for, in history."),
    ]
    expires_at: Annotated[Instant | None, Field(description="When it ends; never where nothing is said.")] = None
    seconds: Annotated[Seconds | None, Field(description="How long it lasts; counts before `expires_at`.")] = None
    by: Annotated[Short, Field(description="Who makes it. Of whoever has a token it is the token's name.")] = ""

    @property
    def lasting(self) -> timedelta | None:
        """How long, where that was said."""
        return None if self.seconds is None else timedelta(seconds=self.seconds)


class PersonTokenBody(_TokenBody):
    """A token of one person: it sees and refers that person, and sees the others as a colleague does."""

    role: Literal["person"]
    person: Annotated[Short, Field(min_length=1, description="Extension, e-mail address, name or `id:17`.")]


class RoleTokenBody(_TokenBody):
    """A token of a role."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "console", "role": "attendant", "seconds": 31_536_000}]},
    )

    role: Literal["attendant", "administrator", "switchboard"]


TokenBody = Annotated[PersonTokenBody | RoleTokenBody, Field(discriminator="role")]


def role_of(body: PersonTokenBody | RoleTokenBody) -> Role:
    """The role."""
    return Role(body.role)
