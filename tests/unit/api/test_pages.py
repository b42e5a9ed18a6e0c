"""The pages' files: open to everybody, compressed, kept as long as they may be, and under a strict policy."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from backsoon.api import pages
from backsoon.api.pages import PAGES, PageFiles, is_page
from tests.unit.api.serving import Serving, serving

SCRIPT = b"console.log('hello');" * 40
FILES = {
    "index.html": b"<!doctype html><title>Attendants</title>",
    "me.html": b"<!doctype html><title>Me</title>",
    "admin.html": b"<!doctype html><title>Administrators</title>",
    "icon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "manifest.webmanifest": b"{}",
    "sw.js": b"//",
    "assets/index-AbC_12-x.js": SCRIPT,
    "assets/index-AbC_12-x.css": b"p{}",
    "notes.txt": b"not for anybody",
}


def build(folder: Path, stamp: str = "one", files: Mapping[str, bytes] = FILES) -> None:
    """What a build leaves."""
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        if name.startswith("assets/index") and len(body) > 100:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(body))
    (folder / pages.STAMP).write_text(stamp)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Site:
    """The pages as a browser asks for them."""

    api: Serving
    folder: Path

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask without a token."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(f"http://127.0.0.1:{self.api.port}{path}", encoded=True)
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(method, url, headers={"Accept-Encoding": "identity"} | sent) as response,
        ):
            return Answer(response.status, response.headers, await response.read())


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    folder = tmp_path / "pages"
    folder.mkdir()
    monkeypatch.setattr(PageFiles.__init__, "__defaults__", (folder,))
    async with serving(tmp_path) as api:
        yield Site(api, folder)


def directives(answer: Answer) -> dict[str, str]:
    """The policy, by directive."""
    parts = (part.strip().partition(" ") for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


async def test_everybody_may_load_a_page(site: Site) -> None:
    build(site.folder)
    for path, file in PAGES.items():
        answer = await site.ask(path)
        assert (answer.status, answer.body) == (200, FILES[file])
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (await site.ask("/", "HEAD")).body == b""
    assert (await site.ask("/", Sec_Fetch_Site="cross-site")).status == 200, "a link to it may be anywhere"


async def test_only_what_was_built_for_browsers(site: Site) -> None:
    build(site.folder)
    (site.folder.parent / "secret.js").write_bytes(b"secret")
    for path in ("/assets/other.js", "/icon-9.png"):
        assert (await site.ask(path)).status == 404, path
    hidden = ("/index.html", "/notes.txt", "/.made-from", "/assets", "/assets/", "/assets/../notes.txt", "/me/", "//")
    for path in (*hidden, "/assets/%2e%2e%2fnotes.txt", "/icon/../notes.svg", "/assets/index-AbC_12-x.js.map"):
        assert (await site.ask(path)).status in (401, 404), path
        assert b"not for anybody" not in (await site.ask(path)).body
    for method in ("POST", "PUT", "DELETE"):
        assert (await site.ask("/", method)).status == 401


async def test_nothing_but_our_own_runs_there(site: Site) -> None:
    build(site.folder)
    for path in (*PAGES, "/sw.js", "/icon.svg"):
        answer = await site.ask(path)
        policy = directives(answer)
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_who_may_make_trusted_markup(site: Site) -> None:
    build(site.folder)
    made = {path: directives(await site.ask(path))["trusted-types"].split() for path in PAGES}
    assert made["/"] == made["/admin"] == ["svelte-trusted-html"]
    assert made["/me"] == ["svelte-trusted-html", "backsoon-worker"]


async def test_files_with_a_digest_in_their_name_are_kept_for_ever(site: Site) -> None:
    build(site.folder)
    script = await site.ask("/assets/index-AbC_12-x.js")
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert (await site.ask("/")).headers["Cache-Control"] == "no-cache"
    assert (await site.ask("/manifest.webmanifest")).headers["Content-Type"] == "application/manifest+json"
    assert (await site.ask("/icon.svg")).headers["Content-Type"] == "image/svg+xml"


async def test_what_is_known_is_not_sent_again(site: Site) -> None:
    build(site.folder)
    tag = (await site.ask("/")).headers["ETag"]
    for known in (tag, f'W/"other", {tag}'):
        again = await site.ask("/", If_None_Match=known)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert (await site.ask("/", If_None_Match='W/"other"')).status == 200


@pytest.mark.parametrize(
    ("accepted", "squeezed"),
    [("gzip", True), ("br;q=1, GZIP;q=0.5", True), ("*", True), ("br", False), ("gzip;q=0", False), ("", False)],
)
async def test_compressed_for_whoever_takes_that(site: Site, accepted: str, squeezed: bool) -> None:
    build(site.folder)
    answer = await site.ask("/assets/index-AbC_12-x.js", Accept_Encoding=accepted)
    assert answer.headers.get("Content-Encoding") == ("gzip" if squeezed else None)
    assert (gzip.decompress(answer.body) if squeezed else answer.body) == SCRIPT
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in (await site.ask("/", Accept_Encoding=accepted)).headers, "too small to gain by it"


async def test_what_was_built_anew_is_served(site: Site) -> None:
    build(site.folder)
    assert b"Attendants" in (await site.ask("/")).body
    build(site.folder, "two", {"index.html": b"<title>New</title>", "assets/new-1.js": b"1"})
    assert b"New" in (await site.ask("/")).body
    assert (await site.ask("/assets/new-1.js")).body == b"1"
    (site.folder / pages.STAMP).unlink()
    assert b"New" in (await site.ask("/")).body, "while it is being built the former ones are there"


async def test_where_nothing_was_built_the_page_says_what_to_do(site: Site) -> None:
    for path in PAGES:
        answer = await site.ask(path)
        assert answer.status == 503
        assert b"make console" in answer.body
        assert answer.headers["Cache-Control"] == "no-store"
        assert re.search(rb"<script|style=", answer.body) is None
    assert (await site.ask("/assets/index-AbC_12-x.js")).status == 404


def test_what_is_a_page() -> None:
    assert all(map(is_page, (*PAGES, "/assets/a-1.js", "/icon.svg", "/icon-512.png", "/sw.js")))
    for path in ("", "/api/v1/people", "/assets/a/b.js", "/assets/a%2fb", "/icon.svg/x", "/icons.html", "/me.html"):
        assert not is_page(path), path
