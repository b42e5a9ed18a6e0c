"""What an attacker would try at the API that is not tried elsewhere: across organisations, accounts and sites."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from backsoon.domain.access import Role
from backsoon.domain.organisation import Connection
from backsoon.engine.passwords import AT_ONCE, WAITING
from tests.unit.api.browsing import browser
from tests.unit.api.serving import Serving, serving
from tests.unit.engine.world import acme


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        yield one


class TestKeepingOthersOut:
    async def test_pages_of_other_sites_cannot_make_an_address_fail(self, api: Serving) -> None:
        """By pictures and frames that point at the links to an issuer, in whoever's browser opens the page."""
        picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
        frame = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        async with browser(api) as page:
            for said, status in ((picture, 403), (frame, 403), (link, 404)):
                for path in ("/sign-in/corp", "/sign-in/corp/callback?code=1&state=2") * 10:
                    assert (await page.ask("GET", path, headers=said))[0] == status, said
            await api.parts.logins.add("acme", "anna", [Role.ATTENDANT], password="correct horse battery")
            assert await page.sign_in("anna", "correct horse battery") == 200

    async def test_sign_ins_that_nobody_looked_at_are_no_failures(
        self, api: Serving, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await api.parts.logins.add("acme", "anna", [Role.ATTENDANT], password="correct horse battery")
        async with browser(api) as page:
            with monkeypatch.context() as patch:
                patch.setattr(api.parts.logins._passwords, "_waiting", 1000)
                for _ in range(12):
                    assert await page.sign_in("anna", "correct horse battery") == 503
            assert await page.sign_in("anna", "correct horse battery") == 200

    async def test_whoever_signed_in_before_goes_on_while_others_fill_the_queue(
        self, api: Serving, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await api.parts.logins.add("acme", "anna", [Role.ATTENDANT], password="correct horse battery")
        async with browser(api) as page, browser(api) as new:
            assert await page.sign_in("anna", "correct horse battery") == 200
            monkeypatch.setattr(api.parts.logins._passwords, "_waiting", AT_ONCE + WAITING)
            assert await new.sign_in("anna", "correct horse battery") == 503
            assert await page.sign_in("anna", "correct horse battery") == 200

    async def test_old_passwords_that_are_guessed_together_are_counted(self, api: Serving) -> None:
        await api.parts.logins.add("acme", "anna", [Role.ATTENDANT], password="correct horse battery")
        async with browser(api) as page:
            assert await page.sign_in("anna", "correct horse battery") == 200
            bodies = [{"old": f"guess {number}", "new": "another good one"} for number in range(16)]
            asked = (page.ask("PUT", "/api/v1/session/password", json=body) for body in bodies)
            answers = [status for status, _, _ in await asyncio.gather(*asked)]
        assert (answers.count(403), answers.count(429)) == (10, 6)


class TestHeaders:
    @pytest.mark.parametrize(
        ("path", "status"),
        [("/api/v1/board", 401), ("/sign-in/nobody", 404), ("/nowhere", 401), ("/api/v1/sign-in?x=<svg>", 422)],
    )
    async def test_an_error_is_nothing_that_runs_or_is_kept(self, api: Serving, path: str, status: int) -> None:
        async with browser(api) as page:
            found, _, headers = await page.ask("GET", path)
        assert found == status
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")

    async def test_answers_are_taken_for_what_they_are(self, api: Serving) -> None:
        async with browser(api) as page:
            _, _, headers = await page.ask("GET", "/api/v1/sign-in")
            assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
            status, _, headers = await page.ask("GET", "/assets/none.js")
            assert (status, headers["Cache-Control"]) == (404, "no-store")


class TestSeveralOrganisations:
    async def test_nobodys_calendar_becomes_a_file_of_another_organisations(self, api: Serving) -> None:
        await api.world.store.save_connections("acme", [Connection("acme", "feeds", "ics", {"people": "named"})])
        row = {"extension": "101", "name": "Anna", "connection": "feeds", "calendar": "/srv/other/boss.ics"}
        body = {"rows": [{"number": 2, "values": row}]}
        path, told = "/people?organisation=acme&dry_run=true", []
        for number in range(2):
            if number:
                await api.world.store.save_organisation(replace(acme(), id="other"))
                await api.world.directory.refresh()
            token = await api.token(Role.ADMINISTRATOR)
            async with api.network(token) as session, session.put(f"/api/v1{path}", json=body) as answer:
                assert answer.status == 200
                told.append([one["because"] for one in (await answer.json())["rejected"]])
        assert told[0] == []
        assert "file of this machine" in told[1][0]
        assert (await api.ask("PUT", path, json=body))[2]["rejected"] == [], "whoever works on the machine may"
