"""What the API needs of a running Backsoon, or of its parts where none runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from backsoon.domain.listing import Listing
from backsoon.domain.organisation import Person
from backsoon.engine.audit import Audit
from backsoon.engine.directory import Directory
from backsoon.engine.hub import Hub
from backsoon.engine.logins import Logins
from backsoon.engine.lookup import Lookup
from backsoon.engine.meters import Meters
from backsoon.engine.publisher import Publisher
from backsoon.engine.pushing import Pushing
from backsoon.engine.service import Service
from backsoon.engine.signingin import OneTimeCodes, SigningIn
from backsoon.engine.timing import Clock
from backsoon.engine.tokens import Tokens
from backsoon.sources.base import Window
from backsoon.store.base import Store


class Difference(Protocol):
    """One field of the settings that differs; "" where there is none on that side."""

    @property
    def field(self) -> str: ...
    @property
    def before(self) -> str: ...
    @property
    def after(self) -> str: ...


class Previewed(Protocol):
    """What calendars would do: a row for each occurrence, and what is said about them as a whole."""

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def warnings(self) -> Sequence[str]: ...


class Parts(Protocol):
    """The parts of Backsoon, joined."""

    @property
    def store(self) -> Store: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def hub(self) -> Hub: ...
    @property
    def service(self) -> Service: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def logins(self) -> Logins: ...
    @property
    def pushing(self) -> Pushing: ...
    @property
    def publishers(self) -> Mapping[str, Sequence[Publisher]]: ...

    def wake_sync(self) -> None:
        """Look at once at what is due for reading."""
        ...

    async def list_people(self, organisation: str, source: str) -> Listing:
        """Everybody at a source of people: `asterisk`, `ldap`, or one by name: `ldap:main`. Raises `BacksoonError`."""
        ...

    async def apply(self, *, dry_run: bool) -> Sequence[Difference]:
        """Read the settings file anew, store it and act by it; what differed. With `dry_run` only that."""
        ...


class Running(Parts, Protocol):
    """The parts of a Backsoon that runs."""

    @property
    def lookup(self) -> Lookup: ...
    @property
    def signing_in(self) -> SigningIn: ...
    @property
    def one_time_codes(self) -> OneTimeCodes | None:
        """The demo's; None: nobody signs in so."""
        ...

    @property
    def meters(self) -> Meters: ...
    @property
    def staged(self) -> bool:
        """Whether what is due within the minute is known, so that nothing is missed."""
        ...

    async def preview(self, person: Person, window: Window, *, subjects: bool) -> Previewed:
        """What the person's calendars would do in the window, read now and kept nowhere. Raises `BacksoonError`."""
        ...
