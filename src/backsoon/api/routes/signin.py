"""To issuers and back, and the demo's one-time codes. What is wrong comes back as a code, never as somebody's text, and
to the page that was wanted: whoever tries again there gets where they meant to be.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from backsoon.api.cookies import GOING, KNOWN, YEAR, cookie_of, set_cookie
from backsoon.api.gate import SIGNING_IN
from backsoon.api.parts import Running
from backsoon.api.problems import answer_of, problem
from backsoon.api.routes.session import address_of, put_in
from backsoon.api.slowing import Slowing, browser_cookie, browser_of
from backsoon.domain.errors import BacksoonError
from backsoon.engine.signingin import LASTS, Failed, NoSuchIssuer, local_path
from backsoon.store.base import Account, AccountState

QUIET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
"""The address holds a code: nobody keeps it, and nobody is told of it."""
LONGEST_QUERY = 16_384


class Doors:
    """`/sign-in/...`: links that a browser follows, outside the API."""

    def __init__(self, parts: Running, slowing: Slowing) -> None:
        self._parts = parts
        self._slowing = slowing

    def routes(self) -> list[Route]:
        """The routes: `/sign-in/demo/CODE` before those of an issuer, of which none is called demo."""
        return [
            Route(f"{SIGNING_IN}demo/{{code}}", self._once, methods=["GET"]),
            Route(f"{SIGNING_IN}{{name}}/callback", self._back, methods=["GET"]),
            Route(f"{SIGNING_IN}{{name}}", self._there, methods=["GET"]),
        ]

    async def _there(self, request: Request) -> Response:
        """To the issuer; `to` is the page to come back to. One that does not answer is not asked again and again."""
        asking, now, browser = address_of(request), self._parts.clock.now(), await self._browser(request)
        name, to = request.path_params["name"], local_path(request.query_params.get("to", "/"))
        if self._slowing.wait(asking, "", browser, now):
            return _not(Failed("failed"), to)
        try:
            address, kept = await self._parts.signing_in.begin(name, to)
        except BacksoonError as error:
            if _costs(error):
                self._slowing.note(asking, "", browser, now)
            return _not(error, to)
        told = RedirectResponse(address, 303, QUIET)
        set_cookie(told, GOING, kept, int(LASTS.total_seconds()))
        return told

    async def _back(self, request: Request) -> Response:
        """From the issuer: signed in, or not and why."""
        address, now, browser = address_of(request), self._parts.clock.now(), await self._browser(request)
        going = cookie_of(request, GOING) or ""
        wanted = await self._parts.signing_in.wanted(going)
        if len(request.url.query) > LONGEST_QUERY or self._slowing.wait(address, "", browser, now):
            return _not(Failed("failed"), wanted)
        said = {key: value for key, value in request.query_params.multi_items() if key in _ANSWER}
        several = len(said) < sum(key in _ANSWER for key, _ in request.query_params.multi_items())
        try:
            kept = "" if several else going
            account, to = await self._parts.signing_in.finish(request.path_params["name"], said, kept)
        except BacksoonError as error:
            if _costs(error):
                self._slowing.note(address, "", browser, now)
            return _not(error, wanted)
        told = await self._in(request, account, to)
        key = await self._parts.store.key("browser")
        set_cookie(told, KNOWN, browser_cookie(_who(request), key), YEAR)
        return told

    async def _browser(self, request: Request) -> str:
        """What the browser is counted by, if somebody signed in with it by that issuer; "" otherwise."""
        kept = cookie_of(request, KNOWN)
        return browser_of(kept, _who(request), await self._parts.store.key("browser")) if kept else ""

    async def _once(self, request: Request) -> Response:
        """By a code of the demo's."""
        codes, now = self._parts.one_time_codes, self._parts.clock.now()
        if codes is None or self._slowing.wait(address_of(request), "", "", now):
            return problem(404, "Not Found", "there is nothing here")
        id = codes.take(request.path_params["code"])
        account = None if id is None else await self._parts.store.account(id)
        if account is None or account.state is not AccountState.ACTIVE:
            self._slowing.note(address_of(request), "", "", now)
            return _to("/?sign-in=expired")
        return await self._in(request, account, "/")

    async def _in(self, request: Request, account: Account, to: str) -> Response:
        begun = await self._parts.logins.begin(account)
        if begun is None:
            return _not(Failed("expired"), to)
        told, (text, found) = _to(to), begun
        await put_in(request, told, self._parts, text, found)
        return told


_ANSWER = frozenset({"code", "state", "iss", "error"})
"""What counts of what an issuer sends (RFC 6749 section 4.1.2, RFC 9207): each once."""


def _who(request: Request) -> str:
    """What stands for whoever signs in by an issuer; no user name has a blank in it."""
    return f"issuer {request.path_params['name']}"


def _costs(error: BacksoonError) -> bool:
    """Whether an issuer was asked, or somebody is not let in. What any page's link can cause counts against nobody."""
    return not isinstance(error, NoSuchIssuer) and not (isinstance(error, Failed) and error.code == "expired")


def _to(path: str) -> Response:
    told = RedirectResponse(path, 303, QUIET)
    set_cookie(told, GOING, "", 0)
    return told


def _not(error: BacksoonError, wanted: str) -> Response:
    """Back to the page that was wanted, a path here, which says why; its own query is left out."""
    if isinstance(error, Failed):
        return _to(f"{wanted.partition('#')[0].partition('?')[0]}?sign-in={error.code}")
    return answer_of(error)
