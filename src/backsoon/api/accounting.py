"""Verbs about who may sign in: listed, made, approved, changed, taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backsoon.api.asking import PAGE
from backsoon.api.peopling import Peopling
from backsoon.api.views import Json, instant
from backsoon.domain.access import Right, Role
from backsoon.domain.organisation import Person
from backsoon.engine.logins import BadAccount
from backsoon.store.base import Account, AccountState, NotStored


class Accounting(Peopling):
    """What administrators do with accounts, each of it noted in the audit log."""

    async def users(self, organisation: str | None, after: int = 0, limit: int = PAGE) -> Json:
        """A page of accounts in order of id, those that wait for approval too."""
        self._must(Right.MANAGE)
        names = (
            [self._one(organisation).id] if self._narrowed(organisation) else list(self._parts.directory.organisations)
        )
        accounts = [a for name in names for a in await self._parts.store.accounts(name)]
        found = sorted((a for a in accounts if a.id > after), key=lambda a: a.id)
        page = found[: min(limit, PAGE)]
        return {"users": await self._user_views(page), "next": page[-1].id if len(page) < len(found) else None}

    async def add_user(
        self,
        organisation: str | None,
        user: str,
        roles: Sequence[Role],
        *,
        name: str = "",
        person: str | None = None,
        password: str | None = None,
        by: str = "",
    ) -> Json:
        """Make an account with a user name. `password` in the answer is one that was made up, seen this once."""
        self._must(Right.MANAGE)
        found = self._one(organisation)
        whose = None if person is None else await self._person(person, found.id, Right.MANAGE)
        added = await self._parts.logins.add(
            found.id, user, roles, name=name, person=whose, password=password, by=self._by(by), through=self._through
        )
        return await self._user_view(added.account, added.password)

    async def change_user(
        self,
        id: int,
        organisation: str | None,
        *,
        name: str | None = None,
        roles: Sequence[Role] | None = None,
        person: str | None = None,
        state: str | None = None,
        password: str | None = None,
        new_password: bool = False,
        by: str = "",
    ) -> Json:
        """Change what is said. `new_password`: make one up; it is in the answer, seen this once. Raises `NotStored`."""
        self._must(Right.MANAGE)
        account, logins = await self._account(id, organisation), self._parts.logins
        whose = None if person is None else await self._person(person, account.organisation, Right.MANAGE)
        told: Mapping[str, Any] = {"by": self._by(by), "through": self._through}
        wanted = None if state is None else AccountState(state)
        if any(each is not None for each in (name, roles, whose, wanted)):
            self._spare_own(account, roles, wanted)
            account = await logins.change(account, name=name, roles=roles, person=whose, state=wanted, **told)
        made = ""
        if password is not None or new_password:
            made = await logins.new_password(account, password, **told)
        return await self._user_view(account, made)

    async def remove_user(self, id: int, organisation: str | None, *, by: str = "") -> Json:
        """Take an account out; its sessions and streams end within seconds. Raises `NotStored`."""
        self._must(Right.MANAGE)
        account = await self._account(id, organisation)
        self._spare_own(account, None, AccountState.OFF)
        view = await self._user_view(account)
        await self._parts.logins.remove(account, by=self._by(by), through=self._through)
        return view

    def _spare_own(self, account: Account, roles: Sequence[Role] | None, state: AccountState | None) -> None:
        """Nobody takes the key away from themselves by a slip. Raises `BadAccount`."""
        kept = (roles is None or Role.ADMINISTRATOR in roles) and state in (None, AccountState.ACTIVE)
        if self._who.account == account.id and not kept:
            raise BadAccount("that is your own account", "ask another administrator, or use `backsoon user`")

    async def _account(self, id: int, organisation: str | None) -> Account:
        found = await self._parts.store.account(id)
        if found is None or self._narrowed(organisation) not in (None, found.organisation):
            raise NotStored(f"there is no account {id}")
        return found

    async def _user_view(self, account: Account, password: str = "") -> Json:
        return (await self._user_views([account]))[0] | {"password": password or None}

    async def _user_views(self, accounts: Sequence[Account]) -> list[Json]:
        people = await self._parts.store.people({a.person for a in accounts if a.person})
        return [user_view(a, people.get(a.person)) for a in accounts]


def user_view(account: Account, person: Person | None) -> Json:
    """An account. Name and e-mail address of one that waits are as claimed."""
    return {
        "id": account.id,
        "organisation": account.organisation,
        "name": account.name,
        "user": account.user or None,
        "issuer": account.issuer or None,
        "subject": account.subject or None,
        "email": account.email or None,
        "state": account.state.value,
        "roles": sorted(account.roles),
        "person": None if person is None else {"id": person.id, "extension": person.extension, "name": person.name},
        "created_at": instant(account.created_at),
        "created_by": account.created_by or None,
        "signed_in_at": instant(account.signed_in_at),
    }
