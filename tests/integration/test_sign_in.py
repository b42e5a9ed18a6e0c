"""Signing in by npm's emulate, which we did not write: as at Google, as at Entra ID."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from backsoon.api.cookies import SESSION
from backsoon.config import load
from backsoon.domain import signin
from backsoon.domain.access import Role
from backsoon.store.base import AccountState
from backsoon.trials.signingin import try_issuer
from backsoon.wiring import SystemClock
from tests.node_servers import Emulate, EmulateMaker
from tests.unit.api.browsing import Browser, browser
from tests.unit.api.serving import Serving, serving
from tests.unit.engine.world import NINE

TENANT = "6f0c7c1e-28e2-4b57-9e5a-0a1d3f7f4b11"
PERSON = "anna@example.test"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        one.world.clock.step_to(SystemClock().now())  # emulate's tokens are of today
        yield one
        await one.parts.signing_in.close()


@pytest.fixture
async def page(api: Serving) -> AsyncIterator[Browser]:
    async with browser(api) as one:
        yield one


def pages(api: Serving) -> str:
    return f"http://127.0.0.1:{api.port}"


def at_google(api: Serving, running: Emulate, **more: object) -> None:
    url = running.google.replace("127.0.0.1", "localhost")  # as it calls itself
    api.parts.secrets["env:S"] = running.client_secret
    issuer = signin.Issuer("google", "acme", url, running.client_id, "env:S", "Google", **more)  # type: ignore[arg-type]
    api.parts.sign_in = signin.SignIn((issuer,), pages(api))


def at_entra(api: Serving, running: Emulate, tenant: str = TENANT, **more: object) -> None:
    url = f"{running.microsoft.replace('127.0.0.1', 'localhost')}/{tenant}/v2.0"
    api.parts.secrets["env:S"] = "not-a-secret"
    issuer = signin.Issuer("entra", "acme", url, "backsoon-microsoft", "env:S", "Microsoft", **more)  # type: ignore[arg-type]
    api.parts.sign_in = signin.SignIn((issuer,), pages(api))


async def consent(page: Browser, name: str) -> str:
    """Go there, choose Anna, press the button: where the browser is sent back to."""
    status, _, headers = await page.ask("GET", f"/sign-in/{name}?to=/me")
    assert status == 303
    address = headers["Location"]
    asked = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    async with aiohttp.ClientSession() as outside:
        async with outside.get(address) as shown:
            assert shown.status == 200
            text = await shown.text()
        action = re.search(r'<form[^>]*action="([^"]+)"', text)
        assert action is not None
        hidden = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', text))
        form = {**asked, **hidden, "email": PERSON}
        origin = f"{urlsplit(address).scheme}://{urlsplit(address).netloc}"
        async with outside.post(f"{origin}{urlsplit(action[1]).path}", data=form, allow_redirects=False) as sent:
            assert sent.status in (302, 303)
            return sent.headers["Location"]


async def back(page: Browser, address: str) -> str:
    parts = urlsplit(address)
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    status, _, answered = await page.ask("GET", f"{parts.path}?{parts.query}", headers=headers)
    assert status == 303
    return answered["Location"]


def redirects(api: Serving) -> tuple[str, str]:
    return f"{pages(api)}/sign-in/google/callback", f"{pages(api)}/sign-in/entra/callback"


async def test_google(api: Serving, page: Browser, emulate: EmulateMaker) -> None:
    anna = await api.world.person("101", "Anna Berg", email=PERSON)
    with emulate(*redirects(api)) as running:
        at_google(api, running)
        assert await back(page, await consent(page, "google")) == "/me?sign-in=unknown"
        (waits,) = await api.world.store.accounts("acme")
        assert (waits.state, waits.name, waits.email) == (AccountState.PENDING, "Anna Berg", PERSON)
        await api.parts.logins.change(waits, state=AccountState.ACTIVE, roles=[Role.PERSON], person=anna)
        address = await consent(page, "google")
        assert await back(page, address) == "/me"
        status, said, _ = await page.ask("GET", "/api/v1/session")
        assert (status, said["person"]["id"], said["roles"]) == (200, anna.id, ["person"])
        await page.ask("DELETE", "/api/v1/session")
        assert await back(page, address) == "/?sign-in=expired", "a code is good once"
        assert SESSION not in page.cookies


async def test_google_with_a_trusted_domain(api: Serving, page: Browser, emulate: EmulateMaker) -> None:
    anna = await api.world.person("101", "Anna Berg", email=PERSON)
    with emulate(*redirects(api)) as running:
        at_google(api, running, trusted_domains=frozenset({"example.test"}))
        assert await back(page, await consent(page, "google")) == "/me"
    (made,) = await api.world.store.accounts("acme")
    assert (made.person, made.roles) == (anna.id, frozenset({Role.PERSON}))


async def test_entra_by_tenant_and_object(api: Serving, page: Browser, emulate: EmulateMaker) -> None:
    with emulate(*redirects(api)) as running:
        at_entra(api, running)
        assert await back(page, await consent(page, "entra")) == "/me?sign-in=unknown"
        (waits,) = await api.world.store.accounts("acme")
        assert waits.subject.startswith(f"{TENANT}:")
        await api.parts.logins.change(waits, state=AccountState.ACTIVE, roles=[Role.ATTENDANT])
        assert await back(page, await consent(page, "entra")) == "/me"
        assert (await page.ask("GET", "/api/v1/board", role="attendant"))[0] == 200


async def test_another_tenant_than_the_settings_name(api: Serving, page: Browser, emulate: EmulateMaker) -> None:
    with emulate(*redirects(api)) as running:
        at_entra(api, running, "11111111-1111-1111-1111-111111111111")
        status, _, headers = await page.ask("GET", "/sign-in/entra?to=/me")
        where = headers["Location"]
        if not where.startswith("/"):
            where = await back(page, await consent(page, "entra"))
        assert (status, where) == (303, "/me?sign-in=failed")
        assert await api.world.store.accounts("acme") == ()


async def test_a_code_with_another_verifier(api: Serving, page: Browser, emulate: EmulateMaker) -> None:
    """What was read on its way is worth nothing without what the browser kept (PKCE)."""
    with emulate(*redirects(api)) as running:
        at_google(api, running)
        stolen = parse_qs(urlsplit(await consent(page, "google")).query)["code"][0]
        async with browser(api) as thief:
            status, _, headers = await thief.ask("GET", "/sign-in/google")
            assert status == 303
            state = parse_qs(urlsplit(headers["Location"]).query)["state"][0]
            answer = f"/sign-in/google/callback?code={stolen}&state={state}"
            assert await back(thief, answer) == "/?sign-in=failed"


async def test_check_reads_what_issuers_say(tmp_path: Path, emulate: EmulateMaker) -> None:
    with emulate("http://127.0.0.1:8623/") as running:
        google = running.google.replace("127.0.0.1", "localhost")
        settings = f"""
            [organisation]
            name = "Acme"
            zone = "UTC"
            [sign_in.google]
            issuer = "{google}"
            client_id = "{running.client_id}"
            [sign_in.wrong]
            issuer = "{running.google}"
            client_id = "x"
            [sign_in.secret]
            issuer = "{google}"
            client_id = "x"
            client_secret = "file:nowhere"
        """
        (tmp_path / "backsoon.toml").write_text(settings)
        config = load(tmp_path / "backsoon.toml", {})
        good, wrong, secret = [await try_issuer(config, each, NINE) for each in config.sign_in.issuers]
    assert (good.level, "http://127.0.0.1:8623/sign-in/google/callback" in good.text) == ("ok", True)
    assert (wrong.level, "another address" in wrong.text) == ("error", True)
    assert (secret.level, "nowhere" in secret.text) == ("error", True)
    gone = await try_issuer(config, config.sign_in.issuers[0], NINE)
    assert gone.level == "error"
