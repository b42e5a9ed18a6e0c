"""The shapes of answers, for the description of the API and for tests that hold the answers to it.

Answers are not made from these: they are plain values, encoded once. A field that is null or empty may be one that the
asker's role does not see.
"""

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


class Person(Model):
    """Who somebody is."""

    id: int | None
    organisation: str | None
    extension: Annotated[str, Field(examples=["101"])]
    name: Annotated[str, Field(examples=["Anna Berg"])]
    email: str | None
    department: str | None
    title: str | None
    zone: Annotated[str | None, Field(description='IANA name; "" in a list: the organisation\'s.')]
    language: str | None
    country: str | None
    keywords: Annotated[dict[str, str] | None, Field(description="Their own, by reason.")]
    active: bool | None


class People(Model):
    """A page of people."""

    people: list[Person]
    next: Annotated[int | None, Field(description="The `after` of the next page; null: this was the last one.")]


class Named(Model):
    """Somebody by extension and name."""

    extension: str
    name: str


class Replaced(Named):
    """Somebody whose extension another one has now."""

    by: str


class Rejected(Model):
    """A row that was left out."""

    row: int
    extension: str
    because: str
    label: str


class Unlisted(Model):
    """What a source has that is nobody."""

    label: str
    because: str


class Imported(Model):
    """What came of rows of people."""

    added: int
    changed: int
    unchanged: int
    replaced: list[Replaced]
    gone: list[Named]
    removed: int
    kept_off: list[Named]
    rejected: list[Rejected]
    left_out: list[Unlisted]
    notes: list[str]
    doubts: list[str]
    dry_run: bool


class Removed(Model):
    """Who was taken out."""

    removed: Named


class Informing(Model):
    """What is told beside "available"."""

    reason: str
    words: str
    until: Instant
    note: str | None


class Upcoming(Model):
    """What is coming."""

    reason: str
    words: str
    start: Instant
    end: Instant
    minutes: int
    note: str | None


class Availability(Model):
    """How somebody stands, as far as it is the asker's to know."""

    state: State
    reason: Annotated[str | None, Field(description="Null: available.", examples=["meeting"])]
    words: Annotated[str, Field(description="One line.", examples=["In a meeting, back 10:00"])]
    until: Annotated[Instant | None, Field(description="The end of what decides.")]
    back_at: Annotated[Instant | None, Field(description="From when calls can be taken; null: until further notice.")]
    note: str | None
    by_hand: bool | None
    informing: list[Informing]
    upcoming: Upcoming | None


class _Fresh(Model):
    calendars: Annotated[int | None, Field(description="How many calendars are read.")]
    confirmed_at: Annotated[Instant | None, Field(description="When the least recently read one was last read whole.")]
    unconfirmed_since: Annotated[Instant | None, Field(description="Since when that is too long ago; null: it is not.")]
    unconfirmed: Annotated[str | None, Field(description="That in words.", examples=["not confirmed since 09:12"])]


class AvailabilityAnswer(_Fresh):
    """How somebody stands, and how old that knowledge is."""

    person: Person
    at: Instant
    availability: Availability


class Follows(Model):
    """What follows the present state."""

    at: Instant
    state: State
    reason: str | None
    words: str
    until: Instant | None
    back_at: Instant | None


class Override(Model):
    """What was set by hand."""

    since: Instant
    until: Annotated[Instant | None, Field(description="Null: until it is taken back.")]
    by: str | None
    through: str | None


class Entry(Model):
    """Which entry of which calendar decides."""

    calendar: int
    uid: str
    recurrence_id: str | None


class Shown(AvailabilityAnswer):
    """One person and how they stand."""

    next_change: Instant | None
    follows: Follows | None
    divert_to: str | None
    override: Override | None
    entry: Entry | None
    problems: list[str]


class Stretch(Model):
    """A stretch of time in which nothing changes; an end of null: none is known."""

    start: Instant
    end: Instant | None
    availability: Availability


class Timeline(Model):
    """The decisions about somebody, one after the other."""

    person: Person
    start: Instant
    end: Instant
    stretches: list[Stretch]
    next: Annotated[Instant | None, Field(description="The `start` to go on with; null: that was all.")]


class _Entry(Model):
    start: Instant
    end: Instant
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
    end: Instant
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


class Why(_Fresh):
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


class Row(_Fresh):
    """One row of the board."""

    person: Person
    availability: Availability
    problem: str | None


class Board(Model):
    """A page of the board."""

    at: Instant
    listen_after: Annotated[str, Field(description="The id after which events are news: their `Last-Event-ID`.")]
    rows: list[Row]
    next: int | None


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


class Finding(Model):
    """One thing that is wrong, and what to do."""

    level: Annotated[Literal["error", "note"], Field(description="A note may be as it is meant to be.")]
    code: Literal[
        "switchboard_down", "orders_refused", "calendars_failing", "calendars_unconfirmed", "calendars_remarked"
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


class Fault(Model):
    """A part of the request that cannot stand so."""

    field: str
    what: str


class Problem(BaseModel):
    """Why it was not done (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(examples=["urn:backsoon:problem:no-such-person"])]
    title: str
    status: int
    detail: str
    remedy: Annotated[str | None, Field(description="What to do about it.")] = None
    faults: list[Fault] | None = None
