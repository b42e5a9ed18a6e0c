"""Whose calendar a preview is of: a person of the store, or nobody yet, with a file or an address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backsoon.commands.zones import machine_zone
from backsoon.config import Config, ConfigError, OrganisationConfig, Problem, find, load, secret
from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Rules
from backsoon.domain.naming import ZONE_REMEDY, known_zone
from backsoon.sources.base import CalendarSource


class Asked(Protocol):
    """What was asked for."""

    @property
    def calendar(self) -> str: ...
    @property
    def zone(self) -> str | None: ...
    @property
    def config(self) -> Path | None: ...
    @property
    def organisation(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be read, in whose zone and by which rules. `remarks` are for whoever asked. Close it."""

    sources: tuple[CalendarSource, ...]
    zone: str
    rules: Rules
    close: Callable[[], Awaitable[None]]
    remarks: tuple[str, ...] = ()


def is_file_or_address(calendar: str) -> bool:
    """Whether a person cannot be meant."""
    path = Path(calendar)
    return "://" in calendar or path.exists() or "/" in calendar or path.suffix.lower() in (".ics", ".ical", ".ifb")


async def subject_of(asked: Asked) -> Subject:
    """What was asked for. Raises `BacksoonError`s."""
    if asked.zone is not None and not known_zone(asked.zone):
        raise ConfigError([Problem("--zone", "", f"there is no time zone {asked.zone!r}", ZONE_REMEDY)])
    async with AsyncExitStack() as stack:
        make = _of_address if is_file_or_address(asked.calendar) else _of_person
        return await make(asked, stack)


async def _of_address(asked: Asked, stack: AsyncExitStack) -> Subject:
    from backsoon.sources.ical.worker import Reader
    from backsoon.sources.ics import IcsSource
    from backsoon.wire.auth import Credentials
    from backsoon.wire.http import Http

    organisation = _organisation(asked)
    zone, remarks = _zone(asked, organisation)
    credentials = Credentials(asked.username, secret(asked.password)) if asked.username else None
    http = await stack.enter_async_context(Http())
    reader = await stack.enter_async_context(Reader())
    source = IcsSource(http, reader, _address(asked.calendar), zone=zone, credentials=credentials)
    stack.push_async_callback(source.close)
    rules = Rules(KEYWORDS, REASONS) if organisation is None else organisation.organisation.rules
    return Subject((source,), zone, rules, stack.pop_all().aclose, remarks)


def _address(calendar: str) -> str:
    return calendar if "://" in calendar else Path(calendar).absolute().as_uri()


def _organisation(asked: Asked) -> OrganisationConfig | None:
    """The organisation in the settings, where there are settings and it is plain which one is meant."""
    if asked.config is None and not asked.organisation and not find().exists():
        return None
    organisations = load(asked.config).organisations
    named = [o for o in organisations if o.organisation.id == asked.organisation]
    if asked.organisation and not named:
        known = ", ".join(o.organisation.id for o in organisations)
        problem = Problem(
            "--organisation", "", f"there is no organisation {asked.organisation!r}", f"known are {known}"
        )
        raise ConfigError([problem])
    return named[0] if named else organisations[0] if len(organisations) == 1 else None


def _zone(asked: Asked, organisation: OrganisationConfig | None) -> tuple[str, tuple[str, ...]]:
    if asked.zone is not None:
        return asked.zone, ()
    if organisation is not None:
        return organisation.organisation.zone, ()
    zone, source = machine_zone()
    return zone, (f"zone {zone} ({source}); --zone names another",)


async def _of_person(asked: Asked, stack: AsyncExitStack) -> Subject:
    from backsoon.trials.persons import own_calendars
    from backsoon.wiring import Backsoon, open_store

    config: Config = load(asked.config)
    store = await open_store(config)
    stack.push_async_callback(store.close)
    backsoon = Backsoon(config, store)  # nothing of it runs: it only reads
    await backsoon.directory.refresh()
    await backsoon.sources.refresh()
    stack.push_async_callback(backsoon.sources.close)
    person = await backsoon.service.find(asked.calendar, asked.organisation or None)
    own = await own_calendars(person, store, backsoon.directory, backsoon.sources, asked.zone)
    return Subject(own.sources, own.zone, own.rules, stack.pop_all().aclose)
