"""That what watches the pages sees what goes wrong in one: else no other test here could fail."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.async_api import Browser

from tests.browser.axe import violations
from tests.browser.watching import Watched

POLICY = "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types page"
SCRIPT = """
document.body.append(Object.assign(document.createElement("img"), {src: "/x.png"}));
try { document.body.innerHTML = "<b>x</b>"; } catch { /* as it should be */ }
fetch("http://127.0.0.1:9/elsewhere").catch(() => undefined);
alert("hello");
console.warn("mind this");
throw new Error("broken");
"""
PAGE = """<!doctype html><html lang=en><title>Bad</title><main><h1>Bad</h1><input><p style="color: #eee">Pale</p>
<script>document.title = "run"</script><script src="/script.js" defer></script></main>"""


class Bad(BaseHTTPRequestHandler):
    """A page that does everything wrong, under a strict policy."""

    def do_GET(self) -> None:
        kind, text = ("text/javascript", SCRIPT) if self.path == "/script.js" else ("text/html", PAGE)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Not on stderr."""


@pytest.fixture
def bad() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bad)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_everything_that_goes_wrong_in_a_page_is_held_against_it(browser: Browser, bad: str) -> None:
    context = await browser.new_context()
    watched = Watched(context, await context.new_page(), bad)
    await watched.begin()
    async with watched.page.expect_event("pageerror"):
        await watched.page.goto(bad)
    found = "\n".join(watched.verdict())
    for wanted in (
        "breach of script-src-elem by inline",
        "breach of img-src",
        "breach of require-trusted-types-for",
        "breach of connect-src",
        "dialog: hello",
        "warning: mind this",
        "exception: broken",
    ):
        assert wanted in found
    assert await watched.page.title() == "Bad"
    watched.expect(".*")
    assert watched.verdict() == []
    await context.close()


async def test_axe_works_under_the_strictest_policy(browser: Browser, bad: str) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(bad)
    found = "\n".join(await violations(page))
    assert "label: Form elements must have labels" in found
    await context.close()
