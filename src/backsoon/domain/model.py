"""The values that the core works on: entries, referrals, overrides, people, availability.

All of them are immutable. An instant is a `datetime` whose `tzinfo` is `datetime.UTC`; a `Span` is half-open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from backsoon.domain.errors import EmptySpan, NaiveTime

NOTE_LENGTH = 200
"""The most characters of a note that are kept."""

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Spans lie between these: a calendar may say `99991231`, and there must be room to reckon with zones and days.

An end at `LATEST` means "until further notice"."""


def known_end(end: datetime | None) -> datetime | None:
    """An end as it is told: None for "until further notice"."""
    return None if end is None or end >= LATEST else end


def utc(at: datetime, where: str = "time") -> datetime:
    """The same instant in UTC. Raises `NaiveTime` for a datetime without a zone."""
    if at.tzinfo is None:
        raise NaiveTime(where)
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def local_instant(wall: datetime, zone: tzinfo) -> datetime:
    """The instant in UTC at which clocks in `zone` show the naive `wall` time.

    In a gap the time moves forward by the gap; in a fold the first of the two is meant (PEP 495, fold=0;
    RFC 5545 section 3.3.5 has the same rule).
    """
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open `[start, end)`, both in UTC; never empty."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC:
            raise NaiveTime("span")
        if self.end <= self.start:
            raise EmptySpan(f"a span must end after it starts: {self.start} to {self.end}")

    def covers(self, at: datetime) -> bool:
        """Whether the instant lies in `[start, end)`."""
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Timed:
    """When a timed entry happens, as it was read: aware datetimes in UTC, possibly of no length or reversed."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC:
            raise NaiveTime("entry")


@dataclass(frozen=True, slots=True)
class Days:
    """When an all-day entry happens: dates, the end exclusive. It has no zone until its owner's is applied."""

    first: date
    end: date


class ShowAs(StrEnum):
    """Free/busy status of an entry, in the words of Outlook's field of that name."""

    FREE = "free"
    TENTATIVE = "tentative"
    BUSY = "busy"
    OUT_OF_OFFICE = "out_of_office"
    WORKING_ELSEWHERE = "working_elsewhere"


class Response(StrEnum):
    """What the calendar's owner answered to an invitation; `ORGANIZER` also where nobody was invited."""

    ORGANIZER = "organizer"
    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"
    NEEDS_ACTION = "needs_action"


class EntryType(StrEnum):
    """The kinds of entries that calendars tell apart."""

    DEFAULT = "default"
    OUT_OF_OFFICE = "out_of_office"
    FOCUS_TIME = "focus_time"
    WORKING_LOCATION = "working_location"
    AUTOMATIC_REPLY = "automatic_reply"
    """No entry: the mailbox answers letters by itself (out of office). One that has no end ends at `LATEST`."""


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One occurrence in a calendar, vendor-neutral.

    `resource` is the unit in which the source reports changes (a CalDAV href, an event id): when a resource
    is touched, all occurrences that came from it are replaced. `recurrence_id` is "" outside a series, else
    the original start in UTC basic format (`20261122T090000Z`, or `20261122` for an all-day series).
    `subject` is hostile and private: it is read by the keyword rules and goes no further.
    """

    uid: str
    when: Timed | Days
    subject: str = field(default="", repr=False)
    recurrence_id: str = ""
    resource: str = ""
    show_as: ShowAs = ShowAs.BUSY
    response: Response = Response.ORGANIZER
    cancelled: bool = False
    private: bool = False
    type: EntryType = EntryType.DEFAULT


class Phone(StrEnum):
    """What a referral does to the phone."""

    CLOSED = "closed"
    """Calls are answered by the referral."""
    OPEN = "open"
    """Inform only: attendants see it, the phone keeps ringing."""


class Rule(StrEnum):
    """Which rule made a referral out of an entry."""

    KEYWORD = "keyword"
    SHOW_AS = "show_as"
    AUTOMATIC_REPLY = "automatic_reply"


@dataclass(frozen=True, slots=True, order=True)
class EntryKey:
    """Identity of an entry: attendees of one meeting share a uid, so the calendar belongs to it."""

    calendar: int
    uid: str
    recurrence_id: str = ""


@dataclass(frozen=True, slots=True)
class CalendarReferral:
    """A claim from a calendar: one entry that refers its owner."""

    key: EntryKey
    span: Span
    reason: str
    phone: Phone = Phone.CLOSED
    note: str = ""
    divert_to: str = ""
    rule: Rule = Rule.KEYWORD
    keyword: str = ""
    resource: str = ""


class Because(StrEnum):
    """Why the keyword that an entry holds counts for nothing."""

    NOT_FIRST = "not_first"
    """The keyword is not the first word of the subject."""
    NO_LENGTH = "no_length"
    """It starts and ends at once."""
    CANCELLED = "cancelled"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An entry that looks as if its keyword were meant to refer its owner, and that does not.

    It holds no text of the entry: `keyword` is one of the owner's keywords, normalised. Of an entry without one
    nothing at all is kept. `span` of one without length is a minute long. In all-busy mode the entry may refer its
    owner all the same, by its show-as.
    """

    key: EntryKey
    span: Span
    because: Because
    keyword: str
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """What a person (or somebody for them) set by hand. `reason` is None for "available".

    `end` is None for "until taken back". `by` names who set it, `through` what with (`cli`, `phone`, `console`, ...).
    """

    start: datetime
    end: datetime | None
    reason: str | None
    note: str = ""
    divert_to: str = ""
    by: str = ""
    through: str = ""

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or (self.end is not None and self.end.tzinfo is not UTC):
            raise NaiveTime("override")
        if self.end is not None and self.end <= self.start:
            raise EmptySpan(f"an override must end after it starts: {self.start} to {self.end}")

    def covers(self, at: datetime) -> bool:
        """Whether it is in force at the instant."""
        return self.start <= at and (self.end is None or at < self.end)


