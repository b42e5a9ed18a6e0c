"""What an account was given to read, beside who there is. Nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backsoon.commands.proposing import Candidate, Proposal, propose, without
from backsoon.config import Config, ConfigError, Problem
from backsoon.config.accounts import ACCOUNTS
from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Connection, Person
from backsoon.sources.base import SourceError

if TYPE_CHECKING:
    from backsoon.factories import Sources
    from backsoon.store.base import Store

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Discovered:
    """What was found at one connection: calendars with whose they may be, and who has none."""

    connection: Connection
    proposals: Sequence[Proposal]
    without: Sequence[Person]

    @property
    def blind(self) -> list[Proposal]:
        """Those that are shared without details."""
        return [p for p in self.proposals if not p.calendar.details]

    def as_json(self) -> dict[str, Any]:
        return {
            "organisation": self.connection.organisation,
            "connection": self.connection.name,
            "calendars": [_calendar(p) for p in self.proposals],
            "without": [_person(p) for p in self.without],
        }


def _calendar(found: Proposal) -> dict[str, Any]:
    one = found.calendar
    person = None if found.person is None else _person(found.person)
    told = {"address": one.address, "name": one.name, "access": one.access, "details": one.details}
    return {**told, "person": person, "by": found.by or None, "guess": found.guess}


def _person(person: Person) -> dict[str, str]:
    return {"extension": person.extension, "name": person.name, "email": person.email}


class NotDiscovered(BacksoonError):
    """An account cannot be asked what was shared with it."""

    def __init__(self, connection: str, because: SourceError) -> None:
        self.remedy = because.remedy
        super().__init__(f"calendars {connection}: {because}")


def connections_of(config: Config, name: str, organisation: str, kinds: Sequence[str] = ()) -> list[Connection]:
    """The connections with an account that are meant, of one of the kinds. Raises `ConfigError` where there is none."""
    several = [c for o in config.organisations if organisation in ("", o.organisation.id) for c in o.connections]
    wanted = [c for c in several if c.kind in (kinds or ACCOUNTS) and name in ("", c.name)]
    if wanted:
        return wanted
    called = f" {name!r}" if name else ""
    what = f"there is no connection{called} of kind {' or '.join(kinds or ACCOUNTS)}"
    raise ConfigError([Problem(str(config.path), "calendars", what, "write one as [calendars.NAME], or name another")])


async def discover(config: Config, connections: Sequence[Connection]) -> list[Discovered]:
    """Ask each account. Raises `NotDiscovered`, `StoreError`."""
    from backsoon.factories import Sources
    from backsoon.wiring import SystemClock, open_store

    async with AsyncExitStack() as stack:
        store = await open_store(config)
        stack.push_async_callback(store.close)
        sources = Sources(store, SystemClock().now)
        stack.push_async_callback(sources.close)
        return [await _discover(c, sources, store) for c in connections]


async def _discover(connection: Connection, sources: Sources, store: Store) -> Discovered:
    candidates = await _candidates(connection, store)
    asked = sorted({mailbox for c in candidates for mailbox in c.mailboxes or (c.person.email,) if mailbox})
    try:
        shared = await sources.account(connection).discover(asked)
    except SourceError as error:
        raise NotDiscovered(connection.name, error) from None
    proposals = propose(shared, candidates)
    return Discovered(connection, proposals, list(without(proposals, candidates)))


async def _candidates(connection: Connection, store: Store) -> list[Candidate]:
    """Everybody who counts, with the mailboxes that are read for them there."""
    mailboxes = await _mailboxes(connection, store)
    found: list[Candidate] = []
    after = 0
    while page := await store.page_people(connection.organisation, after=after, limit=PAGE):
        after = page[-1].id
        found += [Candidate(p, _of(connection, mailboxes.get(p.id, ()), p)) for p in page if p.active]
    return found


async def _mailboxes(connection: Connection, store: Store) -> dict[int, list[str]]:
    """The addresses of the calendars there, by person."""
    found: dict[int, list[str]] = {}
    after = 0
    while page := await store.calendars(after=after, limit=PAGE):
        after = page[-1].calendar.id
        for calendar in (read.calendar for read in page):
            if (calendar.organisation, calendar.connection) == (connection.organisation, connection.name):
                found.setdefault(calendar.person, []).append(calendar.address)
    return found


def _of(connection: Connection, addresses: Sequence[str], person: Person) -> tuple[str, ...]:
    from backsoon.accounts import mailbox

    try:
        return tuple(mailbox(connection, address, person) for address in addresses)
    except SourceError:
        return ()
