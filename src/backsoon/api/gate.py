"""The door: who asks, before anything of a request is read but its head; and what nobody may send.

`Admission` stands around the whole application, so that every route, whatever it is made of, finds who asks by
`identity_of`. A request without a good token is answered here, in one form whatever was wrong with it (RFC 6750).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backsoon.api.failures import Failures
from backsoon.api.pages import is_page
from backsoon.api.problems import answer_of, problem
from backsoon.domain.access import LOCAL, NOBODY, Forbidden, Identity, Right
from backsoon.domain.errors import BacksoonError
from backsoon.engine.sessions import SignedIn
from backsoon.engine.timing import Clock
from backsoon.engine.tokens import Tokens, digest_of
from backsoon.engine.tokens import identity_of as identity_of_token

KEY = "backsoon.admitted"
"""Where the scope of a request says who asks."""
OPEN = frozenset({"/healthz", "/readyz", "/metrics", "/api/v1/openapi.json", "/api/v1/sign-in"})
"""What needs no token: it tells nothing of anybody."""
HOOKS = "/hooks/"
"""Below this vendors tell of changes: each notification brings its own proof."""
SIGNING_IN = "/sign-in/"
"""Below this people are sent to issuers, and come back."""
SESSION = "/api/v1/session"
"""Where somebody signs in who is nobody yet."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST_LOCAL = 256 * 2**20
LARGEST_MANAGING = 16 * 2**20
LARGEST = 64 * 2**10
"""The largest bodies in bytes: of commands and of administrators, who import people; and of everybody else."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who was let in. `holds` says whether they still would be. `signed_in`: by which session; None: by another way."""

    identity: Identity
    holds: Callable[[], Awaitable[bool]]
    signed_in: SignedIn | None = None


class Gate(Protocol):
    """Finds who asks."""

    async def admit(self, asking: HTTPConnection) -> Admitted | Response:
        """Who asks, or the answer to somebody unknown. Raises `StoreError`."""
        ...


async def _always() -> bool:
    return True


class OpenGate:
    """Of the Unix socket: whoever may open its file is let in, as `who`."""

    def __init__(self, who: Identity = LOCAL) -> None:
        self._admitted = Admitted(who, _always)

    async def admit(self, asking: HTTPConnection) -> Admitted | Response:
        """See `Gate`."""
        return self._admitted


class TokenGate:
    """Of the network: whoever has a token is let in, as that token's bearer."""

    def __init__(self, tokens: Tokens, clock: Clock, failures: Failures | None = None) -> None:
        self._tokens = tokens
        self._clock = clock
        self._failures = failures or Failures()

    async def admit(self, asking: HTTPConnection) -> Admitted | Response:
        """See `Gate`. A good token is let in whatever others at the same address guess: 256 bits are guessed by nobody,
        and one program on this machine that goes on with a revoked token must not keep the switchboard out."""
        text = bearer(asking.headers.getlist("authorization"))
        if text is None:
            return unauthorised()
        token = await self._tokens.known(text)
        if token is None:
            return self._refused(asking.client.host if asking.client else "")
        digest = digest_of(text)

        async def holds() -> bool:
            return await self._tokens.by_digest(digest) is not None

        return Admitted(identity_of_token(token), holds)

    def _refused(self, address: str) -> Response:
        now = self._clock.now()
        if wait := self._failures.wait(address, now):
            return _too_many(wait)
        self._failures.note(address, now)
        return unauthorised()


def bearer(values: list[str]) -> str | None:
    """The token in the `Authorization` headers; "" where it is no bearer's, None where there is none."""
    if not values:
        return None
    scheme, _, text = values[0].partition(" ")
    return text.strip() if len(values) == 1 and scheme.lower() == "bearer" else ""


def unauthorised() -> Response:
    """The one answer to a token that is missing, unknown, revoked or over."""
    answer = problem(
        401, "Unauthorized", "a bearer token is needed", remedy="send `Authorization: Bearer` and a token that is valid"
    )
    answer.headers["WWW-Authenticate"] = 'Bearer realm="backsoon"'
    return answer


