"""Whom rows mean: the same person, somebody new, or somebody else who has got an extension. Pure.

Judged in this order:

1. Who has the row's e-mail address is meant, whatever extension and name they have now: people move, swap and marry.
2. Otherwise who has the row's extension is meant, if the row's name is theirs or the row tells none.
3. Anybody else is somebody new. Who had the extension until now goes with everything, and nothing passes on.

A row that does not fit holds on to whomever it may mean: they stay as they are, and no other row takes their extension.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from backsoon.domain.organisation import Connection, Organisation, Person
from backsoon.engine.assigning import Place, named_in
from backsoon.engine.roster import BadField, Given, RejectedRow, Row, person_of, read_row
from backsoon.switchboards.base import EXTENSION


@dataclass(frozen=True, slots=True)
class Match:
    """A row that fits: the person as it wants them (id 0: new), as they are stored, and the calendars it names.

    `named` None: the row does not speak of calendars.
    """

    row: Row
    person: Person
    stored: Person | None = None
    named: frozenset[Place] | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """Somebody whose extension passed on, and the row by which it did."""

    person: Person
    row: Row


@dataclass(slots=True)
class Matched:
    """What rows mean. `gone`: who is in no row, in order of id. Nobody is in two of these but `matches`."""

    matches: list[Match] = field(default_factory=list)
    replaced: list[Replaced] = field(default_factory=list)
    gone: list[Person] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    nameless: int = 0
    """Rejected rows without an extension that can be one: nobody knows whom they mean."""


def match(
    rows: Iterable[Row],
    organisation: Organisation,
    present: Sequence[Person],
    connections: Sequence[Connection] = (),
    known_country: Callable[[str], bool] = lambda _: True,
    *,
    rename: bool = False,
    files: bool = True,
) -> Matched:
    """What rows mean, where `present` are all people of the organisation.

    `rename`: who has a row's extension is meant by it under another name too. `files`: rows may name files of this
    machine as calendars.
    """
    matching = _Matching(organisation, present, connections, known_country, rename, files)
    matching.read(rows)
    matching.find()
    matching.build()
    matching.settle()
    return matching.result()


def same_name(one: str, other: str) -> bool:
    """Whether both may be one person's name: the same words, in any order and case, with or without accents."""
    return name_words(one) == name_words(other)


