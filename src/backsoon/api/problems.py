"""Errors as HTTP says them: problem details (RFC 9457). Nowhere else is a status code known."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backsoon.api.verbs import WhichOrganisation
from backsoon.domain.errors import BacksoonError
from backsoon.engine.directory import UnknownOrganisation
from backsoon.engine.service import NoSuchPerson, SeveralPeople
from backsoon.store.base import NotStored, StoreConflict, StoreError, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[BacksoonError], int], ...] = (
    (NoSuchPerson, 404),
    (UnknownOrganisation, 404),
    (NotStored, 404),
    (SeveralPeople, 409),
    (WhichOrganisation, 409),
    (StoreConflict, 409),
    (StoreUnavailable, 503),
    (StoreError, 500),
)
"""The first that fits counts; any other `BacksoonError` is something that was asked for and makes no sense: 422."""


def install(app: FastAPI) -> None:
    """Have every error answered as problem details."""
    app.add_exception_handler(BacksoonError, _of_backsoon)
    app.add_exception_handler(RequestValidationError, _of_request)
    app.add_exception_handler(HTTPException, _of_http)


def problem(status: int, title: str, detail: str, **more: object) -> Response:
    """One answer."""
    kind = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    body = {"type": f"urn:backsoon:problem:{kind}", "title": title, "status": status, "detail": detail, **more}
    return Response(json.dumps(body, ensure_ascii=False), status, media_type=MEDIA_TYPE)


def _title(error: BacksoonError) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).capitalize()


async def _of_backsoon(_: Request, error: Exception) -> Response:
    if not isinstance(error, BacksoonError):
        raise error
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 422)
    more: dict[str, Any] = {}
    if remedy := getattr(error, "remedy", ""):
        more["remedy"] = remedy
    if isinstance(error, SeveralPeople):
        more["people"] = [{"extension": p.extension, "name": p.name, "email": p.email} for p in error.people]
    return problem(status, _title(error), str(error), **more)


async def _of_request(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = [{"field": ".".join(map(str, fault["loc"])), "what": fault["msg"]} for fault in error.errors()]
    detail = "; ".join(f"{fault['field']}: {fault['what']}" for fault in faults)
    return problem(422, "Bad request", detail, faults=faults)


async def _of_http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    title = HTTPStatus(error.status_code).phrase
    return problem(error.status_code, title, str(error.detail))
