"""The administrator's page: settings, trying them, dry runs, people on and off, the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator
from starlette.responses import Response

from backsoon.api import schemas
from backsoon.api.adminbodies import (
    ActivateBody,
    ActiveBody,
    DryRunBody,
    SettingsBody,
    TryBody,
    mode_of,
    wishes_of,
)
from backsoon.api.bodies import Instant, count
from backsoon.api.routes.common import PREFIX, After, Managing, Organisation, PersonPath, answer, gives

router = APIRouter(prefix=PREFIX)
Page = Annotated[int, Query(ge=1, le=200, description="The most in one answer."), BeforeValidator(count)]
Text = Annotated[str, Query(max_length=100, description="Part of who, what, about whom, or a detail.")]
Cursor = Annotated[str, Query(max_length=64, description="The `next` of the page before.")]
From = Annotated[Instant | None, Query(alias="from", description="From when on.")]
To = Annotated[Instant | None, Query(alias="to", description="Until when, without that instant.")]


@router.get("/settings", tags=["settings"], responses=gives(schemas.SettingsFile), operation_id="settingsFile")
async def settings_file(verbs: Managing, organisation: Organisation = None) -> Response:
    """The settings as the file has them: every field that is set, of secrets only where they are."""
    return answer(await verbs.settings_file(organisation))


@router.post("/settings/check", tags=["settings"], responses=gives(schemas.Judged), operation_id="checkSettings")
async def check_settings(verbs: Managing, body: SettingsBody, organisation: Organisation = None) -> Response:
    """What is wrong with changes, each fault with its field, and what they would change. Nothing is written."""
    return answer(await verbs.check_settings(organisation, body.etag, wishes_of(body.changes)))


@router.put("/settings", tags=["settings"], responses=gives(schemas.Written), operation_id="writeSettings")
async def write_settings(verbs: Managing, body: SettingsBody, organisation: Organisation = None) -> Response:
    """Write changes into the file and put it into force. 409: it was changed meanwhile, or cannot be written."""
    return answer(await verbs.write_settings(organisation, body.etag, wishes_of(body.changes)))


@router.post("/settings/try", tags=["settings"], responses=gives(schemas.TriedParts), operation_id="trySettings")
async def try_settings(verbs: Managing, body: TryBody, organisation: Organisation = None) -> Response:
    """Try one part with changes that are not in the file: log in to it, read from it. Nothing is written."""
    return answer(await verbs.try_settings(organisation, body.what, wishes_of(body.changes), body.mailbox))


@router.post(
    "/dry-run", status_code=202, tags=["settings"], responses=gives(schemas.DryRun, 202), operation_id="startDryRun"
)
async def start_dry_run(verbs: Managing, body: DryRunBody, organisation: Organisation = None) -> Response:
    """Begin to read everybody's calendars and compare a mode with what is in force. One at a time."""
    begun = await verbs.start_dry_run(organisation, mode_of(body), wishes_of(body.changes), body.days, body.people)
    return answer(begun, 202)


@router.get("/dry-run", tags=["settings"], responses=gives(schemas.DryRun), operation_id="dryRun")
async def dry_run(verbs: Managing, organisation: Organisation = None, after: After = 0, limit: Page = 200) -> Response:
    """How far it is; once it is done, a page of people. It is forgotten after an hour."""
    return answer(await verbs.dry_run(organisation, after, limit))


@router.delete("/dry-run", tags=["settings"], responses=gives(schemas.DryRun), operation_id="stopDryRun")
async def stop_dry_run(verbs: Managing, organisation: Organisation = None) -> Response:
    """Stop it and forget what it found."""
    return answer(await verbs.stop_dry_run(organisation))


@router.put("/people/{person:path}/active", tags=["people"], responses=gives(schemas.Person), operation_id="setActive")
async def set_active(
    verbs: Managing, person: PersonPath, body: ActiveBody, organisation: Organisation = None
) -> Response:
    """Switch somebody on or off by name. Off, they are available, and no import changes that."""
    return answer(await verbs.set_active(person, organisation, active=body.active))


@router.post("/people/activate", tags=["people"], responses=gives(schemas.Imported), operation_id="activate")
async def activate(verbs: Managing, body: ActivateBody, organisation: Organisation = None) -> Response:
    """Take in everybody in the switchboard. Who was switched off by name stays off."""
    return answer(await verbs.activate(body.source, organisation, dry_run=body.dry_run))


@router.get("/audit", tags=["operation"], responses=gives(schemas.Audit), operation_id="audit")
async def audit(
    verbs: Managing,
    organisation: Organisation = None,
    q: Text = "",
    after: Cursor = "",
    limit: Page = 100,
    since: From = None,
    until: To = None,
) -> Response:
    """Who did what, the latest first: what administrators did, who signed in, and what was set by hand."""
    return answer(await verbs.audit(organisation, q, since=since, until=until, after=after, limit=limit))
