"""Accounts, sessions and the audit log: transactions on a `Database`, and the part of the store that runs them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from backsoon.domain.access import Role
from backsoon.store import codec
from backsoon.store.accounts import Account, Accounts, AccountState, AuditEntry, Session
from backsoon.store.base import NotStored, StoreConflict
from backsoon.store.sqlite.database import Database

P = ParamSpec("P")
T = TypeVar("T")
Row = tuple[Any, ...]
Cursor = tuple[int, int, int]

_SEARCHES = ("search_audit", "search_overrides", "search_overrides_past", "search_overrides_removed")
_OF_NOBODY = ("search_audit_of_nobody",)
_LAST = (2**63 - 1, 2**31, 0)


def _account(row: Row) -> Account:
    """(organisation, state, name, roles, person, user, password, issuer, subject, email, created_at, created_by,
    signed_in_at, id)."""
    organisation, state, name, roles, person, user, password, issuer, subject, email, created, by, signed_in, id = row
    return Account(
        organisation,
        name,
        frozenset(map(Role, roles.split())),
        codec.instant(created),
        AccountState(state),
        person or 0,
        user,
        password,
        issuer,
        subject,
        email,
        by,
        codec.maybe_instant(signed_in),
        id,
    )


def _account_row(account: Account) -> Row:
    """The parameters of `insert_account`, in order."""
    return (
        account.organisation,
        account.state.value,
        codec.clean(account.name),
        " ".join(sorted(account.roles)),
        account.person or None,
        codec.clean(account.user),
        codec.folded(account.user) or None,
        codec.clean(account.password),
        codec.clean(account.issuer),
        codec.clean(account.subject),
        codec.clean(account.email),
        codec.micros(account.created_at),
        codec.clean(account.created_by),
        codec.maybe_micros(account.signed_in_at),
    )


def _session(row: Row) -> Session:
    """(account, digest, created_at, seen_at, ends_at, id)."""
    account, digest, created, seen, ends, id = row
    return Session(account, digest, codec.instant(created), codec.instant(seen), codec.instant(ends), id)


def _entry(row: Row) -> AuditEntry:
    """(at, source, id, organisation, who, through, what, about, details)."""
    micros, source, id, organisation, who, through, what, about, details = row
    at = codec.instant(micros)
    return AuditEntry(
        organisation, at, who, through, what, about, codec.decode_settings(details), cursor=(at, source, id)
    )


def _entry_row(entry: AuditEntry) -> Row:
    details = codec.to_json(dict(entry.details))
    words = (entry.who, entry.through, entry.what, entry.about, *map(str, entry.details.values()))
    return (
        entry.organisation or None,
        codec.micros(entry.at),
        *map(codec.clean, (entry.who, entry.through, entry.what, entry.about)),
        details,
        codec.folded(" ".join(words)),
    )


# -- transactions --------------------------------------------------------------------------------------------------


def _accounts(database: Database, organisation: str) -> tuple[Account, ...]:
    return tuple(map(_account, database.all("accounts_of", organisation)))


def _account_by(database: Database, query: str, *parameters: object) -> Account | None:
    row = database.one(query, *parameters)
    return None if row is None else _account(row)


def _save_account(database: Database, account: Account) -> Account:
    query, id = ("replace_account", (account.id,)) if account.id else ("insert_account", ())
    what = f"an account {account.id} " if account.id else ""
    try:
        row = database.one(query, *_account_row(account), *id)
    except NotStored:
        row = None
    except StoreConflict:
        raise StoreConflict("that sign-in is another account's already") from None
    if row is None:
        of = f" or no person {account.person} in it" if account.person else ""
        raise NotStored(
            f"there is no organisation {account.organisation!r} {'with ' + what if what else ''}{of}".strip()
        )
    return replace(account, id=row[0])


def _remove_account(database: Database, organisation: str, id: int) -> bool:
    return database.run("remove_account", organisation, id) > 0


def _save_session(database: Database, session: Session) -> Session:
    times = map(codec.micros, (session.created_at, session.seen_at, session.ends_at))
    try:
        row = database.one("save_session", session.account, session.digest, *times)
    except NotStored:
        row = None
    if row is None:
        raise NotStored(f"there is no account {session.account}")
    return replace(session, id=row[0])


def _found_session(database: Database, digest: str) -> tuple[Session, Account] | None:
    row = database.one("session", digest)
    return None if row is None else (_session(row[:6]), _account(row[6:]))


def _see_session(database: Database, digest: str, at: int) -> None:
    database.run("see_session", digest, at)


def _remove_session(database: Database, digest: str) -> bool:
    return database.run("remove_session", digest) > 0


def _remove_sessions(database: Database, account: int, but: str) -> int:
    return database.run("remove_sessions", account, but)


def _note(database: Database, rows: Sequence[Row]) -> None:
    try:
        database.many("note_audit", rows)
    except NotStored:
        raise NotStored("there is no such organisation to note it for") from None


def _search(
    database: Database, organisation: str, text: str, since: int, before: Cursor, limit: int
) -> tuple[AuditEntry, ...]:
    found: list[Row] = []
    for query in _SEARCHES if organisation else _OF_NOBODY:
        found += database.all(query, organisation, since, *before, codec.pattern(text), limit)
    return tuple(map(_entry, sorted(found, key=lambda row: row[:3], reverse=True)[:limit]))


def _forget_audit(database: Database, before: int) -> int:
    return database.run("forget_audit", before)


def forget_sessions(database: Database, before: int) -> int:
    """Delete sessions that have ended, and accounts that have waited since; how many."""
    return database.run("forget_sessions", before) + database.run("forget_pending", before)


# -- the part of the store -----------------------------------------------------------------------------------------


class StoredAccounts(Accounts):
    """`backsoon.store.accounts.Accounts` by whatever runs transactions."""

    @abstractmethod
    async def _read(
        self, work: Callable[Concatenate[Database, P], T], short: bool, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Read; what is `short` need not leave the event loop."""

    @abstractmethod
    async def _write(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Write, durably."""

    @abstractmethod
    async def _write_again(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Write what a power cut may take back."""

    async def accounts(self, organisation: str) -> tuple[Account, ...]:
        return await self._read(_accounts, False, organisation)

    async def account(self, id: int) -> Account | None:
        return await self._read(_account_by, True, "account", id)

    async def account_of_user(self, user: str) -> Account | None:
        return await self._read(_account_by, True, "account_of_user", codec.folded(user))

    async def account_of_subject(self, organisation: str, issuer: str, subject: str) -> Account | None:
        key = codec.clean(issuer), codec.clean(subject)
        return await self._read(_account_by, True, "account_of_subject", organisation, *key)

    async def save_account(self, account: Account) -> Account:
        return await self._write(_save_account, account)

    async def remove_account(self, organisation: str, id: int) -> bool:
        return await self._write(_remove_account, organisation, id)

    async def save_session(self, session: Session) -> Session:
        return await self._write(_save_session, session)

    async def session(self, digest: str) -> tuple[Session, Account] | None:
        return await self._read(_found_session, True, digest)

    async def see_session(self, digest: str, at: datetime) -> None:
        await self._write_again(_see_session, digest, codec.micros(at))

    async def remove_session(self, digest: str) -> bool:
        return await self._write(_remove_session, digest)

    async def remove_sessions(self, account: int, *, but: str = "") -> int:
        return await self._write(_remove_sessions, account, but)

    async def note_audit(self, entries: Sequence[AuditEntry]) -> None:
        await self._write(_note, [_entry_row(entry) for entry in entries])

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
        before = _LAST if until is None else (codec.micros(until), -1, 0)
        if after is not None:
            before = min(before, (codec.micros(after[0]), after[1], after[2]))
        begin = -(2**63) if since is None else codec.micros(since)
        return await self._read(_search, False, organisation, text, begin, before, limit)

    async def forget_audit(self, before: datetime) -> int:
        return await self._write_again(_forget_audit, codec.micros(before))
