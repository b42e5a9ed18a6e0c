"""People, their overrides and tokens: transactions on a `Database`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from backsoon.domain.organisation import Person
from backsoon.store import codec, rows
from backsoon.store.base import NotStored, StoreConflict, Token
from backsoon.store.rows import OverrideRow
from backsoon.store.sqlite.database import Database

SEARCHED = 1000
"""People that a search looks at in one statement."""


def save_people(database: Database, people: Sequence[Person], at: int) -> tuple[Person, ...]:
    """Insert or replace; everybody becomes due."""
    known = codec.to_json([person.id for person in people if person.id])
    keys = database.bulk("extension_keys", rows.KEYS, known)
    before = dict(keys)
    moving = {each.id for each in people if before.get(each.id) not in (None, codec.folded(each.extension))}
    database.run("forget_lamps", codec.to_json(list(moving)))
    moved = codec.to_json([(each.id, codec.clean(each.email)) for each in people if each.id])
    database.run("disown_subscriptions_moved", moved)
    database.run("park_people", known)
    saved = tuple(_save_person(database, each, None if each.id in before.keys() - moving else at) for each in people)
    ids = codec.to_json([person.id for person in saved])
    database.run("make_states", ids)
    database.run("pass_on_active", ids)
    database.run("disown_subscriptions_of", ids, 0)
    return saved


def _save_person(database: Database, person: Person, held_since: int | None) -> Person:
    """`held_since` None: the extension stays."""
    try:
        if person.id:
            row = database.one("replace_person", *rows.person_row(person), held_since, person.id)
        else:
            row = database.one("insert_person", *rows.person_row(person), held_since)
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


def departments(database: Database, organisation: str) -> tuple[str, ...]:
    """The departments that there are."""
    return tuple(row[0] for row in database.all("departments", organisation))


def by_extension(database: Database, organisation: str, extension: str) -> Person | None:
    """Who has the extension."""
    row = database.one("by_extension", organisation, codec.folded(extension))
    return None if row is None else rows.person(row)


def first_claim(
    database: Database, organisation: str, extension: str, at: int
) -> tuple[Person, datetime | None] | None:
    """Who has the extension, and when their first claim starts."""
    row = database.one("first_claim", organisation, codec.folded(extension), at)
    if row is None:
        return None
    starts = [start for start in row[7:] if start is not None]
    return rows.person(row[:7]), codec.instant(min(starts)) if starts else None


def held_since(database: Database, organisation: str, extension: str) -> datetime | None:
    """Since when whoever has the extension has had it."""
    row = database.one("held_since", organisation, codec.folded(extension))
    return None if row is None else codec.instant(row[0])


def search_people(
    database: Database, organisation: str | None, text: str, department: str, by_email: bool, after: int, limit: int
) -> tuple[Person, ...]:
    """Those whose name, extension or address holds the text; the department is compared here, by our case folding."""
    found: list[Person] = []
    wanted = codec.folded(department)
    while len(found) < limit:
        batch = database.all("search_people", after, SEARCHED, organisation, codec.pattern(text), int(by_email))
        people = map(rows.person, batch)
        found += [p for p in people if not wanted or codec.folded(p.department) == wanted]
        if len(batch) < SEARCHED:
            break
        after = batch[-1][0]
    return tuple(found[:limit])


def remove_people(database: Database, ids: Sequence[int]) -> None:
    """Take people out with everything about them."""
    database.run("disown_subscriptions_of", codec.to_json(ids), 1)
    database.run("remove_people", codec.to_json(ids))


def count_people(database: Database, organisation: str | None) -> int:
    """How many people there are."""
    of = () if organisation is None else (organisation,)
    return int(database.all("count_people_of" if of else "count_people", *of)[0][0])


def save_override(database: Database, row: OverrideRow) -> None:
    """The person's one override; the one before is kept as past. The person becomes due."""
    _, start, *_, by, through = row
    restore_override(database, row, start, by, through)


def restore_override(database: Database, row: OverrideRow, at: int, by: str, through: str) -> None:
    """The same, where the one before gives way at another instant, by and through others."""
    person = row[0]
    if database.one("override", person) == row:
        return
    database.run("close_override", person, at, by, through)
    try:
        database.run("save_override", *row)
    except NotStored:
        raise NotStored(f"there is no person {person}") from None
    database.run("make_due", codec.to_json([person]))


def remove_override(database: Database, person: int, at: int, by: str, through: str) -> None:
    """Take the override back; it is kept as past. The person becomes due."""
    database.run("close_override", person, at, by, through)
    if database.run("remove_override", person):
        database.run("make_due", codec.to_json([person]))


def tokens(database: Database, organisation: str | None) -> tuple[Token, ...]:
    """Those of one organisation, or of all."""
    if organisation is None:
        return tuple(map(rows.token, database.all("tokens")))
    return tuple(map(rows.token, database.all("tokens_of", organisation)))


def token(database: Database, digest: str) -> Token | None:
    """The one with that digest."""
    row = database.one("token", digest)
    return None if row is None else rows.token(row)


def save_token(database: Database, token: Token) -> Token:
    """Insert it."""
    try:
        row = database.one("insert_token", *rows.token_row(token))
    except NotStored:
        of = f" with a person {token.person}" if token.person else ""
        raise NotStored(f"there is no organisation {token.organisation!r}{of}") from None
    except StoreConflict:
        raise StoreConflict("that token is stored already") from None
    if row is None:
        raise NotStored
    return replace(token, id=row[0])


def remove_token(database: Database, organisation: str, id: int) -> bool:
    """Take it out; whether there was one."""
    return database.run("remove_token", organisation, id) > 0