def name_words(name: str) -> list[str]:
    """What of a name is compared: its words in order of the alphabet, without accents."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return sorted("".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)).split())


class _Matching:
    def __init__(
        self,
        organisation: Organisation,
        present: Sequence[Person],
        connections: Sequence[Connection],
        known_country: Callable[[str], bool],
        rename: bool,
        files: bool,
    ) -> None:
        self._organisation = organisation
        self._present = present
        self._connections = connections
        self._known_country = known_country
        self._rename = rename
        self._files = files
        self._by_extension = {p.extension.casefold(): p for p in present}
        self._by_email = {p.email.casefold(): p for p in present if p.email}
        self._good: dict[int, tuple[Row, Given]] = {}
        """By place in the source."""
        self._at: dict[str, int] = {}
        """Good rows by extension."""
        self._bad: list[Row] = []
        self._rejected: list[RejectedRow] = []
        self._owner: dict[int, int] = {}
        """The row that means a person, by the person's id."""
        self._means: dict[int, Person] = {}
        """And the other way round."""
        self._held: dict[int, Row] = {}
        """Who stays as they are, by id, and the rejected row that holds on to them."""
        self._fits: dict[int, Match] = {}

    # -- 1. each row by itself -------------------------------------------------------------------------------------

    def read(self, rows: Iterable[Row]) -> None:
        """Read the fields; of two rows for one extension or e-mail address the first counts."""
        emails: dict[str, Row] = {}
        extensions: dict[str, Row] = {}
        for place, row in enumerate(rows):
            name, email = row.extension.casefold(), row.email.casefold()
            twice = extensions.get(name) if name else None
            if twice is not None:
                self._refuse(row, f"extension {row.extension!r} stands in {_where(twice)} already")
                continue
            extensions[name] = row
            try:
                given = read_row(row, self._organisation)
                if email and email in emails:
                    raise BadField(f"the e-mail address stands in {_where(emails[email])} already")
            except BadField as error:
                self._refuse(row, str(error))
                continue
            emails[email] = row
            self._good[place] = (row, given)
            self._at[name] = place

    def _refuse(self, row: Row, because: str) -> None:
        self._rejected.append(RejectedRow(row.number, row.extension, because, row.label))
        self._bad.append(row)

    # -- 2. whom each means ----------------------------------------------------------------------------------------

    def find(self) -> None:
        """E-mail addresses first, of all rows; then extensions of those who are not found by then."""
        for place, (row, _) in self._good.items():
            self._claim(place, self._by_email.get(row.email.casefold()) if row.email else None)
        for row in self._bad:
            self._hold(self._by_email.get(row.email.casefold()) if row.email else None, row)
        for place, (row, _) in self._good.items():
            holder = self._by_extension.get(row.extension.casefold())
            if place not in self._means and holder is not None and self._is_same(place, holder):
                self._claim(place, holder)
        for row in self._bad:
            if row.extension.casefold() not in self._at:
                self._hold(self._by_extension.get(row.extension.casefold()), row)

    def _claim(self, place: int, person: Person | None) -> None:
        if person is not None and person.id not in self._owner and person.id not in self._held:
            self._owner[person.id] = place
            self._means[place] = person

    def _hold(self, person: Person | None, row: Row) -> None:
        if person is not None and person.id not in self._owner:
            self._held.setdefault(person.id, row)

    def _is_same(self, place: int, holder: Person) -> bool:
        name = self._good[place][1].get("name")
        return self._rename or not name or same_name(str(name), holder.name)

    # -- 3. what they become ---------------------------------------------------------------------------------------

    def build(self) -> None:
        """The people as the rows want them; a row of which none can be made is rejected."""
        for place, (row, given) in list(self._good.items()):
            now = self._means.get(place)
            try:
                person = person_of(given, self._organisation, now, self._known_country)
                named = named_in(row, person, self._connections, files=self._files)
            except BadField as error:
                self._reject(place, str(error))
            else:
                self._fits[place] = Match(row, person, now, None if named is None else frozenset(named))

    def _reject(self, place: int, because: str) -> None:
        row, _ = self._good.pop(place)
        self._fits.pop(place, None)
        del self._at[row.extension.casefold()]
        self._refuse(row, because)
        for person in (self._means.pop(place, None), self._by_extension.get(row.extension.casefold())):
            if person is not None and self._owner.get(person.id, place) == place:
                self._owner.pop(person.id, None)
                self._held.setdefault(person.id, row)

    # -- 4. who stays keeps their extension ------------------------------------------------------------------------

    def settle(self) -> None:
        """Reject rows that would take the extension of somebody who stays as they are because of another row."""
        waiting = list(self._held)
        people = {p.id: p for p in self._present}
        while waiting:
            person = people[waiting.pop()]
            place = self._at.get(person.extension.casefold())
            if place is None:
                continue
            moved = self._means.get(place)
            where = _where(self._held[person.id])
            self._reject(place, f"extension {person.extension} is still that of {person.name}: {where} does not fit")
            if moved is not None and moved.id in self._held:
                waiting.append(moved.id)

    # -- 5. and the others -----------------------------------------------------------------------------------------

    def result(self) -> Matched:
        """Everything."""
        replaced = list(self._replaced())
        out = {r.person.id for r in replaced} | self._owner.keys() | self._held.keys()
        return Matched(
            [self._fits[place] for place in sorted(self._fits)],
            replaced,
            [p for p in self._present if p.id not in out],
            sorted(self._rejected, key=lambda r: r.number),
            sum(1 for row in self._bad if not _nameable(row, self._by_extension, self._by_email)),
        )

    def _replaced(self) -> Iterator[Replaced]:
        for place, one in sorted(self._fits.items()):
            holder = self._by_extension.get(one.row.extension.casefold())
            if holder is not None and self._owner.get(holder.id) is None:
                yield Replaced(holder, self._good[place][0])


def _nameable(row: Row, by_extension: Mapping[str, Person], by_email: Mapping[str, Person]) -> bool:
    """Whether it can be known whom a row means though it does not fit."""
    known = row.extension.casefold() in by_extension or (bool(row.email) and row.email.casefold() in by_email)
    return known or EXTENSION.fullmatch(row.extension) is not None


def _where(row: Row) -> str:
    return repr(row.label) if row.label else f"row {row.number}"
