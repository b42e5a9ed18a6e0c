"""Errors as HTTP says them: problem details (RFC 9457). Nowhere else is a status code known."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from backsoon.api.asking import WhichOrganisation
from backsoon.api.previews import CannotPreview, PreviewRuns
from backsoon.api.sights import TooManySights
from backsoon.api.verbs import BadSpan
from backsoon.domain.access import Forbidden
from backsoon.domain.errors import BacksoonError, BadKeyword, BadOverride, UnknownReason
from backsoon.domain.listing import NoSuchSource, NotListed
from backsoon.domain.settingserrors import (
    AlreadyTrying,
    NoDryRun,
    NothingToTry,
    NotInTheFile,
    NotWritable,
    SettingsChanged,
    SettingsFaulty,
)
from backsoon.engine.audit import BadCursor
from backsoon.engine.directory import UnknownOrganisation
from backsoon.engine.explaining import TooLongAgo
from backsoon.engine.importing import Doubtful
from backsoon.engine.logins import BadAccount
from backsoon.engine.messaging import TooManyMessages
from backsoon.engine.passwords import BadPassword, TooBusy
from backsoon.engine.service import NoSuchPerson, SeveralPeople, SwitchedOff
from backsoon.engine.signingin import NoSuchIssuer
from backsoon.engine.tokens import BadToken
from backsoon.engine.undoing import CannotUndo
from backsoon.store.base import NotStored, StoreConflict, StoreError, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
QUIET = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Errors are shown by browsers, too, where a link led to one: nothing of them is run, framed, or kept."""
_STATUS: tuple[tuple[type[BacksoonError], int], ...] = (
    (Forbidden, 403),
    (NoSuchPerson, 404),
    (UnknownOrganisation, 404),
    (NotStored, 404),
    (NoSuchSource, 404),
    (SeveralPeople, 409),
    (SwitchedOff, 409),
    (WhichOrganisation, 409),
    (UnknownReason, 409),
    (BadKeyword, 409),
    (BadOverride, 409),
    (CannotUndo, 409),
    (BadToken, 409),
    (BadAccount, 409),
    (BadPassword, 409),
    (TooBusy, 503),
    (NoSuchIssuer, 404),
    (BadSpan, 409),
    (TooLongAgo, 409),
    (Doubtful, 409),
    (StoreConflict, 409),
    (TooManySights, 409),
    (PreviewRuns, 409),
    (TooManyMessages, 409),
    (CannotPreview, 503),
    (NotInTheFile, 404),
    (NothingToTry, 404),
    (NoDryRun, 404),
    (SettingsChanged, 409),
    (SettingsFaulty, 409),
    (NotWritable, 409),
    (AlreadyTrying, 409),
    (BadCursor, 422),
    (StoreUnavailable, 503),
    (NotListed, 503),
    (StoreError, 500),
)
"""The first that fits counts. 409 is for what is well formed and does not fit what there is: the time, the settings,
the people. Any other `BacksoonError` is something that was asked for and makes no sense: 422."""


def install(app: FastAPI) -> None:
    """Have every error answered as problem details."""
    app.add_exception_handler(BacksoonError, _of_backsoon)
    app.add_exception_handler(RequestValidationError, _of_request)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _of_anything)


def problem(status: int, title: str, detail: str, **more: object) -> Response:
    """One answer."""
    kind = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    body = {"type": f"urn:backsoon:problem:{kind}", "title": title, "status": status, "detail": detail, **more}
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")  # half a surrogate pair may be quoted
    return Response(text, status, QUIET, media_type=MEDIA_TYPE)


def answer_of(error: BacksoonError) -> Response:
    """What an error is answered as."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 422)
    more: dict[str, Any] = {}
    if remedy := getattr(error, "remedy", ""):
        more["remedy"] = remedy
    if isinstance(error, SeveralPeople):
        more["people"] = [{"extension": p.extension, "name": p.name} for p in error.people]
    if isinstance(error, SettingsFaulty):
        more["faults"] = [{"field": f.field, "what": f.what, "remedy": f.remedy} for f in error.faults]
    return problem(status, _title(error), str(error), **more)


def _title(error: BacksoonError) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).capitalize()


async def _of_backsoon(_: Request, error: Exception) -> Response:
    if not isinstance(error, BacksoonError):
        raise error
    return answer_of(error)


async def _of_request(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = [_fault(each) for each in error.errors()]
    detail = "; ".join(f"{fault['field']}: {fault['what']}" for fault in faults)
    return problem(422, "Bad request", detail, faults=faults)


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    """One fault of a request. Of what is no JSON there is no field, only where it goes wrong."""
    if error["type"] == "json_invalid":
        return {"field": "body", "what": f"is no JSON: {error['ctx']['error']}, at character {error['loc'][-1]}"}
    return {"field": ".".join(map(str, error["loc"])), "what": error["msg"].removeprefix("Value error, ")}


async def _of_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    title = HTTPStatus(error.status_code).phrase
    answer = problem(error.status_code, title, str(error.detail))
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    if error.status_code == 405:
        answer.headers["Allow"] = ", ".join(_methods(request))
    return answer


def _methods(request: Request) -> list[str]:
    """What may be done at the path: it may be several routes', of which the framework names one. The first path that
    fits counts: `/people/index` is no person, though one might be called so."""
    fitting = [r for r in request.app.router.routes if r.matches(request.scope)[0] is not Match.NONE]
    paths = [getattr(r, "path_format", getattr(r, "path", "")) for r in fitting]
    own = (r for r, path in zip(fitting, paths, strict=True) if path == paths[0])
    return sorted({method for route in own for method in getattr(route, "methods", None) or ()})


async def _of_anything(_: Request, error: Exception) -> Response:
    """What nobody thought of. The framework raises it once more, for the log."""
    return problem(500, "Internal server error", f"a {type(error).__name__} in Backsoon", remedy="see Backsoon's log")
