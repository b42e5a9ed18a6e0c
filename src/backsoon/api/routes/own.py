"""What is a person's own: keywords, messages, what each entry of their calendars does. And what everybody dials."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from backsoon.api import schemas
from backsoon.api.bodies import MOST, KeywordsBody, MessageBody, ReadBody, count
from backsoon.api.previews import MOST_DAYS, Previews
from backsoon.api.routes.common import (
    PREFIX,
    Following,
    Keywording,
    Leaving,
    Messaging,
    Organisation,
    Own,
    PersonPath,
    answer,
    gives,
)

router = APIRouter(prefix=PREFIX, tags=["own"])
Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="How many days, from today on."), BeforeValidator(count)]
MessageId = Annotated[int, Path(ge=1, le=MOST, description="The message's id."), BeforeValidator(count)]
MESSAGES = "/people/{person:path}/messages"


@router.put("/people/{person:path}/keywords", responses=gives(schemas.Keywords), operation_id="setKeywords")
async def set_keywords(
    verbs: Keywording, person: PersonPath, body: KeywordsBody, organisation: Organisation = None
) -> Response:
    """Replace somebody's own keywords. Their calendars are read again at once."""
    return answer(await verbs.set_keywords(person, organisation, body.keywords))


@router.get("/phone-codes", responses=gives(schemas.PhoneCodes), operation_id="phoneCodes")
async def phone_codes(verbs: Following, organisation: Organisation = None) -> Response:
    """What people dial to refer themselves, in words."""
    return answer(await verbs.phone_codes(organisation))


@router.get("/people/{person:path}/preview", responses=gives(schemas.Preview), operation_id="preview")
async def preview(
    verbs: Own, request: Request, person: PersonPath, organisation: Organisation = None, days: Days = 14
) -> Response:
    """What each entry of one's own calendars does, read now. For the person only; nothing of it is kept."""
    previews: Previews = request.app.state.previews
    return answer(await verbs.preview(person, organisation, days, previews))


@router.get(MESSAGES, responses=gives(schemas.Messages), operation_id="messages")
async def messages(verbs: Messaging, person: PersonPath, organisation: Organisation = None) -> Response:
    """The messages left for somebody: all of them for that person, of an attendant those that they wrote."""
    return answer(await verbs.messages(person, organisation))


@router.post(MESSAGES, status_code=201, responses=gives(schemas.Message, 201), operation_id="leaveMessage")
async def leave_message(
    verbs: Leaving, person: PersonPath, body: MessageBody, organisation: Organisation = None
) -> Response:
    """Leave somebody a message. It can be taken back for ten seconds."""
    return answer(await verbs.leave_message(person, organisation, body.text, body.caller), 201)


@router.put(MESSAGES + "/{id}", responses=gives(schemas.Message), operation_id="readMessage")
async def read_message(
    verbs: Own, person: PersonPath, id: MessageId, body: ReadBody, organisation: Organisation = None
) -> Response:
    """Note that one has read a message, or that it is to count as unread."""
    return answer(await verbs.read_message(person, organisation, id, read=body.read))


@router.delete(MESSAGES + "/{id}", responses=gives(schemas.Message), operation_id="removeMessage")
async def remove_message(
    verbs: Messaging, person: PersonPath, id: MessageId, organisation: Organisation = None
) -> Response:
    """Take a message out: the person at any time, whoever wrote it within ten seconds."""
    return answer(await verbs.remove_message(person, organisation, id))
