"""Signing in at Google: over npm's emulate, which we did not write, and over our simulator."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from backsoon.sources.base import SourceError
from backsoon.sources.google import GoogleAccount, GoogleSettings
from backsoon.sources.google.errors import ConsentGone, PolicyForbids, ScopeMissing, SignInFailed
from backsoon.sources.google.settings import CALENDAR_LIST, EVENTS, FREE_BUSY
from backsoon.sources.google.signin import BadClient, Pending, signing_in
from backsoon.wire.http import Http
from tests.node_servers import Emulate, EmulateMaker
from tests.simulators.google import GoogleSimulator
from tests.simulators.model import Mailbox, World
from tools.ports import free_port


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http(deadline=10) as http:
        yield http


@pytest.fixture
async def simulator() -> AsyncIterator[GoogleSimulator]:
    async with GoogleSimulator(World([Mailbox("anna@example.com")])) as simulator:
        yield simulator


async def open_in_browser(address: str) -> tuple[int, str]:
    """What somebody's browser does with our simulator: follow it back."""
    async with aiohttp.ClientSession() as browser, browser.get(address) as answer:
        return answer.status, await answer.text()


class TestEmulate:
    async def _consent(self, running: Emulate, address: str) -> tuple[int, str]:
        """Look at the page, choose the user, press the button."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        async with aiohttp.ClientSession() as browser:
            async with browser.get(address) as page:
                assert page.status == 200
                shown = await page.text()
            action = re.search(r'<form[^>]*action="([^"]+)"', shown)
            assert action is not None
            hidden = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', shown))
            form = {**asked, **hidden, "email": running.user}
            async with browser.post(f"{running.google}{urlsplit(action[1]).path}", data=form) as back:
                return back.status, await back.text()

    def _client(self, running: Emulate) -> str:
        installed = {
            "client_id": running.client_id,
            "client_secret": running.client_secret,
            "auth_uri": f"{running.google}/o/oauth2/v2/auth",
            "token_uri": f"{running.google}/oauth2/token",
        }
        return json.dumps({"installed": installed})

    async def test_signs_in_and_reads_the_list_of_calendars(
        self, emulate: EmulateMaker, http: Http, tmp_path: Path
    ) -> None:
        port, written = free_port(), tmp_path / "google.json"
        with emulate(f"http://127.0.0.1:{port}/") as running:
            async with signing_in(self._client(running), http, port=port) as pending:
                status, said = await self._consent(running, pending.address)
                assert (status, said) == (200, "Signed in. This window can be closed.")
                await pending.finish(written, seconds=30)
            told = json.loads(written.read_text())
            assert told["type"] == "authorized_user"
            assert stat.S_IMODE(written.stat().st_mode) == 0o600
            account = GoogleAccount(GoogleSettings(str(written), url=f"{running.google}/calendar/v3"), http)
            found = await account.discover([])
            assert running.user in {each.address for each in found} | {each.name for each in found}
            assert account.counts["token"] == 1

    async def test_another_verifier_is_refused(self, emulate: EmulateMaker, http: Http, tmp_path: Path) -> None:
        port = free_port()
        with emulate(f"http://127.0.0.1:{port}/") as running:
            async with signing_in(self._client(running), http, port=port) as pending:
                await self._consent(running, pending.address)
                pending._verifier = "x" * 64
                with pytest.raises(SourceError):
                    await pending.finish(tmp_path / "google.json", seconds=30)
        assert not list(tmp_path.glob("*google.json*"))


class TestSimulator:
    async def _finished(self, pending: Pending, written: Path) -> frozenset[str]:
        await open_in_browser(pending.address)
        return await pending.finish(written, seconds=10)

    async def test_the_consent_is_for_reading_only(
        self, simulator: GoogleSimulator, http: Http, tmp_path: Path
    ) -> None:
        written = tmp_path / "google.json"
        written.write_text("old")
        async with signing_in(simulator.signing.client(simulator.origin), http) as pending:
            granted = await self._finished(pending, written)
        assert granted == {EVENTS, FREE_BUSY, CALENDAR_LIST}
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        account = GoogleAccount(GoogleSettings(str(written), url=simulator.url), http)
        assert [each.address for each in await account.discover([])] == ["anna@example.com"]
        assert all(finding.level == "ok" for finding in await account.check(["anna@example.com"]))

    async def test_a_client_file_by_its_path(self, simulator: GoogleSimulator, http: Http, tmp_path: Path) -> None:
        file = tmp_path / "client.json"
        file.write_text(simulator.signing.client(simulator.origin))
        async with signing_in(str(file), http) as pending:
            await self._finished(pending, tmp_path / "google.json")
        assert (tmp_path / "google.json").exists()

    async def test_who_does_not_bring_the_state_is_not_heard(
        self, simulator: GoogleSimulator, http: Http, tmp_path: Path
    ) -> None:
        async with signing_in(simulator.signing.client(simulator.origin), http) as pending:
            for query in ("", "?code=stolen", "?code=stolen&state=guess", "?error=access_denied&state=%C3%A5"):
                assert (await open_in_browser(pending.redirect + query))[0] == 400
            await self._finished(pending, tmp_path / "google.json")

    async def test_refused_and_half_given_consent(self, simulator: GoogleSimulator, http: Http, tmp_path: Path) -> None:
        for consented, expected in ((frozenset[str](), PolicyForbids), (frozenset({CALENDAR_LIST}), ScopeMissing)):
            simulator.signing.consented = consented
            async with signing_in(simulator.signing.client(simulator.origin), http) as pending:
                with pytest.raises(expected):
                    await self._finished(pending, tmp_path / "google.json")
        assert not list(tmp_path.iterdir())

    async def test_nobody_comes(self, simulator: GoogleSimulator, http: Http, tmp_path: Path) -> None:
        async with signing_in(simulator.signing.client(simulator.origin), http) as pending:
            with pytest.raises(SignInFailed, match="nobody consented"):
                await pending.finish(tmp_path / "google.json", seconds=0.01)

    async def test_a_code_is_good_once(self, simulator: GoogleSimulator, http: Http, tmp_path: Path) -> None:
        async with signing_in(simulator.signing.client(simulator.origin), http) as pending:
            await self._finished(pending, tmp_path / "google.json")
            with pytest.raises(ConsentGone):
                await pending.finish(tmp_path / "again.json", seconds=10)

    async def test_a_file_of_a_client_that_is_not_there_is_named(self, http: Http, tmp_path: Path) -> None:
        with pytest.raises(BadClient, match=r"OAuth client.*missing\.json") as caught:
            async with signing_in(str(tmp_path / "missing.json"), http):
                pass
        assert "Desktop app" in caught.value.remedy

    @pytest.mark.parametrize("text", ["{", "{}", '{"installed": {}}', '{"installed": {"client_id": ""}}'])
    async def test_a_file_that_is_no_client(self, http: Http, text: str) -> None:
        with pytest.raises(BadClient):
            async with signing_in(text, http):
                pass
