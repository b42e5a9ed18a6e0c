"""What the pages that people work with ask for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request
from starlette.responses import Response

from backsoon.api import schemas
from backsoon.api.bodies import SightBody
from backsoon.api.consoling import Boards, Consoling
from backsoon.api.routes.common import PREFIX, Following, Organisation, answer, gives
from backsoon.api.sights import NAME

router = APIRouter(prefix=PREFIX)
Name = Annotated[str, Path(pattern=f"^{NAME.pattern}$", description="A name of the client's choice.")]
Encodings = Annotated[str, Header(alias="Accept-Encoding", include_in_schema=False)]


def _console(request: Request, verbs: Following) -> Consoling:
    boards: Boards = request.app.state.boards
    return Consoling(request.app.state.parts, boards, verbs.who, verbs.language)


@router.get("/people/index", tags=["people"], responses=gives(schemas.PeopleIndex), operation_id="peopleIndex")
async def people_index(
    request: Request, verbs: Following, organisation: Organisation = None, encodings: Encodings = ""
) -> Response:
    """Everybody who counts, in short and in one answer; compressed for whoever takes gzip."""
    zipped = takes_gzip(encodings)
    body = await _console(request, verbs).people_index(organisation, zipped=zipped)
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    return Response(body, 200, headers | ({"Content-Encoding": "gzip"} if zipped else {}), "application/json")


@router.put("/events/sight/{name}", tags=["live"], responses=gives(schemas.Sight), operation_id="look")
async def look(
    request: Request, verbs: Following, name: Name, body: SightBody, organisation: Organisation = None
) -> Response:
    """Say who is in sight of the streams of this name, and see how they stand. What changes later comes as an event."""
    return answer(await _console(request, verbs).look(name, body.people, organisation))


@router.get("/here", tags=["settings"], responses=gives(schemas.Here), operation_id="here")
async def here(request: Request, verbs: Following, organisation: Organisation = None) -> Response:
    """What a page needs to begin: the organisation, its reasons and departments, the time."""
    return answer(await _console(request, verbs).here(organisation))


def takes_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` takes gzip (RFC 9110, section 12.5.3)."""
    for each in accepted.lower().split(","):
        coding, _, weight = (part.strip() for part in each.partition(";"))
        if coding in ("gzip", "x-gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
