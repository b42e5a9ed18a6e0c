"""A browser as far as the API meets one: it keeps cookies, says where a page is from, and as what it asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import Morsel, SimpleCookie
from typing import Any

import aiohttp

from tests.unit.api.serving import Serving


class Browser:
    """Keeps cookies itself, so that a test sees them: `__Host-` and `Secure` are the real browsers' to judge."""

    def __init__(self, api: Serving, session: aiohttp.ClientSession) -> None:
        self.api = api
        self.cookies: dict[str, str] = {}
        self.set: dict[str, Morsel[str]] = {}
        """What the last answer set, with its attributes."""
        self._session = session

    @property
    def origin(self) -> str:
        """Where our pages are."""
        return f"http://127.0.0.1:{self.api.port}"

    async def ask(
        self, method: str, path: str, *, role: str = "", headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """One request from a page of ours; `headers` in place of what it says of itself."""
        said = {"Sec-Fetch-Site": "same-origin"} if headers is None else headers
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = said | ({"Backsoon-Role": role} if role else {}) | ({"Cookie": cookie} if cookie else {})
        url = f"{self.origin}{path}"
        async with self._session.request(method, url, headers=sent, allow_redirects=False, **more) as answer:
            self._keep(answer)
            kind = answer.content_type
            body = await (answer.json(content_type=None) if kind.endswith("json") else answer.text())
            return answer.status, body, dict(answer.headers)

    def _keep(self, answer: aiohttp.ClientResponse) -> None:
        self.set = {}
        for line in answer.headers.getall("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.set[name] = morsel
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]

    async def sign_in(self, user: str, password: str) -> int:
        """The status."""
        return (await self.ask("POST", "/api/v1/session", json={"user": user, "password": password}))[0]


@asynccontextmanager
async def browser(api: Serving) -> AsyncIterator[Browser]:
    """A new one."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Browser(api, session)
