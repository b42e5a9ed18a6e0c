"""Who a switchboard or a directory says there is: the whole of it, or an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from backsoon.domain.errors import BacksoonError


@dataclass(frozen=True, slots=True)
class Listed:
    """One person as they are listed. `label` is what the source calls them (an endpoint, a distinguished name).

    `values` are fields of a row (see `engine.roster.FIELDS`) as texts that nobody has judged yet; what the source does
    not tell is left out.
    """

    label: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in the source that is no person, and why.

    `email` is that of somebody who is there all the same, but cannot be taken in: they are not gone.
    """

    label: str
    because: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """All people of a source. `notes` say what whoever imports should know.

    `doubts` say why people of the source may be missing here: such a listing takes nobody out. `blurred` says why names
    and addresses may be other ones than usual: such a listing gives nobody's extension to somebody else.
    """

    people: tuple[Listed, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    blurred: tuple[str, ...] = ()

    def __add__(self, other: Listing) -> Listing:
        """Both sources' people."""
        return Listing(
            self.people + other.people,
            self.left_out + other.left_out,
            self.notes + other.notes,
            self.doubts + other.doubts,
            self.blurred + other.blurred,
        )


class PeopleSource(Protocol):
    """Where people are listed."""

    async def people(self) -> Listing:
        """Everybody, or the error because of which not everybody could be read: never a part without a word.

        Raises `BacksoonError` with a `remedy`.
        """
        ...


class NoSuchSource(BacksoonError):
    """There is no switchboard or directory of that kind and name in the settings."""

    remedy = "write [switchboards.NAME] or [directories.NAME] into the settings; docs/guides/people.md says how"


class NotListed(BacksoonError):
    """A switchboard or directory could not be read whole. Nobody was taken in, and nobody out."""

    def __init__(self, name: str, error: BacksoonError) -> None:
        self.remedy = getattr(error, "remedy", "")
        super().__init__(f"{name}: {error}")
