"""What is shown is never older than it looks: a lost connection, what was missed meanwhile, a silent calendar."""

from __future__ import annotations

import re
import signal
import sqlite3
from contextlib import closing
from datetime import timedelta

from playwright.async_api import expect

from backsoon.commands.demoing.company import PEOPLE
from tests.browser.cable import cable_to
from tests.browser.conftest import Opening, accessible
from tests.browser.desk import details, lamp, live, row
from tests.browser.house import House

NOISE = ("net::ERR_", "Failed to fetch", "status of 50", "network error")
"""What a browser says by itself of a connection that breaks."""


async def test_a_lost_connection_is_said_at_once_and_what_was_missed_is_caught_up(
    opened: Opening, house: House
) -> None:
    async with cable_to(house.port) as cable:
        watched = await opened("/", at=house, through=cable.url)
        watched.expect(*NOISE)
        page = watched.page
        await live(page)
        await expect(lamp(page, "Ivar Kling", "Available")).to_be_visible()
        house.refer("karin", reason="lunch")
        await expect(lamp(page, "Karin Mo", "Referred by hand")).to_be_visible()
        cable.cut()
        banner = page.get_by_role("alert").get_by_text(re.compile(r"Connection lost at \d\d:\d\d"))
        await expect(banner).to_be_visible()
        await expect(page.locator("header").get_by_text("Live", exact=True)).to_have_count(0)
        await accessible(watched)
        house.refer("ivar", reason="holiday", note="Skiing")
        house.available("karin")
        asked = len(cable.asked)
        cable.mend()
        await expect(lamp(page, "Ivar Kling", "Referred by hand")).to_be_visible()
        await expect(lamp(page, "Karin Mo", "Available")).to_be_visible()
        await live(page)
        await expect(banner).to_have_count(0)
        again = [head for head in cable.asked[asked:] if "/api/v1/events?" in head]
        assert re.search(r"last-event-id: \S+-\d+", again[0], re.IGNORECASE)
    house.available("ivar")


async def test_nothing_can_be_done_while_nobody_answers_and_that_is_said(opened: Opening, house: House) -> None:
    async with cable_to(house.port) as cable:
        watched = await opened("/", at=house, through=cable.url)
        watched.expect(*NOISE)
        page = watched.page
        await live(page)
        await page.keyboard.type("malin alm")
        await expect(row(page, "Malin Almberg")).to_be_visible()
        cable.cut()
        await expect(page.get_by_role("alert").get_by_text("Connection lost")).to_be_visible()
        await page.keyboard.press("F4")
        await expect(page.get_by_role("alert").get_by_text("Backsoon does not answer")).to_be_visible()
        await page.set_viewport_size({"width": 640, "height": 400})
        await page.keyboard.press("F2")
        dialog = page.get_by_role("dialog", name="Refer Malin Almberg")
        await expect(dialog.get_by_role("radio", checked=True)).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_text("Backsoon does not answer")).to_be_in_viewport(ratio=0.9)
        cable.mend()
        await live(page)


async def test_backsoon_dies_and_comes_back(opened: Opening, house: House) -> None:
    watched = await opened("/")
    watched.expect(*NOISE)
    page = watched.page
    await live(page)
    await row(page, "Erik Gran").click()
    house.stop(signal.SIGKILL)
    await expect(page.get_by_role("alert").get_by_text("Connection lost")).to_be_visible()
    house.start()
    await live(page)
    house.refer("erik", reason="course")
    await expect(lamp(page, "Erik Gran", "Referred by hand")).to_be_visible()
    await expect(details(page)).to_contain_text("On a course")
    house.available("erik")
    await expect(lamp(page, "Erik Gran", "Available")).to_be_visible()


async def test_a_calendar_that_is_silent_is_never_shown_as_available(opened: Opening, house: House) -> None:
    watched = await opened("/")
    watched.expect(*NOISE)
    page = watched.page
    await live(page)
    house.stop()
    house.radicale.stop()
    age_readings(house, timedelta(hours=1))
    house.start()
    try:
        await expect(lamp(page, "Bo Ek", "Not confirmed")).to_be_visible()
        await expect(row(page, "Bo Ek")).to_contain_text(re.compile(r"Not confirmed since \d\d:\d\d"))
        await expect(lamp(page, "Malin Sjöberg", "Available")).to_be_visible()
        await row(page, "Bo Ek").click()
        await expect(details(page)).to_contain_text("Not confirmed since")
        await expect(details(page).locator(".week").get_by_text("Not confirmed", exact=True)).to_have_count(8)
        await expect(details(page).locator(".week")).not_to_contain_text("Available")
        await accessible(watched)
        await page.get_by_role("button", name="Available only").click()
        await expect(row(page, "Bo Ek")).to_have_count(0)
    finally:
        house.radicale.start()
    house.read("bo")
    await page.get_by_role("button", name="Show all").click()
    await expect(lamp(page, "Bo Ek", "Available")).to_be_visible()


def age_readings(house: House, by: timedelta) -> None:
    """While Backsoon is stopped: every calendar was read that much earlier."""
    microseconds = int(by.total_seconds() * 1_000_000)
    with closing(sqlite3.connect(house.folder / "backsoon-data" / "backsoon.db")) as database, database:
        changed = database.execute("update calendar set confirmed_at = confirmed_at - ?", (microseconds,))
        assert changed.rowcount == len(PEOPLE)
