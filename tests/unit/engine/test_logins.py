"""Passwords, the audit log, one-time codes: what they keep, and what they never do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.access import NOBODY, Right, Role
from backsoon.domain.signin import SignIn
from backsoon.engine import passwords as hashing
from backsoon.engine.audit import LONGEST, Audit, BadCursor, cursor_of
from backsoon.engine.logins import BadAccount, Logins, hats, identity_as
from backsoon.engine.passwords import BadPassword, Passwords, TooBusy, Verdict, generated
from backsoon.engine.sessions import MOST, Sessions
from backsoon.store.base import Account, AccountState, StoreConflict
from tests.unit.engine.world import NINE, World, world

GOOD = "correct horse battery"


def cheap() -> Passwords:
    return Passwords(passes=1, memory_kib=8)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as one:
        yield one


def logins(made: World) -> Logins:
    audit = Audit(made.store, made.clock)
    return Logins(made.store, made.clock, Sessions(made.store, made.clock), cheap(), audit)


class TestPasswords:
    async def test_argon2id_and_no_two_hashes_alike(self) -> None:
        passwords = cheap()
        first, second = await passwords.hashed(GOOD), await passwords.hashed(GOOD)
        assert first.startswith("$argon2id$")
        assert first != second
        assert GOOD not in first
        assert (await passwords.verify(first, GOOD)).right
        assert not (await passwords.verify(first, GOOD + " ")).right

    async def test_the_usual_parameters(self) -> None:
        assert "$m=65536,t=3,p=1$" in await Passwords().hashed(GOOD)

    async def test_nobody_is_never_right_and_costs_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        passwords, counted = cheap(), list[str]()
        work = passwords._work

        def counting(password: str, stored: str | None) -> str:
            counted.append(password)
            return work(password, stored)

        monkeypatch.setattr(passwords, "_work", counting)
        stored = await passwords.hashed(GOOD)
        await passwords.verify("", GOOD)
        counted.clear()
        await passwords.verify(stored, "wrong")
        known = len(counted)
        for password in (GOOD, "", "x" * 300):
            counted.clear()
            assert not (await passwords.verify("", password)).right
            assert len(counted) == known
        assert not (await passwords.verify("no hash at all", GOOD)).right

    async def test_hashes_are_renewed_when_parameters_change(self) -> None:
        stored = await cheap().hashed(GOOD)
        dearer = Passwords(passes=2, memory_kib=16)
        verdict = await dearer.verify(stored, GOOD)
        assert verdict.right
        assert "m=16,t=2" in verdict.renewed
        assert (await dearer.verify(verdict.renewed, GOOD)).renewed == ""
        assert (await dearer.verify(stored, "wrong")).renewed == ""

    async def test_composed_or_not_is_the_same(self) -> None:
        passwords = cheap()
        assert (await passwords.verify(await passwords.hashed("smörgåsbord!"), "smo\u0308rga\u030asbord!")).right

    @pytest.mark.parametrize("password", ["", "short", "x" * 9, " " * 12, "x" * 257])
    async def test_what_is_no_password(self, password: str) -> None:
        with pytest.raises(BadPassword) as caught:
            await cheap().hashed(password)
        assert password.strip() == "" or password not in str(caught.value)

    async def test_two_at_a_time_and_an_end_to_the_queue(self, monkeypatch: pytest.MonkeyPatch) -> None:
        passwords, going = cheap(), threading.Event()
        running: list[int] = []
        most: list[int] = []

        def work(password: str, stored: str | None) -> str:
            running.append(1)
            most.append(len(running))
            going.wait(20)
            running.pop()
            return "hash"

        monkeypatch.setattr(passwords, "_work", work)
        wanted = hashing.AT_ONCE + hashing.WAITING
        tasks = [asyncio.create_task(passwords.hashed(GOOD)) for _ in range(wanted)]
        while len(running) < hashing.AT_ONCE:
            await asyncio.sleep(0)
        with pytest.raises(TooBusy):
            await passwords.hashed(GOOD)
        going.set()
        assert await asyncio.gather(*tasks) == ["hash"] * wanted
        assert max(most) == hashing.AT_ONCE

    def test_made_up_ones_differ_and_can_be_read_out(self) -> None:
        several = {generated() for _ in range(200)}
        assert len(several) == 200
        assert all(len(each) == 19 and not set(each) & set("ilo01") for each in several)


class TestAudit:
    @given(st.text(max_size=2000), st.text(max_size=2000))
    def test_whatever_is_said_is_noted_as_one_short_line(self, who: str, about: str) -> None:
        noted: list[Any] = []

        class Store:
            async def note_audit(self, entries: list[Any]) -> None:
                noted.extend(entries)

        class Clock:
            now = staticmethod(lambda: NINE)

        audit = Audit(Store(), Clock())  # type: ignore[arg-type]
        asyncio.run(audit.note("acme", "x.y", who=who, through="cli", about=about, details={"a": who, "b": [about]}))
        (entry,) = noted
        for text in (entry.who, entry.about, entry.details["a"], entry.details["b"][0]):
            assert len(text) <= LONGEST
            assert not set(text) & set("\n\r\0\x1b\u202e\u2066")

    async def test_page_by_page(self, made: World) -> None:
        audit = Audit(made.store, made.clock)
        for number in range(7):
            await audit.note("acme", f"n.{number}", who="bo", through="cli")
        seen: list[str] = []
        cursor = ""
        while page := await audit.search("acme", after=cursor, limit=3):
            seen += [entry.what for entry in page]
            cursor = cursor_of(page[-1])
        assert seen == [f"n.{number}" for number in reversed(range(7))]

    @pytest.mark.parametrize(
        "cursor", ["x", "1", "1.2", "1.2.3.4", "1.99.3", "9" * 40 + ".0.1", "1.0.x", "1.0." + "9" * 30]
    )
    async def test_a_place_that_is_none(self, made: World, cursor: str) -> None:
        with pytest.raises(BadCursor):
            await Audit(made.store, made.clock).search("acme", after=cursor)


class TestAccounts:
    async def test_names_are_one_accounts_whatever_their_case(self, made: World) -> None:
        service = logins(made)
        await service.add("acme", "Åsa", [Role.ATTENDANT], password=GOOD)
        with pytest.raises(StoreConflict):
            await service.add("acme", "åSA", [Role.ATTENDANT], password=GOOD)
        assert await service.enter("ÅSA", GOOD) is not None

    @pytest.mark.parametrize("user", ["", "a b", "a\tb", "\u202ea", "x" * 65, "a\u200bb"])
    async def test_user_names_that_cannot_be(self, made: World, user: str) -> None:
        with pytest.raises(BadAccount):
            await logins(made).add("acme", user, [Role.ATTENDANT], password=GOOD)

    async def test_the_password_is_renewed_when_somebody_signs_in(self, made: World) -> None:
        service = logins(made)
        added = await service.add("acme", "anna", [Role.ATTENDANT], password=GOOD)
        service._passwords = Passwords(passes=2, memory_kib=16)
        assert await service.enter("anna", GOOD) is not None
        found = await made.store.account(added.account.id)
        assert found is not None
        assert "m=16,t=2" in found.password

    async def test_one_that_waits_becomes_nobody_again_by_no_way(self, made: World) -> None:
        service = logins(made)
        added = await service.add("acme", "anna", [Role.ATTENDANT], password=GOOD)
        with pytest.raises(BadAccount, match="switch it off"):
            await service.change(added.account, state=AccountState.PENDING)

    async def test_nobody_enters_by_what_was_changed_while_it_was_looked_at(
        self, made: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service = logins(made)
        account = (await service.add("acme", "anna", [Role.ATTENDANT], password=GOOD)).account
        entered = await service.enter("anna", GOOD)
        assert entered is not None
        real = service._passwords.verify

        async def meanwhile(stored: str, password: str, **_: Any) -> Verdict:
            verdict = await real(stored, password)
            await service.new_password(account, "another good one")
            return verdict

        with monkeypatch.context() as patch:
            patch.setattr(service._passwords, "verify", meanwhile)
            assert await service.enter("anna", GOOD) is None
        assert await service.begin(entered) is None, "whoever entered with the former password"
        again = await service.enter("anna", "another good one")
        assert again is not None
        assert await service.begin(again) is not None
        await service.change(again, state=AccountState.OFF)
        assert await service.begin(again) is None

    async def test_of_two_changes_at_once_both_hold(self, made: World) -> None:
        service = logins(made)
        everything = [Role.ATTENDANT, Role.ADMINISTRATOR]
        account = (await service.add("acme", "anna", everything, password=GOOD)).account
        await asyncio.gather(
            service.change(account, roles=[Role.ATTENDANT]),
            service.change(account, name="Anna B"),
            service.new_password(account, "another good one"),
            service.enter("anna", GOOD),
        )
        found = await made.store.account(account.id)
        assert found is not None
        assert (found.name, found.roles) == ("Anna B", frozenset({Role.ATTENDANT}))
        assert await service.enter("anna", "another good one") is not None

    def test_hats(self) -> None:
        everything = frozenset({Role.ATTENDANT, Role.PERSON, Role.ADMINISTRATOR})
        account = Account("acme", "Anna", everything, NINE, person=7, id=3)
        assert hats(account) == everything
        assert hats(Account("acme", "Anna", everything, NINE)) == everything - {Role.PERSON}
        assert identity_as(account, Role.PERSON).person == 7
        assert identity_as(account, Role.ATTENDANT).person == 0
        assert identity_as(account, Role.ADMINISTRATOR).account == 3

    @pytest.mark.parametrize("right", list(Right))
    def test_nobody_may_nothing(self, right: Right) -> None:
        assert not NOBODY.may(right)
        assert not NOBODY.reaches("")


class TestSessions:
    async def test_as_many_are_remembered_as_there_is_room_for(
        self, made: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert MOST >= 1000
        monkeypatch.setattr("backsoon.engine.sessions.MOST", 3)
        service = logins(made)
        account = (await service.add("acme", "anna", [Role.ATTENDANT], password=GOOD)).account
        texts = [(await service.sessions.begin(account))[0] for _ in range(6)]
        for text in texts * 2:
            assert await service.sessions.used(text) is not None
        assert len(service.sessions._known) == 3

    @given(st.integers(1, 24 * 30), st.integers(1, 90), st.lists(st.integers(1, 3 * 86_400), min_size=1, max_size=12))
    def test_over_when_it_was_not_used_or_at_its_end_and_not_before(
        self, idle: int, longest: int, steps: list[int]
    ) -> None:
        settings = SignIn(idle=timedelta(hours=idle), longest=timedelta(days=longest))
        asyncio.run(self._live(settings, steps))

    async def _live(self, settings: SignIn, steps: list[int]) -> None:
        kept: dict[str, Any] = {}

        class Store:
            async def save_session(self, session: Any) -> Any:
                kept["session"] = session
                return session

            async def session(self, digest: str) -> Any:
                return kept["session"], account

            async def see_session(self, digest: str, at: Any) -> None:
                from dataclasses import replace

                kept["session"] = replace(kept["session"], seen_at=at)

        class Clock:
            at = NINE

            def now(self) -> Any:
                return self.at

        account = Account("acme", "Anna", frozenset({Role.ATTENDANT}), NINE, id=1)
        clock = Clock()
        sessions = Sessions(Store(), clock, lambda: settings)  # type: ignore[arg-type]
        text, _ = await sessions.begin(account)
        used = written = NINE
        for step in steps:
            clock.at += timedelta(seconds=step)
            alive = await sessions.used(text) is not None
            if clock.at - NINE >= settings.longest or clock.at - used >= settings.idle:
                assert not alive
                return
            if clock.at - NINE < settings.longest and clock.at - written < settings.idle:
                assert alive
            if not alive:
                return
            used = clock.at
            if clock.at - written > timedelta(minutes=5):
                written = clock.at
