"""Which calendars a person has: everybody's at the connections that read everybody, and those named for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from urllib.parse import urljoin

from backsoon.domain.address import EVERYBODY, expand, fits, origin
from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.engine.roster import BadField, Row
from backsoon.store.base import Store

_MAILBOX = re.compile(r"[^@\s/\\]+@[^@\s/\\]+")

Place = tuple[str, str]
"""A connection and an address there; "" is the address that the connection's own settings give."""


def wanted(person: Person, named: Iterable[Place], connections: Sequence[Connection]) -> set[Place]:
    """Where the person's calendars are: those named for them, and everybody's where none is named."""
    known = {c.name: c for c in connections}
    places = {(name, address) for name, address in named if name in known and _suits(address, known[name])}
    taken = {connection for connection, _ in places}
    for connection in connections:
        everybodys = connection.settings.get("people") == EVERYBODY and fits(_template(connection), person)
        if everybodys and connection.name not in taken:
            places.add((connection.name, ""))
    return places


def named_in(row: Row, person: Person, connections: Sequence[Connection], *, files: bool = True) -> set[Place] | None:
    """The calendars that a row names; None where it does not speak of them. Raises `BadField`.

    `files`: whether it may name files of this machine.
    """
    if not row.values.keys() & {"calendar", "connection"}:
        return None
    addresses = [a for a in (p.strip() for p in row.values.get("calendar", "").split(" | ")) if a]
    name = row.values.get("connection", "").strip()
    if not addresses and not name:
        return set()
    connection = _connection(name, connections)
    if addresses:
        found = {(connection.name, _address(address, connection)) for address in addresses}
        if not files and any(_is_file(address, connection) for _, address in found):
            raise BadField("calendar: a file of this machine is named on this machine only: write https://...")
        return found
    return {(connection.name, _own(connection, person))} - {(connection.name, "")}


def _connection(name: str, connections: Sequence[Connection]) -> Connection:
    known = ", ".join(c.name for c in connections) or "none"
    if not name and len(connections) == 1:
        return connections[0]
    for connection in connections:
        if connection.name == name:
            return connection
    if not name:
        raise BadField(f"connection: say at which one the calendar is; known are {known}")
    raise BadField(f"connection: there is no {name!r} in the settings; known are {known}")


def _own(connection: Connection, person: Person) -> str:
    """Where the connection itself says that the person's calendar is; "" where it is everybody's anyway."""
    template = _template(connection)
    if not template:
        raise BadField(f"calendar: {connection.name!r} has no address of its own, so each person needs one")
    if not fits(template, person):
        raise BadField(f"calendar: the address of {connection.name!r} needs the person's e-mail address")
    if connection.settings.get("people") == EVERYBODY:
        return ""
    return expand(template, person, address=not reads_mailboxes(connection))


def _template(connection: Connection) -> str:
    """What makes the address of each person's calendar there; "" where nothing does."""
    return str(connection.settings.get("mailbox" if reads_mailboxes(connection) else "url", ""))


def reads_mailboxes(connection: Connection) -> bool:
    """Whether its calendars are known by a mailbox's address, and not by one of the web."""
    return "mailbox" in connection.settings


def _suits(address: str, connection: Connection) -> bool:
    """Whether an address can be one there: not so where the connection became one of another kind."""
    return not address or (_MAILBOX.fullmatch(address) is not None) == reads_mailboxes(connection)


def _address(address: str, connection: Connection) -> str:
    if reads_mailboxes(connection):
        return _mailbox(address, connection)
    url = str(connection.settings.get("url", ""))
    if "://" not in address and origin(url) is not None:
        address = urljoin(url.partition("{")[0], address)
    if origin(address) is None:
        return _file(address, connection)
    if connection.settings.get("username") and origin(address) != origin(url):
        raise BadField(f"calendar: the account of {connection.name!r} would be told to another server")
    return address


def _is_file(address: str, connection: Connection) -> bool:
    return not reads_mailboxes(connection) and origin(address) is None


def _mailbox(address: str, connection: Connection) -> str:
    if _MAILBOX.fullmatch(address):
        return address
    raise BadField(f"calendar: {connection.name!r} knows calendars by a mailbox's address, such as anna@example.com")


def _file(address: str, connection: Connection) -> str:
    if connection.kind == "ics" and PurePath(address.removeprefix("file://")).is_absolute():
        return address
    raise BadField("calendar: write an address (https://...), or for an .ics file an absolute path")


@dataclass(slots=True)
class Assignment:
    """Changes of people's calendars, gathered and then made at once."""

    save: list[Calendar] = field(default_factory=list)
    remove: list[int] = field(default_factory=list)

    def add(self, person: Person, present: Iterable[Calendar], places: set[Place]) -> None:
        """Make `places` the stored person's calendars. One that moves keeps its referrals until it is read."""
        held = {(c.connection, c.address): c for c in present}
        gone = [c for place, c in held.items() if place not in places]
        for place in sorted(places - held.keys()):
            before = next((c for c in gone if c.connection == place[0]), None)
            if before is not None:
                gone.remove(before)
            number = 0 if before is None else before.id
            self.save.append(Calendar(person.id, person.organisation, *place, number))
        self.remove += [c.id for c in gone]

    async def make(self, store: Store) -> frozenset[int]:
        """Store it; the people who lost referrals by it."""
        touched = await store.remove_calendars(self.remove) if self.remove else frozenset()
        if self.save:
            await store.save_calendars(self.save)
        return touched


def named_among(calendars: Iterable[Calendar]) -> set[Place]:
    """Those of a person's calendars that were named for them."""
    return {(c.connection, c.address) for c in calendars if c.address}


async def calendars_of(store: Store, person: Person) -> list[Calendar]:
    """The stored person's calendars."""
    return [c.calendar for c in await store.calendars(person=person.id)] if person.id else []
