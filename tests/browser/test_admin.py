"""The administrator's page in a real browser: set-up with trials, differences, saving, health, logins, tokens, log."""

from __future__ import annotations

import tomllib

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Opening, accessible
from tests.browser.house import House
from tests.midday import HERE

SECTIONS = (
    *("health", "people", "users", "tokens", "log"),
    *(f"setup/{step}" for step in ("switchboards", "people", "calendars", "reasons", "rules", "on")),
)
NASTY = "<img src=x onerror=alert(1)> \u202egnirts"


async def at(page: Page, section: str) -> None:
    await page.evaluate("section => { location.hash = section }", section)


async def save(page: Page) -> None:
    await page.get_by_role("button", name="Review and save").click()
    await page.get_by_role("button", name="Save and put into force").click()
    await expect(page.get_by_text("Saved, and in force.")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-GB", "sv-SE"])
async def test_every_part_of_it_is_accessible(opened: Opening, theme: str, language: str) -> None:
    watched = await opened("/admin", user="lars", theme=theme, language=language)
    for section in SECTIONS:
        await at(watched.page, section)
        await expect(watched.page.locator("main [aria-busy=true]")).to_have_count(0)
        await accessible(watched)


@pytest.mark.parametrize("section", SECTIONS)
async def test_it_fits_a_narrow_screen(opened: Opening, section: str) -> None:
    watched = await opened(f"/admin#{section}", user="lars", size=(320, 640))
    await expect(watched.page.get_by_role("heading", level=1)).to_be_visible()
    await expect(watched.page.locator("main [aria-busy=true]")).to_have_count(0)
    assert await watched.page.evaluate("document.documentElement.scrollWidth") == 320


async def test_only_an_administrator_uses_it(opened: Opening) -> None:
    watched = await opened("/admin", user="anna")
    await expect(watched.page.get_by_text("Your account may not use this page.")).to_be_visible()


async def test_a_calendar_is_tried_with_what_is_not_saved(opened: Opening) -> None:
    page = (await opened("/admin#setup/calendars", user="lars")).page
    await page.get_by_label("Whose calendar to try").fill("anna@example.com")
    await page.get_by_role("button", name="Try it").click()
    await expect(page.get_by_text("In order")).to_have_count(1)
    await page.get_by_label("Account", exact=True).fill("somebody")
    await page.get_by_label("Password", exact=True).fill("wrong")
    await page.get_by_role("button", name="Try it").click()
    await expect(page.get_by_text("Fault", exact=True)).to_be_visible()
    await expect(page.get_by_text("check user name and password")).to_be_visible()


async def test_a_password_is_not_shown_and_not_sent_to_another_server(opened: Opening) -> None:
    page = (await opened("/admin#setup/calendars", user="lars")).page
    await expect(page.get_by_label("Password", exact=True)).to_have_value("")
    await page.get_by_label("Address (needed)").fill("https://elsewhere.example/{user}/")
    await expect(page.get_by_text("must be written again")).to_be_visible()
    await page.get_by_role("button", name="Review and save").click()
    await expect(page.get_by_role("button", name="Save and put into force")).to_be_disabled()


async def test_a_new_one_says_that_its_secret_is_written_there(opened: Opening) -> None:
    page = (await opened("/admin#setup/switchboards", user="lars")).page
    await page.get_by_label("New switchboard, called").fill("pbx")
    await page.get_by_role("button", name="Add", exact=True).click()
    secret = page.get_by_label("Secret (needed)")
    await expect(secret).to_have_accessible_description("Write it here. It is kept in a file that only Backsoon reads.")
    await secret.fill("s3cret")
    await expect(secret).to_have_accessible_description("")


async def test_what_is_changed_is_shown_before_it_is_saved_and_in_force_then(opened: Opening, own_house: House) -> None:
    watched = await opened("/admin#setup/rules", user="lars", at=own_house)
    page = watched.page
    await page.get_by_label("Time zone").fill("Mars/Base")
    await expect(page.get_by_text("there is no time zone 'Mars/Base'")).to_be_visible()
    await page.get_by_label("Time zone").fill("Europe/Oslo")
    await page.get_by_label("Warn attendants this early").fill("45")
    await at(page, "setup/reasons")
    await page.get_by_text("At lunch").click()
    await page.get_by_label("New keyword").locator("visible=true").fill("k")
    await page.keyboard.press("Enter")
    await page.get_by_label("For colleagues – Svenska").locator("visible=true").fill(f"Lunch {NASTY}")
    await page.get_by_role("button", name="Review and save").click()
    row = page.get_by_role("row").filter(has_text="organisation.zone")
    await expect(row).to_contain_text(str(HERE))
    await expect(row).to_contain_text("Europe/Oslo")
    await expect(page.get_by_role("dialog")).to_contain_text("<img src=x onerror=alert(1)>")
    await page.keyboard.press("Escape")
    await save(page)
    assert own_house.api("GET", "/organisation")["warn_before_minutes"] == 45
    assert own_house.api("GET", "/organisation")["zone"] == "Europe/Oslo"
    assert {"keyword": "k", "reason": "lunch"}.items() <= next(
        one for one in own_house.api("GET", "/keywords")["keywords"] if one["keyword"] == "k"
    ).items()
    told = tomllib.loads((own_house.folder / "backsoon.toml").read_text())
    assert told["organisation"]["reasons"]["lunch"]["labels"]["sv"] == f"Lunch {NASTY}"
    await at(page, "log")
    entry = page.get_by_role("row").filter(has_text="Changed settings")
    await expect(entry).to_contain_text("Lars Nyman")
    await expect(entry).to_contain_text("organisation.zone")


async def test_a_mode_is_tried_over_real_calendars(opened: Opening, own_house: House) -> None:
    own_house.book("bo", "canary without a keyword", 60, 180)
    page = (await opened("/admin#setup/rules", user="lars", at=own_house)).page
    await page.get_by_role("button", name="Try the mode").click()
    row = page.get_by_role("row").filter(has_text="Bo Ek")
    await expect(row.get_by_role("cell").nth(0)).to_have_text("0 min")
    await expect(row.get_by_role("cell").nth(1)).to_have_text("2 h")
    await expect(page.get_by_text("canary")).to_have_count(0)


async def test_a_token_is_shown_once_and_revoked(opened: Opening) -> None:
    page = (await opened("/admin#tokens", user="lars")).page
    await page.get_by_role("button", name="New token").click()
    await page.get_by_label("Name").fill("the exchange")
    await page.get_by_role("button", name="Make it").click()
    await expect(page.get_by_role("dialog")).to_contain_text("bsn_")
    await page.get_by_role("button", name="I have kept it").click()
    await expect(page.get_by_text("bsn_")).to_have_count(0)
    await page.get_by_role("button", name="Revoke the exchange").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
    await expect(page.get_by_text("the exchange is revoked.")).to_be_visible()
    await expect(page.get_by_role("button", name="Revoke the exchange")).to_have_count(0)


async def test_a_login_is_made_changed_and_removed_by_keyboard(opened: Opening) -> None:
    page = (await opened("/admin#users", user="lars")).page
    await page.get_by_role("button", name="New login").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("User name").fill("newcomer")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text("First password of newcomer")
    await page.keyboard.press("Escape")
    row = page.get_by_role("row").filter(has_text="newcomer")
    await expect(row).to_contain_text("Attendant")
    await row.get_by_role("button", name="Remove").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)


