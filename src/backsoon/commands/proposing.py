"""Whose calendars are those that an account was given: by e-mail address; by name, which is a guess. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from backsoon.domain.organisation import Person
from backsoon.engine.matching import name_words
from backsoon.sources.account import Shared


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody, and the mailboxes in which their calendar is looked for now."""

    person: Person
    mailboxes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A calendar and whose it may be. `by` is `read` (it is theirs already), `e-mail`, `name` or "" for nobody."""

    calendar: Shared
    person: Person | None = None
    by: str = ""

    @property
    def guess(self) -> bool:
        return self.by == "name"

    @property
    def row(self) -> Mapping[str, str] | None:
        """What `people import` has to be told; None where nothing has."""
        if self.person is None or self.by == "read":
            return None
        return {"extension": self.person.extension, "calendar": self.calendar.address}


def propose(shared: Iterable[Shared], candidates: Sequence[Candidate]) -> list[Proposal]:
    """Whose each calendar is, in order of the addresses. A name that several have proposes nobody."""
    read = {mailbox.casefold(): c.person for c in candidates for mailbox in c.mailboxes}
    by_email = {c.person.email.casefold(): c.person for c in candidates if c.person.email}
    found = [_by_address(one, read, by_email) for one in sorted(shared, key=lambda one: one.address.casefold())]
    taken = {p.person.id for p in found if p.person is not None}
    names = _names(c.person for c in candidates if c.person.id not in taken)
    return [p if p.person is not None else _by_name(p.calendar, names) for p in found]


def without(proposals: Iterable[Proposal], candidates: Iterable[Candidate]) -> Iterator[Person]:
    """Whoever has no calendar among them."""
    has = {p.person.id for p in proposals if p.person is not None}
    return (c.person for c in candidates if c.person.id not in has)


def _by_address(calendar: Shared, read: Mapping[str, Person], by_email: Mapping[str, Person]) -> Proposal:
    address = calendar.address.casefold()
    if address in read:
        return Proposal(calendar, read[address], "read")
    return Proposal(calendar, by_email[address], "e-mail") if address in by_email else Proposal(calendar)


def _names(people: Iterable[Person]) -> dict[tuple[str, ...], list[Person]]:
    found: dict[tuple[str, ...], list[Person]] = {}
    for person in people:
        found.setdefault(tuple(name_words(person.name)), []).append(person)
    return found


def _by_name(calendar: Shared, names: Mapping[tuple[str, ...], Sequence[Person]]) -> Proposal:
    for name in (calendar.name, calendar.address.partition("@")[0]):
        words = tuple(name_words(name))
        if words and len(same := names.get(words, ())) == 1:
            return Proposal(calendar, same[0], "name")
    return Proposal(calendar)
