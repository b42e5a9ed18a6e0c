"""Accounts of people who sign in: made, approved, changed, taken out; and who it is that signs in just now."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backsoon.domain.access import Identity, Role
from backsoon.domain.errors import BacksoonError
from backsoon.domain.keyword import clean
from backsoon.domain.organisation import Person
from backsoon.domain.signin import Claims, Issuer
from backsoon.engine.audit import Audit
from backsoon.engine.passwords import Passwords, generated
from backsoon.engine.sessions import Sessions, SignedIn
from backsoon.engine.timing import Clock
from backsoon.store.base import Account, AccountState, NotStored, Store, StoreConflict

log = logging.getLogger(__name__)

ROLES = frozenset({Role.ATTENDANT, Role.PERSON, Role.ADMINISTRATOR})
"""What somebody can be; switchboards have tokens."""
PAGES = {Role.ATTENDANT: "console", Role.PERSON: "app", Role.ADMINISTRATOR: "admin"}
"""Through what somebody acts in a role, for history."""
NAME_LENGTH = 64
MOST_PENDING = 100
"""Accounts of an organisation that wait for approval: anybody may have an account at an issuer such as Google."""
LONGEST_SUBJECT = 512
_USER = re.compile(r"[^\s\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]{1,64}")
_AGAIN = timedelta(minutes=1)
"""Failures of one account are noted in the audit log no more often; how many they were is said."""


class BadAccount(BacksoonError):
    """An account that cannot be as it was asked for."""

    def __init__(self, message: str, remedy: str = "`backsoon user add --help` shows what an account needs") -> None:
        self.remedy = remedy
        super().__init__(message)


class NotLetIn(BacksoonError):
    """Somebody proved who they are and may not come in. `code`: `unknown` (nobody yet), `refused` (switched off)."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__("an administrator has not let this account in")


@dataclass(frozen=True, slots=True)
class Added:
    """An account that was just made. `password` is the only time that it is seen; "" where it was given."""

    account: Account
    password: str = ""


def hats(account: Account) -> frozenset[Role]:
    """As what the account may ask: nobody is a person who is not there."""
    return account.roles if account.person else account.roles - {Role.PERSON}


def identity_as(account: Account, role: Role) -> Identity:
    """Who somebody is in one of their roles."""
    person = account.person if role is Role.PERSON else 0
    return Identity(role, account.organisation, person, account.name, PAGES[role], account.id)