async def test_somebody_is_switched_off_and_on_by_undo(opened: Opening, house: House) -> None:
    page = (await opened("/admin#people", user="lars")).page
    await page.get_by_label("Search people").fill("Ivar Kling")
    await page.get_by_role("button", name="Switch off Ivar Kling").click()
    await expect(page.get_by_role("button", name="Switch on Ivar Kling")).to_be_visible()
    assert house.api("GET", "/people/2009")["person"]["active"] is False
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("button", name="Switch off Ivar Kling")).to_be_visible()
    assert house.api("GET", "/people/2009")["person"]["active"] is True


async def test_a_switchboard_that_is_down_is_red_with_since_when_and_what_to_do(
    opened: Opening, own_house: House
) -> None:
    page = (await opened("/admin#setup/switchboards", user="lars", at=own_house)).page
    await page.get_by_label("New switchboard, called").fill("exchange")
    await page.get_by_role("button", name="Add", exact=True).click()
    part = page.get_by_role("region", name="exchange")
    await part.get_by_label("Port").fill("1")
    await part.get_by_label("Account (needed)").fill("backsoon")
    await part.get_by_label("Secret (needed)").fill("canary secret")
    await part.get_by_role("button", name="Try it").click()
    await expect(part.get_by_text("Fault", exact=True)).to_be_visible()
    await save(page)
    (secret,) = (own_house.folder / "secrets").iterdir()
    assert secret.read_text() == "canary secret"
    assert "canary" not in (own_house.folder / "backsoon.toml").read_text()
    await at(page, "health")
    finding = page.get_by_role("listitem").filter(has_text="Switchboard down")
    await expect(finding).to_contain_text("since")
    await expect(finding).to_contain_text("What to do")
    await expect(page.get_by_role("row").filter(has_text="exchange")).to_contain_text("Down")
