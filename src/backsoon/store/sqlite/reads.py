"""What reads of calendars bring, stored many together: a statement costs hardly more for fifty calendars than for one,
and beside a busy event loop each costs milliseconds (see `Database.bulk`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backsoon.store import codec, rows
from backsoon.store.base import NotStored
from backsoon.store.rows import PassedRow, ReferralRow, Row
from backsoon.store.sqlite.database import Database

Key = tuple[str, str, str]
"""(resource, uid, recurrence_id): an account may hold an entry twice."""


@dataclass(frozen=True, slots=True)
class Brought:
    """The referrals of one read and what it passed over, as rows, and its instant. `touched` None: all."""

    at: int
    referrals: Mapping[Key, ReferralRow]
    passed: Mapping[Key, PassedRow]
    touched: frozenset[str] | None

    def replaces(self, key: Key) -> bool:
        """Whether what is stored by that key goes unless it was read again."""
        return self.touched is None or key[0] in self.touched


@dataclass(frozen=True, slots=True)
class Read:
    """One read of a calendar: how it went (the row of `save_health`), and what it brought (None: nothing new)."""

    health: Row
    brought: Brought | None = None

    @property
    def calendar(self) -> int:
        """Whose it is."""
        calendar: int = self.health[0]
        return calendar


@dataclass(slots=True)
class _Rows:
    """What is to be written for all reads together, as parameters of the statements."""

    referrals_closed: list[Row] = field(default_factory=list)
    referrals_gone: list[Row] = field(default_factory=list)
    referrals: list[Row] = field(default_factory=list)
    passed_closed: list[Row] = field(default_factory=list)
    passed_gone: list[Row] = field(default_factory=list)
    passed: list[Row] = field(default_factory=list)

    def write(self, database: Database) -> None:
        """Run the statements that have anything to do: what goes is kept for the past before it goes."""
        for query, parameters in (
            ("close_passed_over", self.passed_closed),
            ("delete_passed_over", self.passed_gone),
            ("save_passed_over", self.passed),
            ("close_referrals", self.referrals_closed),
            ("delete_referrals", self.referrals_gone),
            ("save_referrals", self.referrals),
        ):
            if parameters:
                database.run(query, codec.to_json(parameters))


def save_reads(database: Database, reads: Sequence[Read]) -> list[frozenset[int] | NotStored]:
    """Replace what came from the touched resources by what was read, and note how reading went; of each read the people
    whose referrals it changed, who become due. No two are of the same calendar."""
    database.run("save_health", codec.to_json([read.health for read in reads]))
    found = database.bulk("owners", rows.PAIRS, codec.to_json([read.calendar for read in reads]))
    owners = dict(found)
    referrals, passed = _stored(database, [read for read in reads if read.brought and read.calendar in owners])
    written = _Rows()
    changed = set()
    for read in reads:
        if read.brought is not None and (owner := owners.get(read.calendar)) is not None:
            _compare_passed(read.calendar, read.brought, passed.get(read.calendar, {}), written)
            if _compare_referrals(read.calendar, read.brought, referrals.get(read.calendar, {}), owner, written):
                changed.add(read.calendar)
    written.write(database)
    if changed:
        database.run("make_due", codec.to_json(sorted({owners[calendar] for calendar in changed})))
    return [_outcome(read.calendar, owners, changed) for read in reads]


def _outcome(calendar: int, owners: Mapping[int, int], changed: set[int]) -> frozenset[int] | NotStored:
    if calendar not in owners:
        return NotStored(f"there is no calendar {calendar}")
    return frozenset((owners[calendar],) if calendar in changed else ())


def _stored(
    database: Database, reads: Sequence[Read]
) -> tuple[Mapping[int, dict[Key, ReferralRow]], Mapping[int, dict[Key, PassedRow]]]:
    """What is stored of these calendars, by calendar and key."""
    if not reads:
        return {}, {}
    referrals, passed = database.bulk("stored_reads", rows.READ, codec.to_json([read.calendar for read in reads]))
    return _by_calendar(referrals), _by_calendar(passed)


def _by_calendar(found: Sequence[Any]) -> dict[int, dict[Key, Any]]:
    by_calendar: dict[int, dict[Key, Any]] = {}
    for row in found:
        by_calendar.setdefault(row[0], {})[row[3], row[1], row[2]] = row
    return by_calendar


def _compare_referrals(
    calendar: int, brought: Brought, stored: Mapping[Key, ReferralRow], owner: int, written: _Rows
) -> bool:
    """Add what is to be written; whether anything is."""
    gone = [key for key in stored if key not in brought.referrals and brought.replaces(key)]
    fresh = {key: row for key, row in brought.referrals.items() if stored.get(key) != row}
    replaced = [key for key in fresh if key in stored]
    written.referrals_closed += [(calendar, *key, owner, brought.at) for key in gone + replaced]
    written.referrals_gone += [(calendar, *key) for key in gone]
    written.referrals += [(*row, brought.at) for row in fresh.values()]
    return bool(gone or fresh)


def _compare_passed(calendar: int, brought: Brought, stored: Mapping[Key, PassedRow], written: _Rows) -> None:
    over = [key for key, row in stored.items() if _is_over(brought, key, row)]
    written.passed_closed += [(calendar, *key, brought.at) for key in over]
    written.passed_gone += [(calendar, *key) for key in over]
    written.passed += [(*row, brought.at) for key, row in brought.passed.items() if stored.get(key) != row]


def _is_over(brought: Brought, key: Key, row: PassedRow) -> bool:
    again = brought.passed.get(key)
    return brought.replaces(key) if again is None else again != row