class Logins:
    """Whatever is done with accounts, each of it noted in the audit log. `by` and `through` say who did it, and how."""

    def __init__(self, store: Store, clock: Clock, sessions: Sessions, passwords: Passwords, audit: Audit) -> None:
        self._store = store
        self._clock = clock
        self.sessions = sessions
        self._passwords = passwords
        self._audit = audit
        self._failed: dict[int, tuple[datetime, int]] = {}
        self._turn = asyncio.Lock()
        """Of whoever changes an account as it is stored: else one of two changes would be taken back by the other."""

    # -- by administrators -----------------------------------------------------------------------------------------

    async def add(
        self,
        organisation: str,
        user: str,
        roles: Collection[Role],
        *,
        name: str = "",
        person: Person | None = None,
        password: str | None = None,
        by: str = "",
        through: str = "",
    ) -> Added:
        """Make an account with a user name; without a password one is made up.

        Raises `BadAccount`, `BadPassword`, `TooBusy`, `NotStored`, `StoreConflict`.
        """
        if not _USER.fullmatch(user) or clean(user) != user:
            raise BadAccount("a user name is 1 to 64 characters without blanks")
        wanted = _checked(roles, person)
        shown = _name(name or (person.name if person is not None else user))
        if await self._store.account_of_user(user) is not None:
            raise StoreConflict(f"the user name {user!r} is taken")
        text = generated() if password is None else password
        account = Account(
            organisation,
            shown,
            wanted,
            self._clock.now(),
            person=0 if person is None else person.id,
            user=user,
            password=await self._passwords.hashed(text),
            created_by=by,
        )
        saved = await self._store.save_account(account)
        await self._note("account.added", saved, by, through, roles=sorted(saved.roles))
        return Added(saved, text if password is None else "")

    async def change(
        self,
        account: Account,
        *,
        name: str | None = None,
        roles: Collection[Role] | None = None,
        person: Person | None = None,
        state: AccountState | None = None,
        by: str = "",
        through: str = "",
    ) -> Account:
        """Change what is said; a pending account that becomes active is approved by that.

        `person` None: as it is. Raises `BadAccount`, `NotStored`.
        """
        async with self._turn:
            account = await self._again(account)
            changed = replace(
                account,
                name=account.name if name is None else _name(name),
                person=account.person if person is None else person.id,
                state=account.state if state is None else _state(account, state),
            )
            if roles is not None or changed.state is not AccountState.PENDING:
                wanted = account.roles if roles is None else roles
                changed = replace(changed, roles=_checked(wanted, person, known=bool(changed.person)))
            saved = await self._store.save_account(changed)
            self.sessions.forget()
            if saved.state is not AccountState.ACTIVE:
                await self.sessions.end_all(saved.id)
        approved = account.state is AccountState.PENDING and saved.state is AccountState.ACTIVE
        what = "account.approved" if approved else "account.changed"
        await self._note(what, saved, by, through, **_differences(account, saved))
        return saved

    async def new_password(
        self, account: Account, password: str | None = None, *, by: str = "", through: str = "", but: str = ""
    ) -> str:
        """Give it another password and sign it out everywhere (but in the session with the digest `but`); the password
        where none was given.

        Raises `BadAccount` for one that signs in by an issuer, `BadPassword`, `TooBusy`.
        """
        if not account.user:
            raise BadAccount(f"{account.name} signs in by an issuer and has no password here")
        text = generated() if password is None else password
        hashed = await self._passwords.hashed(text)
        async with self._turn:
            await self._store.save_account(replace(await self._again(account), password=hashed))
            await self.sessions.end_all(account.id, but=but)
        await self._note("account.password", account, by, through)
        return text if password is None else ""

    async def change_own_password(self, who: SignedIn, old: str, new: str) -> bool:
        """Change one's own password; whether the old one was right. Raises as `new_password` does."""
        if not (await self._passwords.verify(who.account.password, old, known=True)).right:
            await self._note_failure(who.account)
            return False
        await self.new_password(who.account, new, by=who.account.name, through="session", but=who.session.digest)
        return True

    async def remove(self, account: Account, *, by: str = "", through: str = "") -> None:
        """Take an account out; its streams end within seconds. Raises `NotStored` where there is none."""
        self.sessions.forget()
        removed = await self._store.remove_account(account.organisation, account.id)
        self.sessions.forget()
        if not removed:
            raise NotStored(f"there is no account {account.id}")
        await self._note("account.removed", account, by, through)

    async def _again(self, account: Account) -> Account:
        """As it is stored now: hashing takes a while."""
        found = await self._store.account(account.id)
        if found is None:
            raise NotStored(f"there is no account {account.id}")
        return found

    # -- by themselves ---------------------------------------------------------------------------------------------

    async def enter(self, user: str, password: str, address: str = "", *, known: bool = False) -> Account | None:
        """Whose user name and password these are; None where they are nobody's. Raises `TooBusy`, `StoreError`.

        `address` is where they ask from, for the log; `known`: that user has signed in with this browser before.

        It takes the same time whoever it is. What was typed is written nowhere: people type passwords as names.
        """
        account = await self._store.account_of_user(user) if len(user) <= NAME_LENGTH else None
        verdict = await self._passwords.verify(account.password if account is not None else "", password, known=known)
        if account is None or not verdict.right or account.state is not AccountState.ACTIVE:
            of = "nobody's account" if account is None else f"account {account.id}"
            log.warning("sign-in to %s refused, from %s", of, _shown(address))
            await self._note_failure(account)
            return None
        return await self._entered(account, "password", verdict.renewed)

    async def enter_by(self, issuer: Issuer, claims: Claims) -> Account:
        """Whom an issuer says that it is. Raises `NotLetIn`, `StoreError`.

        Issuer and subject count. Who is nobody yet becomes a pending account; or, where the issuer's `trusted_domains`
        say so and the verified e-mail address is a person's, that person.
        """
        if not claims.subject or len(claims.subject) > LONGEST_SUBJECT:
            raise NotLetIn("unknown")
        account = await self._store.account_of_subject(issuer.organisation, issuer.url, claims.subject)
        if account is None:
            account = await self._first_time(issuer, claims)
        if account is None or account.state is AccountState.PENDING:
            raise NotLetIn("unknown")
        if account.state is AccountState.OFF:
            await self._note_failure(account)
            raise NotLetIn("refused")
        entered = await self._entered(account, issuer.name)
        if entered is None:
            raise NotLetIn("refused")
        return entered

    async def begin(self, account: Account) -> tuple[str, SignedIn] | None:
        """A session for whoever has just entered: its id, and what it is. None where they would not enter any more.

        Raises `StoreError`.
        """
        async with self._turn:
            found = await self._as_it_was(account)
            return None if found is None else await self.sessions.begin(found)

    async def _entered(self, account: Account, way: str, renewed: str = "") -> Account | None:
        """None where the account was switched off, or given another password, while the old one was looked at."""
        async with self._turn:
            found = await self._as_it_was(account)
            if found is None:
                return None
            password = renewed or found.password
            saved = await self._store.save_account(replace(found, password=password, signed_in_at=self._clock.now()))
        await self._note("session.began", saved, saved.name, way)
        return saved

    async def _as_it_was(self, account: Account) -> Account | None:
        """The account as it is stored, if it is in use and its password is the one that was known of it."""
        found = await self._store.account(account.id)
        if found is None or found.state is not AccountState.ACTIVE or found.password != account.password:
            return None
        return found

    async def _first_time(self, issuer: Issuer, claims: Claims) -> Account | None:
        """A new account; None where too many wait already."""
        person = await self._person_of(issuer, claims)
        account = Account(
            issuer.organisation,
            clean(claims.name[:1000], NAME_LENGTH) or (person.name if person is not None else "?"),
            frozenset() if person is None else frozenset({Role.PERSON}),
            self._clock.now(),
            AccountState.PENDING if person is None else AccountState.ACTIVE,
            0 if person is None else person.id,
            issuer=issuer.url,
            subject=claims.subject,
            email=clean(claims.email[:1000], 254),
            created_by=issuer.name,
        )
        if person is None and await self._crowded(issuer.organisation):
            log.warning("more than %d accounts wait for approval in %s", MOST_PENDING, issuer.organisation)
            return None
        saved = await self._store.save_account(account)
        await self._note("account.linked" if person else "account.pending", saved, saved.name, issuer.name)
        return saved

    async def _crowded(self, organisation: str) -> bool:
        found = await self._store.accounts(organisation)
        return sum(each.state is AccountState.PENDING for each in found) >= MOST_PENDING

    async def _person_of(self, issuer: Issuer, claims: Claims) -> Person | None:
        """The person whose e-mail address was proved to be theirs, where that is trusted, and nobody is them yet."""
        email, domain = claims.email, claims.email.rpartition("@")[2].lower()
        if not claims.email_verified or domain not in issuer.trusted_domains or not email.isascii():
            return None
        if issuer.answers_for_addresses_it_hosts_only and claims.hosted.lower() != domain:
            return None
        found = await self._store.find_people(issuer.organisation, email, 2)
        person = next((p for p in found if p.email.casefold() == email.casefold() and p.active), None)
        if person is None:
            return None
        taken = any(a.person == person.id and a.issuer for a in await self._store.accounts(issuer.organisation))
        return None if taken else person

    # -- noted -----------------------------------------------------------------------------------------------------

    async def ended(self, who: SignedIn) -> None:
        """Sign somebody out, by themselves."""
        await self.sessions.end(who.session.digest)
        await self._note("session.ended", who.account, who.account.name, "session")

    async def _note(self, what: str, account: Account, by: str, through: str, **details: object) -> None:
        about = account.user or account.name
        told = {"account": account.id, **details}
        await self._audit.note(account.organisation, what, who=by, through=through, about=about, details=told)

    async def _note_failure(self, account: Account | None) -> None:
        """At most once in a while for each account, and for all that are none together: anybody can cause it."""
        id, now = (0 if account is None else account.id), self._clock.now()
        since, times = self._failed.get(id, (None, 0))
        if since is not None and since <= now < since + _AGAIN:
            self._failed[id] = (since, times + 1)
            return
        self._failed[id] = (now, 0)
        told: dict[str, object] = {"times": times + 1} if account is None else {"times": times + 1, "account": id}
        about, organisation = ("", await self._only_one()) if account is None else (account.user, account.organisation)
        about = about or (account.name if account is not None else "")
        await self._audit.note(organisation, "session.refused", who="", through="sign-in", about=about, details=told)

    async def _only_one(self) -> str | None:
        """The organisation whose affair it is if somebody unknown signs in; None where there are several."""
        found = await self._store.organisations()
        return found[0].id if len(found) == 1 else None


