"""Bearer tokens: seen once, when they are made."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BeforeValidator
from starlette.responses import Response

from backsoon.api import schemas
from backsoon.api.bodies import MOST, PersonTokenBody, TokenBody, count, role_of
from backsoon.api.routes.common import PREFIX, After, Limit, Managing, Organisation, answer, gives
from backsoon.api.verbs import PAGE

router = APIRouter(prefix=PREFIX, tags=["tokens"])
Id = Annotated[int, Path(ge=0, le=MOST, description="The token's id."), BeforeValidator(count)]


@router.get("/tokens", responses=gives(schemas.Tokens), operation_id="tokens")
async def tokens(verbs: Managing, organisation: Organisation = None, after: After = 0, limit: Limit = PAGE) -> Response:
    """A page of tokens in order of id: all but what they are."""
    return answer(await verbs.tokens(organisation, after, limit))


@router.post("/tokens", status_code=201, responses=gives(schemas.NewToken, 201), operation_id="addToken")
async def add_token(verbs: Managing, body: TokenBody, organisation: Organisation = None) -> Response:
    """Make a token. Its text is in this answer, and nowhere else ever."""
    made = await verbs.add_token(
        organisation,
        body.name,
        role_of(body),
        person=body.person if isinstance(body, PersonTokenBody) else None,
        expires_at=body.expires_at,
        lasting=body.lasting,
        by=body.by,
    )
    return answer(made, 201, {"Location": f"/api/v1/tokens/{made['id']}"})


@router.get("/tokens/{id}", responses=gives(schemas.Token), operation_id="token")
async def token(verbs: Managing, id: Id, organisation: Organisation = None) -> Response:
    """One token."""
    return answer(await verbs.token(id, organisation))


@router.delete("/tokens/{id}", responses=gives(schemas.Token), operation_id="revokeToken")
async def revoke_token(verbs: Managing, id: Id, organisation: Organisation = None) -> Response:
    """Revoke a token: it is worth nothing from now on, and its event streams end within 5 seconds."""
    return answer(await verbs.remove_token(id, organisation))
