"""Is everything that the settings name there, and may we use it? One part after the other, or one alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from backsoon.accounts import mailbox
from backsoon.config import Config, ConfigError, OrganisationConfig
from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Calendar, Connection, DirectorySettings, Person
from backsoon.people_sources import list_people
from backsoon.sources.base import SourceError
from backsoon.store.base import ReadCalendar, Store
from backsoon.trials.accounts import Checked, check_account, has_account
from backsoon.trials.countries import Holidays, check_countries
from backsoon.trials.published import try_public
from backsoon.trials.trying import Tried, try_calendar, try_switchboard

if TYPE_CHECKING:
    from backsoon.factories import Sources

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


@dataclass(frozen=True, slots=True)
class Means:
    """What trying takes: who there is, what reads calendars, and the time."""

    store: Store
    sources: Sources
    now: Callable[[], datetime]
    holidays: Holidays


def try_settings(config: Config, means: Means) -> Iterator[Tried]:
    """What is wrong with the settings that could be read."""
    yield Tried(f"settings {config.path}", "ok", "no fault")
    try:
        check_countries(config, means.holidays, means.now().year)
    except ConfigError as error:
        for problem in error.problems:
            yield Tried(problem.field, "error", problem.what, problem.remedy)


def whose_it_is(config: Config, organisation: str) -> str:
    """How a result says whose it is: ` of ID`, and nothing where there is one organisation only."""
    return f" of {organisation}" if len(config.organisations) > 1 else ""


def try_switchboards(
    organisation: OrganisationConfig, now: Callable[[], datetime], name: str = "", whose: str = ""
) -> Iterator[Awaitable[Sequence[Tried]]]:
    """Each switchboard of the organisation, or the one of that name."""
    wanted = (s for s in organisation.switchboards if name in ("", s.name))
    return (try_switchboard(settings, organisation.organisation, now, whose) for settings in wanted)


async def try_directory(config: Config, directory: DirectorySettings) -> Tried:
    """Read a directory as an import would."""
    what = f"directory {directory.name}{whose_it_is(config, directory.organisation)}"
    try:
        found = await list_people(config, directory.organisation, f"{directory.kind}:{directory.name}")
    except BacksoonError as error:
        return Tried(what, "error", str(error), getattr(error, "remedy", ""))
    text = f"read; {len(found.people)} people, {len(found.left_out)} left out"
    if not found.people:
        remedy = "see `backsoon people import --from ldap --dry-run` for why"
        return Tried(what, "warning", text, remedy)
    return Tried(what, "ok", text)


async def try_calendars(config: Config, asked: Asked, means: Means) -> AsyncIterator[Tried]:
    """Every calendar there is; of those that one account reads a few."""
    seen = Seen({(c.organisation, c.name): c for o in config.organisations for c in o.connections})
    after = 0
    while page := await means.store.calendars(after=after, limit=PAGE):
        after = page[-1].calendar.id
        people = await means.store.people({c.calendar.person for c in page})
        for one in await _one_by_one(seen.one_by_one(page, people), config, people, means):
            yield one
    async for one in _connections(seen, asked, config, means):
        yield one


async def try_notifications(config: Config, *, running: bool) -> Tried | None:
    """Whether notifications arrive; None where nobody would send any."""
    connections = [c for o in config.organisations for c in o.connections]
    told = (c for c in connections if c.kind in ("graph", "google") and c.settings.get("push", True))
    if not config.api.public or not any(told):
        return None
    return await try_public(config.api.public, str(config.api.listen), running=running)


@dataclass(slots=True)
class Seen:
    """Which connections have calendars, and the mailboxes of those with an account."""

    connections: Mapping[Place, Connection]
    places: set[Place] = field(default_factory=set)
    mailboxes: dict[Place, list[str]] = field(default_factory=dict)

    def one_by_one(self, page: Sequence[ReadCalendar], people: Mapping[int, Person]) -> list[Calendar]:
        """Those that are to be read one by one; the mailboxes among them are noted."""
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


async def _connections(seen: Seen, asked: Asked, config: Config, means: Means) -> AsyncIterator[Tried]:
    """What is to be said of connections as a whole: their accounts, and those that nobody has a calendar at."""
    for place, connection in seen.connections.items():
        if has_account(connection):
            mailboxes = seen.mailboxes.get(place, [])
            of = whose_it_is(config, connection.organisation)
            checked = Checked(connection, mailboxes, asked.mailboxes, asked.outside, config.api.public, of)
            async for one in check_account(means.sources, checked, means.now()):
                yield one
        elif place not in seen.places:
            text = "no person has a calendar there yet"
            what = f"calendars {connection.name}{whose_it_is(config, connection.organisation)}"
            yield Tried(what, "warning", text, "add people with `backsoon people`")


async def _one_by_one(
    calendars: Iterable[Calendar], config: Config, people: Mapping[int, Person], means: Means
) -> list[Tried]:
    free = asyncio.Semaphore(AT_ONCE)

    async def one(calendar: Calendar) -> Tried:
        async with free:
            return await _calendar(calendar, config, people, means)

    return list(await asyncio.gather(*(one(c) for c in calendars)))


async def _calendar(calendar: Calendar, config: Config, people: Mapping[int, Person], means: Means) -> Tried:
    person = people[calendar.person]
    at = f"{calendar.connection}{whose_it_is(config, calendar.organisation)}"
    what = f"calendar of {person.name} ({person.extension}) at {at}"
    for one in config.organisations:
        for connection in one.connections:
            if (connection.organisation, connection.name) == (calendar.organisation, calendar.connection):
                owner = replace(person, zone=person.zone or one.organisation.zone)
                return await try_calendar(means.sources, connection, calendar.address, owner, means.now(), what)
    return Tried(what, "error", "there is no such connection in the settings", "run `backsoon apply`")
