"""An account for the commands: it finds, and refuses, what it is told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from backsoon.domain.organisation import Connection, Person
from backsoon.factories import Sources
from backsoon.sources.account import Account, BusyTime, Finding, Shared, Stream, Webhooks
from backsoon.sources.base import CalendarSource, Changes, SourceDenied, SourceError, Window


@dataclass
class Hooks:
    """Only what is said of notifications."""

    path: str = "/hooks/graph"


@dataclass
class OneAccount:
    """Reads the mailboxes in `readable`; of others what `instead` says."""

    readable: tuple[str, ...] = ()
    instead: Mapping[str, SourceError] = field(default_factory=dict)
    findings: tuple[Finding, ...] = (Finding("ok", "signed in"),)
    shared: tuple[Shared, ...] = ()
    hooks: Hooks | None = None
    listens: bool = False
    fails: SourceError | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    """Those of the connection that it was made of."""
    asked: list[Sequence[str]] = field(default_factory=list)

    at_once = busy_at_once = 1

    @property
    def webhooks(self) -> Webhooks | None:
        return cast("Webhooks | None", self.hooks)

    @property
    def stream(self) -> Stream | None:
        return cast("Stream", self) if self.listens else None

    def source(self, address: str, *, zone: str, owner: frozenset[str]) -> CalendarSource:
        return _Source(self, address)

    async def busy(self, addresses: Sequence[str], window: Window) -> Mapping[str, tuple[BusyTime, ...] | SourceError]:
        return {}

    async def check(self, addresses: Sequence[str]) -> Sequence[Finding]:
        self.asked.append(list(addresses))
        if self.fails is not None:
            raise self.fails
        return self.findings

    async def discover(self, addresses: Sequence[str]) -> Sequence[Shared]:
        self.asked.append(list(addresses))
        return self.shared

    async def close(self) -> None:
        pass


@dataclass
class _Source:
    account: OneAccount
    address: str

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        if self.address in self.account.instead:
            raise self.account.instead[self.address]
        if self.address not in self.account.readable:
            raise SourceDenied("ErrorAccessDenied")
        return Changes(complete=True)

    async def close(self) -> None:
        pass


class OneSources:
    """Sources that have that one account."""

    def __init__(self, account: OneAccount) -> None:
        self._account = account

    def account(self, connection: Connection) -> Account:
        self._account.settings = connection.settings
        return self._account

    def make(self, connection: Connection, address: str, person: Person) -> CalendarSource:
        return self._account.source(address, zone="UTC", owner=frozenset())


def sources_of(account: OneAccount) -> Sources:
    """As the commands get them."""
    return cast("Sources", OneSources(account))
