"""Whatever a server answers, what comes of it is a calendar or an error of ours, and no text of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from backsoon.sources.base import SourceBusy, SourceDenied, SourceError, SourceUnavailable
from backsoon.sources.ews import soap
from backsoon.sources.ews.busy import views
from backsoon.sources.ews.entries import read_items
from backsoon.sources.ews.failures import EwsFailure
from backsoon.sources.ews.replies import read_reply
from backsoon.wire.http import Response
from backsoon.wire.xml import BadXml
from tests.unit.ews.server import ANNA, WINDOW, ZONE, Answer, office, scripted

NAMES = (
    "CalendarItem",
    "ItemId",
    "Start",
    "End",
    "UID",
    "RecurrenceId",
    "CalendarItemType",
    "IsAllDayEvent",
    "Subject",
)
TEXTS = (
    "2027-03-02T09:00:00Z",
    "9999-12-31T00:00:00+14:00",
    "0001-01-01T00:00:00-12:00",
    "",
    "true",
    "Exception",
    "\x0b",
)
ANSWER = (
    f'<s:Envelope xmlns:s="{soap.SOAP}" xmlns:t="{soap.TYPES}" xmlns:m="{soap.MESSAGES}"><s:Body><m:FindItemResponse>'
    '<m:ResponseMessages><m:FindItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
    '<m:RootFolder TotalItemsInView="1" IncludesLastItemInRange="true"><t:Items><t:CalendarItem><t:ItemId Id="a"/>'
    "<t:Subject>ZQ-CANARY</t:Subject><t:UID>u</t:UID><t:Start>2027-03-02T09:00:00Z</t:Start>"
    "<t:End>2027-03-02T10:00:00Z</t:End></t:CalendarItem></t:Items></m:RootFolder></m:FindItemResponseMessage>"
    "</m:ResponseMessages></m:FindItemResponse></s:Body></s:Envelope>"
).encode()


def all_of_it(raw: bytes) -> None:
    """Read an answer as each of the operations does."""
    inner = soap.operation(soap.parse(raw))
    soap.server_version(inner)
    read_items(inner.iter(f"{soap.T}CalendarItem"), WINDOW, ZoneInfo(ZONE))
    for read in (soap.only, read_reply, lambda i: views(i, 1)):
        with suppress(EwsFailure, SourceError):
            read(inner)


def harmless(raw: bytes) -> None:
    said = ""
    try:
        all_of_it(raw)
    except (EwsFailure, SourceError, BadXml) as error:
        said = str(error)
    assert "CANARY" not in said


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(TEXTS)), max_size=12))
def test_items_of_any_make(told: list[tuple[str, str]]) -> None:
    inner = "".join(f"<t:{name}>{text}</t:{name}>" for name, text in told)
    item = f'<t:CalendarItem><t:ItemId Id="b"/>{inner}</t:CalendarItem></t:Items>'
    harmless(ANSWER.replace(b"</t:Items>", item.encode()))


@given(st.integers(0, len(ANSWER)), st.integers(0, 40), st.binary(max_size=20))
def test_answers_with_a_piece_replaced(at: int, length: int, piece: bytes) -> None:
    harmless(ANSWER[:at] + piece + ANSWER[at + length :])


@given(st.binary(max_size=200))
def test_anything_at_all(raw: bytes) -> None:
    harmless(raw)


async def test_a_password_that_is_refused_again_and_again_is_not_tried_for_everybody() -> None:
    """A directory locks an account after some wrong passwords."""
    asked: list[str] = []
    refused = True

    def answer(*_: object) -> Answer:
        asked.append("")
        return (401, b"", {"WWW-Authenticate": "Basic"}) if refused else (200, ANSWER, {})

    async with scripted(answer, automatic_replies=False) as account:
        for number in range(20):
            source = account.source(f"{number}@example.com", zone=ZONE, owner=frozenset())
            with pytest.raises(SourceDenied, match="401"):
                await source.changes(WINDOW, None)
        assert len(asked) == 3
        refused = False
        account._client._denied_until = 0.0  # the pause is over
        for _ in range(5):
            assert (await source.changes(WINDOW, None)).entries


async def test_a_wrong_password_is_shown_one_by_one_however_many_are_read_at_once() -> None:
    asked: list[str] = []
    good = False

    def answer(*_: object) -> Answer:
        asked.append("")
        return (200, ANSWER, {}) if good else (401, b"", {"WWW-Authenticate": "Basic"})

    async with scripted(answer, automatic_replies=False, at_once=24) as account:
        sources = [account.source(f"{number}@example.com", zone=ZONE, owner=frozenset()) for number in range(30)]
        everybody = await asyncio.gather(*(s.changes(WINDOW, None) for s in sources), return_exceptions=True)
        assert all(isinstance(each, SourceDenied) and "clock" in each.remedy for each in everybody)
        assert len(asked) == 3
        pauses = []
        for _ in range(5):
            account._client._denied_until = 0.0  # the pause is over
            with pytest.raises(SourceDenied):
                await sources[0].changes(WINDOW, None)
            pauses.append(account._client._denied_until - asyncio.get_running_loop().time())
        assert [round(pause, -1) for pause in pauses] == [240, 480, 900, 900, 900], "longer each time, as locks last"
        account._client._denied_until, good = 0.0, True
        read = await asyncio.gather(*(s.changes(WINDOW, None) for s in sources))
        assert all(each.entries for each in read)


async def test_where_something_else_fails_nobody_waits_for_the_others() -> None:
    together = asyncio.Barrier(5)

    async with office(sim={"sign_in": frozenset({"basic"})}, sign_in="basic") as made:
        made.sim.faults.add("unavailable")
        with pytest.raises(SourceUnavailable):
            await made.read()
        post = made.account._transport.post

        async def all_at_once(url: str, headers: Mapping[str, str], body: bytes) -> Response:
            async with asyncio.timeout(5):
                await together.wait()
            return await post(url, headers, body)

        made.account._transport.post = all_at_once  # type: ignore[method-assign]
        await asyncio.gather(*(made.account.check([ANNA]) for _ in range(5)))


async def test_a_back_off_of_years_is_an_hour() -> None:
    fault = (
        f'<s:Envelope xmlns:s="{soap.SOAP}" xmlns:t="{soap.TYPES}" xmlns:m="{soap.MESSAGES}"><s:Body><s:Fault>'
        "<faultcode>a:ErrorServerBusy</faultcode><detail><m:ResponseCode>ErrorServerBusy</m:ResponseCode>"
        '<t:MessageXml><t:Value Name="BackOffMilliseconds">99999999999</t:Value></t:MessageXml></detail></s:Fault>'
        "</s:Body></s:Envelope>"
    ).encode()
    async with scripted(lambda *_: (500, fault, {})) as account:
        source = account.source(ANNA, zone=ZONE, owner=frozenset())
        for _ in range(2):
            with pytest.raises(SourceBusy) as caught:
                await source.changes(WINDOW, None)
            assert 3_500 < (caught.value.retry_after or 0) <= 3_600


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 429, 456, 500, 502, 503, 507, 599])
@pytest.mark.parametrize("body", [b"", b"<html>ZQ-CANARY", ANSWER[:-9], b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
async def test_every_status_is_an_error(status: int, body: bytes) -> None:
    def answer(_: web.Request, __: bytes) -> Answer:
        return status, body, {"Retry-After": "1", "Content-Type": "text/html"}

    async with scripted(answer) as account:
        source = account.source(ANNA, zone=ZONE, owner=frozenset())
        with pytest.raises(SourceError) as caught:
            await source.changes(WINDOW, None)
        assert "CANARY" not in str(caught.value)
        assert caught.value.remedy
