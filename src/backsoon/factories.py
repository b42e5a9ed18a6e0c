"""From settings to objects: which source reads a calendar.

A new kind of ours is one line here; kinds of others come by plug-ins, which never replace one of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from backsoon.accounts import AT_ONCE, Accounts, WrongSettings, mailbox
from backsoon.config import secret
from backsoon.config.connections import plain_address
from backsoon.config.plugins import SOURCES, BrokenPlugin, described, failure, source_kind, unread
from backsoon.domain.address import expand, origin
from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person
from backsoon.engine.defects import where
from backsoon.engine.pace import Pace
from backsoon.sources.account import Account
from backsoon.sources.base import CalendarSource, SourceError
from backsoon.sources.plugin import SourceSurroundings
from backsoon.store.base import Store

if TYPE_CHECKING:  # the commands that read no calendar import none of it
    from backsoon.sources.ical.worker import Reader
    from backsoon.wire.auth import Credentials
    from backsoon.wire.http import Http

log = logging.getLogger(__name__)

AT_ONCE_USUAL = 4
"""How many reads of a server without an account of ours may be under way together."""
__all__ = ["Sources", "WrongSettings"]


class Sources:
    """Makes sources; owns what they share: accounts, connections to servers and the process that reads iCalendar."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        """`now` gives the instant in UTC."""
        self._store = store
        self._connections: dict[tuple[str, str], Connection] = {}
        self._organisations: dict[str, Organisation] = {}
        self._https: dict[tuple[str, str], Http] = {}
        self._accounts = Accounts(now)
        self._now = now
        self._reader: Reader | None = None

    async def refresh(self) -> None:
        """Read the settings anew; connections to servers whose settings changed are closed."""
        self._organisations = {o.id: o for o in await self._store.organisations()}
        fresh = {(c.organisation, c.name): c for c in await self._store.connections()}
        for key in [k for k in self._https if fresh.get(k) != self._connections.get(k)]:
            await self._https.pop(key).close()
        self._connections = fresh
        await self._accounts.refresh(fresh)

    async def close(self) -> None:
        """Close everything that sources share."""
        await self._accounts.close()
        for http in self._https.values():
            await http.close()
        self._https.clear()
        if self._reader is not None:
            await self._reader.close()
            self._reader = None

    async def source_of(self, calendar: Calendar, person: Person) -> CalendarSource:
        """The source of a stored calendar. Raises `SourceError`."""
        connection = self._connections.get((calendar.organisation, calendar.connection))
        if connection is None:
            raise WrongSettings(f"there is no connection {calendar.connection!r}")
        return self.make(connection, calendar.address, person)

    def connections(self) -> tuple[Connection, ...]:
        """All connections, as they were read last."""
        return tuple(self._connections.values())

    def account_of(self, organisation: str, connection: str) -> Account | None:
        """The account of a connection; None of a kind that has none. Raises `SourceError`."""
        found = self._connections.get((organisation, connection))
        return self._accounts.of(found) if found is not None and found.kind in AT_ONCE else None

    def account(self, connection: Connection) -> Account:
        """The account of a connection that is given, whatever the store says of it. Raises `SourceError`."""
        if connection.kind not in AT_ONCE:
            raise WrongSettings(f"connection {connection.name}: {connection.kind!r} has no account")
        return self._accounts.of(connection)

    def mailbox_of(self, calendar: Calendar, person: Person) -> str:
        """The mailbox that a calendar of an account is. Raises `SourceError`."""
        connection = self._connections.get((calendar.organisation, calendar.connection))
        if connection is None:
            raise WrongSettings(f"there is no connection {calendar.connection!r}")
        return mailbox(connection, calendar.address, person)

    def at_once_of(self, organisation: str, connection: str) -> int:
        """How many reads of a connection may be under way together now."""
        found = self._connections.get((organisation, connection))
        if found is None or found.kind not in AT_ONCE:
            return AT_ONCE_USUAL
        try:
            return max(1, self._accounts.of(found).at_once)
        except SourceError:
            return AT_ONCE_USUAL

    def pace_of(self, calendar: Calendar) -> Pace:
        """How often the calendar is read where nobody tells of changes."""
        connection = self._connections.get((calendar.organisation, calendar.connection))
        if connection is None:
            return Pace()
        least = 60 * _number(connection, "poll_min_minutes", 2)
        return Pace(least, max(least, 60 * _number(connection, "poll_max_minutes", 15)))

    def make(self, connection: Connection, address: str, person: Person) -> CalendarSource:
        """A source that reads the person's calendar at `address` ("": where the connection says).

        Raises `SourceError`.
        """
        make = _KINDS.get(connection.kind, Sources._of_a_plugin)
        try:
            return make(self, connection, address, person)
        except SourceError:
            raise
        except BacksoonError as error:
            raise WrongSettings(f"connection {connection.name}: {error}") from error
        except Exception as error:
            if connection.kind in _KINDS:
                if isinstance(error, (ValueError, OSError)):
                    raise WrongSettings(f"connection {connection.name}: {error}") from error
                raise
            log.warning("connection %s: %s", connection.name, where(error))
            text = f"{described(SOURCES, connection.kind)} failed: {failure(error)}"
            raise WrongSettings(f"connection {connection.name}: {text}") from None

    # -- kinds ---------------------------------------------------------------------------------------------------

    def _caldav(self, connection: Connection, address: str, person: Person) -> CalendarSource:
        from backsoon.sources.caldav import CalDavSource

        return CalDavSource(
            self._http_of(connection),
            self._reader_of(),
            _address(connection, address, person),
            zone=self._zone_of(person),
            owner=_owner(person),
            credentials=_credentials(connection, person),
        )

    def _ics(self, connection: Connection, address: str, person: Person) -> CalendarSource:
        from backsoon.sources.ics import IcsSource

        return IcsSource(
            self._http_of(connection),
            self._reader_of(),
            _address(connection, address, person),
            zone=self._zone_of(person),
            owner=_owner(person),
            credentials=_credentials(connection, person),
            limit_bytes=int(_number(connection, "max_mib", 16) * 2**20),
        )

    def _of_account(self, connection: Connection, address: str, person: Person) -> CalendarSource:
        account = self._accounts.of(connection)
        where = mailbox(connection, address, person)
        return account.source(where, zone=self._zone_of(person), owner=_owner(person) | {where})

    def _of_a_plugin(self, connection: Connection, address: str, person: Person) -> CalendarSource:
        if (broken := unread(connection.settings)) is not None:
            raise broken
        kind = source_kind(connection.kind)
        if kind is None:
            raise BrokenPlugin(f"{connection.kind!r} is no kind of calendar, nor does a plug-in bring it")
        address = plain_address(address or expand(_text(connection, "url"), person))
        around = SourceSurroundings(person, self._zone_of(person), _owner(person), self._now, secret)
        made = kind.make(connection, address, around)
        if not isinstance(made, CalendarSource):
            raise BrokenPlugin(f"{described(SOURCES, connection.kind)} makes no source of calendars")
        return made

    def _zone_of(self, person: Person) -> str:
        organisation = self._organisations.get(person.organisation)
        return person.zone or (organisation.zone if organisation else "UTC")

    def _http_of(self, connection: Connection) -> Http:
        from backsoon.wire.http import Http
        from backsoon.wire.tls import client_context

        key = (connection.organisation, connection.name)
        if key not in self._https:
            ca_file = _text(connection, "ca_file")
            self._https[key] = Http(tls=client_context(Path(ca_file) if ca_file else None))
        return self._https[key]

    def _reader_of(self) -> Reader:
        from backsoon.sources.ical.worker import Reader

        if self._reader is None:
            self._reader = Reader(processes=2)  # a calendar at its limits must not delay the others
        return self._reader


_KINDS: Mapping[str, Callable[[Sources, Connection, str, Person], CalendarSource]] = {
    "caldav": Sources._caldav,
    "ics": Sources._ics,
    **dict.fromkeys(AT_ONCE, Sources._of_account),
}


def _text(connection: Connection, name: str) -> str:
    value = connection.settings.get(name, "")
    return value if isinstance(value, str) else ""


def _owner(person: Person) -> frozenset[str]:
    return frozenset({person.email.lower()} - {""})


def _number(connection: Connection, name: str, usual: float) -> float:
    value = connection.settings.get(name)
    return float(value) if isinstance(value, (int, float)) else usual


def _address(connection: Connection, address: str, person: Person) -> str:
    """Where the person's calendar is. An account is told to its own server only, whatever address a row names."""
    usual = plain_address(expand(_text(connection, "url"), person))
    address = plain_address(address) if address else usual
    if _text(connection, "username") and origin(address) != origin(usual):
        raise WrongSettings(f"connection {connection.name}: the calendar is at another server than the account's")
    return address


def _credentials(connection: Connection, person: Person) -> Credentials | None:
    from backsoon.wire.auth import Credentials, Scheme

    user = expand(_text(connection, "username"), person, address=False)
    if not user:
        return None
    return Credentials(user, secret(_text(connection, "password")), Scheme(_text(connection, "sign_in") or "auto"))