def _checked(roles: Collection[Role], person: Person | None, *, known: bool = False) -> frozenset[Role]:
    wanted = frozenset(roles)
    if not wanted or not wanted <= ROLES:
        raise BadAccount(f"an account has one or more of the roles {', '.join(sorted(ROLES))}")
    if Role.PERSON in wanted and person is None and not known:
        raise BadAccount("the role person needs the person who it is")
    return wanted


def _state(account: Account, state: AccountState) -> AccountState:
    if state is AccountState.PENDING and account.state is not state:
        raise BadAccount("an account that was approved does not wait again: switch it off")
    return state


def _shown(address: str) -> str:
    """An address, and nothing else: what a proxy says of it may be anything."""
    try:
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return "an address that is none"


def _name(text: str) -> str:
    name = clean(text, NAME_LENGTH)
    if not name or len(text) > NAME_LENGTH:
        raise BadAccount(f"the name of an account is 1 to {NAME_LENGTH} printable characters")
    return name


def _differences(before: Account, after: Account) -> dict[str, object]:
    told: dict[str, object] = {}
    if after.roles != before.roles:
        told["roles"] = sorted(after.roles)
    if after.state is not before.state:
        told["state"] = after.state.value
    if after.name != before.name:
        told["name"] = after.name
    if after.person != before.person:
        told["person"] = after.person
    return told