class Lifetime(StrEnum):
    """How long a referral by hand lasts where nobody says."""

    MINUTES = "minutes"
    NEXT_WORKING_MORNING = "next_working_morning"
    UNTIL_TAKEN_BACK = "until_taken_back"


class Argument(StrEnum):
    """What may stand behind a reason's digits on the telephone: four digits."""

    TIME = "time"
    """HHMM: back at that time."""
    DATE = "date"
    """MMDD: back on that day."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a person is away (absence code).

    `labels` are the words for colleagues by language (`{"en": "In a meeting"}`), `outside` those for callers;
    where `outside` lacks a language the label serves. A sensitive reason is told to nobody but the person:
    others get the neutral word. Higher `priority` wins over lower. `digit` is its code on the phone; `argument` what
    may stand behind it (None: by its digit, see `domain.phonecodes`), `phone_lifetime` and `phone_minutes` how long it
    lasts where it was dialled without one (None and 0: as `lifetime` and `minutes`). `spoken` and `spoken_outside` are
    what is said behind a name, by language ("is in a meeting"), to callers inside and to those outside; where one lacks
    a language the words in writing serve.
    """

    code: str
    labels: Mapping[str, str]
    outside: Mapping[str, str] = field(default_factory=dict)
    priority: int = 50
    sensitive: bool = False
    lifetime: Lifetime = Lifetime.MINUTES
    minutes: int = 60
    digit: str = ""
    argument: Argument | None = None
    phone_lifetime: Lifetime | None = None
    phone_minutes: int = 0
    spoken: Mapping[str, str] = field(default_factory=dict)
    spoken_outside: Mapping[str, str] = field(default_factory=dict)


class Mode(StrEnum):
    """What makes an entry count."""

    KEYWORDS = "keywords"
    ALL_BUSY = "all_busy"


@dataclass(frozen=True, slots=True)
class Rules:
    """An organisation's rules for entries and referrals. `keywords` maps a normalised keyword to a reason code."""

    keywords: Mapping[str, str]
    reasons: Mapping[str, Reason]
    mode: Mode = Mode.KEYWORDS
    busy_phone: Phone = Phone.CLOSED
    count_tentative: bool = False
    automatic_replies: bool = True
    chain_gap: timedelta = timedelta(minutes=5)
    warn_before: timedelta = timedelta(minutes=60)
    notes_for_colleagues: bool = False
    notes_for_attendants: bool = True
    confirmed_within: timedelta = timedelta(minutes=30)
    """How old the reading of a calendar may be before every answer says since when it is not confirmed."""


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What is coming: the next closed referral that starts within the organisation's warning time. `end` None: until
    further notice."""

    start: datetime
    end: datetime | None
    reason: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Informing:
    """A claim that is shown beside "available" and diverts nothing. `until` None: until further notice."""

    reason: str
    until: datetime | None
    note: str = ""


class Layer(StrEnum):
    """Which layer of claims decided."""

    OVERRIDE = "override"
    CALENDAR = "calendar"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Availability:
    """The decision for one person, constant from one change to the next. Equality means: nothing changed.

    `reason` is None for "available". `until` is the end of the winning claim and `back_at` the first instant at
    which the person can be reached; both None for "until further notice". `key` names the winning calendar entry.
    """

    reason: str | None = None
    layer: Layer = Layer.NONE
    until: datetime | None = None
    back_at: datetime | None = None
    note: str = ""
    divert_to: str = ""
    key: EntryKey | None = None
    informing: tuple[Informing, ...] = ()
    upcoming: Upcoming | None = None

    @property
    def referred(self) -> bool:
        """Whether calls are answered by a referral."""
        return self.reason is not None


AVAILABLE = Availability()
"""Available, with nothing running and nothing coming."""
