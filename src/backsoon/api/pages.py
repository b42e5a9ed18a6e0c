"""The web pages: `/` for attendants, `/me` for everybody, `/admin` for administrators, and what they are made of.

They are files that were built beforehand (`console/` in the sources) and tell nothing of anybody: they are open, and
ask the API for everything as whoever is signed in. What they may do in a browser is said here: scripts and styles from
here only and none inline, texts never taken for markup (Trusted Types), in no other site's frame.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).parents[1] / "console"
PAGES = {"/": "index.html", "/me": "me.html", "/admin": "admin.html"}
"""Where a page is, and its file."""
STAMP = ".made-from"
"""Says what was built; another text means other files."""
_FILES = re.compile(r"/(?:assets/[\w.-]+|manifest\.webmanifest|sw\.js|icon[\w-]*\.(?:png|svg))")
FOR_EVER = "public, max-age=31536000, immutable"
"""Of files whose names hold a digest of what is in them."""
ASK = "no-cache"
"""Of all others: kept, and asked for at each use whether they still hold."""
POLICIES = {"/me": "svelte-trusted-html backsoon-worker"}
"""What makes trusted markup and addresses: Svelte, for its templates; on `/me` what starts its service worker."""
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types {policies}"
)
_POWERS = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")
COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{power}=()" for power in _POWERS),
}
NOT_BUILT = (
    b"<!doctype html><html lang=en><meta charset=utf-8><title>Backsoon</title><h1>The pages have not been built</h1>"
    b"<p>Backsoon runs, and its API answers. In a checkout of the sources, <code>make console</code> builds the pages; "
    b"an installed package has them.</p>"
)


def is_page(path: str) -> bool:
    """Whether something for a browser is at a path, which needs no sign-in to be loaded."""
    return path in PAGES or _FILES.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent: its headers, what it holds, and the same compressed (None: not worth it)."""

    headers: dict[str, str]
    body: bytes
    squeezed: bytes | None

    def answer(self, request: Request) -> Response:
        """To one request. The etag is weak: it stands for both forms (RFC 9110 section 8.8.1)."""
        known = {each.strip() for each in request.headers.get("if-none-match", "").split(",")}
        if self.headers["ETag"] in known:
            return Response(status_code=304, headers=self.headers)
        if self.squeezed is not None and _takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(self.squeezed, headers=self.headers | {"Content-Encoding": "gzip"})
        return Response(self.body, headers=self.headers)


def _takes_gzip(accepted: str) -> bool:
    """RFC 9110 section 12.5.3."""
    for each in accepted.lower().split(","):
        name, _, weight = each.strip().partition(";")
        if name.strip() in ("gzip", "*"):
            return re.fullmatch(r"\s*q=0(\.0{0,3})?\s*", weight) is None
    return False


class PageFiles:
    """What was built, read into memory; read again when it was built anew."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._stamp = ""
        self._assets: dict[str, Asset] = {}

    def routes(self) -> list[Route]:
        """All that `is_page` knows."""
        paths = [*PAGES, "/assets/{name}", "/manifest.webmanifest", "/sw.js", "/icon{rest}"]
        return [Route(path, self._answer, methods=["GET"]) for path in paths]

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        self._read_again(path)
        asset = self._assets.get(path)
        if asset is not None:
            return asset.answer(request)
        if path in PAGES:
            return Response(NOT_BUILT, 503, _headers(path, "text/html; charset=utf-8") | {"Cache-Control": "no-store"})
        return Response(status_code=404, headers=COMMON | {"Cache-Control": "no-store"})

    def _read_again(self, path: str) -> None:
        """Where a page is asked for: what it is made of is asked for right after it."""
        if path not in PAGES and self._stamp:
            return
        try:
            stamp = (self._folder / STAMP).read_text()
            if stamp != self._stamp:
                self._assets, self._stamp = read(self._folder), stamp
        except OSError:
            return  # not built, or being built just now


def read(folder: Path) -> dict[str, Asset]:
    """Every file that was built, by its path at the server. Raises `OSError`."""
    found: dict[str, Asset] = {}
    named = {file: path for path, file in PAGES.items()}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        path = named.get(name, f"/{name}")
        if file.is_file() and is_page(path) and not name.endswith(".gz"):
            found[path] = _asset(path, file)
    return found


def _asset(path: str, file: Path) -> Asset:
    body, beside = file.read_bytes(), file.with_name(f"{file.name}.gz")
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = _headers(path, _kind(file)) | {"ETag": etag, "Vary": "Accept-Encoding"}
    return Asset(headers, body, beside.read_bytes() if beside.is_file() else None)


def _kind(file: Path) -> str:
    kind = "application/manifest+json" if file.suffix == ".webmanifest" else mimetypes.guess_type(file.name)[0]
    if file.suffix == ".js":  # some systems' tables say otherwise, and then no browser runs it
        kind = "text/javascript"
    kind = kind or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _headers(path: str, kind: str) -> dict[str, str]:
    keep = FOR_EVER if path.startswith("/assets/") else ASK
    policy = _CSP.format(policies=POLICIES.get(path, "svelte-trusted-html"))
    return {**COMMON, "Content-Security-Policy": policy, "Content-Type": kind, "Cache-Control": keep}
