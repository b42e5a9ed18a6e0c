"""Referrals by hand: manual always wins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from backsoon.api import schemas
from backsoon.api.bodies import OverrideBody, UndoBody
from backsoon.api.routes.common import PREFIX, Organisation, PersonPath, Referring, answer, gives

router = APIRouter(prefix=PREFIX, tags=["by hand"])
By = Annotated[str, Query(max_length=200, description="Who does it. Of whoever has a token it is the token's name.")]
Through = Annotated[str, Query(max_length=32, description="What with: `console`, `app`, ...")]
PATH = "/people/{person:path}/override"


@router.get(PATH, responses=gives(schemas.Shown), operation_id="override")
async def override(verbs: Referring, person: PersonPath, organisation: Organisation = None) -> Response:
    """What was set by hand of somebody, and what follows."""
    return answer(await verbs.override(person, organisation))


@router.put(PATH, responses=gives(schemas.Acted), operation_id="refer")
async def refer(
    verbs: Referring, person: PersonPath, body: OverrideBody, organisation: Organisation = None
) -> Response:
    """Refer somebody from now on; until when, and what follows. The same once more changes nothing."""
    shown = await verbs.refer(
        person,
        organisation,
        body.reason,
        until=body.until,
        lasting=body.lasting,
        note=body.note,
        divert_to=body.divert_to,
        by=body.by,
        through=body.through,
    )
    return answer(shown)


@router.delete(PATH, responses=gives(schemas.Acted), operation_id="back")
async def back(
    verbs: Referring, person: PersonPath, organisation: Organisation = None, by: By = "", through: Through = "api"
) -> Response:
    """Make somebody available: what was set by hand ends, and the meeting that runs does not count."""
    return answer(await verbs.back(person, organisation, by=by, through=through))


@router.post(f"{PATH}/undo", responses=gives(schemas.Shown), operation_id="undo")
async def undo(verbs: Referring, person: PersonPath, body: UndoBody, organisation: Organisation = None) -> Response:
    """Put back exactly what was set by hand before, within 10 seconds, unless something else was set since."""
    return answer(await verbs.undo(person, organisation, body.id, by=body.by, through=body.through))
