"""One browser and one company for a worker; a context of its own for each page that a test opens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio
from playwright._impl._api_structures import SetCookieParam
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.axe import violations
from tests.browser.house import COOKIE, House, furnished
from tests.browser.watching import Watched
from tests.midday import HERE
from tests.peers import require_peer
from tools.peers.chromium import environment, flags, program

FOLDER = Path(__file__).parent
WAIT_MS = 15_000
"""How long a page is waited for; nothing is asserted of how long it takes."""
expect.set_options(timeout=WAIT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All share one event loop, as the browser does; those of the attendants' page share a worker, others one more."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            group = "console" if item.path.name.startswith("test_console") else "pages"
            item.add_marker(pytest.mark.xdist_group(f"browser-{group}"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    folder = require_peer("chromium")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=program(folder), args=flags(), env=dict(environment(folder))
        )
        yield launched
        await launched.close()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The company."""
    require_peer("chromium")
    with furnished(require_peer("caldav"), tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture
def own_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A company of one test's own, which it may stop, break and set otherwise."""
    require_peer("chromium")
    folder = tmp_path_factory.mktemp("own")  # `tmp_path` has the test's name, and a socket's path is short
    with furnished(require_peer("caldav"), folder) as made:
        yield made


class Opening(Protocol):
    """Opens a page, at another house, or through another address of one."""

    def __call__(
        self,
        path: str = "/",
        *,
        user: str | None = "anna",
        theme: str = "light",
        language: str = "en-GB",
        size: tuple[int, int] = (1280, 800),
        at: House | None = None,
        through: str = "",
        touch: bool = False,
    ) -> Awaitable[Watched]: ...


@pytest_asyncio.fixture(loop_scope="session")
async def opened(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Opening]:
    """Opens pages, signed in as `user` (None: nobody). At the end nothing may have gone wrong in any."""
    pages: list[Watched] = []
    async with AsyncExitStack() as stack:

        async def open_(
            path: str = "/",
            *,
            user: str | None = "anna",
            theme: str = "light",
            language: str = "en-GB",
            size: tuple[int, int] = (1280, 800),
            at: House | None = None,
            through: str = "",
            touch: bool = False,
        ) -> Watched:
            house: House = at or request.getfixturevalue("house")
            url = through or house.url
            context = await browser.new_context(
                base_url=url,
                color_scheme="dark" if theme == "dark" else "light",
                locale=language,
                timezone_id=str(HERE),
                viewport={"width": size[0], "height": size[1]},
                has_touch=touch,
            )
            stack.push_async_callback(context.close)
            context.set_default_timeout(WAIT_MS)
            if user is not None:
                await context.add_cookies([cookie(url, house.session(user))])
            watched = Watched(context, await context.new_page(), url)
            if user is None:
                watched.expect("status of 401")
            await watched.begin()
            pages.append(watched)
            await watched.page.goto(path)
            return watched

        yield open_
    assert [fault for watched in pages for fault in watched.verdict()] == []


def cookie(url: str, value: str) -> SetCookieParam:
    """What a browser holds of whoever is signed in. This way into it takes no such cookie of plain http."""
    return {"name": COOKIE, "value": value, "url": url.replace("http:", "https:")}


async def accessible(watched: Watched) -> None:
    """axe finds nothing in the page as it is now."""
    assert await violations(watched.page) == []
