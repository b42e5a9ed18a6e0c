"""Signing in by user name and password; what a session may, and when it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.api.cookies import BROWSER, SESSION
from backsoon.domain.access import Role
from backsoon.domain.signin import SignIn
from backsoon.engine.sessions import KNOWN_FOR, SEEN_EVERY, digest_of
from backsoon.store.base import Account, AccountState
from tests.unit.api.browsing import Browser, browser
from tests.unit.api.serving import Serving, serving
from tests.unit.engine.world import NINE

PASSWORD = "correct horse battery"
ALL = (Role.ATTENDANT, Role.PERSON, Role.ADMINISTRATOR)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        yield one


@pytest.fixture
async def page(api: Serving) -> AsyncIterator[Browser]:
    async with browser(api) as one:
        yield one


async def account(api: Serving, user: str = "anna", roles: tuple[Role, ...] = ALL, **more: Any) -> Account:
    person = await api.world.person("101", "Anna Berg") if Role.PERSON in roles else None
    added = await api.parts.logins.add("acme", user, roles, password=PASSWORD, person=person, **more)
    return added.account


async def after(api: Serving, passed: timedelta) -> None:
    await api.world.clock.move_to(api.world.clock.now() + passed)


async def audit(api: Serving, text: str = "") -> list[str]:
    return [entry.what for entry in await api.parts.audit.search("acme", text)]


class TestSigningIn:
    async def test_the_answer_says_who_it_is_and_sets_the_cookie(self, api: Serving, page: Browser) -> None:
        made = await account(api)
        status, said, headers = await page.ask(
            "POST", "/api/v1/session", json={"user": " ANNA "[1:5], "password": PASSWORD}
        )
        assert status == 200
        person = await api.world.store.by_extension("acme", "101")
        assert person is not None
        assert said == {
            "name": "Anna Berg",
            "user": "anna",
            "organisation": "acme",
            "roles": ["administrator", "attendant", "person"],
            "person": {"id": person.id, "extension": "101", "name": "Anna Berg"},
            "language": "en",
            "zone": said["zone"],
            "ends_at": "2026-11-23T21:00:00Z",
            "local": True,
        }
        assert headers["Cache-Control"] == "no-store"
        cookie = page.set[SESSION]
        assert (cookie["path"], cookie["secure"], cookie["httponly"]) == ("/", True, True)
        assert (cookie["samesite"], cookie["domain"], cookie["max-age"]) == ("lax", "", str(7 * 86_400))
        assert (await page.ask("GET", "/api/v1/session"))[:2] == (200, said)
        found = await api.world.store.account(made.id)
        assert found is not None
        assert found.signed_in_at == NINE
        assert "session.began" in await audit(api)

    async def test_only_the_digest_of_the_session_is_stored(self, api: Serving, page: Browser, tmp_path: Path) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        text = page.cookies[SESSION]
        assert len(text) == 43
        assert await api.world.store.session(digest_of(text)) is not None
        files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
        assert files
        assert all(text.encode() not in data and PASSWORD.encode() not in data for data in files)

    @pytest.mark.parametrize("state", [AccountState.OFF, AccountState.PENDING])
    async def test_whatever_is_wrong_the_answer_is_the_same(
        self, api: Serving, page: Browser, state: AccountState
    ) -> None:
        await account(api)
        off = await account(api, "bo", (Role.ATTENDANT,))
        await api.world.store.save_account(type(off)(**{**_values(off), "state": state}))
        answers = []
        wrong = [("anna", "wrong"), ("nobody", PASSWORD), ("bo", PASSWORD), ("x" * 200, PASSWORD), ("anna", "x" * 256)]
        for user, password in wrong:
            found = await page.ask("POST", "/api/v1/session", json={"user": user, "password": password})
            answers.append((found[0], found[1]))
        assert answers == [answers[0]] * len(wrong)
        assert answers[0][0] == 401
        assert SESSION not in page.cookies

    async def test_not_where_the_settings_say_no(self, api: Serving, page: Browser) -> None:
        await account(api)
        api.parts.sign_in = SignIn(local=False)
        assert await page.sign_in("anna", PASSWORD) == 401
        assert (await page.ask("GET", "/api/v1/sign-in"))[1] == {"local": False, "issuers": [], "organisation": "Acme"}

    async def test_a_new_id_at_each_sign_in_and_the_one_before_is_over(self, api: Serving, page: Browser) -> None:
        """Nobody signs somebody in to a session that they know (fixation)."""
        await account(api)
        page.cookies[SESSION] = planted = "A" * 43
        assert await page.sign_in("anna", PASSWORD) == 200
        first = page.cookies[SESSION]
        assert first != planted
        assert await page.sign_in("anna", PASSWORD) == 200
        assert page.cookies[SESSION] != first
        page.cookies[SESSION] = first
        assert (await page.ask("GET", "/api/v1/session"))[0] == 401
        assert SESSION not in page.cookies, "the browser is told to forget it"

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Origin": "https://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({}, 200),
        ],
    )
    async def test_no_other_site_signs_anybody_in(
        self, api: Serving, page: Browser, headers: dict[str, str], status: int
    ) -> None:
        await account(api)
        body = {"user": "anna", "password": PASSWORD}
        assert (await page.ask("POST", "/api/v1/session", headers=headers, json=body))[0] == status

    async def test_a_form_is_none(self, api: Serving, page: Browser) -> None:
        await account(api)
        found = await page.ask("POST", "/api/v1/session", data={"user": "anna", "password": PASSWORD})
        assert found[0] == 415
        assert (await page.ask("POST", "/api/v1/session", json={"user": "a", "password": "x" * 70_000}))[0] == 413

    async def test_signing_out(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        text = page.cookies[SESSION]
        assert (await page.ask("DELETE", "/api/v1/session"))[:2] == (200, {"signed_out": True})
        assert SESSION not in page.cookies
        page.cookies[SESSION] = text
        assert (await page.ask("GET", "/api/v1/session"))[0] == 401
        assert "session.ended" in await audit(api)


def _values(made: Account) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__dataclass_fields__}


class TestHats:
    async def test_each_hat_is_what_a_token_of_that_role_is(self, api: Serving, page: Browser) -> None:
        made = await account(api)
        other = await api.world.person("102", "Bo Ek")
        await page.sign_in("anna", PASSWORD)
        asked = {
            "attendant": {"/api/v1/board": 200, "/api/v1/health": 403, f"/api/v1/people/id:{other.id}/why": 200},
            "person": {"/api/v1/board": 200, "/api/v1/health": 403, f"/api/v1/people/id:{other.id}/why": 403},
            "administrator": {"/api/v1/board": 200, "/api/v1/health": 200, "/api/v1/users": 200},
        }
        for role, paths in asked.items():
            for path, status in paths.items():
                assert (await page.ask("GET", path, role=role))[0] == status, (role, path)
        own = f"/api/v1/people/id:{made.person}/override"
        assert (await page.ask("PUT", own, role="person", json={"reason": "lunch"}))[0] == 200
        assert (await page.ask("GET", own, role="person"))[1]["override"]["by"] == "Anna Berg"

    @pytest.mark.parametrize("said", ["", "administrator", "switchboard", "Attendant", "attendant, person", "nobody"])
    async def test_without_one_of_their_hats_there_is_nothing(self, api: Serving, page: Browser, said: str) -> None:
        await account(api, roles=(Role.ATTENDANT, Role.PERSON))
        await page.sign_in("anna", PASSWORD)
        for path in ("/api/v1/board", "/api/v1/here", "/api/v1/users", "/api/v1/events", "/api/v1/people"):
            assert (await page.ask("GET", path, role=said))[0] == 403
        assert (await page.ask("GET", "/api/v1/session"))[0] == 200

    async def test_a_person_who_is_taken_out_is_nobody(self, api: Serving, page: Browser) -> None:
        await account(api, roles=(Role.ATTENDANT, Role.PERSON))
        await page.sign_in("anna", PASSWORD)
        person = await api.world.store.by_extension("acme", "101")
        assert person is not None
        await api.world.service.remove_people([person])
        await after(api, KNOWN_FOR)
        status, said, _ = await page.ask("GET", "/api/v1/session")
        assert (status, said["roles"], said["person"]) == (200, ["attendant"], None)
        assert (await page.ask("GET", "/api/v1/board", role="person"))[0] == 403
        assert (await page.ask("GET", "/api/v1/board", role="attendant"))[0] == 200

    async def test_a_token_goes_before_a_cookie(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        token = await api.token(Role.SWITCHBOARD)
        headers = {"Authorization": f"Bearer {token}"}
        assert (await page.ask("GET", "/api/v1/health", role="administrator", headers=headers))[0] == 403
        assert (await page.ask("GET", "/api/v1/session", headers=headers))[0] == 401
        wrong = {"Authorization": "Bearer bsn_" + "x" * 43}
        assert (await page.ask("GET", "/api/v1/board", role="attendant", headers=wrong))[0] == 401

    async def test_two_cookies_that_differ_are_none(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        page.cookies = {SESSION: f"{page.cookies[SESSION]}; {SESSION}={'B' * 43}"}
        assert (await page.ask("GET", "/api/v1/session"))[0] == 401

    async def test_on_the_local_socket_nobody_is_signed_in(self, api: Serving) -> None:
        assert (await api.ask("GET", "/session"))[0] == 401


class TestOtherSites:
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Sec-Fetch-Site": "same-origin"}, 200),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Sec-Fetch-Site": "none"}, 403),
            ({"Origin": "https://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Origin": "http://127.0.0.1"}, 403),
            ({"Sec-Fetch-Site": "cross-site", "Origin": "https://pages.example"}, 403),
            ({"Origin": "https://pages.example"}, 200),
            ({}, 403),
        ],
    )
    async def test_only_our_own_pages_change_anything(
        self, api: Serving, page: Browser, headers: dict[str, str], status: int
    ) -> None:
        api.parts.sign_in = SignIn(pages="https://pages.example")
        await account(api)
        await page.sign_in("anna", PASSWORD)
        path = "/api/v1/people/101/override"
        found = await page.ask("PUT", path, role="attendant", headers=headers, json={"reason": "lunch"})
        assert found[0] == status
        assert (await page.ask("DELETE", "/api/v1/session", headers=headers))[0] == status

    async def test_our_own_origin_where_the_browser_says_no_more(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        headers = {"Origin": page.origin}
        body = {"reason": "lunch"}
        assert (await page.ask("PUT", "/api/v1/people/101/override", role="attendant", headers=headers, json=body))[
            0
        ] == 200

    async def test_no_other_site_reads(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        for site in ("cross-site", "same-site"):
            found = await page.ask("GET", "/api/v1/board", role="attendant", headers={"Sec-Fetch-Site": site})
            assert found[0] == 403
            assert (await page.ask("GET", "/api/v1/session", headers={"Sec-Fetch-Site": site}))[0] == 403


class TestEnds:
    async def test_after_it_was_not_used(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        for _ in range(3):
            await after(api, timedelta(hours=11))
            assert (await page.ask("GET", "/api/v1/session"))[0] == 200
        await after(api, timedelta(hours=12))
        assert (await page.ask("GET", "/api/v1/session"))[0] == 401

    async def test_after_its_longest_time_however_it_was_used(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        for _ in range(20):
            await after(api, timedelta(hours=8))
            assert (await page.ask("GET", "/api/v1/session"))[0] == 200
        status, said, _ = await page.ask("GET", "/api/v1/session")
        assert (status, said["ends_at"]) == (200, "2026-11-30T09:00:00Z")
        await after(api, timedelta(hours=8))
        assert (await page.ask("GET", "/api/v1/session"))[0] == 401

    async def test_shorter_settings_count_for_those_that_are_there(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        await after(api, timedelta(hours=2))
        api.parts.sign_in = SignIn(idle=timedelta(hours=1))
        assert (await page.ask("GET", "/api/v1/session"))[0] == 401

    async def test_that_it_was_used_is_written_down_now_and_then(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        digest = digest_of(page.cookies[SESSION])

        async def seen() -> Any:
            found = await api.world.store.session(digest)
            return None if found is None else found[0].seen_at

        await after(api, SEEN_EVERY)
        await page.ask("GET", "/api/v1/session")
        assert await seen() == NINE
        await after(api, timedelta(seconds=1))
        await page.ask("GET", "/api/v1/session")
        assert await seen() == NINE + SEEN_EVERY + timedelta(seconds=1)

    async def test_a_waiting_stream_is_no_use(self, api: Serving) -> None:
        made = await account(api)
        text, _ = await api.parts.logins.sessions.begin(made)
        for _ in range(3):
            await after(api, timedelta(hours=4))
            found = await api.parts.logins.sessions.by_digest(digest_of(text))
        assert found is None

    async def test_what_another_process_ends_is_over_soon(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        assert (await page.ask("GET", "/api/v1/session"))[0] == 200
        await api.world.store.remove_session(digest_of(page.cookies[SESSION]))
        assert (await page.ask("GET", "/api/v1/session"))[0] == 200, "known from memory"
        await after(api, KNOWN_FOR)
        assert (await page.ask("GET", "/api/v1/session"))[0] == 401

    async def test_one_ended_while_it_was_looked_up_is_not_remembered(self, api: Serving) -> None:
        made = await account(api)
        sessions, store = api.parts.logins.sessions, api.world.store
        text, found = await sessions.begin(made)
        read = store.session

        async def slow(digest: str) -> Any:
            row = await read(digest)
            await sessions.end(digest)
            return row

        store.session = slow  # type: ignore[method-assign]
        await sessions.by_digest(found.session.digest)
        store.session = read  # type: ignore[method-assign]
        assert await sessions.used(text) is None

    @pytest.mark.parametrize("how", ["removed", "off", "hat", "password", "signed out"])
    async def test_streams_end_soon_after_the_login(self, api: Serving, page: Browser, how: str) -> None:
        made = await account(api)
        await page.sign_in("anna", PASSWORD)
        logins = api.parts.logins
        cookie = {"Cookie": f"{SESSION}={page.cookies[SESSION]}", "Backsoon-Role": "attendant"}
        async with api.network() as client, client.get("/api/v1/events", headers=cookie) as stream:
            assert stream.status == 200
            await stream.content.readany()
            if how == "removed":
                await logins.remove(made)
            elif how == "off":
                await logins.change(made, state=AccountState.OFF)
            elif how == "hat":
                await logins.change(made, roles=[Role.PERSON])
            elif how == "password":
                await logins.new_password(made)
            else:
                await page.ask("DELETE", "/api/v1/session")
            async with asyncio.timeout(5):
                while await stream.content.readany():
                    pass


class TestSlowed:
    async def test_by_address(self, api: Serving, page: Browser) -> None:
        await account(api)
        statuses = [await page.sign_in(f"user{n}", "wrong") for n in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        status, _, headers = await page.ask("POST", "/api/v1/session", json={"user": "anna", "password": PASSWORD})
        assert (status, headers["Retry-After"]) == (429, "10")
        await after(api, timedelta(seconds=10))
        assert await page.sign_in("anna", PASSWORD) == 200

    async def test_a_browser_that_was_here_before_counts_by_itself(self, api: Serving, page: Browser) -> None:
        await account(api)
        assert await page.sign_in("anna", PASSWORD) == 200
        await page.ask("DELETE", "/api/v1/session")
        async with browser(api) as attacker:
            while await attacker.sign_in("anna", "wrong") == 401:
                pass
            assert await attacker.sign_in("anna", PASSWORD) == 429
        assert await page.sign_in("anna", PASSWORD) == 200
        await account(api, "bo", (Role.ATTENDANT,))
        assert await page.sign_in("bo", PASSWORD) == 429, "it knows anna's, no other"
        assert [await page.sign_in("anna", "wrong") for _ in range(11)] == [401] * 10 + [429]

    async def test_that_cookie_lets_nobody_in_and_is_nobody_elses_to_make(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        del page.cookies[SESSION]
        assert page.set[BROWSER]["secure"]
        assert (await page.ask("GET", "/api/v1/session"))[0] == 401
        chance, _, mac = page.cookies[BROWSER].partition(".")
        page.cookies[BROWSER] = f"{'x' * len(chance)}.{mac}"
        assert [await page.sign_in("anna", "wrong") for _ in range(12)] == [401] * 10 + [429] * 2

    async def test_who_succeeds_spends_nothing(self, api: Serving, page: Browser) -> None:
        await account(api)
        for _ in range(15):
            page.cookies.clear()
            assert await page.sign_in("anna", PASSWORD) == 200

    async def test_it_is_logged_and_noted_without_what_was_typed(
        self, api: Serving, page: Browser, caplog: pytest.LogCaptureFixture
    ) -> None:
        await account(api)
        with caplog.at_level(logging.DEBUG):
            for user in ("Secret-Typed-As-Name", "anna", "anna", "<img onerror=1>\u202e"):
                assert await page.sign_in(user, "Secret-Password") == 401
        noted = [e for e in await api.parts.audit.search("acme") if e.what == "session.refused"]
        assert [(e.about, e.details["times"]) for e in noted] == [("anna", 1), ("", 1)]
        everything = caplog.text + repr(noted)
        assert all(text not in everything for text in ("Secret", "onerror", "\u202e"))
        assert "refused, from 127.0.0.1" in caplog.text
        await after(api, timedelta(minutes=1))
        await page.sign_in("anna", "Secret-Password")
        again = [e for e in await api.parts.audit.search("acme", "session.refused") if e.about == "anna"]
        assert [e.details["times"] for e in again] == [2, 1]


class TestOwnPassword:
    async def test_changing_it_ends_the_other_sessions(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        async with browser(api) as other:
            await other.sign_in("anna", PASSWORD)
            body = {"old": PASSWORD, "new": "another horse entirely"}
            assert (await page.ask("PUT", "/api/v1/session/password", json=body))[:2] == (200, {"changed": True})
            assert (await other.ask("GET", "/api/v1/session"))[0] == 401
            assert await other.sign_in("anna", PASSWORD) == 401
            assert await other.sign_in("anna", body["new"]) == 200
        assert (await page.ask("GET", "/api/v1/session"))[0] == 200
        assert "account.password" in await audit(api)

    async def test_the_old_one_is_not_guessed_there(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        body = {"old": "wrong", "new": "another horse entirely"}
        statuses = [(await page.ask("PUT", "/api/v1/session/password", json=body))[0] for _ in range(12)]
        assert statuses == [403] * 10 + [429] * 2

    async def test_a_short_one_is_none(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        status, said, _ = await page.ask("PUT", "/api/v1/session/password", json={"old": PASSWORD, "new": "short"})
        assert (status, "short" in said["detail"]) == (409, False)


class TestUsers:
    async def test_made_changed_and_taken_out(self, api: Serving, page: Browser) -> None:
        own = await account(api)
        await page.sign_in("anna", PASSWORD)
        body = {"user": "bo", "roles": ["attendant"], "name": "Bo Ek"}
        status, made, _ = await page.ask("POST", "/api/v1/users", role="administrator", json=body)
        assert (status, len(made["password"])) == (201, 19)
        async with browser(api) as bo:
            assert await bo.sign_in("bo", made["password"]) == 200
            path = f"/api/v1/users/{made['id']}"
            change = {"roles": ["person"], "person": "101"}
            status, changed, _ = await page.ask("PATCH", path, role="administrator", json=change)
            assert (status, changed["roles"], changed["password"]) == (200, ["person"], None)
            assert changed["person"]["extension"] == "101"
            assert (await bo.ask("GET", "/api/v1/session"))[1]["roles"] == ["person"]
            assert (await page.ask("DELETE", path, role="administrator"))[0] == 200
            assert (await bo.ask("GET", "/api/v1/session"))[0] == 401
        listed = (await page.ask("GET", "/api/v1/users", role="administrator"))[1]
        assert [user["id"] for user in listed["users"]] == [own.id]
        noted = [e for e in await api.parts.audit.search("acme", "bo") if e.what.startswith("account")]
        assert [(e.what, e.who, e.through) for e in noted] == [
            ("account.removed", "Anna Berg", "admin"),
            ("account.changed", "Anna Berg", "admin"),
            ("account.added", "Anna Berg", "admin"),
        ]

    async def test_nobody_locks_themselves_out_by_a_slip(self, api: Serving, page: Browser) -> None:
        own = await account(api)
        await page.sign_in("anna", PASSWORD)
        path = f"/api/v1/users/{own.id}"
        for change in ({"state": "off"}, {"roles": ["attendant"]}):
            assert (await page.ask("PATCH", path, role="administrator", json=change))[0] == 409
        assert (await page.ask("DELETE", path, role="administrator"))[0] == 409
        assert (await page.ask("PATCH", path, role="administrator", json={"name": "Anna B"}))[0] == 200

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"user": "anna", "roles": ["attendant"]}, 409),
            ({"user": "ANNA", "roles": ["attendant"]}, 409),
            ({"user": "bo", "roles": ["person"]}, 409),
            ({"user": "bo", "roles": ["switchboard"]}, 422),
            ({"user": "bo", "roles": []}, 422),
            ({"user": "b o", "roles": ["attendant"]}, 422),
            ({"user": "bo", "roles": ["attendant"], "password": "short"}, 422),
            ({"user": "bo", "roles": ["attendant"], "person": "999"}, 404),
            ({"user": "bo", "roles": ["attendant"], "name": "\u202e"}, 409),
            ({"user": "bo", "roles": ["attendant"], "by": "somebody else"}, 403),
        ],
    )
    async def test_accounts_that_make_no_sense(
        self, api: Serving, page: Browser, body: dict[str, Any], status: int
    ) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        assert (await page.ask("POST", "/api/v1/users", role="administrator", json=body))[0] == status

    async def test_tokens_are_noted(self, api: Serving, page: Browser) -> None:
        await account(api)
        await page.sign_in("anna", PASSWORD)
        made = (
            await page.ask("POST", "/api/v1/tokens", role="administrator", json={"name": "pbx", "role": "switchboard"})
        )[1]
        await page.ask("DELETE", f"/api/v1/tokens/{made['id']}", role="administrator")
        noted = await api.parts.audit.search("acme", "pbx")
        assert [(e.what, e.who, e.through) for e in noted] == [
            ("token.revoked", "Anna Berg", "admin"),
            ("token.added", "Anna Berg", "admin"),
        ]
        assert made["token"] not in repr(noted)
