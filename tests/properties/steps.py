"""What may happen in a random life: data, so that a life can be told, shortened and lived again."""

from __future__ import annotations

from dataclasses import dataclass, field

QUIET = -1


@dataclass(frozen=True)
class Step:
    """Something happens; then the loop turns so often (`QUIET`: until everybody waits, and all is looked at)."""

    turns: int = field(default=QUIET, kw_only=True)


@dataclass(frozen=True)
class Refer(Step):
    """Somebody refers a person by hand: until so many minutes from now, for so many, or for as long as is usual."""

    who: int
    reason: str
    minutes: int | None = None
    instant: bool = False


@dataclass(frozen=True)
class Again(Step):
    """The last request about a person comes again."""

    who: int


@dataclass(frozen=True)
class Back(Step):
    """Somebody says that a person is available."""

    who: int


@dataclass(frozen=True)
class Book(Step):
    """An entry is booked, or one of that name moved, and read."""

    who: int
    uid: str
    offset: int
    minutes: int
    tag: str


@dataclass(frozen=True)
class Follow(Step):
    """An entry is booked so many minutes after the end of another one, or moved there, and read."""

    who: int
    uid: str
    other: str
    gap: int
    minutes: int
    tag: str


@dataclass(frozen=True)
class Edit(Step):
    """An entry starts and ends so many minutes later, and is read."""

    who: int
    uid: str
    start: int
    end: int


@dataclass(frozen=True)
class Vanish(Step):
    """An entry is deleted, and the calendar read."""

    who: int
    uid: str


@dataclass(frozen=True)
class Read(Step):
    """The calendar is read: by its token, without one, after it was lost, or after an error that said so."""

    who: int
    how: str


@dataclass(frozen=True)
class Trouble(Step):
    """A person's calendar cannot be read, or can be read again."""

    who: int
    down: bool


@dataclass(frozen=True)
class Board(Step):
    """The switchboard: its session is `cut`; it is `down`, `up`; it hangs (`pause`) and goes on (`resume`)."""

    what: str


@dataclass(frozen=True)
class Apply(Step):
    """Other settings are taken over."""

    gap: int
    lunch: int


@dataclass(frozen=True)
class Move(Step):
    """A person gets another extension, or the one before."""

    who: int


@dataclass(frozen=True)
class Wait(Step):
    """Time goes by: all of it at once, or walked through at its end."""

    seconds: int
    walked: bool


@dataclass(frozen=True)
class Edge(Step):
    """Time goes by until the next instant at which something is to begin or end, or to just before it."""

    before: bool
    walked: bool


@dataclass(frozen=True)
class Die(Step):
    """It dies at the store's call after so many; after its commit, or before. It is started again at once."""

    calls: int
    afterwards: bool
