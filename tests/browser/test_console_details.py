"""Whoever is opened: everything there is to know, and what an attendant does about it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Opening, accessible
from tests.browser.desk import details, find, lamp, live, row, search
from tests.browser.house import House


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_everything_about_somebody(opened: Opening, house: House, theme: str) -> None:
    booked = [house.book("frida", "m: Budget", -5, 30), house.book("frida", "l: ", 26 * 60, 27 * 60)]
    watched = await opened("/", theme=theme)
    page = watched.page
    await row(page, "Frida Holm").click()
    panel = details(page)
    await expect(panel.get_by_role("heading", name="Frida Holm")).to_be_visible()
    for words in ("In a meeting", "Until", "Back at", "Budget", "Helpdesk · Support", "printers", "frida@example.com"):
        await expect(panel).to_contain_text(words)
    await expect(panel).to_contain_text(re.compile(r"Last confirmed \d\d:\d\d"))
    why = panel.get_by_role("list").last
    assert await why.get_by_role("listitem").count() > 1
    days = panel.locator(".week .day")
    await expect(days).to_have_count(8)
    await expect(days.first.get_by_role("listitem").last).to_contain_text("In a meeting")
    await expect(days.nth(1).or_(days.nth(2)).get_by_text("At lunch")).to_have_count(1)
    assert await days.first.locator(".stretch.calendar").count() > 0
    await accessible(watched)
    for path in booked:
        house.unbook(path)
    await expect(panel.locator(".state")).to_contain_text("Available")
    await expect(panel.locator("dl")).not_to_contain_text("Budget")


async def refer_by_keyboard(page: Page, who: str, name: str) -> None:
    """Find somebody, and refer them to lunch, without a mouse."""
    await page.keyboard.type(who)
    await expect(row(page, name)).to_be_visible()
    await page.keyboard.press("F2")
    dialog = page.get_by_role("dialog", name=f"Refer {name}")
    await expect(dialog.get_by_role("radio", checked=True)).to_be_focused()
    for _ in range(30):
        if await dialog.get_by_role("radio", name="At lunch").is_checked():
            break
        await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Back at one")
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)


async def test_refer_and_undo_by_keyboard_alone(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    await refer_by_keyboard(page, "gustav", "Gustav Ivarsson")
    await expect(lamp(page, "Gustav Ivarsson", "Referred by hand")).to_be_visible()
    await expect(row(page, "Gustav Ivarsson")).to_contain_text("Back at one")
    await expect(page.get_by_role("status").get_by_text("Gustav Ivarsson: At lunch")).to_be_visible()
    override = house.api("GET", "/people/2007/override", role="attendant")["override"]
    assert (override["by"], override["through"]) == ("Anna Berg", "console")
    await page.keyboard.press("Enter")
    await expect(details(page)).to_contain_text(re.compile(r"Set by\s*Anna Berg, console"))
    await page.keyboard.press("Control+z")
    await expect(page.get_by_text("Undone: Gustav Ivarsson is as before.")).to_be_visible()
    await expect(lamp(page, "Gustav Ivarsson", "Available")).to_be_visible()


async def test_a_reason_is_chosen_by_a_letter_or_its_digits(opened: Opening, own_house: House) -> None:
    settings = own_house.folder / "backsoon.toml"
    dentist = "[organisation.reasons.dentist]\n"
    settings.write_text(settings.read_text().replace(dentist, f'{dentist}digit = "41"\n'))
    own_house.shell("apply", "--yes")
    page = (await opened("/", at=own_house)).page
    await live(page)
    await page.keyboard.type("gustav")
    await page.keyboard.press("F2")
    dialog = page.get_by_role("dialog", name="Refer Gustav Ivarsson")
    await expect(dialog.get_by_role("radio", checked=True)).to_be_focused()
    for typed, chosen in (("41", "At the dentist"), ("l", "At lunch"), ("7", "On leave"), ("l", "At lunch")):
        await page.keyboard.type(typed)
        await expect(dialog.get_by_role("radio", name=chosen)).to_be_focused()
        await expect(dialog.get_by_role("radio", name=chosen)).to_be_checked()
    await page.keyboard.press("Enter")
    await expect(row(page, "Gustav Ivarsson")).to_contain_text("At lunch")


async def test_make_available_by_keyboard_and_undo_with_the_mouse(opened: Opening, house: House) -> None:
    house.refer("hanna", reason="sick", note="Fever")
    watched = await opened("/")
    page = watched.page
    await live(page)
    await page.keyboard.type("hanna")
    await expect(lamp(page, "Hanna Jonsson", "Referred by hand")).to_be_visible()
    await page.keyboard.press("F4")
    await expect(page.get_by_text("Hanna Jonsson is available.")).to_be_visible()
    await expect(lamp(page, "Hanna Jonsson", "Referred by hand")).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(lamp(page, "Hanna Jonsson", "Referred by hand")).to_be_visible()
    override = house.api("GET", "/people/2008/override", role="attendant")["override"]
    assert override["by"] == "tests-attendant"
    house.available("hanna")
    await expect(lamp(page, "Hanna Jonsson", "Referred by hand")).to_have_count(0)


async def test_leave_a_message_by_keyboard(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    await page.keyboard.type("erik")
    await expect(row(page, "Erik Gran")).to_be_visible()
    await page.keyboard.press("F8")
    await expect(page.get_by_label("Caller")).to_be_focused()
    await page.keyboard.type("Bengt, 08 123 45")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    await page.keyboard.type("Please ring back <b>today</b>")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("Message left for Erik Gran.")).to_be_visible()
    messages = house.api("GET", "/people/2005/messages", role="attendant")["messages"]
    assert messages == []  # another's token does not see what Anna wrote
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("Undone: Erik Gran is as before.")).to_be_visible()


async def test_what_is_typed_after_an_act_is_the_next_search(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    await refer_by_keyboard(page, "lars", "Lars Nyman")
    await expect(search(page)).to_have_value("lars")
    await page.keyboard.type("2004")
    await expect(search(page)).to_have_value("2004")
    await expect(row(page, "Disa Falk")).to_be_visible()
    await page.keyboard.press("F2")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Backspace")
    await expect(search(page)).to_have_value("200")  # nothing was done: it is searched on
    house.available("lars")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_dialog_is_accessible_and_gives_the_focus_back(opened: Opening, theme: str) -> None:
    watched = await opened("/", theme=theme)
    page = watched.page
    await live(page)
    await find(page, "disa", "Disa Falk")
    for key in ("F1", "F2", "F8"):
        await page.keyboard.press(key)
        await expect(page.get_by_role("dialog")).to_be_visible()
        await accessible(watched)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(search(page)).to_be_focused()
    await page.get_by_role("button", name="Signed in as Anna Berg").click()
    await expect(page.get_by_role("link", name="My page")).to_be_visible()
    await accessible(watched)


async def test_what_is_refused_is_said_in_the_dialog(opened: Opening) -> None:
    watched = await opened("/")
    page = watched.page
    watched.expect("status of 409")
    await live(page)
    await find(page, "karin", "Karin Mo")
    await page.keyboard.press("F2")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Until").select_option("at")
    await dialog.get_by_label("Date").fill("2020-01-01")
    await dialog.get_by_role("button", name="Refer").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("That does not fit")
    await accessible(watched)


async def test_in_a_narrow_window(opened: Opening) -> None:
    watched = await opened("/", size=(640, 700))
    page = watched.page
    await live(page)
    await row(page, "Carl Dahl").click()
    await expect(details(page)).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await accessible(watched)
