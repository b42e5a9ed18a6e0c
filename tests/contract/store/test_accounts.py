"""Accounts, sessions and the audit log."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from backsoon.domain.access import Role
from backsoon.domain.model import Override
from backsoon.store.base import Account, AccountState, AuditEntry, NotStored, Session, StoreConflict
from tests.contract.store.values import NINE, House, after, by_hand

ATTENDANT = frozenset({Role.ATTENDANT})


def local(user: str = "anna", **more: Any) -> Account:
    values: dict[str, Any] = {"organisation": "acme", "name": "Anna", "roles": ATTENDANT, "created_at": NINE}
    return Account(**{**values, "user": user, "password": "$argon2id$x", **more})


def issued(subject: str = "s", **more: Any) -> Account:
    return local("", password="", issuer="https://issuer.example", subject=subject, **more)


def session(account: int, digest: str = "d" * 64, ends: float = 60) -> Session:
    return Session(account, digest, NINE, NINE, after(ends))


def entry(minutes: float = 0, what: str = "x.y", org: str = "acme", **more: Any) -> AuditEntry:
    return AuditEntry(org, after(minutes), more.pop("who", "Bo"), "cli", what, **more)


async def whats(house: House, text: str = "", **more: Any) -> list[str]:
    return [each.what for each in await house.store.search_audit(more.pop("org", "acme"), text, **more)]


class TestAccounts:
    @pytest.mark.parametrize("state", list(AccountState))
    async def test_an_account_comes_back_whole(self, house: House, state: AccountState) -> None:
        store, roles = house.store, frozenset({Role.PERSON, Role.ADMINISTRATOR})
        for wanted in (
            local(" Åsa", roles=roles, person=house.anna.id, state=state, created_by="root", signed_in_at=after(5)),
            issued(roles=frozenset(), email="a@example.org", state=state),
        ):
            saved = await store.save_account(wanted)
            assert saved == replace(wanted, id=saved.id)
            assert await store.account(saved.id) == saved
        assert [each.user for each in await store.accounts("acme")] == [" Åsa", ""]
        assert await store.accounts("other") == ()
        assert "argon2id" not in repr(saved)

    async def test_found_by_user_and_by_subject(self, house: House) -> None:
        store = house.store
        anna, bo = await store.save_account(local("Åsa")), await store.save_account(issued(organisation="other"))
        assert await store.account_of_user("åSA ") == anna
        assert await store.account_of_user("as") is None
        assert await store.account_of_user("") is None
        assert await store.account_of_subject("other", bo.issuer, "s") == bo
        for key in (
            ("acme", bo.issuer, "s"),
            ("other", bo.issuer, "S"),
            ("other", bo.issuer + "/", "s"),
            ("acme", "", ""),
        ):
            assert await store.account_of_subject(*key) is None

    async def test_names_and_subjects_are_one_accounts(self, house: House) -> None:
        store = house.store
        await store.save_account(local())
        await store.save_account(issued())
        for taken in (local("ANNA"), local("anna", organisation="other"), issued()):
            with pytest.raises(StoreConflict):
                await store.save_account(taken)
        await store.save_account(issued(organisation="other"))
        await store.save_account(issued("other"))
        assert len(await store.accounts("acme")) == 3

    async def test_replaced(self, house: House) -> None:
        store = house.store
        saved = await store.save_account(local(person=house.anna.id))
        changed = replace(saved, name="A", person=0, password="new", state=AccountState.OFF)
        assert await store.save_account(changed) == changed
        assert await store.account(saved.id) == changed

    async def test_of_somebody_there(self, house: House) -> None:
        store = house.store
        saved = await store.save_account(local())
        wrong = (
            local("x", organisation="nowhere"),
            local("x", person=house.stranger.id),
            local("x", person=10**6),
            replace(saved, id=999),
            replace(saved, organisation="other"),
            replace(saved, person=house.stranger.id),
        )
        for each in wrong:
            with pytest.raises(NotStored):
                await store.save_account(each)
        assert await store.accounts("acme") == (saved,)

    async def test_taken_out_in_its_organisation_only(self, house: House) -> None:
        store = house.store
        saved = await store.save_account(local())
        await store.save_session(session(saved.id))
        assert not await store.remove_account("other", saved.id)
        assert await store.remove_account("acme", saved.id)
        assert not await store.remove_account("acme", saved.id)
        assert await store.session("d" * 64) is None
        assert (await store.save_account(local())).id > saved.id, "an id is never given again"

    async def test_whoever_it_was_may_go(self, house: House) -> None:
        store = house.store
        saved = await store.save_account(local(person=house.anna.id))
        await store.remove_people([house.anna.id])
        assert await store.account(saved.id) == replace(saved, person=0)


class TestSessions:
    async def test_with_whose_it_is(self, house: House) -> None:
        store = house.store
        account = await store.save_account(local())
        saved = await store.save_session(session(account.id))
        assert await store.session("d" * 64) == (saved, account)
        assert await store.session("D" * 64) is None
        await store.see_session("d" * 64, after(5))
        await store.see_session("d" * 64, after(3))
        assert await store.session("d" * 64) == (replace(saved, seen_at=after(5)), account)
        with pytest.raises(NotStored):
            await store.save_session(session(999, "e" * 64))

    async def test_ended(self, house: House) -> None:
        store = house.store
        account, other = await store.save_account(local()), await store.save_account(local("bo"))
        for number, of in enumerate((account, account, account, other)):
            await store.save_session(session(of.id, str(number)))
        assert await store.remove_session("0")
        assert not await store.remove_session("0")
        assert await store.remove_sessions(account.id, but="1") == 1
        assert await store.session("1") is not None
        assert await store.remove_sessions(account.id) == 1
        assert await store.session("3") is not None

    async def test_forgotten_once_over(self, house: House) -> None:
        store = house.store
        account = await store.save_account(local())
        await store.save_session(session(account.id, "a", 5))
        await store.save_session(session(account.id, "b", 15))
        assert await store.forget(after(15)) == 1
        assert [await store.session(digest) is None for digest in "ab"] == [True, False]

    async def test_who_has_waited_long_is_forgotten(self, house: House) -> None:
        store = house.store
        wanted = [
            issued("old", state=AccountState.PENDING),
            issued("new", state=AccountState.PENDING, created_at=after(20)),
            issued("in"),
        ]
        for each in wanted:
            await store.save_account(each)
        assert await store.forget(after(15)) == 1
        assert [each.subject for each in await store.accounts("acme")] == ["new", "in"]


class TestAudit:
    async def test_the_latest_first_and_whole(self, house: House) -> None:
        told = {"count": 3, "names": ["a", "b"], "on": True}
        first, second = entry(0, about="Åsa", details=told), entry(1, "z")
        await house.store.note_audit([first, second])
        found = await house.store.search_audit("acme")
        assert [replace(each, cursor=None) for each in found] == [second, first]

    async def test_found_by_any_word_of_it(self, house: House) -> None:
        await house.store.note_audit([entry(0, "token.added", who="Åsa", about="50%_Off", details={"x": "Fikon"})])
        for text in ("", "åsa", "TOKEN", "50%", "%_o", "fikon", "cli"):
            assert await whats(house, text) == ["token.added"], text
        for text in ("acme", "off_", "51%"):
            assert await whats(house, text) == [], text

    async def test_page_by_page_without_a_gap(self, house: House) -> None:
        store = house.store
        await store.note_audit([entry(number // 3, f"n.{number}") for number in range(20)])
        await store.save_override(house.anna.id, by_hand(2))
        seen: list[str] = []
        cursor: tuple[datetime, int, int] | None = None
        while page := await store.search_audit("acme", after=cursor, limit=4):
            seen += [each.what for each in page]
            cursor = page[-1].cursor
        assert len(seen) == len(set(seen)) == 21
        assert seen == await whats(house, limit=100)

    async def test_within_a_time(self, house: House) -> None:
        await house.store.note_audit([entry(number, f"n.{number}") for number in range(5)])
        assert await whats(house, since=after(1), until=after(3)) == ["n.2", "n.1"]

    async def test_nothing_crosses(self, house: House) -> None:
        store = house.store
        await store.note_audit([entry(0, "ours"), entry(1, "theirs", "other"), entry(2, "nobodys", "")])
        await store.save_override(house.stranger.id, by_hand())
        assert await whats(house) == ["ours"]
        assert await whats(house, org="other") == ["theirs", "override.set"]
        assert await whats(house, org="") == ["nobodys"]
        assert await whats(house, org="nowhere") == []
        with pytest.raises(NotStored):
            await store.note_audit([entry(org="nowhere")])

    async def test_what_was_set_by_hand_is_among_it_without_reason_or_note(self, house: House) -> None:
        store, anna = house.store, house.anna.id
        await store.save_override(anna, by_hand(0, note="zqsecret"))
        await store.save_override(anna, by_hand(10, note="zqsecret"))
        await store.remove_override(anna, after(20), by="bo", through="app")
        await store.save_override(anna, Override(after(30), after(40), None, by="anna", through="console"))
        found = await store.search_audit("acme", "anna")
        assert [(each.what, each.at, each.who, each.through) for each in found] == [
            ("override.available", after(30), "anna", "console"),
            ("override.removed", after(20), "bo", "app"),
            ("override.set", after(10), "anna", "cli"),
            ("override.set", after(0), "anna", "cli"),
        ]
        assert {each.about for each in found} == {"Anna"}
        assert all(each.details == {"person": anna} for each in found)
        assert "zqsecret" not in repr(found)
        assert "lunch" not in repr(found)

    async def test_forgotten_by_age(self, house: House) -> None:
        await house.store.note_audit([entry(number, f"n.{number}") for number in range(3)])
        assert await house.store.forget_audit(after(2)) == 2
        assert await whats(house) == ["n.2"]
