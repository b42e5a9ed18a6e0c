"""People and how they stand."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from backsoon.api.schemas.base import Fresh, Instant, Model, State


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
    deputy: Annotated[str | None, Field(description='The extension to which callers may go instead; "": none.')]
    ring_through: Annotated[list[str] | None, Field(description="Numbers whose calls always ring.")]
    competences: Annotated[list[str], Field(description="What they know: whom to ask about what.", examples=[["VAT"]])]


class People(Model):
    """A page of people."""

    people: list[Person]
    next: Annotated[int | None, Field(description="The `after` of the next page; null: this was the last one.")]


class Informing(Model):
    """What is told beside "available"."""

    reason: str
    words: str
    until: Annotated[Instant | None, Field(description="Null: until further notice.")]
    note: str | None


class Upcoming(Model):
    """What is coming."""

    reason: str
    words: str
    start: Instant
    end: Annotated[Instant | None, Field(description="Null: until further notice.")]
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


class AvailabilityAnswer(Fresh):
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


class Undo(Model):
    """How to undo it."""

    id: str
    until: Annotated[Instant, Field(description="When it cannot be undone any more.")]


class Acted(Shown):
    """One person as they stand by what was just set by hand."""

    undo: Annotated[Undo | None, Field(description="Null: there is nothing to undo.")]


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


LampLetter = Annotated[
    Literal["a", "i", "s", "r", "h", "u"],
    Field(
        description="`a` available, `i` available with something said beside it, `s` available and something is "
        "coming, `r` referred, `h` referred by hand, `u` not referred as far as is known, and that is not confirmed."
    ),
]


class Row(Fresh):
    """One row of the board."""

    person: Person
    lamp: LampLetter
    availability: Availability
    problem: str | None


class Board(Model):
    """A page of the board."""

    at: Instant
    listen_after: Annotated[str, Field(description="The id after which events are news: their `Last-Event-ID`.")]
    rows: list[Row]
    next: int | None


IndexRow = Annotated[
    tuple[int, str, str, str, str, list[str], LampLetter],
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 7,
            "maxItems": 7,
            "items": {
                "anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "array", "items": {"type": "string"}}]
            },
        }
    ),
]
"""Described more loosely than it is: tools that read descriptions stumble over what stands at which place."""


class PeopleIndex(Model):
    """Everybody who counts, in short, in the order of names."""

    listen_after: Annotated[str, Field(description="The id after which events are news: their `Last-Event-ID`.")]
    people: Annotated[
        list[IndexRow],
        Field(
            description="Of each the id, extension, name, department, title, competences and lamp (see `Row.lamp`).",
            examples=[[[17, "101", "Anna Berg", "Sales", "Manager", ["VAT"], "a"]]],
        ),
    ]


class Sight(Model):
    """Those in sight as they stand."""

    at: Instant
    listen_after: Annotated[str, Field(description="What comes after this id is told by the streams of this sight.")]
    rows: list[Row]
