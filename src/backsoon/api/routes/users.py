"""Accounts of people who sign in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BeforeValidator
from starlette.responses import Response

from backsoon.api import schemas
from backsoon.api.accountbodies import UserBody, UserChangeBody
from backsoon.api.bodies import MOST, count
from backsoon.api.routes.common import PREFIX, After, Limit, Managing, Organisation, answer, gives
from backsoon.api.verbs import PAGE
from backsoon.domain.access import Role

router = APIRouter(prefix=PREFIX, tags=["sign-in"])
Id = Annotated[int, Path(ge=0, le=MOST, description="The account's id."), BeforeValidator(count)]
By = Annotated[str, Query(max_length=200, description="Who does it; for commands on this machine only.")]


@router.get("/users", responses=gives(schemas.Users), operation_id="users")
async def users(verbs: Managing, organisation: Organisation = None, after: After = 0, limit: Limit = PAGE) -> Response:
    """A page of accounts in order of id, those that wait for approval too."""
    return answer(await verbs.users(organisation, after, limit))


@router.post("/users", status_code=201, responses=gives(schemas.OneUser, 201), operation_id="addUser")
async def add_user(verbs: Managing, body: UserBody, organisation: Organisation = None) -> Response:
    """Make an account with a user name. A password that is made up is in this answer, and nowhere else ever."""
    made = await verbs.add_user(
        organisation,
        body.user,
        [Role(each) for each in body.roles],
        name=body.name,
        person=body.person,
        password=body.password,
        by=body.by,
    )
    return answer(made, 201)


@router.patch("/users/{id}", responses=gives(schemas.OneUser), operation_id="changeUser")
async def change_user(verbs: Managing, id: Id, body: UserChangeBody, organisation: Organisation = None) -> Response:
    """Change an account, or approve one that waits: `state` active with its roles. Streams follow within 5 seconds."""
    changed = await verbs.change_user(
        id,
        organisation,
        name=body.name,
        roles=None if body.roles is None else [Role(each) for each in body.roles],
        person=body.person,
        state=body.state,
        password=body.password,
        new_password=body.new_password,
        by=body.by,
    )
    return answer(changed)


@router.delete("/users/{id}", responses=gives(schemas.OneUser), operation_id="removeUser")
async def remove_user(verbs: Managing, id: Id, organisation: Organisation = None, by: By = "") -> Response:
    """Take an account out: its sessions are over, and their streams end within 5 seconds."""
    return answer(await verbs.remove_user(id, organisation, by=by))
