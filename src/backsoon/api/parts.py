"""What the API needs of a running Backsoon, or of its parts where none runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from backsoon.domain.listing import Listing
from backsoon.domain.model import Mode
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


Wishes = Sequence[Mapping[str, Any]]
"""Changes of settings, each `{"field": "calendars.main.url", "value": ...}`; a value of None takes the field out."""


class Desk(Protocol):
    """Where settings are looked at, tried and changed; answers are plain values without any secret.

    All raise `BacksoonError`s: what they are called says what is wrong (`domain.settingserrors`).
    """

    async def view(self, organisation: str) -> dict[str, Any]:
        """The settings of an organisation as they stand in the file, and what of it is not in force."""
        ...

    async def check(self, organisation: str, etag: str, wishes: Wishes) -> dict[str, Any]:
        """What is wrong with changes, and what they would change; nothing is written."""
        ...

    async def write(self, organisation: str, etag: str, wishes: Wishes) -> dict[str, Any]:
        """Write changes into the file, and put it into force."""
        ...

    async def try_part(self, organisation: str, what: str, wishes: Wishes, mailbox: str = "") -> dict[str, Any]:
        """What comes of trying one part, changes and all; nothing is written."""
        ...


class DryRuns(Protocol):
    """What another mode would do to everybody, over their real calendars."""

    async def start(
        self, organisation: str, mode: Mode, wishes: Wishes = (), *, days: int = 7, people: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """Begin one."""
        ...

    def told(self, organisation: str, after: int = 0, limit: int = 200) -> dict[str, Any]:
        """How far it is, and what it found."""
        ...

    async def stop(self, organisation: str) -> dict[str, Any]:
        """Stop it and forget what it found."""
        ...


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
    def desk(self) -> Desk: ...
    @property
    def dry_runs(self) -> DryRuns: ...
    @property
    def meters(self) -> Meters: ...
    @property
    def staged(self) -> bool:
        """Whether what is due within the minute is known, so that nothing is missed."""
        ...

    async def preview(self, person: Person, window: Window, *, subjects: bool) -> Previewed:
        """What the person's calendars would do in the window, read now and kept nowhere. Raises `BacksoonError`."""
        ...
