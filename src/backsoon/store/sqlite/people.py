"""People and their overrides: transactions on a `Database`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backsoon.domain.organisation import Person
from backsoon.store import codec, rows
from backsoon.store.base import NotStored, StoreConflict
from backsoon.store.rows import OverrideRow
from backsoon.store.sqlite.database import Database


def save_people(database: Database, people: Sequence[Person]) -> tuple[Person, ...]:
    """Insert or replace; everybody becomes due."""
    known = codec.to_json([person.id for person in people if person.id])
    database.run("park_people", known)
    saved = tuple(_save_person(database, person) for person in people)
    ids = codec.to_json([person.id for person in saved])
    database.run("make_states", ids)
    database.run("pass_on_active", ids)
    return saved


def _save_person(database: Database, person: Person) -> Person:
    try:
        if person.id:
            row = database.one("replace_person", *rows.person_row(person), person.id)
        else:
            row = database.one("insert_person", *rows.person_row(person))
    except NotStored:
        raise NotStored(f"there is no organisation {person.organisation!r}") from None
    except StoreConflict:
        raise StoreConflict(_taken(person)) from None
    if row is None:
        raise NotStored(f"organisation {person.organisation!r} has no person {person.id}")
    return replace(person, id=row[0])


def _taken(person: Person) -> str:
    what = f"extension {person.extension!r}" + (f" or e-mail address {person.email!r}" if person.email else "")
    return f"{what} is somebody else's already in organisation {person.organisation!r}"


def people(database: Database, ids: Sequence[int]) -> dict[int, Person]:
    """Those of the ids that are stored."""
    return {row[0]: rows.person(row) for row in database.all("people", codec.to_json(ids))}


def page_people(database: Database, organisation: str | None, after: int, limit: int) -> tuple[Person, ...]:
    """People in order of id."""
    if organisation is None:
        found = database.all("page_people", after, limit)
    else:
        found = database.all("page_people_of", after, limit, organisation)
    return tuple(map(rows.person, found))


def find_people(database: Database, organisation: str | None, text: str, limit: int) -> tuple[Person, ...]:
    """Extension or e-mail address first, then names."""
    found = database.all("find_people", organisation, codec.folded(text), codec.pattern(text), limit)
    return tuple(map(rows.person, found))


def remove_people(database: Database, ids: Sequence[int]) -> None:
    """Take people out with everything about them."""
    database.run("remove_people", codec.to_json(ids))


def count_people(database: Database, organisation: str | None) -> int:
    """How many people there are."""
    of = () if organisation is None else (organisation,)
    return int(database.all("count_people_of" if of else "count_people", *of)[0][0])


def save_override(database: Database, row: OverrideRow) -> None:
    """The person's one override."""
    try:
        database.run("save_override", *row)
    except NotStored:
        raise NotStored(f"there is no person {row[0]}") from None


def remove_override(database: Database, person: int) -> None:
    """Take the override back."""
    database.run("remove_override", person)
