"""Cookies of whoever is signed in, and who they let in: one hat a request, changes from our own pages only.

`__Host-` has browsers take them only with `Secure`, for this host alone and all of its paths (RFC 6265bis): no
neighbouring site can put one in their place. On `http://` Chromium and Firefox take `Secure` for this machine itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from starlette.requests import HTTPConnection
from starlette.responses import Response

from backsoon.api.gate import READING, Admitted, Gate, unauthorised
from backsoon.api.problems import problem
from backsoon.domain.access import NOBODY, Identity, Role
from backsoon.engine.logins import hats, identity_as
from backsoon.engine.sessions import Sessions, SignedIn

SESSION = "__Host-backsoon"
GOING = "__Host-backsoon-going"
BROWSER = "__Host-backsoon-browser"
KNOWN = "__Host-backsoon-known"
"""Says by which issuer somebody signed in with this browser before, as `BROWSER` says it of a user name."""
ROLE = "backsoon-role"
"""The header that says as what a request by cookie asks."""
HATLESS = frozenset({"/api/v1/session", "/api/v1/session/password"})
"""About the session itself: asked as nothing."""
YEAR = 365 * 86_400


def cookie_of(asking: HTTPConnection, name: str) -> str | None:
    """The value of a cookie; None where there is none, or several differ."""
    pairs = (pair.partition("=") for line in asking.headers.getlist("cookie") for pair in line.split(";"))
    found = {value.strip() for key, _, value in pairs if key.strip() == name}
    return found.pop() if len(found) == 1 else None


def set_cookie(answer: Response, name: str, value: str, seconds: int) -> None:
    """Have the browser keep it; 0 seconds: forget it. `Lax`: issuers send people back by a link."""
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def lasting(session_ends: datetime, now: datetime) -> int:
    """Seconds that the browser keeps a session's cookie."""
    return max(1, int((session_ends - now).total_seconds()))


def same_origin(asking: HTTPConnection, pages: str) -> bool:
    """Whether a page of ours asks, as the browser says: by Fetch Metadata, by `Origin` where it knows none."""
    site = asking.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    said = asking.headers.get("origin")
    return bool(said) and said in (f"{asking.url.scheme}://{asking.headers.get('host', '')}", pages)


class CookieGate:
    """Of the network: by a token where there is one, else by the session that the cookie names."""

    def __init__(self, tokens: Gate, sessions: Sessions, pages: Callable[[], str] = str) -> None:
        """`tokens` is who lets in by token; `pages` where browsers have the pages, "" where that is not known."""
        self._tokens = tokens
        self._sessions = sessions
        self._pages = pages

    async def admit(self, asking: HTTPConnection) -> Admitted | Response:
        """See `Gate`."""
        if asking.headers.getlist("authorization"):
            return await self._tokens.admit(asking)
        text = cookie_of(asking, SESSION)
        if text is None:
            return unauthorised()
        found = await self._sessions.used(text)
        if found is None:
            return _signed_out()
        if asking.scope["method"] not in READING and not same_origin(asking, self._pages()):
            return problem(403, "Forbidden", "a page of another site asked for this, or none that says which one")
        return self._as_what(asking, found)

    def _as_what(self, asking: HTTPConnection, found: SignedIn) -> Admitted | Response:
        said, theirs = asking.headers.getlist(ROLE), hats(found.account)
        role = next((each for each in theirs if said == [each.value]), None)
        if role is None and (said or asking.scope["path"] not in HATLESS):
            names = ", ".join(sorted(theirs)) or "none: an administrator gives it some"
            return problem(403, "Forbidden", "as what?", remedy=f"send Backsoon-Role with one of its roles ({names})")
        identity: Identity = NOBODY if role is None else identity_as(found.account, role)
        return Admitted(identity, self._holds(found.session.digest, role), found)

    def _holds(self, digest: str, role: Role | None) -> Callable[[], Awaitable[bool]]:
        async def holds() -> bool:
            found = await self._sessions.by_digest(digest)
            return found is not None and (role is None or role in hats(found.account))

        return holds


def _signed_out() -> Response:
    """The answer to a session that is over: the browser may forget it."""
    answer = unauthorised()
    set_cookie(answer, SESSION, "", 0)
    return answer
