"""From settings to accounts: Exchange, Microsoft 365, Google. One for each connection, for as long as it is set so."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backsoon.config import SecretError, secret
from backsoon.domain.address import expand
from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Connection, Person
from backsoon.sources.account import Account
from backsoon.sources.base import SourceError

if TYPE_CHECKING:
    from backsoon.sources.ews import EwsSettings
    from backsoon.sources.google import GoogleSettings
    from backsoon.sources.graph import GraphSettings
    from backsoon.wire.http import Http

    S = TypeVar("S", EwsSettings, GoogleSettings, GraphSettings)

log = logging.getLogger(__name__)

AT_ONCE: Final = {"ews": 24, "graph": 128, "google": 96}
"""The kinds that there are, and how many requests of each may be under way together where nothing else is said."""
SECRETS: Final = ("password", "client_secret")
MAILBOX: Final = "{email}"
Place = tuple[str, str]
"""An organisation and one of its connections."""
Values = Mapping[str, Any]
"""The settings of a connection as they are stored, secrets resolved."""


class WrongSettings(SourceError):
    """The settings of a calendar's connection are not usable."""

    remedy = "mend the settings and run `backsoon apply`"


class Accounts:
    """Makes accounts, keeps them, and closes those whose settings changed."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._connections: dict[Place, Connection] = {}
        self._made: dict[Place, tuple[Account, Http]] = {}

    async def refresh(self, connections: Mapping[Place, Connection]) -> None:
        """Take over settings; accounts whose settings changed are closed."""
        before, self._connections = self._connections, dict(connections)
        for place in [p for p in self._made if self._connections.get(p) != before.get(p)]:
            await self._close(place)

    async def close(self) -> None:
        """Close them all."""
        for place in list(self._made):
            await self._close(place)

    async def _close(self, place: Place) -> None:
        account, http = self._made.pop(place)
        try:
            await account.close()
        except Exception as error:  # what cannot be closed must not keep the others from being so
            log.warning("connection %s: closing it failed: %s", place[1], type(error).__name__)
        await http.close()

    def of(self, connection: Connection) -> Account:
        """The account of a connection of one of these kinds. Raises `WrongSettings`."""
        place = (connection.organisation, connection.name)
        if place not in self._made:
            try:
                self._made[place] = _made(connection, self._now)
            except SourceError:
                raise
            except (BacksoonError, ValueError, TypeError, OSError) as error:
                raise WrongSettings(f"connection {connection.name}: {error}") from error
        return self._made[place][0]


def mailbox(connection: Connection, address: str, person: Person) -> str:
    """The mailbox of a calendar at such a connection, in lower case. Raises `WrongSettings` where the person has none.

    `address` is the calendar's; "" means: as the connection's template says.
    """
    template = str(connection.settings.get("mailbox") or MAILBOX)
    found = (address or expand(template, person, address=False)).strip().lower()
    if not found or found.startswith("@") or found.endswith("@"):
        raise WrongSettings(f"connection {connection.name}: {person.extension} has no e-mail address to read")
    return found


def _made(connection: Connection, now: Callable[[], datetime]) -> tuple[Account, Http]:
    from backsoon.wire.http import Http
    from backsoon.wire.tls import client_context

    values = _values(connection)
    ca_file = str(values.get("ca_file", ""))
    http = Http(
        tls=client_context(Path(ca_file) if ca_file else None),
        limit_per_host=int(values["at_once"]) + 8,  # what is listened to stays open beside the reads
    )
    return _VENDORS[connection.kind](values, http, now), http


def _ews(values: Values, http: Http, now: Callable[[], datetime]) -> Account:
    from backsoon.sources.ews import EwsAccount, EwsSettings

    return EwsAccount(_settings(EwsSettings, values), http, now)


def _graph(values: Values, http: Http, now: Callable[[], datetime]) -> Account:
    from backsoon.sources.graph import GraphAccount, GraphSettings

    return GraphAccount(_settings(GraphSettings, values), http, now)


def _google(values: Values, http: Http, now: Callable[[], datetime]) -> Account:
    from backsoon.sources.google import GoogleAccount, GoogleSettings

    return GoogleAccount(_settings(GoogleSettings, values), http)


# Each imports its vendor's modules when one is made: the commands that read no calendar there import none of it.
_VENDORS: Mapping[str, Callable[[Values, Http, Callable[[], datetime]], Account]] = {
    "ews": _ews,
    "graph": _graph,
    "google": _google,
}


def _settings(vendor: type[S], values: Values) -> S:
    """The vendor's own settings, of what is set; what only the connection itself needs is left out."""
    known = {field.name for field in dataclasses.fields(vendor)}
    return vendor(**{key: value for key, value in values.items() if key in known})


def _values(connection: Connection) -> Values:
    """The settings, secrets resolved. Raises `SecretError`."""
    values: dict[str, Any] = {"at_once": AT_ONCE[connection.kind], **connection.settings}
    for name in SECRETS:
        if values.get(name):
            values[name] = secret(str(values[name]))
    values["anew"] = partial(_anew, connection)
    return values


def _anew(connection: Connection, name: str) -> str:
    """A secret as it is now; "" where it cannot be read."""
    try:
        return secret(str(connection.settings.get(name, "")))
    except SecretError:
        return ""
