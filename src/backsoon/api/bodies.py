"""What requests may hold; anything else is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Short = Annotated[str, Field(max_length=200)]
DAYS = 3660


class Body(BaseModel):
    """A body without fields that nobody knows."""

    model_config = ConfigDict(extra="forbid")


class OverrideBody(Body):
    """A referral by hand. Without `until` and `seconds` it lasts as its reason does."""

    reason: Annotated[str, Field(min_length=1, max_length=32)]
    until: AwareDatetime | None = None
    seconds: Annotated[int | None, Field(gt=0, le=DAYS * 86_400)] = None
    note: Short = ""
    divert_to: Annotated[str, Field(pattern=r"^([0-9A-Za-z_.+-]{1,32})?$")] = ""
    by: Short = ""
    through: Annotated[str, Field(max_length=32)] = "api"

    @property
    def lasting(self) -> timedelta | None:
        """How long, where that was said."""
        return None if self.seconds is None else timedelta(seconds=self.seconds)

    @property
    def end(self) -> datetime | None:
        """Until when, in UTC, where that was said."""
        return None if self.until is None else self.until.astimezone(UTC)


class RowBody(Body):
    """One row of people: texts by field."""

    number: int = 0
    values: dict[str, str]


class PeopleBody(Body):
    """Rows of people."""

    rows: Annotated[list[RowBody], Field(max_length=1_000_000)]


class SyncBody(Body):
    """Which calendars to read: one person's, or everybody's."""

    person: str | None = None
    organisation: str | None = None
    whole: bool = False


class ApplyBody(Body):
    """Whether to say only what would change."""

    dry_run: bool = False
