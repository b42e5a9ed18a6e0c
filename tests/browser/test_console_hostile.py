"""Whatever stands in a calendar, a directory or a message is shown as text: nothing of it runs, none of it misleads."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Opening, accessible
from tests.browser.desk import details, find, live, row
from tests.browser.house import House

MARKUP = "<img src=x onerror=alert(1)>"
DRAWING = "<svg onload=alert(2)><script>alert(3)</script></svg>"
ADDRESS = "javascript:alert(4)//"
TURNED = "\u202egnp.tiord"
TEMPLATE = "{{constructor.constructor('alert(5)')()}}${alert(6)}"
SUBJECTS = [
    (MARKUP, MARKUP),
    (DRAWING, DRAWING.replace("//", "")),
    (ADDRESS, "javascript:alert(4)"),
    (TURNED, "gnp.tiord"),
    (TEMPLATE, TEMPLATE),
    ("\"' onmouseover=alert(7) x='", "onmouseover=alert(7)"),
]


async def unharmed(page: Page) -> None:
    """Nothing was made of it, and it pushes nothing out of the window."""
    assert await page.locator("[onerror], [onload], [onmouseover], #people a, main script").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    turning = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
    text = await page.evaluate("document.body.innerText")
    assert not any(mark in text for mark in turning)


@pytest.mark.parametrize(("subject", "shown"), SUBJECTS)
async def test_subjects(opened: Opening, house: House, subject: str, shown: str) -> None:
    booked = house.book("gustav", f"m: {subject}", -5, 30)
    try:
        watched = await opened("/")
        page = watched.page
        await expect(row(page, "Gustav Ivarsson")).to_contain_text(shown)
        await row(page, "Gustav Ivarsson").click()
        await expect(details(page).locator("dl")).to_contain_text(shown)
        await unharmed(page)
    finally:
        house.unbook(booked)


async def test_a_word_of_64_kb(opened: Opening, house: House) -> None:
    booked = house.book("gustav", "m: " + "W" * 65_536, -5, 30)
    try:
        watched = await opened("/")
        page = watched.page
        await expect(row(page, "Gustav Ivarsson")).to_contain_text("W" * 100)
        boxes = [await row(page, name).bounding_box() for name in ("Gustav Ivarsson", "Anna Berg")]
        assert len({box["height"] for box in boxes if box}) == 1
        await row(page, "Gustav Ivarsson").click()
        await expect(details(page).locator("dl")).to_contain_text("W" * 100)
        await unharmed(page)
        await accessible(watched)
    finally:
        house.unbook(booked)


async def test_names_departments_titles_and_competences(opened: Opening, house: House) -> None:
    values = {
        "extension": "2101",
        "name": f"Zacke {MARKUP}",
        "department": DRAWING,
        "title": ADDRESS + "T" * 150,
        "competences": f"{MARKUP} | {TEMPLATE}",
    }
    said = house.api("PUT", "/people", {"rows": [{"values": values}]})
    assert not said["rejected"], said
    try:
        watched = await opened("/")
        page = watched.page
        await live(page)
        await find(page, "zacke", f"Zacke {MARKUP}")
        await expect(page.locator("#person-0")).to_contain_text(DRAWING)
        await page.keyboard.press("Enter")
        await expect(details(page).get_by_role("heading", name=f"Zacke {MARKUP}")).to_be_visible()
        await expect(details(page)).to_contain_text(TEMPLATE)
        await unharmed(page)
        for key in ("F2", "F8"):
            await page.keyboard.press(key)
            await expect(page.get_by_role("dialog", name=f"Zacke {MARKUP}")).to_be_visible()
            await unharmed(page)
            await page.keyboard.press("Escape")
    finally:
        house.api("DELETE", "/people/2101")


async def test_notes_by_hand(opened: Opening, house: House) -> None:
    watched = await opened("/")
    page = watched.page
    await live(page)
    await find(page, "gustav", "Gustav Ivarsson")
    await page.keyboard.press("F2")
    await page.get_by_role("dialog").get_by_label("Note").fill(MARKUP + TURNED)
    await page.keyboard.press("Enter")
    await expect(row(page, "Gustav Ivarsson")).to_contain_text(MARKUP)
    await unharmed(page)
    await page.keyboard.press("Control+z")
    await expect(row(page, "Gustav Ivarsson")).not_to_contain_text(MARKUP)
