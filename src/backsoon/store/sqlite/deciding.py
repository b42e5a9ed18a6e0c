"""Claims, decisions and their history: transactions on a `Database`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from backsoon.store import codec, rows
from backsoon.store.base import AvailabilityChange, Claims, Grounds, KnownOverride, PersonState
from backsoon.store.sqlite.database import Database

PEOPLE_FORGOTTEN_AT_ONCE = 2000
"""Of how many people old rows are deleted in one transaction."""
_FORGETTING = (
    "forget_changes",
    "forget_referrals",
    "forget_overrides",
    "forget_referrals_past",
    "forget_overrides_past",
    "forget_passed_over_past",
    "forget_lamps_told",
)


def claims(database: Database, people: Sequence[int], since: int, most: int | None) -> dict[int, Claims]:
    """What may decide about each of the people."""
    ids = codec.to_json(people)
    if most is None:
        claimed = database.bulk("claims", rows.CLAIMS, ids, since)
    else:
        claimed = database.bulk("first_claims", rows.CLAIMS, ids, since, most)
    by_hand = database.bulk("overrides", rows.OVERRIDES, ids)
    return rows.claims(people, claimed, by_hand)


def states(database: Database, people: Sequence[int]) -> dict[int, PersonState]:
    """What was decided last."""
    found = database.bulk("states", rows.STATES, codec.to_json(people))
    return {row[0]: rows.state(row) for row in found}


def due(database: Database, before: int, after: tuple[int, int], limit: int) -> tuple[tuple[datetime, int], ...]:
    """Who is due, in order."""
    found = database.bulk("due", rows.DUE, before, *after, limit)
    return tuple((codec.instant(at), person) for at, person in sorted(found))


def save_states(database: Database, states: Sequence[str], changes: Sequence[str]) -> None:
    """Store decisions and changes, both in pieces of rows as JSON."""
    for piece in states:
        database.run("save_states", piece)
    for piece in changes:
        database.run("save_changes", piece)


def history(database: Database, person: int, since: int, until: int, limit: int) -> tuple[AvailabilityChange, ...]:
    """The change before the span, and those in it."""
    found = database.all("change_before", person, since) + database.all("changes", person, since, until, limit)
    return tuple(map(rows.change, found))


def forget(database: Database, before: int, after: int) -> tuple[int, int | None]:
    """Delete what ended, of the next people by id; how many rows went, and the last of those people."""
    row = database.one("next_people", after, PEOPLE_FORGOTTEN_AT_ONCE)
    last = row[0] if row else None
    if last is None:
        return 0, None
    return sum(database.run(each, before, after, last) for each in _FORGETTING), last


def forget_tokens(database: Database, before: int) -> int:
    """Delete tokens that have expired; how many."""
    return database.run("forget_tokens", before)


def grounds(database: Database, person: int, at: int) -> Grounds:
    """What was known at the instant and covers it."""
    referrals = database.bulk("referrals_at", rows.KNOWN, person, at)
    passed = database.bulk("passed_over_at", rows.PASSED, person, at)
    by_hand = database.one("override_at", person, at)
    return Grounds(
        tuple(map(rows.known_referral, referrals)),
        None if by_hand is None else rows.known_override(by_hand),
        tuple(map(rows.passed_over, passed)),
    )


def overrides_since(database: Database, person: int, since: int) -> tuple[KnownOverride, ...]:
    """Overrides that were set or in force after the instant."""
    return tuple(map(rows.known_override, database.all("overrides_since", person, since)))