def _too_many(wait: int) -> Response:
    answer = problem(429, "Too many requests", "there were too many tokens that are none", remedy=f"wait {wait} s")
    answer.headers["Retry-After"] = str(wait)
    return answer


# -- what routes ask -----------------------------------------------------------------------------------------------


def identity_of(asking: HTTPConnection) -> Identity:
    """Who asks."""
    admitted: Admitted = asking.scope[KEY]
    return admitted.identity


async def still_admitted(asking: HTTPConnection) -> bool:
    """Whether who asked would still be let in; for answers that take long. At most 5 s late. Raises `StoreError`."""
    admitted: Admitted = asking.scope[KEY]
    return await admitted.holds()


def allowed(asking: HTTPConnection, right: Right) -> Identity:
    """Who asks, if they have the right. Raises `Forbidden`."""
    who = identity_of(asking)
    if not who.may(right):
        raise Forbidden(f"the role {who.role} may not do this ({right})")
    return who


# -- around the application ----------------------------------------------------------------------------------------


class Admission:
    """ASGI: lets in by a gate, and refuses what nobody may send."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":  # there are no WebSockets here
            return
        answer = await self._answer(scope)
        if answer is not None:
            await answer(scope, receive, send)
            return
        await self._app(scope, _limited(scope, receive), send)

    async def _answer(self, scope: Scope) -> Response | None:
        """The answer to a request that goes no further."""
        headers = Headers(scope=scope)
        if is_page(scope["path"]) and scope["method"] in READING:  # from wherever a link to it is
            return None
        if scope["path"].startswith(SIGNING_IN) and scope["method"] in READING:
            return None if _is_visit(headers) else problem(403, "Forbidden", "this is a link, and no part of a page")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return problem(403, "Forbidden", "a page of another site asked for this")
        if scope["path"] in OPEN and scope["method"] in READING:
            return None
        if scope["path"].startswith(HOOKS) and scope["method"] == "POST":
            return None
        if scope["path"] == SESSION and scope["method"] == "POST":
            scope[KEY] = Admitted(NOBODY, _always)
            return _unreadable(scope, headers)
        try:
            found = await self._gate.admit(HTTPConnection(scope))
        except BacksoonError as error:
            return answer_of(error)
        if isinstance(found, Response):
            return found
        scope[KEY] = found
        return _unreadable(scope, headers)


def _is_visit(headers: Headers) -> bool:
    """Whether somebody follows a link. What other sites' pages load (pictures, frames) would use up what an address may
    fail, and so keep out everybody behind it."""
    mode, goes_to = headers.get("sec-fetch-mode", "navigate"), headers.get("sec-fetch-dest", "document")
    return mode == "navigate" and goes_to == "document"


def _unreadable(scope: Scope, headers: Headers) -> Response | None:
    """Why the body is not read: it is too large, or no JSON."""
    length, who = headers.get("content-length", "0"), scope[KEY].identity
    if length.isdecimal() and int(length) > largest(who):
        return too_large(who)
    if length == "0" and "transfer-encoding" not in headers:
        return None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # a form or plain text is what pages of other sites can make a browser send
        return problem(415, "Unsupported media type", "the body must be JSON", remedy="send it as application/json")
    return None


def largest(who: Identity) -> int:
    """The largest body in bytes that is read."""
    if who.role is None:
        return LARGEST_LOCAL
    return LARGEST_MANAGING if who.may(Right.MANAGE) else LARGEST


def too_large(who: Identity) -> Response:
    """The answer to a body that is too large."""
    detail = f"the body is larger than {largest(who)} bytes"
    return problem(413, "Content too large", detail, remedy="send less at once")


def _limited(scope: Scope, receive: Receive) -> Receive:
    """The same with an end to it: a body without a length is counted as it comes."""
    if KEY not in scope:
        return receive
    left = most = largest(scope[KEY].identity)

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, f"the body is larger than {most} bytes")  # FastAPI lets this one through
        return message

    return counted
