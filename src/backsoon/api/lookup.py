"""`GET /api/v1/lookup/{extension}`: what a call to the extension meets now, for switchboards that ask at each call.

The same answer is given by the API and, where the settings want it, by a process of its own (`backsoon.lookup`), which
nothing that Backsoon does keeps from answering. Whoever asks sets a time limit of their own and lets the call ring
when it passes: a call depends on nothing here.
"""

from __future__ import annotations

from time import monotonic, perf_counter
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from backsoon.api.asking import WhichOrganisation
from backsoon.api.gate import Gate, identity_of
from backsoon.api.problems import answer_of, problem
from backsoon.domain.access import Forbidden, Identity, Right
from backsoon.domain.errors import BacksoonError
from backsoon.engine.directory import Directory, UnknownOrganisation
from backsoon.engine.lookup import Found, Lookup
from backsoon.engine.meters import Histogram

PREFIX = "/api/v1/lookup/"
_PREFIX = PREFIX.encode()
HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
MOMENT = 0.25
"""Seconds that somebody is let in by a header without asking again."""
TOKENS = 1000
"""How many headers are kept in mind."""
_TEN = "2026-11-23T10:00:00Z"


class Calls:
    """Answers those who may ask, and measures how long that takes."""

    def __init__(self, lookup: Lookup, directory: Directory, seconds: Histogram) -> None:
        self._lookup = lookup
        self._directory = directory
        self._seconds = seconds

    async def answer(self, who: Identity, extension: str, organisation: str | None = None) -> bytes:
        """The answer in JSON. Raises `Forbidden`, `UnknownOrganisation`, `WhichOrganisation`, `StoreError`."""
        begun = perf_counter()
        if not who.may(Right.LOOK_UP):
            raise Forbidden(f"the role {who.role} may not do this ({Right.LOOK_UP})")
        answer = await self._lookup.answer(self._meant(who, organisation), extension)
        self._seconds.observe(perf_counter() - begun)
        return answer

    def at_hand(self, who: Identity, asked: bytes) -> bytes | None:
        """The answer that is at hand for an organisation's own; None for what is not plain, and whoever may not ask."""
        begun = perf_counter()
        if who.organisation is None or not who.may(Right.LOOK_UP) or not asked.isalnum():
            return None
        answer = self._lookup.kept(who.organisation, asked.decode("ascii"))
        if answer is not None:
            self._seconds.observe(perf_counter() - begun)
        return answer

    def _meant(self, who: Identity, organisation: str | None) -> str:
        """The one organisation asked about."""
        if who.organisation is not None:
            if organisation in (None, who.organisation):
                return who.organisation
            raise UnknownOrganisation(f"there is no organisation {organisation!r}")
        if organisation is not None:
            return self._directory.named(organisation).id
        known = list(self._directory.organisations)
        if len(known) != 1:
            raise WhichOrganisation("there are several organisations" if known else "there is no organisation yet")
        return known[0]

    def route(self) -> Route:
        """The route in the API: outside FastAPI's routing, which takes longer than the answer."""

        async def lookup(request: Request) -> Response:
            extension, organisation = request.path_params["extension"], request.query_params.get("organisation")
            body = await self.answer(identity_of(request), extension, organisation)
            return Response(body, headers=HEADERS)

        return Route(PREFIX + "{extension}", lookup, methods=["GET"])


class LookupApp:
    """ASGI: the look-up alone, with its own door, for the process that does nothing else."""

    def __init__(self, calls: Calls, gate: Gate) -> None:
        self._calls = calls
        self._gate = gate
        self._admitted: dict[bytes, tuple[Identity, float]] = {}
        """Who sent which header a moment ago, and until when they are let in by it: the door costs more than the
        answer."""

    def at_hand(self, authorization: bytes, url: bytes) -> bytes | None:
        """The answer to somebody who was let in a moment ago, about an extension that was asked about before."""
        known = self._admitted.get(authorization)
        if known is None or monotonic() >= known[1] or not url.startswith(_PREFIX):
            return None
        return self._calls.at_hand(known[0], url[len(_PREFIX) :])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            return
        try:
            status, headers, body = 200, _HEADERS, await self._answer(scope)
        except BacksoonError as error:
            body = answer_of(error)
        if isinstance(body, Response):
            status, headers, body = body.status_code, body.raw_headers, bytes(body.body)
        else:
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope) -> bytes | Response:
        path: str = scope["path"]
        if path == "/healthz":
            return b'{"well":true}'
        who = await self._admit(scope)
        if isinstance(who, Response):
            return who
        extension = path.removeprefix(PREFIX)
        if extension == path or not extension or "/" in extension:
            return problem(404, "Not Found", "there is nothing here but look-ups of calls")
        if scope["method"] not in ("GET", "HEAD"):
            return _not_allowed()
        return await self._calls.answer(who, extension, _organisation(scope["query_string"]))

    async def _admit(self, scope: Scope) -> Identity | Response:
        """Who asks, or the answer to somebody unknown."""
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        key, now = sent[0] if len(sent) == 1 else b"", monotonic()
        known = self._admitted.get(key)
        if known is not None and now < known[1]:
            return known[0]
        self._admitted.pop(key, None)
        found = await self._gate.admit(HTTPConnection(scope))
        if isinstance(found, Response):
            return found
        if len(self._admitted) >= TOKENS:
            self._admitted.clear()
        if key:
            self._admitted[key] = found.identity, now + MOMENT
        return found.identity


def _organisation(query: bytes) -> str | None:
    return QueryParams(query).get("organisation") if query else None


def _not_allowed() -> Response:
    answer = problem(405, "Method Not Allowed", "a look-up changes nothing")
    answer.headers["Allow"] = "GET, HEAD"
    return answer


_EXAMPLE = Found("closed", "meeting", "In a meeting, back 10:00", _TEN, _TEN, "", "en", "Europe/Stockholm")
OPENAPI: dict[str, Any] = {
    PREFIX + "{extension}": {
        "get": {
            "tags": ["live"],
            "operationId": "lookup",
            "summary": "What a call to an extension meets now",
            "description": "For switchboards that ask at each call, with a time limit of their own. Of an extension "
            "that nobody has it says the same as of somebody available.",
            "parameters": [
                {
                    "name": "extension",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[^/]+$"},
                },
                {
                    "name": "organisation",
                    "in": "query",
                    "description": "The organisation's id. A token has one, and needs none to be named.",
                    "schema": {"type": "string", "maxLength": 32},
                },
            ],
            "responses": {
                "200": {
                    "description": "How the call is to be met",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": list(Found.__struct_fields__),
                                "additionalProperties": False,
                                "properties": {
                                    "phone": {"enum": ["closed", "open", ""]},
                                    "reason": {"type": "string"},
                                    "words": {"type": "string"},
                                    "until": {"type": ["string", "null"], "format": "date-time"},
                                    "back_at": {"type": ["string", "null"], "format": "date-time"},
                                    "divert_to": {"type": "string"},
                                    "language": {"type": "string"},
                                    "zone": {"type": "string"},
                                },
                            },
                            "example": msgspec.to_builtins(_EXAMPLE),
                        }
                    },
                }
            },
        }
    }
}
"""This path in the API's description."""
