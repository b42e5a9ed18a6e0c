"""Searching and choosing, without a mouse."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Opening, accessible
from tests.browser.desk import details, find, focused, live, row, search
from tests.browser.house import House


async def test_the_first_letter_typed_anywhere_goes_to_the_search(opened: Opening) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    for place in (page.get_by_role("button", name="Favourites", exact=True), page.get_by_role("grid")):
        await place.focus()
        await page.keyboard.type("frida")
        await expect(search(page)).to_have_value("frida")
        await expect(page.locator("#people [role=row]")).to_have_count(1)
        await page.keyboard.press("Escape")
        await expect(search(page)).to_have_value("")
        await expect(page.get_by_role("grid")).not_to_have_attribute("aria-rowcount", "1")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ekb öRJ", "Örjan Ekberg"),
        ("orjan ekb", "Örjan Ekberg"),
        ("2007", "Gustav Ivarsson"),
        ("support gus", "Gustav Ivarsson"),
        ("helpdesk", "Frida Holm"),
        ("printers", "Frida Holm"),
    ],
)
async def test_it_is_over_name_extension_department_title_and_competence(
    opened: Opening, typed: str, name: str
) -> None:
    watched = await opened("/")
    await live(watched.page)
    await find(watched.page, typed, name)
    assert await watched.page.locator("#people [role=row]").count() < 5


async def test_arrows_and_enter_open_the_details_and_escape_goes_back(opened: Opening) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    await page.keyboard.type("support")
    await expect(page.locator("#person-0")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowDown")
    await expect(search(page)).to_have_attribute("aria-activedescendant", "person-1")
    await page.keyboard.press("Enter")
    await expect(details(page).get_by_role("heading", name="Gustav Ivarsson")).to_be_visible()
    await page.keyboard.press("ArrowUp")
    await expect(details(page).get_by_role("heading", name="Frida Holm")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(details(page)).to_be_focused()
    await page.keyboard.press("Escape")
    assert (await focused(page)).startswith("INPUT")
    await page.keyboard.press("Escape")
    await expect(search(page)).to_have_value("")
    await page.keyboard.press("Escape")
    await expect(details(page)).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_nobody_fits(opened: Opening, theme: str) -> None:
    watched = await opened("/", theme=theme)
    page = watched.page
    await live(page)
    await page.keyboard.type("no such person")
    await expect(page.get_by_text("Nobody fits.")).to_be_visible()
    await accessible(watched)
    await page.get_by_role("button", name="Show all").click()
    await expect(row(page, "Anna Berg")).to_be_visible()


async def test_departments_and_favourites(opened: Opening) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    await page.get_by_role("combobox", name="Department").select_option("Workshop")
    await expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", "2")
    await page.get_by_role("button", name="Show all").click()
    await page.keyboard.type("ivar kl")
    await expect(row(page, "Ivar Kling")).to_be_visible()
    await page.keyboard.press("F9")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Favourites", exact=True).click()
    await expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", "1")
    await page.reload()
    await live(page)
    await page.get_by_role("button", name="Favourites", exact=True).click()
    await expect(row(page, "Ivar Kling")).to_be_visible()


async def test_available_only_and_nobodys_position_jumps(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    house.api("PUT", "/people/5014/override", {"reason": "lunch"}, role="attendant")
    away, busy, follower = "Malin Sjöström", "Malin Sjöberg", "Malin Sjögren"
    await find(page, "malin sjo", away)
    await expect(row(page, away).get_by_role("img", name="Referred by hand")).to_be_visible()
    await page.get_by_role("button", name="Available only").click()
    await expect(row(page, away)).to_have_count(0)
    before = await row(page, follower).bounding_box()
    house.api("PUT", "/people/5000/override", {"reason": "lunch"}, role="attendant")
    await expect(row(page, busy)).to_contain_text("At lunch")
    house.api("DELETE", "/people/5014/override", role="attendant")
    more = page.get_by_role("button", name="1 more fits")
    await expect(more).to_be_visible()
    assert await row(page, follower).bounding_box() == before
    await accessible(watched)
    await more.click()
    await expect(row(page, away)).to_be_visible()
    await expect(row(page, busy)).to_have_count(0)
    house.api("DELETE", "/people/5000/override", role="attendant")
