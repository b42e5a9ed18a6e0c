"""`make screenshots`: pictures of the pages into docs/pictures/, of the demonstration's company on one fixed morning.

All in them is real (a calendar server, Backsoon, Chromium) but the date: Backsoon and the browser go by a clock that is
set to the same morning each time, so that a picture changes only when a page does.
`python -m tools.screenshots console` makes those whose names begin so.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from backsoon.domain.access import Role
from tools.morning import Morning, morning
from tools.peers.chromium import environment, flags, program
from tools.peers.recipe import Absent
from tools.peers.registry import find_peer
from tools.png import squeezed
from tools.ports import free_port

TARGET = Path(__file__).resolve().parents[1] / "docs" / "pictures"
COOKIE = "__Host-backsoon"
THEMES = ("light", "dark")
WIDE, TELEPHONE = (1280, 760), (390, 844)
WAIT_MS = 15_000

Act = Callable[[Page], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: `name`, of the page at `path`, once `act` has been done there. `user` None: nobody is signed in."""

    name: str
    path: str
    act: Act
    user: str | None = "anna"
    size: tuple[int, int] = WIDE


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser that `make peers` set up. Raises SystemExit where there is none."""
    folder = find_peer("chromium")
    if isinstance(folder, Absent):
        raise SystemExit(f"no Chromium here: {folder.reason}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program(folder), args=flags(), env=dict(environment(folder))
        )
        yield browser
        await browser.close()


async def take(browser: Browser, company: Morning, cookies: dict[str, str], shot: Shot, theme: str) -> bytes:
    """One picture in one theme."""
    context = await browser.new_context(
        base_url=company.url,
        color_scheme="dark" if theme == "dark" else "light",
        locale="en-GB",
        timezone_id="Europe/Stockholm",
        viewport={"width": shot.size[0], "height": shot.size[1]},
        device_scale_factor=1 if shot.size == WIDE else 2,
        reduced_motion="reduce",
        service_workers="block",
    )
    try:
        context.set_default_timeout(WAIT_MS)
        if shot.user is not None:
            await context.add_cookies(
                [{"name": COOKIE, "value": cookies[shot.user], "url": company.url.replace("http:", "https:")}]
            )
        page = await context.new_page()
        await page.clock.install(time=company.backsoon.clock.now())
        await page.goto(shot.path)
        await shot.act(page)
        await page.screenshot()  # the first one after a page has scrolled may lack what was not painted yet
        return squeezed(await page.screenshot(animations="disabled", caret="hide"))
    finally:
        await context.close()


async def pictures(shots: Sequence[Shot], save: Callable[[str, bytes], None]) -> None:
    """All of them, in both themes."""
    with tempfile.TemporaryDirectory(prefix="backsoon-pictures-") as folder:
        async with morning(Path(folder), free_port()) as company, chromium() as browser:
            cookies = {
                "anna": await company.cookie("anna", Role.ATTENDANT, Role.PERSON),
                "gustav": await company.cookie("gustav", Role.PERSON),
                "karin": await company.cookie("karin", Role.ADMINISTRATOR),
            }
            for shot in shots:
                for theme in THEMES:
                    save(f"{shot.name}-{theme}.png", await take(browser, company, cookies, shot, theme))


def saved(name: str, picture: bytes) -> None:
    """Write it where the documentation has its pictures."""
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / name).write_bytes(picture)
    sys.stderr.write(f"{name}: {len(picture) // 1024} KiB\n")


async def form(page: Page) -> None:
    """Signing in."""
    await page.get_by_label("User name").wait_for()


async def board(page: Page) -> None:
    """Everybody, as they stand."""
    await page.get_by_text("Live", exact=True).wait_for()
    await page.get_by_text("In a meeting, back 09:26").wait_for()


async def details(page: Page) -> None:
    """Somebody's details."""
    await board(page)
    await page.get_by_role("row", name="Carl Dahl").click()
    await page.get_by_text("Last confirmed").wait_for()


async def referring(page: Page) -> None:
    """About to refer somebody."""
    await board(page)
    await page.keyboard.type("disa")
    await page.keyboard.press("F2")
    await page.get_by_role("dialog").wait_for()


async def keys(page: Page) -> None:
    """The keys and the lamps."""
    await board(page)
    await page.keyboard.press("F1")
    await page.get_by_role("dialog").wait_for()


async def my_state(page: Page) -> None:
    """How somebody stands, on a telephone."""
    await page.locator(".coming").first.wait_for()
    await page.locator("button:enabled", has_text="At lunch").wait_for()  # what is kept is shown before, greyed


async def my_lunch(page: Page) -> None:
    """About to go to lunch."""
    await my_state(page)
    await page.get_by_role("button", name="At lunch").click()
    await page.get_by_role("dialog").wait_for()


async def my_entries(page: Page) -> None:
    """Which entries refer, and why."""
    await page.get_by_role("button", name="Read my calendar").click()
    await page.locator(".because").nth(4).scroll_into_view_if_needed()


async def administration(page: Page) -> None:
    """A part of the administrator's page."""
    await page.get_by_role("heading", level=1).wait_for()
    await page.locator("main [aria-busy=true]").wait_for(state="detached")


async def tried(page: Page) -> None:
    """A calendar, tried."""
    await administration(page)
    await page.get_by_label("Whose calendar to try").fill("carl@example.com")
    await page.get_by_role("button", name="Try it").click()
    await page.get_by_text("In order").first.wait_for()


async def dry_run(page: Page) -> None:
    """What the other mode would do."""
    await administration(page)
    await page.get_by_role("button", name="Try the mode").click()
    await page.get_by_role("row").filter(has_text="Frida Holm").wait_for()
    await page.get_by_role("row").filter(has_text="Frida Holm").scroll_into_view_if_needed()


SHOTS: tuple[Shot, ...] = (
    Shot("sign-in", "/", form, user=None),
    Shot("console", "/", board),
    Shot("console-details", "/", details),
    Shot("console-refer", "/", referring),
    Shot("console-keys", "/", keys),
    Shot("me", "/me", my_state, "gustav", TELEPHONE),
    Shot("me-refer", "/me", my_lunch, "gustav", TELEPHONE),
    Shot("me-calendar", "/me#ahead", my_entries, "gustav", TELEPHONE),
    Shot("admin-health", "/admin#health", administration, "karin"),
    Shot("admin-calendars", "/admin#setup/calendars", tried, "karin"),
    Shot("admin-mode", "/admin#setup/rules", dry_run, "karin"),
    Shot("admin-users", "/admin#users", administration, "karin"),
)


def main(names: Sequence[str]) -> None:
    """Take those whose names begin with one of `names`, or all."""
    chosen = [shot for shot in SHOTS if not names or shot.name.startswith(tuple(names))]
    asyncio.run(pictures(chosen, saved))


if __name__ == "__main__":
    main(sys.argv[1:])
