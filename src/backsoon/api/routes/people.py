"""People: all of them, and one as they stand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from backsoon.api import schemas
from backsoon.api.bodies import Flag, PeopleBody
from backsoon.api.routes.common import (
    PREFIX,
    After,
    At,
    DryRun,
    Explaining,
    Limit,
    Looking,
    Managing,
    Organisation,
    PersonPath,
    answer,
    gives,
)
from backsoon.api.verbs import PAGE
from backsoon.domain.phrase import Audience
from backsoon.engine.roster import Row

router = APIRouter(prefix=PREFIX, tags=["people"])
Search = Annotated[str, Query(max_length=100, description="Part of a name, an extension or an e-mail address.")]
Department = Annotated[str, Query(max_length=200, description="People of this department only.")]
Everybody = Annotated[Flag, Query(description="The rows are all people there are: who is in none is told as gone.")]
Prune = Annotated[Flag, Query(description="Take out who is gone, but for those who were switched off by name.")]
Force = Annotated[Flag, Query(description="Also where so many would go that it is hardly meant.")]
Rename = Annotated[Flag, Query(description="Who has a row's extension is meant by it under another name too.")]
Source = Annotated[
    str, Query(min_length=1, max_length=64, description="`asterisk`, `ldap`, or one of several by name: `ldap:main`.")
]
Wanted = Annotated[Audience | None, Query(description="As whom to look; for the Unix socket only.")]


@router.get("/people", responses=gives(schemas.People), operation_id="people")
async def people(
    verbs: Looking,
    organisation: Organisation = None,
    q: Search = "",
    department: Department = "",
    after: After = 0,
    limit: Limit = PAGE,
) -> Response:
    """A page of people in order of id."""
    return answer(await verbs.people(organisation, after, limit, text=q, department=department))


@router.put("/people", responses=gives(schemas.Imported), operation_id="importPeople")
async def import_people(
    verbs: Managing,
    body: PeopleBody,
    organisation: Organisation = None,
    dry_run: DryRun = False,
    everybody: Everybody = False,
    prune: Prune = False,
    force: Force = False,
    rename: Rename = False,
) -> Response:
    """Add and change people by rows of texts. Rows that do not fit are in the answer."""
    rows = [Row(row.number, row.values) for row in body.rows]
    return answer(
        await verbs.import_people(
            rows, organisation, dry_run=dry_run, everybody=everybody, prune=prune, force=force, rename=rename
        )
    )


@router.post("/import", responses=gives(schemas.Imported), operation_id="importFrom")
async def import_from(
    verbs: Managing,
    source: Source,
    organisation: Organisation = None,
    dry_run: DryRun = False,
    prune: Prune = False,
    force: Force = False,
) -> Response:
    """Take in everybody at a switchboard or in a directory. Where it cannot be read whole nothing changes: 503."""
    return answer(await verbs.import_from(source, organisation, dry_run=dry_run, prune=prune, force=force))


@router.get(
    "/people/{person:path}/availability", responses=gives(schemas.AvailabilityAnswer), operation_id="availability"
)
async def availability(
    verbs: Looking, person: PersonPath, organisation: Organisation = None, at: At = None
) -> Response:
    """How somebody stands, and how old that knowledge is. At another instant than now: of those who may ask why."""
    return answer(await verbs.availability(person, organisation, at))


@router.get("/people/{person:path}/timeline", responses=gives(schemas.Timeline), operation_id="timeline")
async def timeline(
    verbs: Explaining, person: PersonPath, organisation: Organisation = None, start: At = None, end: At = None
) -> Response:
    """The decisions about somebody, from `start` (now) to `end` (a day later); at most 31 days in one answer."""
    return answer(await verbs.timeline(person, organisation, start, end))


@router.get("/people/{person:path}/why", responses=gives(schemas.Why), operation_id="why")
async def why(verbs: Explaining, person: PersonPath, organisation: Organisation = None, at: At = None) -> Response:
    """Why somebody is shown as they are, at any instant of the last 30 days or to come, in words and as data."""
    return answer(await verbs.why(person, organisation, at))


show = APIRouter(prefix=PREFIX, tags=["people"])
"""Apart, for it comes last: a name may hold slashes."""


@show.get("/people/{person:whole}", responses=gives(schemas.Shown), operation_id="show")
async def show_person(
    verbs: Looking,
    person: PersonPath,
    organisation: Organisation = None,
    at: At = None,
    audience: Wanted = None,
) -> Response:
    """One person and how they stand."""
    return answer(await verbs.show(person, organisation, at, audience))


@show.delete("/people/{person:whole}", responses=gives(schemas.Removed), operation_id="removePerson")
async def remove_person(verbs: Managing, person: PersonPath, organisation: Organisation = None) -> Response:
    """Take one person out with all that is stored of them. Whoever gets their extension begins with nothing."""
    return answer(await verbs.remove_person(person, organisation))
