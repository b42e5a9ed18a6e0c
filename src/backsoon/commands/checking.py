"""Is everything that the settings name there, and may we use it?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from backsoon.commands import output
from backsoon.config import Config, ConfigError, OrganisationConfig

if TYPE_CHECKING:
    from backsoon.commands.trying import Tried
    from backsoon.domain.organisation import Calendar, Connection, DirectorySettings, Person
    from backsoon.factories import Sources
    from backsoon.store.base import ReadCalendar

AT_ONCE = 8
"""Calendars tried at the same time."""
PAGE = 500
Place = tuple[str, str]
"""An organisation and one of its connections."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of one call: mailboxes to try in place of a few, and one that must be refused."""

    mailboxes: tuple[str, ...] = ()
    outside: str = ""


async def check_all(config: Config, asked: Asked, *, quiet: bool) -> list[Tried]:
    """Try everything, and tell each result as it comes unless it shall be quiet."""
    found: list[Tried] = []
    async for one in _all(config, asked):
        found.append(one)
        if not quiet:
            output.tell(output.plain(str(one)))
    return found


async def _all(config: Config, asked: Asked) -> AsyncIterator[Tried]:
    for one in _settings(config):
        yield one
    for organisation in config.organisations:
        for tries in await asyncio.gather(*_switchboards(organisation)):
            for one in tries:
                yield one
        for directory in organisation.directories:
            yield await _directory(config, directory)
    async for one in _calendars(config, asked):
        yield one


def _settings(config: Config) -> Iterator[Tried]:
    from backsoon.commands.differing import check_countries
    from backsoon.commands.trying import Tried

    yield Tried(f"settings {config.path}", "ok", "no fault")
    try:
        check_countries(config)
    except ConfigError as error:
        for problem in error.problems:
            yield Tried(problem.field, "error", problem.what, problem.remedy)


def _switchboards(organisation: OrganisationConfig) -> Iterator[Awaitable[Sequence[Tried]]]:
    from backsoon.commands.trying import try_switchboard

    return (try_switchboard(settings, organisation.organisation) for settings in organisation.switchboards)


async def _directory(config: Config, directory: DirectorySettings) -> Tried:
    """Read a directory as an import would."""
    from backsoon.commands.trying import Tried
    from backsoon.domain.errors import BacksoonError
    from backsoon.people_sources import list_people

    what = f"directory {directory.name}"
    try:
        found = await list_people(config, directory.organisation, f"{directory.kind}:{directory.name}")
    except BacksoonError as error:
        return Tried(what, "error", str(error), getattr(error, "remedy", ""))
    text = f"read; {len(found.people)} people, {len(found.left_out)} left out"
    if not found.people:
        remedy = "see `backsoon people import --from ldap --dry-run` for why"
        return Tried(what, "warning", text, remedy)
    return Tried(what, "ok", text)


async def _calendars(config: Config, asked: Asked) -> AsyncIterator[Tried]:
    from backsoon.factories import Sources
    from backsoon.wiring import SystemClock, open_store

    async with AsyncExitStack() as stack:
        store = await open_store(config)
        stack.push_async_callback(store.close)
        sources = Sources(store, SystemClock().now)
        stack.push_async_callback(sources.close)
        seen = _Seen({(c.organisation, c.name): c for o in config.organisations for c in o.connections})
        after = 0
        while page := await store.calendars(after=after, limit=PAGE):
            after = page[-1].calendar.id
            people = await store.people({c.calendar.person for c in page})
            for one in await _one_by_one(seen.one_by_one(page, people), config, people, sources):
                yield one
        async for one in _connections(seen, asked, config, sources):
            yield one


@dataclass(slots=True)
class _Seen:
    """Which connections have calendars, and the mailboxes of those with an account."""

    connections: Mapping[Place, Connection]
    places: set[Place] = field(default_factory=set)
    mailboxes: dict[Place, list[str]] = field(default_factory=dict)

    def one_by_one(self, page: Sequence[ReadCalendar], people: Mapping[int, Person]) -> list[Calendar]:
        """Those that are to be read one by one; the mailboxes among them are noted."""
        from backsoon.accounts import mailbox
        from backsoon.commands.checkingaccounts import has_account
        from backsoon.sources.base import SourceError

        self.places |= {(read.calendar.organisation, read.calendar.connection) for read in page}
        one_by_one = []
        for calendar in (read.calendar for read in page if people[read.calendar.person].active):
            place = (calendar.organisation, calendar.connection)
            connection = self.connections.get(place)
            if connection is None or not has_account(connection):
                one_by_one.append(calendar)
                continue
            with suppress(SourceError):  # who has lost their address has none there
                found = mailbox(connection, calendar.address, people[calendar.person])
                self.mailboxes.setdefault(place, []).append(found)
        return one_by_one


async def _connections(seen: _Seen, asked: Asked, config: Config, sources: Sources) -> AsyncIterator[Tried]:
    """What is to be said of connections as a whole: their accounts, and those that nobody has a calendar at."""
    from backsoon.commands.checkingaccounts import Checked, check_account, has_account
    from backsoon.commands.trying import Tried
    from backsoon.wiring import SystemClock

    for place, connection in seen.connections.items():
        if has_account(connection):
            mailboxes = seen.mailboxes.get(place, [])
            checked = Checked(connection, mailboxes, asked.mailboxes, asked.outside, config.api.public)
            async for one in check_account(sources, checked, SystemClock().now()):
                yield one
        elif place not in seen.places:
            text = "no person has a calendar there yet"
            yield Tried(f"calendars {connection.name}", "warning", text, "add people with `backsoon people`")
    told = (c for c in seen.connections.values() if c.kind in ("graph", "google") and c.settings.get("push", True))
    if config.api.public and any(told):
        from backsoon.commands.published import try_public
        from backsoon.commands.remote import answers

        yield await try_public(config.api.public, str(config.api.listen), running=answers(config.socket))


async def _one_by_one(
    calendars: Iterable[Calendar], config: Config, people: Mapping[int, Person], sources: Sources
) -> list[Tried]:
    free = asyncio.Semaphore(AT_ONCE)

    async def one(calendar: Calendar) -> Tried:
        async with free:
            return await _calendar(calendar, config, people, sources)

    return list(await asyncio.gather(*(one(c) for c in calendars)))


async def _calendar(calendar: Calendar, config: Config, people: Mapping[int, Person], sources: Sources) -> Tried:
    from backsoon.commands.trying import Tried, try_calendar
    from backsoon.wiring import SystemClock

    person = people[calendar.person]
    what = f"calendar of {person.name} ({person.extension}) at {calendar.connection}"
    for one in config.organisations:
        for connection in one.connections:
            if (connection.organisation, connection.name) == (calendar.organisation, calendar.connection):
                owner = replace(person, zone=person.zone or one.organisation.zone)
                return await try_calendar(sources, connection, calendar.address, owner, SystemClock().now(), what)
    return Tried(what, "error", "there is no such connection in the settings", "run `backsoon apply`")
