"""Trying one part of settings: a switchboard, a directory, or how calendars are reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from backsoon.config import Config, OrganisationConfig
from backsoon.domain.address import EVERYBODY, has_placeholder
from backsoon.domain.organisation import Connection, Organisation, Person
from backsoon.domain.settingserrors import NothingToTry
from backsoon.engine.assigning import calendars_of
from backsoon.store.base import Store
from backsoon.trials.accounts import Checked, check_account, has_account
from backsoon.trials.checking import Means, try_directory, try_switchboards
from backsoon.trials.trying import Tried, try_calendar

if TYPE_CHECKING:
    from backsoon.factories import Sources

PEOPLE = 5
"""So many people's calendars are tried where each has one of their own."""
PAGE = 500
LOOKED_AT = 5000
"""The most people that are looked at to find some who have a calendar there."""


async def try_part(config: Config, organisation: str, what: str, means: Means, mailbox: str = "") -> Sequence[Tried]:
    """Try `switchboards.NAME`, `directories.NAME` or `calendars.NAME` of these settings.

    `mailbox` is the e-mail address of whose calendar to try in place of some. Raises `NothingToTry`, `StoreError`.
    """
    kind, _, name = what.rpartition(".")
    kind = kind.rpartition(".")[2]
    one = next((o for o in config.organisations if o.organisation.id == organisation), None)
    if one is not None and name:
        if kind == "switchboards" and any(s.name == name for s in one.switchboards):
            return [tried for several in try_switchboards(one, means.now, name) for tried in await several]
        if directory := next((d for d in one.directories if kind == "directories" and d.name == name), None):
            return [await try_directory(config, directory)]
        if connection := next((c for c in one.connections if kind == "calendars" and c.name == name), None):
            return await _connection(config, one, connection, means, mailbox)
    raise NothingToTry(f"there is no {what[:100]!r} in these settings")


async def _connection(
    config: Config, one: OrganisationConfig, connection: Connection, means: Means, mailbox: str
) -> Sequence[Tried]:
    from backsoon.factories import Sources

    sources = Sources(cast(Store, None), means.now)  # what is made of a connection given asks no store
    people = [Person(one.organisation.id, "0", "", mailbox)] if mailbox else await _some(one, connection, means)
    try:
        if has_account(connection):
            mailboxes = tuple(person.email for person in people if person.email)
            outside = str(connection.settings.get("outside", ""))
            checked = Checked(connection, mailboxes, mailboxes if mailbox else (), outside, config.api.public)
            return [tried async for tried in check_account(sources, checked, means.now())]
        if not people:
            text, remedy = "nobody has a calendar there yet", "take people in first, or name somebody's e-mail address"
            if connection.settings.get("people") == EVERYBODY or not connection.settings.get("url"):
                return [Tried(f"calendars {connection.name}", "warning", text, remedy)]
            people = [Person(one.organisation.id, "0", "")]
        return [await _calendar(one.organisation, connection, person, sources, means) for person in people]
    finally:
        await sources.close()


async def _calendar(
    organisation: Organisation, connection: Connection, person: Person, sources: Sources, means: Means
) -> Tried:
    address = ""
    if person.id:
        calendars = await calendars_of(means.store, person)
        address = next((c.address for c in calendars if c.connection == connection.name), "")
    who = f"{person.name} ({person.extension})" if person.id else person.email
    what = f"calendar of {who}" if who else f"calendars {connection.name}"
    owner = replace(person, zone=person.zone or organisation.zone)
    return await try_calendar(sources, connection, address, owner, means.now(), what)


async def _some(one: OrganisationConfig, connection: Connection, means: Means) -> list[Person]:
    """A few people who count and would have a calendar at the connection."""
    everybodys = connection.settings.get("people") == EVERYBODY
    url = str(connection.settings.get("url", ""))
    found: list[Person] = []
    after, looked = 0, 0
    while len(found) < PEOPLE and looked < LOOKED_AT:
        page = await means.store.page_people(one.organisation.id, after=after, limit=PAGE)
        for person in page:
            if len(found) == PEOPLE or not person.active:
                continue
            named = any(c.connection == connection.name for c in await calendars_of(means.store, person))
            suits = bool(person.email) or (has_placeholder(url) and "{extension}" in url)
            if named or (everybodys and suits):
                found.append(person)
        if len(page) < PAGE:
            break
        after, looked = page[-1].id, looked + len(page)
    return found
