"""Signing in by an issuer that we did not write (npm's emulate), in a browser: the button, its page, and back again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Opening, accessible
from tests.browser.desk import live
from tests.browser.house import House
from tests.node_servers import Emulate, running_emulate
from tests.peers import require_peer

ISSUER = """
[sign_in.google]
issuer = "{issuer}"
client_id = "{id}"
client_secret = "file:issuer.secret"
label = "Google"
"""


@pytest.fixture
def issuer(house: House, tmp_path: Path) -> Iterator[Emulate]:
    """It knows this house, and the house knows it."""
    settings = house.folder / "backsoon.toml"
    before = settings.read_text()
    with running_emulate(require_peer("node"), tmp_path, [f"{house.url}/sign-in/google/callback"]) as running:
        (house.folder / "issuer.secret").write_text(running.client_secret)
        url = running.google.replace("127.0.0.1", "localhost")  # as it calls itself
        settings.write_text(before + ISSUER.format(issuer=url, id=running.client_id))
        house.stop()
        house.start()
        try:
            yield running
        finally:
            settings.write_text(before)
            house.stop()
            house.start()


async def by_issuer(page: Page, who: str) -> None:
    """Press the button, and say at the issuer's page who one is."""
    await page.get_by_role("link", name="Sign in with Google").click()
    await page.wait_for_url(re.compile("/o/oauth2/"))
    await page.get_by_role("button").filter(has_text=who).click()


async def test_whoever_is_nobody_yet_waits_for_approval(house: House, issuer: Emulate, opened: Opening) -> None:
    watched = await opened("/", user=None)
    watched.expect("^asked http://localhost:", "localhost")
    page = watched.page
    await accessible(watched)
    await by_issuer(page, issuer.user)
    await expect(page.get_by_text("That account is not known here yet.")).to_be_visible()
    (waiting,) = [each for each in house.api("GET", "/users")["users"] if each["state"] == "pending"]
    assert waiting["email"] == issuer.user
    house.api("PATCH", f"/users/{waiting['id']}", {"state": "active", "roles": ["attendant"]})
    await by_issuer(page, issuer.user)
    await live(page)
    assert page.url == f"{house.url}/"
    house.api("DELETE", f"/users/{waiting['id']}")
    watched.expect("status of 401")
    await expect(page.get_by_text("Your sign-in has ended")).to_be_visible()


async def test_whoever_fails_is_back_at_the_page_they_wanted(house: House, issuer: Emulate, opened: Opening) -> None:
    watched = await opened("/me", user=None)
    watched.expect("^asked http://localhost:", "localhost")
    page = watched.page
    await by_issuer(page, issuer.user)
    await expect(page.get_by_text("That account is not known here yet.")).to_be_visible()
    assert page.url == f"{house.url}/me?sign-in=unknown"
    await expect(page.get_by_role("link", name="Sign in with Google")).to_have_attribute(
        "href", re.compile(r"to=%2Fme$")
    )
    (waiting,) = [each for each in house.api("GET", "/users")["users"] if each["state"] == "pending"]
    house.api("DELETE", f"/users/{waiting['id']}")
