"""A row a person: what is booked in a real calendar is on the screen, and each state looks like itself."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Opening, accessible
from tests.browser.desk import lamp, live, row
from tests.browser.house import House


async def test_a_booking_shows_the_red_calendar_and_goes_with_it(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    await expect(row(page, "Bo Ek")).to_contain_text("Available")
    booked = house.book("bo", "m: Budget // salaries", -5, 30)
    await expect(lamp(page, "Bo Ek", "Referred by the calendar")).to_be_visible()
    await expect(row(page, "Bo Ek")).to_contain_text(re.compile(r"In a meeting, back \d\d:\d\d.*Budget"))
    await expect(row(page, "Bo Ek")).not_to_contain_text("salaries")
    await expect(row(page, "Bo Ek")).to_contain_text("2002")
    await expect(row(page, "Bo Ek")).to_contain_text("Finance")
    colour = await lamp(page, "Bo Ek", "Referred by the calendar").evaluate("e => getComputedStyle(e).color")
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    assert red > green + blue
    house.unbook(booked)
    await expect(lamp(page, "Bo Ek", "Available")).to_be_visible()


async def test_what_is_coming_is_an_amber_clock_that_stands_out_more_at_the_end(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    booked = house.book("carl", "m: Planning", 35, 65)
    coming = row(page, "Carl Dahl").locator(".coming .coming")
    await expect(lamp(page, "Carl Dahl", "Referred soon")).to_be_visible()
    await expect(coming).to_contain_text("In a meeting")
    await expect(coming).to_contain_text(re.compile(r"in 3[45] min"))
    await expect(coming).not_to_have_class(re.compile("near"))
    house.unbook(booked)
    await expect(lamp(page, "Carl Dahl", "Available")).to_be_visible()
    house.book("carl", "m: Planning", 4.5, 60)
    await expect(coming).to_have_class(re.compile("near"))
    await expect(coming).to_contain_text(re.compile(r"in [45] min"))
    await accessible(watched)


async def test_by_hand_is_told_from_the_calendar(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    house.book("johanna", "m: Stand-up", -5, 60)
    await expect(lamp(page, "Johanna Lind", "Referred by the calendar")).to_be_visible()
    await expect(row(page, "Johanna Lind")).not_to_contain_text("by hand")
    house.refer("johanna", reason="lunch")
    await expect(lamp(page, "Johanna Lind", "Referred by hand")).to_be_visible()
    await expect(row(page, "Johanna Lind")).to_contain_text(re.compile(r"At lunch, back \d\d:\d\d.*by hand"))
    house.available("johanna")
    await expect(lamp(page, "Johanna Lind", "Available")).to_be_visible()


async def test_inform_only_rings_and_says_why(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    house.book("lars", "m; At the desk", -5, 60)
    await expect(lamp(page, "Lars Nyman", "Available, with information")).to_be_visible()
    await expect(row(page, "Lars Nyman")).to_contain_text("At the desk")


async def test_an_untagged_entry_is_nobodys_business(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    house.book("hanna", "Dentist zqx", -5, 60)
    house.book("hanna", "m: Rota", 20, 40)
    await expect(lamp(page, "Hanna Jonsson", "Referred soon")).to_be_visible()
    assert "zqx" not in await page.content()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-GB", "sv-SE"])
async def test_everybody_is_listed_and_accessible(opened: Opening, theme: str, language: str) -> None:
    watched = await opened("/", theme=theme, language=language)
    page = watched.page
    await expect(row(page, "Anna Berg")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", language[:2])
    await expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", "312")
    assert await page.locator("#people [role=row]").count() < 60
    await accessible(watched)


async def test_scrolling_reaches_the_last_one(opened: Opening) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    await page.keyboard.press("Control+End")
    await expect(page.locator("#person-311")).to_be_in_viewport()
    await expect(page.locator("#person-311 .now .words")).not_to_be_empty()
    await page.keyboard.press("Control+Home")
    await expect(page.locator("#person-0")).to_be_in_viewport()


@pytest.mark.parametrize("size", [(640, 380), (320, 256)])
async def test_at_twice_and_four_times_the_size_there_is_a_list(opened: Opening, size: tuple[int, int]) -> None:
    page = (await opened("/", size=size)).page
    await live(page)  # until then a line says that it is not, and takes some of the height
    await expect(row(page, "Anna Berg")).to_be_visible()
    box = await page.locator("#people").bounding_box()
    assert box is not None
    assert box["height"] >= 160
    await page.locator("#people").hover()
    await page.mouse.wheel(0, 250)
    await expect(row(page, "Karin Mo")).to_be_in_viewport()
    assert await page.evaluate("document.documentElement.scrollWidth") == size[0]


async def test_words_are_in_the_readers_language(opened: Opening, house: House) -> None:
    watched = await opened("/", language="sv-SE")
    house.refer("ivar", reason="dentist", note="Borrar")
    await expect(row(watched.page, "Ivar Kling")).to_contain_text("Hos tandläkaren")
    await expect(row(watched.page, "Ivar Kling")).to_contain_text("för hand")
    house.available("ivar")
    await expect(row(watched.page, "Ivar Kling")).not_to_contain_text("Hos tandläkaren")


async def test_a_new_person_and_one_who_goes(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    house.api("PUT", "/people", {"rows": [{"values": {"extension": "2100", "name": "Bertil Ax"}}]})
    await page.get_by_role("button", name="1 more fits").click()
    await expect(row(page, "Bertil Ax")).to_be_visible()
    house.api("DELETE", "/people/2100")
    await expect(row(page, "Bertil Ax").get_by_text("No longer here")).to_be_visible()


async def test_at_twice_the_size_it_is_told_when_they_are_back(opened: Opening, house: House) -> None:
    house.refer("gustav", reason="lunch", note="Back at one")
    page = (await opened("/", size=(640, 400))).page
    await live(page)
    told = row(page, "Gustav Ivarsson").locator(".words")
    await expect(told).to_contain_text(re.compile(r"At lunch, back \d\d:\d\d"))
    assert await told.evaluate("element => element.scrollWidth <= element.clientWidth")
    house.available("gustav")
