"""The part of the store's contract about who may sign in, who is signed in, and who did what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from backsoon.domain.access import Role


class AccountState(StrEnum):
    """Whether an account may sign in."""

    ACTIVE = "active"
    PENDING = "pending"
    """Signed in by an issuer and is nobody yet: an administrator says who it is."""
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Account:
    """Who may sign in. `id` 0: not stored.

    Either `user` and `password` (an argon2id hash; "": none may be right) are set, or `issuer` and `subject`. `person`
    is the id of the person who it is, else 0; it is 0 again when that person is taken out. `email` is what the issuer
    claimed, for reading only.
    """

    organisation: str
    name: str
    roles: frozenset[Role]
    created_at: datetime
    state: AccountState = AccountState.ACTIVE
    person: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    issuer: str = ""
    subject: str = ""
    email: str = ""
    created_by: str = ""
    signed_in_at: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in: never the session's id, but the SHA-256 of it in hexadecimal digits. `id` 0: not stored.

    It is over at `ends_at`, whatever is done with it; `seen_at` is when it was used last, some minutes behind.
    """

    account: int
    digest: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    id: int = 0


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Somebody did something. `organisation` "": nobody knows whose it is.

    `who` is a name as history has it, `through` the way (`console`, `cli`, `api`, ...), `what` a word such as
    `account.created`, `about` the name of whatever it was done to, `details` plain values: never a secret.
    `cursor` is what `search_audit` goes on after; it has nothing to say about one that is to be noted.
    """

    organisation: str
    at: datetime
    who: str
    through: str
    what: str
    about: str = ""
    details: Mapping[str, object] = field(default_factory=dict)
    cursor: tuple[datetime, int, int] | None = None


class Accounts(Protocol):
    """Accounts, sessions and the audit log. See `backsoon.store.base`."""

    async def accounts(self, organisation: str) -> tuple[Account, ...]:
        """An organisation's accounts in order of id, pending ones too."""
        ...

    async def account(self, id: int) -> Account | None: ...

    async def account_of_user(self, user: str) -> Account | None:
        """The one with that user name (compared casefolded), of whichever organisation, by index."""
        ...

    async def account_of_subject(self, organisation: str, issuer: str, subject: str) -> Account | None:
        """The one whom an issuer knows by that subject (both compared as they are), by index."""
        ...

    async def save_account(self, account: Account) -> Account:
        """Insert (id 0) or replace (by id); with its id. Durable when it returns.

        Raises `StoreConflict` for a user name or a subject that is another one's, `NotStored` for an unknown
        organisation or id, and for a person of another organisation.
        """
        ...

    async def remove_account(self, organisation: str, id: int) -> bool:
        """Take it out with its sessions; whether there was one. Durable when it returns."""
        ...

    async def save_session(self, session: Session) -> Session:
        """Insert it; with its id. Raises `NotStored` for an unknown account."""
        ...

    async def session(self, digest: str) -> tuple[Session, Account] | None:
        """The session with that digest and whose it is, by index."""
        ...

    async def see_session(self, digest: str, at: datetime) -> None:
        """Note that it was used; a power cut may take that back."""
        ...

    async def remove_session(self, digest: str) -> bool:
        """Take it out; whether there was one. Durable when it returns."""
        ...

    async def remove_sessions(self, account: int, *, but: str = "") -> int:
        """Take all of an account's out but the one with that digest; how many. Durable when it returns."""
        ...

    async def note_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Add to the audit log. Durable when it returns. Raises `NotStored` for an unknown organisation."""
        ...

    async def search_audit(
        self,
        organisation: str,
        text: str = "",
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        after: tuple[datetime, int, int] | None = None,
        limit: int = 100,
    ) -> tuple[AuditEntry, ...]:
        """What was noted with `since <= at < until`, the latest first, that holds the text (case folded); and what was
        set by hand and taken back (`override.set`, `override.available`, `override.removed`; `about` is the person's
        name, `details` their id; no reason, no note), as far back as `forget` leaves it.

        `after` is the cursor of the last one of the page before. With the organisation "" what is nobody's.
        """
        ...

    async def forget_audit(self, before: datetime) -> int:
        """Delete what was noted before the instant; how many."""
        ...
