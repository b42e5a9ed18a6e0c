"""The description of the API (OpenAPI 3.1): what the framework knows of the routes, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from backsoon.api import events, lookup, schemas
from backsoon.api.cookies import SESSION
from backsoon.api.problems import MEDIA_TYPE

Json = dict[str, Any]
ABOUT = """
What Backsoon knows of people and how they stand, and what can be set by hand. Each answer is what the token's role may
know: a field that is not its own is null or empty. What belongs to another organisation is answered as what does not
exist.

Instants are UTC, `2026-11-23T09:00:00Z`; stretches of time reach from their start up to, and without, their end.
"""
TAGS = {
    "people": "Who there is, and how they stand.",
    "by hand": "Referrals by hand. Manual always wins.",
    "settings": "The organisation's settings and words.",
    "operation": "Calendars, switchboards and how they do.",
    "tokens": "Bearer tokens.",
    "sign-in": "Sessions of people who are signed in, and their accounts.",
    "live": "Changes as they happen, and what a call meets.",
}
PROBLEMS = {
    "400": "The request is no HTTP or no JSON.",
    "401": "There is no token, or it is none, revoked or over.",
    "403": "The token's role may not do this.",
    "404": "There is nothing of the kind, or it is another organisation's.",
    "409": "It does not fit what there is: the people, the settings, the time.",
    "413": "The body is too large.",
    "415": "The body is not `application/json`.",
    "422": "The request is not as described.",
    "429": "Too many wrong tokens came from this address.",
    "503": "The store does not answer; it may again.",
}
_ALWAYS = ("401", "403", "404", "409", "422", "429", "503")
_WITH_BODY = ("400", "413", "415")


def description(app: FastAPI) -> Json:
    """The document; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Backsoon",
            version=app.version,
            openapi_version="3.1.0",
            description=ABOUT.strip(),
            routes=[r for r in app.routes if isinstance(r, APIRoute)],
            tags=[{"name": name, "description": text} for name, text in TAGS.items()],
            servers=[{"url": "/"}],
        )
        document["paths"] |= events.OPENAPI | lookup.OPENAPI
        _complete(document)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(document: Json) -> None:
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "`backsoon tokens add NAME --role ROLE` makes one.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": SESSION,
            "description": "Signed in with a browser. Each request says as what it asks: `Backsoon-Role: attendant`.",
        },
    }
    document["security"] = [{"token": []}]
    schemes: Json = components["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemes.pop(unused, None)
    problem = schemas.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemes.update(problem.pop("$defs"))
    schemes["Problem"] = problem
    for operation in _operations(document):
        _add_problems(operation)


def _operations(document: Json) -> Iterator[Json]:
    for path in document["paths"].values():
        yield from (operation for operation in path.values() if "responses" in operation)


def _add_problems(operation: Json) -> None:
    responses: Json = operation["responses"]
    for status in (*_ALWAYS, *(_WITH_BODY if "requestBody" in operation else ())):
        responses[status] = {
            "description": PROBLEMS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    responses["401"]["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "`Bearer`"}}
    responses["429"]["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds to wait."}}
    operation["responses"] = dict(sorted(responses.items()))
