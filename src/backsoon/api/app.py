"""The routes, all below `/api/v1`. Each is a thin cover of a verb."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, FastAPI, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from backsoon import __version__
from backsoon.api.bodies import ApplyBody, OverrideBody, PeopleBody, SyncBody
from backsoon.api.events import Streams
from backsoon.api.parts import Parts
from backsoon.api.problems import install
from backsoon.api.verbs import PAGE, Verbs
from backsoon.domain.phrase import Audience
from backsoon.engine.roster import Row

Organisation = Annotated[str | None, Query(description="The organisation's id; all of them where it is missing.")]
After = Annotated[int, Query(ge=0, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=PAGE)]


def create_app(parts: Parts, stop: asyncio.Event) -> FastAPI:
    """The application. Open event streams end when `stop` is set."""
    app = FastAPI(
        title="Backsoon", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json"
    )
    install(app)
    verbs = Verbs(parts)
    router = APIRouter(prefix="/api/v1", default_response_class=Response)
    _people(router, verbs)
    _overrides(router, verbs)
    _whole(router, verbs)
    app.include_router(router)
    app.router.routes.append(Streams(parts, stop).route())
    return app


def _json(value: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _people(router: APIRouter, verbs: Verbs) -> None:
    @router.get("/people")
    async def people(organisation: Organisation = None, after: After = 0, limit: Limit = PAGE) -> Response:
        """A page of people in order of id."""
        return _json(await verbs.people(organisation, after, limit))

    @router.put("/people")
    async def import_people(body: PeopleBody, organisation: Organisation = None, dry_run: bool = False) -> Response:
        """Add and change people, known by their extension. Rows that do not fit are in the answer."""
        rows = [Row(row.number, row.values) for row in body.rows]
        return _json(await verbs.import_people(rows, organisation, dry_run=dry_run))

    @router.get("/people/{person:path}")
    async def show(
        person: str,
        organisation: Organisation = None,
        at: AwareDatetime | None = None,
        audience: Audience = Audience.ATTENDANT,
    ) -> Response:
        """One person, by extension, e-mail address or name, at an instant or now."""
        return _json(await verbs.show(person, organisation, None if at is None else at.astimezone(UTC), audience))


def _overrides(router: APIRouter, verbs: Verbs) -> None:
    @router.put("/people/{person:path}/override")
    async def refer(person: str, body: OverrideBody, organisation: Organisation = None) -> Response:
        """Refer somebody by hand, from now on."""
        return _json(
            await verbs.refer(
                person,
                organisation,
                body.reason,
                until=body.end,
                lasting=body.lasting,
                note=body.note,
                divert_to=body.divert_to,
                by=body.by,
                through=body.through,
            )
        )

    @router.delete("/people/{person:path}/override")
    async def back(person: str, organisation: Organisation = None, by: str = "", through: str = "api") -> Response:
        """Make somebody available: what was set by hand ends, and the meeting that runs does not count."""
        return _json(await verbs.back(person, organisation, by=by, through=through))


def _whole(router: APIRouter, verbs: Verbs) -> None:
    @router.get("/board")
    async def board(organisation: Organisation = None, after: After = 0, limit: Limit = PAGE) -> Response:
        """Everybody as attendants see them now, a page at a time."""
        return _json(await verbs.board(organisation, after, limit))

    @router.post("/sync")
    async def sync(body: SyncBody) -> Response:
        """Read calendars now."""
        return _json(await verbs.sync(body.person, body.organisation, whole=body.whole))

    @router.post("/apply")
    async def apply(body: ApplyBody) -> Response:
        """Take over the settings file."""
        return _json(await verbs.apply(dry_run=body.dry_run))

    @router.get("/health")
    async def health() -> Response:
        """How switchboards and calendars do."""
        return _json(await verbs.health())
