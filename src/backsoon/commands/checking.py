"""Is everything that the settings name there, and may we use it?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from backsoon.commands import output
from backsoon.config import Config, ConfigError, OrganisationConfig

if TYPE_CHECKING:
    from backsoon.commands.trying import Tried
    from backsoon.domain.organisation import DirectorySettings, Person
    from backsoon.factories import Sources
    from backsoon.store.base import ReadCalendar, Store

AT_ONCE = 8
"""Calendars tried at the same time."""
PAGE = 500


async def check_all(config: Config, *, quiet: bool) -> list[Tried]:
    """Try everything, and tell each result as it comes unless it shall be quiet."""
    found: list[Tried] = []
    async for one in _all(config):
        found.append(one)
        if not quiet:
            output.tell(output.plain(str(one)))
    return found


async def _all(config: Config) -> AsyncIterator[Tried]:
    for one in _settings(config):
        yield one
    for organisation in config.organisations:
        for tries in await asyncio.gather(*_switchboards(organisation)):
            for one in tries:
                yield one
        for directory in organisation.directories:
            yield await _directory(config, directory)
    async for one in _calendars(config):
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


async def _calendars(config: Config) -> AsyncIterator[Tried]:
    from backsoon.commands.trying import Tried
    from backsoon.factories import Sources
    from backsoon.wiring import open_store

    async with AsyncExitStack() as stack:
        store = await open_store(config)
        stack.push_async_callback(store.close)
        sources = Sources(store)
        stack.push_async_callback(sources.close)
        tried: set[tuple[str, str]] = set()
        after = 0
        while page := await store.calendars(after=after, limit=PAGE):
            after = page[-1].calendar.id
            for one in await _page(page, config, store, sources):
                yield one
            tried |= {(c.calendar.organisation, c.calendar.connection) for c in page}
        for organisation in config.organisations:
            for connection in organisation.connections:
                if (connection.organisation, connection.name) not in tried:
                    text = "no person has a calendar there yet"
                    yield Tried(f"calendars {connection.name}", "warning", text, "add people with `backsoon people`")


async def _page(page: tuple[ReadCalendar, ...], config: Config, store: Store, sources: Sources) -> list[Tried]:
    people = await store.people({c.calendar.person for c in page})
    free = asyncio.Semaphore(AT_ONCE)

    async def one(read: ReadCalendar) -> Tried:
        async with free:
            return await _calendar(read, config, people, sources)

    return list(await asyncio.gather(*(one(c) for c in page if people[c.calendar.person].active)))


async def _calendar(read: ReadCalendar, config: Config, people: Mapping[int, Person], sources: Sources) -> Tried:
    from backsoon.commands.trying import Tried, try_calendar
    from backsoon.wiring import SystemClock

    calendar, person = read.calendar, people[read.calendar.person]
    what = f"calendar of {person.name} ({person.extension}) at {calendar.connection}"
    for one in config.organisations:
        for connection in one.connections:
            if (connection.organisation, connection.name) == (calendar.organisation, calendar.connection):
                owner = replace(person, zone=person.zone or one.organisation.zone)
                return await try_calendar(sources, connection, calendar.address, owner, SystemClock().now(), what)
    return Tried(what, "error", "there is no such connection in the settings", "run `backsoon apply`")
