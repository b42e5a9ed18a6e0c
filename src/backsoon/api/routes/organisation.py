"""An organisation: its settings and words, its calendars and switchboards, and how all of it does."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from backsoon.api import schemas
from backsoon.api.bodies import ApplyBody, SyncBody
from backsoon.api.routes.common import (
    PREFIX,
    After,
    Explaining,
    Following,
    Limit,
    Looking,
    Managing,
    Organisation,
    answer,
    gives,
)
from backsoon.api.verbs import PAGE

router = APIRouter(prefix=PREFIX)
Whose = Annotated[str | None, Query(min_length=1, max_length=200, description="One person's only.")]


@router.get("/board", tags=["people"], responses=gives(schemas.Board), operation_id="board")
async def board(verbs: Following, organisation: Organisation = None, after: After = 0, limit: Limit = PAGE) -> Response:
    """Everybody who counts as they stand now, a page at a time."""
    return answer(await verbs.board(organisation, after, limit))


@router.get("/organisation", tags=["settings"], responses=gives(schemas.Settings), operation_id="organisation")
async def organisation_settings(verbs: Managing, organisation: Organisation = None) -> Response:
    """The settings in force."""
    return answer(await verbs.settings(organisation))


@router.get("/reasons", tags=["settings"], responses=gives(schemas.Reasons), operation_id="reasons")
async def reasons(verbs: Looking, organisation: Organisation = None) -> Response:
    """The reasons for which somebody may be away, with their words."""
    return answer(await verbs.reasons(organisation))


@router.get("/keywords", tags=["settings"], responses=gives(schemas.Keywords), operation_id="keywords")
async def keywords(verbs: Looking, organisation: Organisation = None) -> Response:
    """What people type in front of a subject, and the reason it stands for."""
    return answer(await verbs.keywords(organisation))


@router.get("/calendars", tags=["operation"], responses=gives(schemas.Calendars), operation_id="calendars")
async def calendars(
    verbs: Explaining, organisation: Organisation = None, person: Whose = None, after: After = 0, limit: Limit = PAGE
) -> Response:
    """Calendars and how reading them goes: everybody's for administrators, a person's own for that person."""
    return answer(await verbs.calendars(person, organisation, after, limit))


@router.get("/switchboards", tags=["operation"], responses=gives(schemas.Switchboards), operation_id="switchboards")
async def switchboards(verbs: Managing, organisation: Organisation = None) -> Response:
    """Switchboards and how they do."""
    return answer(await verbs.switchboards(organisation))


@router.get("/health", tags=["operation"], responses=gives(schemas.Health), operation_id="health")
async def health(verbs: Managing, organisation: Organisation = None) -> Response:
    """What is wrong, and what to do."""
    return answer(await verbs.health(organisation))


@router.post("/sync", tags=["operation"], responses=gives(schemas.Synced), operation_id="sync")
async def sync(verbs: Managing, body: SyncBody) -> Response:
    """Read calendars now."""
    return answer(await verbs.sync(body.person, body.organisation, whole=body.whole))


@router.post("/apply", tags=["operation"], responses=gives(schemas.Applied), operation_id="apply")
async def apply(verbs: Managing, body: ApplyBody) -> Response:
    """Take over the settings file; by the Unix socket only."""
    return answer(await verbs.apply(dry_run=body.dry_run))
