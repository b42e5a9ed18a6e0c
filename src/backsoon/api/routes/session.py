"""Who is signed in: by user name and password, and out again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from backsoon.api import schemas
from backsoon.api.accountbodies import OwnPasswordBody, SignInBody
from backsoon.api.cookies import BROWSER, SESSION, YEAR, cookie_of, lasting, set_cookie
from backsoon.api.gate import KEY, Admitted, unauthorised
from backsoon.api.parts import Running
from backsoon.api.problems import problem
from backsoon.api.routes.common import PREFIX, answer, gives, only_known
from backsoon.api.slowing import Slowing, browser_cookie, browser_of
from backsoon.api.views import Json, instant
from backsoon.engine.logins import hats
from backsoon.engine.passwords import TooBusy
from backsoon.engine.sessions import SignedIn, digest_of

router = APIRouter(prefix=PREFIX, tags=["sign-in"])
ANYBODY: Json = {"security": []}
SIGNED_IN: Json = {"security": [{"session": []}]}
NoParameters = Annotated[None, Depends(only_known)]


@router.get("/sign-in", responses=gives(schemas.SignIn), operation_id="signIn", openapi_extra=ANYBODY)
async def ways(request: Request, _: NoParameters) -> Response:
    """How people sign in here."""
    parts: Running = request.app.state.parts
    settings, known = parts.signing_in.settings, parts.directory.organisations
    return answer(
        {
            "local": settings.local,
            "issuers": [{"name": each.name, "label": each.label} for each in settings.issuers if settings.pages],
            "organisation": next(iter(known.values())).name if len(known) == 1 else "",
        }
    )


@router.post("/session", responses=gives(schemas.Session), operation_id="beginSession", openapi_extra=ANYBODY)
async def begin(request: Request, body: SignInBody, _: NoParameters) -> Response:
    """Sign in by user name and password: the answer sets the cookie. 401 whatever was wrong."""
    parts: Running = request.app.state.parts
    slowing: Slowing = request.app.state.slowing
    if not _from_here(request, parts):
        return problem(403, "Forbidden", "a page of another site asked for this")
    key, address, now = await parts.store.key("browser"), address_of(request), parts.clock.now()
    browser = browser_of(cookie_of(request, BROWSER) or "", body.user, key)
    if wait := slowing.wait(address, body.user, browser, now):
        return too_many(wait)
    slowing.note(address, body.user, browser, now)  # before: those that come together are counted, too
    account = None
    if parts.signing_in.settings.local:
        try:
            account = await parts.logins.enter(body.user, body.password, address, known=bool(browser))
        except TooBusy:  # nothing was looked at
            slowing.forgive(address, body.user, browser, now)
            raise
    begun = None if account is None else await parts.logins.begin(account)
    if begun is None:
        return _refused()
    slowing.forgive(address, body.user, browser, now)
    text, found = begun
    told = answer(await session_view(parts, found))
    await put_in(request, told, parts, text, found)
    set_cookie(told, BROWSER, browser_cookie(body.user, key), YEAR)
    return told


@router.get("/session", responses=gives(schemas.Session), operation_id="session", openapi_extra=SIGNED_IN)
async def session(request: Request, _: NoParameters) -> Response:
    """Who is signed in, and as what they may ask."""
    found = signed_in(request)
    return unauthorised() if found is None else answer(await session_view(request.app.state.parts, found))


@router.delete("/session", responses=gives(schemas.SignedOut), operation_id="endSession", openapi_extra=SIGNED_IN)
async def end(request: Request, _: NoParameters) -> Response:
    """Sign out. The session's streams end within 5 seconds."""
    found = signed_in(request)
    if found is None:
        return unauthorised()
    parts: Running = request.app.state.parts
    await parts.logins.ended(found)
    told = answer({"signed_out": True})
    set_cookie(told, SESSION, "", 0)
    return told


@router.put(
    "/session/password",
    responses=gives(schemas.PasswordChanged),
    operation_id="changePassword",
    openapi_extra=SIGNED_IN,
)
async def password(request: Request, body: OwnPasswordBody, _: NoParameters) -> Response:
    """Change one's own password. All other sessions of the account end; a wrong old one is slowed as signing in is."""
    found = signed_in(request)
    if found is None:
        return unauthorised()
    parts: Running = request.app.state.parts
    slowing: Slowing = request.app.state.slowing
    counted, now = f"session {found.session.id}", parts.clock.now()
    if wait := slowing.wait("", found.account.user, counted, now):
        return too_many(wait)
    slowing.note("", found.account.user, counted, now)  # before: those that come together are counted, too
    if not await parts.logins.change_own_password(found, body.old, body.new):
        return problem(403, "Forbidden", "the old password is another one")
    slowing.forgive("", found.account.user, counted, now)
    return answer({"changed": True})


# -- what others use as well ----------------------------------------------------------------------------------------


def signed_in(request: Request) -> SignedIn | None:
    """By which session somebody asks; None: by another way."""
    admitted: Admitted | None = request.scope.get(KEY)
    return None if admitted is None else admitted.signed_in


async def session_view(parts: Running, found: SignedIn) -> Json:
    """Who is signed in."""
    account, sessions = found.account, parts.logins.sessions
    person = (await parts.store.people([account.person])).get(account.person) if account.person else None
    organisation = parts.directory.named(account.organisation)
    brief = None if person is None else {"id": person.id, "extension": person.extension, "name": person.name}
    return {
        "name": account.name,
        "user": account.user or None,
        "organisation": account.organisation,
        "roles": sorted(hats(account)),
        "person": brief,
        "language": (person.language if person is not None else "") or organisation.language,
        "zone": (person.zone if person is not None else "") or organisation.zone,
        "ends_at": instant(sessions.ends_at(found.session)),
        "local": bool(account.user),
    }


async def put_in(request: Request, told: Response, parts: Running, text: str, found: SignedIn) -> None:
    """Give the browser its new session; the one that it had is over."""
    before = cookie_of(request, SESSION)
    if before is not None:
        await parts.logins.sessions.end(digest_of(before))
    set_cookie(told, SESSION, text, lasting(found.session.ends_at, parts.clock.now()))


def address_of(request: Request) -> str:
    """Where somebody asks from."""
    return request.client.host if request.client else ""


def too_many(wait: int) -> Response:
    """The answer to somebody who failed too often just now."""
    told = problem(429, "Too many requests", "too many sign-ins failed", remedy=f"wait {wait} s")
    told.headers["Retry-After"] = str(wait)
    return told


def _refused() -> Response:
    told = problem(401, "Not signed in", "the user name or the password is wrong", remedy="try again")
    told.headers["WWW-Authenticate"] = 'Session realm="backsoon"'
    return told


def _from_here(request: Request, parts: Running) -> bool:
    """Whether no other site's page asks: else it could sign somebody in as whom it likes."""
    said: Any = request.headers.get("origin")
    here = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return said is None or (bool(said) and said in (here, parts.signing_in.settings.pages))
