"""The attendants' page as tests speak of it."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect


def row(page: Page, name: str) -> Locator:
    """Somebody's row."""
    return page.locator("#people [role=row]").filter(has=page.locator(".name bdi").get_by_text(name, exact=True))


def lamp(page: Page, name: str, said: str) -> Locator:
    """Somebody's lamp, as it is said to who hears the page."""
    return row(page, name).get_by_role("img", name=said, exact=True)


def search(page: Page) -> Locator:
    """The box that is searched in."""
    return page.get_by_role("combobox", name="Search people")


def details(page: Page) -> Locator:
    """The details beside the list."""
    return page.get_by_role("complementary", name="Details")


async def live(page: Page) -> None:
    """The list is there, and follows."""
    await expect(page.locator("header").get_by_text("Live", exact=True)).to_be_visible()


async def find(page: Page, text: str, name: str) -> Locator:
    """Type into the search until somebody's row is there."""
    await search(page).fill(text)
    await expect(row(page, name)).to_be_visible()
    return row(page, name)


async def focused(page: Page) -> str:
    """What has the focus: its tag and what it is called."""
    script = "(e => `${e.tagName} ${e.getAttribute('aria-label') ?? e.id ?? ''}`)(document.activeElement)"
    said: str = await page.evaluate(script)
    return said
