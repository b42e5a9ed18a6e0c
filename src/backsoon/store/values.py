"""What the store keeps and answers with, and how it fails: the words of its contract (`backsoon.store.base`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

from backsoon.domain.access import Role
from backsoon.domain.errors import BacksoonError
from backsoon.domain.model import Availability, CalendarReferral, Override, PassedOver
from backsoon.domain.organisation import Calendar, Person

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""The beginning of time: what is due then is due at once."""


class Lane(IntEnum):
    """Why a calendar is due for reading: in a lane with a lower number it is read first."""

    DUE = 0
    """Something known begins or ends soon, or its owner is busy now or soon and it was never read."""
    CHANGED = 1
    """It was told that something changed."""
    RECONCILE = 2
    """It is time to compare."""
    FIRST = 3
    """It was never read."""


@dataclass(frozen=True, slots=True)
class CalendarHealth:
    """How reading a calendar goes. `confirmed_at` is when it was last read whole; `problem` "" while all is well.

    `next_read` None: as soon as possible; `lane` is the reason for it. `failures` counts reads that failed in a row.
    `rejected` are items that were left out: (resource, because). `hinted_at` is when it was hinted last, a microsecond
    later where two hints came at once: whoever reads a calendar gives back what they found here.
    """

    sync_token: str | None = None
    confirmed_at: datetime | None = None
    next_read: datetime | None = None
    failures: int = 0
    problem: str = ""
    remedy: str = ""
    since: datetime | None = None
    warnings: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    lane: Lane = Lane.FIRST
    hinted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """Notifications ordered from a vendor for one calendar. Its secret is not kept: it follows from `Store.key`.

    `id` and `resource` are the vendor's names for it; `expires_at` is as it said. `renew_at` is when to prolong or
    replace it. `replaced`: another one has taken its place and it is to be cancelled then. `calendar` 0: it is
    nobody's any more and is to be cancelled. `address` is the mailbox that it was ordered for, in lower case; "" where
    that is not known.
    """

    organisation: str
    connection: str
    calendar: int
    id: str
    expires_at: datetime
    renew_at: datetime
    resource: str = ""
    url: str = ""
    replaced: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class ReadCalendar:
    """A calendar with its health.

    `next_due`: the earliest start or end among its referrals after the `beyond` of `calendars_due` (None: nothing is
    coming); always None in the answers of `calendars`, which knows no such instant. `owner`: whose it was then, in the
    answers of `calendars_due` alone.
    """

    calendar: Calendar
    health: CalendarHealth
    next_due: datetime | None = None
    owner: Person | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """All that may decide about one person from an instant on: referrals that end after it, and the override."""

    referrals: tuple[CalendarReferral, ...] = ()
    override: Override | None = None


@dataclass(frozen=True, slots=True)
class PersonState:
    """What was decided last about a person, and when that changes next (None: not by time alone)."""

    person: int
    availability: Availability
    due: datetime | None


class Trigger(StrEnum):
    """What made a person's availability be decided anew."""

    CLOCK = "clock"
    CALENDAR = "calendar"
    OVERRIDE = "override"
    SETTINGS = "settings"
    START = "start"


@dataclass(frozen=True, slots=True)
class AvailabilityChange:
    """One change of availability: `at` is the instant from which it holds, `recorded_at` when it was decided."""

    person: int
    at: datetime
    recorded_at: datetime
    availability: Availability
    trigger: Trigger
    by: str = ""
    through: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a switchboard was told last about an extension, in its own words (see `switchboards.base.Rendered`)."""

    extension: str
    lamp: str
    plan: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReferralChanges:
    """What one read changes: as `sources.base.Changes`, with entries already turned into referrals."""

    referrals: tuple[CalendarReferral, ...] = ()
    touched: frozenset[str] = field(default_factory=frozenset)
    complete: bool = False
    passed: tuple[PassedOver, ...] = ()
    """Entries of the touched resources that were passed over; they replace what was kept of these as referrals do."""


@dataclass(frozen=True, slots=True)
class KnownReferral:
    """A calendar referral with the time in which it was known so: `[known_from, known_to)`, None: it still is.

    The note of one that is no longer so is not kept.
    """

    referral: CalendarReferral
    known_from: datetime
    known_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class KnownOverride:
    """An override with the instant from which it did not hold any more, for it was replaced or taken back, by whom and
    through what. `replaced_at` None: it was not; it ends as it says."""

    override: Override
    replaced_at: datetime | None = None
    replaced_by: str = ""
    replaced_through: str = ""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What was known about a person at an instant and covers it: for explaining, not for deciding."""

    referrals: tuple[KnownReferral, ...] = ()
    override: KnownOverride | None = None
    passed: tuple[PassedOver, ...] = ()


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh a person's calendars are: how many there are, when the least recently read one was last read whole
    (None: one never was, or there is none), and the first one's problem, "" while all is well."""

    calendars: int = 0
    confirmed_at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionHealth:
    """How the calendars of active people at one connection do: how many there are, how many have a problem, were last
    read whole too long ago, were so without a problem, were never read whole, were read with a warning or with items
    left out."""

    connection: str
    calendars: int = 0
    failing: int = 0
    unconfirmed: int = 0
    behind: int = 0
    unread: int = 0
    remarked: int = 0


@dataclass(frozen=True, slots=True)
class CalendarProblem:
    """One problem, and how many calendars of a connection have it: since when the first one, and which is the first by
    id."""

    connection: str
    problem: str
    remedy: str
    calendars: int
    since: datetime | None
    calendar: int
    person: int


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token as it is kept: never the token, but the SHA-256 of it in hexadecimal digits. `id` 0: not stored.

    `person` is for `Role.PERSON`, else 0. `expires_at` None: never.
    """

    organisation: str
    role: Role
    name: str
    digest: str
    created_at: datetime
    created_by: str = ""
    person: int = 0
    expires_at: datetime | None = None
    id: int = 0


class StoreError(BacksoonError):
    """The store could not do it. Nothing of the call was kept."""


class NotStored(StoreError):
    """There is no such row."""


class StoreConflict(StoreError):
    """A value that must be unique is taken (an extension or e-mail address within an organisation)."""


class StoreUnavailable(StoreError):
    """The database does not answer, or its disk is full; it may again."""
