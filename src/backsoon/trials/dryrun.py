"""What another mode would do to everybody, over their real calendars, before it is switched on. Nothing is kept of it.

It reads few calendars at a time, so that those who are at work are not waited for. Subjects are read to find keywords
in them, and go no further; reasons that are nobody else's to know are not told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from backsoon.config import OrganisationConfig
from backsoon.domain.entries import Owner, outcome
from backsoon.domain.keyword import keyword_table
from backsoon.domain.model import CalendarEntry, CalendarReferral, Phone, Rules
from backsoon.domain.organisation import Connection, Organisation, Person
from backsoon.domain.phrase import told_reason
from backsoon.engine.assigning import calendars_of, named_among, wanted
from backsoon.engine.defects import where
from backsoon.sources.base import SourceError, Window
from backsoon.store.base import Store
from backsoon.trials.trying import SECONDS
from backsoon.trials.words import in_utc

if TYPE_CHECKING:
    from backsoon.factories import Sources

log = logging.getLogger(__name__)

AT_ONCE = 3
"""People whose calendars are read together; what is read for good has its own connections."""
PAGE = 200
SPANS = 50
FEW_SPANS = 5
FULL = 500
"""So many people are told with `SPANS` spans, the others with `FEW_SPANS`."""
FAILED = 100
"""The most calendars that are told as failed."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared: an organisation as it is in force, and as it would be."""

    present: Organisation
    wanted: OrganisationConfig
    stored: Sequence[Connection]
    window: Window
    people: frozenset[int] | None = None
    """Whose calendars; None: everybody's."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One person: hours in which the phone is closed, before and after, and when it would be."""

    person: Person
    before: timedelta
    after: timedelta
    spans: tuple[tuple[datetime, datetime, str], ...]

    def as_json(self) -> Json:
        """Plain values."""
        return {
            "person": {"id": self.person.id, "extension": self.person.extension, "name": self.person.name},
            "hours_before": round(self.before.total_seconds() / 3600, 2),
            "hours_after": round(self.after.total_seconds() / 3600, 2),
            "spans": [{"start": in_utc(s), "end": in_utc(e), "reason": r} for s, e, r in self.spans],
        }


@dataclass(slots=True)
class Found:
    """What a dry run has found so far."""

    of: int = 0
    done: int = 0
    without: int = 0
    """People without a calendar."""
    before: timedelta = timedelta()
    after: timedelta = timedelta()
    people: list[Spent] = field(default_factory=list)
    failed: list[Json] = field(default_factory=list)
    failing: int = 0


class DryRun:
    """One dry run; `run` does it, `found` says how far it is."""

    def __init__(self, plan: Plan, store: Store, running: Sources, beside: Sources) -> None:
        """`running` reads by connections that are in force, `beside` by those that would be."""
        self._plan = plan
        self._store = store
        self._running = running
        self._beside = beside
        self.found = Found()

    async def run(self) -> None:
        """Read everybody's calendars. Raises `StoreError`; one calendar that cannot be read is told, and no more."""
        wanted_people = self._plan.people
        if wanted_people is None:
            self.found.of = await self._store.count_people(self._plan.present.id)
        else:
            self.found.of = len(wanted_people)
        async for people in self._pages():
            await self._read(people)

    async def _pages(self) -> AsyncIterator[list[Person]]:
        after, organisation = 0, self._plan.present.id
        while page := await self._store.page_people(organisation, after=after, limit=PAGE):
            after = page[-1].id
            some = self._plan.people
            yield [p for p in page if p.active and (some is None or p.id in some)]
            self.found.done += sum(1 for p in page if not p.active and (some is None or p.id in some))

    async def _read(self, people: Iterable[Person]) -> None:
        left = iter(people)

        async def reader() -> None:
            for person in left:
                await self._person(person)
                self.found.done += 1
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(reader())

    async def _person(self, person: Person) -> None:
        connections = {c.name: c for c in self._plan.wanted.connections}
        held = await calendars_of(self._store, person)
        places = wanted(person, named_among(held), self._plan.wanted.connections)
        if not places:
            self.found.without += 1
            return
        read = [await self._entries(connections[name], address, person) for name, address in sorted(places)]
        if all(entries is not None for entries in read):  # of somebody half of whom is known nothing is said
            self._add(person, [entry for entries in read for entry in entries or ()])

    async def _entries(self, connection: Connection, address: str, person: Person) -> Sequence[CalendarEntry] | None:
        """What a calendar holds; None where it cannot be read, which is told."""
        sources = self._running if connection in self._plan.stored else self._beside
        owner = replace(person, zone=person.zone or self._plan.wanted.organisation.zone)
        try:
            async with asyncio.timeout(SECONDS), AsyncExitStack() as stack:
                source = sources.make(connection, address, owner)
                stack.push_async_callback(source.close)
                return (await source.changes(self._plan.window, None)).entries
        except SourceError as error:
            self._failed(person, connection.name, str(error), error.remedy)
        except TimeoutError:
            self._failed(person, connection.name, f"no answer within {SECONDS:.0f} s", "see whether its server is well")
        except Exception as error:  # its text may quote an entry
            log.warning("dry run: %s", where(error))
            self._failed(person, connection.name, f"internal error ({where(error)})", "see Backsoon's log")
        return None

    def _failed(self, person: Person, connection: str, because: str, remedy: str) -> None:
        self.found.failing += 1
        if len(self.found.failed) < FAILED:
            who = {"id": person.id, "extension": person.extension, "name": person.name}
            told = {"person": who, "connection": connection, "because": because, "remedy": remedy}
            self.found.failed.append(told)

    def _add(self, person: Person, entries: Sequence[CalendarEntry]) -> None:
        plan, found = self._plan, self.found
        zone = ZoneInfo(person.zone or plan.wanted.organisation.zone)
        before = closed(entries, person, zone, plan.present.rules, plan.window)
        after = closed(entries, person, zone, plan.wanted.organisation.rules, plan.window)
        most = SPANS if len(found.people) < FULL else FEW_SPANS
        spent = Spent(person, length(before), length(after), tuple(after[:most]))
        found.before += spent.before
        found.after += spent.after
        found.people.append(spent)


Closed = list[tuple[datetime, datetime, str]]
"""Start, end, reason; in order, some may overlap."""


def closed(entries: Iterable[CalendarEntry], person: Person, zone: ZoneInfo, rules: Rules, window: Window) -> Closed:
    """When these entries would close the person's phone within the window."""
    owner = Owner(0, zone, keyword_table(rules.keywords, person.keywords))
    found: dict[tuple[str, str], tuple[datetime, datetime, str]] = {}
    for entry in entries:
        became = outcome(entry, owner, rules)
        if isinstance(became, CalendarReferral) and became.phone is Phone.CLOSED:
            start, end = max(became.span.start, window.start), min(became.span.end, window.end)
            if start < end:
                found[entry.uid, entry.recurrence_id] = (start, end, told_reason(became.reason, rules))
    return sorted(found.values())


def length(spans: Closed) -> timedelta:
    """How long they cover; what overlaps counts once."""
    total, reached = timedelta(), None
    for start, end, _ in sorted(spans):
        begins = start if reached is None or start > reached else reached
        if end > begins:
            total += end - begins
            reached = end
    return total
