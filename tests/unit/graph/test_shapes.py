"""What Graph says in shapes that a well-behaved simulator does not have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from backsoon.domain.model import Days, Response, ShowAs, Timed
from backsoon.sources.base import (
    Changes,
    SourceBroken,
    SourceBusy,
    SourceError,
    SourceMissing,
    SourceTooLarge,
    SourceUnavailable,
)
from backsoon.sources.graph import source
from tests.unit.graph.scripted import Script, bare, event, scripted
from tests.unit.graph.tenant import ANNA

USER = f"/users/{ANNA}"
DELTA = f"{USER}/calendarView/delta"
VIEW = f"{USER}/calendarView?"
REPLY = f"{USER}/mailboxSettings/automaticRepliesSetting"
MASTER = event("S", type="seriesMaster")
CROWDED = {"error": {"code": "ApplicationThrottled", "message": "Application is over its MailboxConcurrency limit."}}
OUTLOOK = "040000008200E00074C5B7101A82E008{}10C9AF0A1B2CD301000000000000000010000000AA"


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with scripted() as script:
        yield script


def keys(changes: Changes) -> set[tuple[str, str]]:
    """Who the entries are."""
    return {(entry.uid, entry.recurrence_id) for entry in changes.entries}


# -- series ----------------------------------------------------------------------------------------------------------


async def test_bare_occurrences_are_filled_in_from_their_series(script: Script) -> None:
    one, two = bare("o1", "S", "2027-03-02T09:00:00"), bare("o2", "S", "2027-03-03T09:00:00")
    script.says[DELTA] = script.page(one, MASTER, two)
    changes = await script.read()
    assert keys(changes) == {("uid-S", "20270302T090000Z"), ("uid-S", "20270303T090000Z")}
    assert {entry.subject for entry in changes.entries} == {"m: Budget"}
    assert {entry.resource for entry in changes.entries} == {"S"}
    assert len(script.asked) == 1


async def test_a_series_that_did_not_come_along_is_asked_for(script: Script) -> None:
    script.says[DELTA] = script.page(bare("o1", "S", "2027-03-02T09:00:00"), bare("x", "gone", "2027-03-02T10:00:00"))
    script.says[f"{USER}/events/S?"] = MASTER
    assert keys(await script.read()) == {("uid-S", "20270302T090000Z")}


async def test_a_series_that_cannot_be_asked_for_is_an_error_and_not_empty(script: Script) -> None:
    script.says[DELTA] = script.page(bare("o1", "S", "2027-03-02T09:00:00"))
    script.says[f"{USER}/events/S?"] = (503, {}, {})
    with pytest.raises(SourceUnavailable):
        await script.read()


async def test_an_exception_that_does_not_say_when_it_was_to_be_is_asked_for_again(script: Script) -> None:
    exception = event("e1", "2027-03-03T15:00:00", type="exception", seriesMasterId="S")
    script.says[DELTA] = script.page(MASTER, bare("o1", "S", "2027-03-02T09:00:00"), exception)
    script.says[f"{USER}/events/S/instances"] = {
        "value": [
            event("o1", type="occurrence", seriesMasterId="S", originalStart="2027-03-02T09:00:00Z"),
            exception | {"originalStart": "2027-03-03T09:00:00Z"},
        ]
    }
    assert keys(await script.read()) == {("uid-S", "20270302T090000Z"), ("uid-S", "20270303T090000Z")}


async def test_an_occurrence_that_is_said_to_be_removed_is_gone(script: Script) -> None:
    one, two = bare("o1", "S", "2027-03-02T09:00:00"), bare("o2", "S", "2027-03-03T09:00:00")
    script.says[DELTA] = script.page(MASTER, one, two)
    token = (await script.read()).sync_token
    script.says[DELTA] = script.page({"id": "o2", "@removed": {"reason": "deleted"}})
    script.says[VIEW] = {
        "value": [event("o1", type="occurrence", seriesMasterId="S", originalStart="2027-03-02T09:00:00Z")]
    }
    script.says[f"{USER}/events/S?"] = MASTER
    changes = await script.read(token)
    assert changes.complete
    assert keys(changes) == {("uid-S", "20270302T090000Z")}
    assert "body" not in "".join(path for path in script.asked if path.startswith(VIEW))


async def test_a_series_that_goes_takes_its_occurrences_along(script: Script) -> None:
    script.says[DELTA] = script.page(MASTER, bare("o1", "S", "2027-03-02T09:00:00"), event("one"))
    token = (await script.read()).sync_token
    script.says[DELTA] = script.page({"id": "S", "@removed": {"reason": "deleted"}})
    changes = await script.read(token)
    assert (changes.complete, changes.touched, changes.entries) == (False, frozenset({"S"}), ())


async def test_occurrences_of_outlooks_share_a_uid(script: Script) -> None:
    master = event("S", type="seriesMaster", iCalUId=OUTLOOK.format("00000000"))
    told = [
        event(
            f"o{day}",
            f"2027-03-0{day}T09:00:00",
            type="occurrence",
            seriesMasterId="S",
            iCalUId=OUTLOOK.format(f"07EB030{day}").lower(),
            originalStart=f"2027-03-0{day}T09:00:00Z",
        )
        for day in (2, 3)
    ]
    script.says[DELTA] = script.page(*told)
    changes = await script.read()
    assert {entry.uid for entry in changes.entries} == {master["iCalUId"]}
    assert len(script.asked) == 1


# -- pages and items -------------------------------------------------------------------------------------------------


async def test_of_two_with_one_id_the_last_counts(script: Script) -> None:
    last = script.page(event("a", subject="l: Second"), {"id": "b", "@removed": {"reason": "changed"}})
    script.says[DELTA] = [
        {"value": [event("a"), event("b")], "@odata.nextLink": f"{script.url}/v1.0{DELTA}?$skiptoken=2"},
        last,
    ]
    (entry,) = (await script.read()).entries
    assert entry.subject == "l: Second"


async def test_a_listing_without_end_is_left(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_PAGES", 3)
    script.says[DELTA] = [
        {"value": [], "@odata.nextLink": f"{script.url}/v1.0{DELTA}?$skiptoken={number}"} for number in range(9)
    ]
    with pytest.raises(SourceTooLarge):
        await script.read()
    assert len(script.asked) <= 4


async def test_a_listing_that_goes_round_in_circles_is_broken(script: Script) -> None:
    script.says[DELTA] = {"value": [], "@odata.nextLink": f"{script.url}/v1.0{DELTA}?$skiptoken=2"}
    with pytest.raises(SourceBroken, match="do not end"):
        await script.read()
    assert len(script.asked) == 2


@pytest.mark.parametrize(
    "said",
    [
        {"value": []},
        {"value": None, "@odata.deltaLink": "x"},
        {"@odata.deltaLink": "x"},
        [],
        "x",
        {"value": [], "@odata.deltaLink": "https://elsewhere.example.com/v1.0/x"},
        {"value": [], "@odata.deltaLink": "/v1.0/x"},
        {"value": [], "@odata.deltaLink": "\u00e5"},
        {"value": [], "@odata.nextLink": "https://elsewhere.example.com/v1.0/x"},
    ],
)
async def test_what_is_no_list_is_an_error(script: Script, said: object) -> None:
    script.says[DELTA] = (200, {}, said)
    with pytest.raises(SourceBroken):
        await script.read()


@pytest.mark.parametrize(
    "broken",
    [
        {"start": None},
        {"start": {"dateTime": "soon", "timeZone": "UTC"}},
        {"start": {"dateTime": "2027-03-02T09:00:00", "timeZone": "Nowhere Standard Time"}},
        {"end": {"dateTime": "9999-12-31T23:59:59.9999999", "timeZone": "Pacific Standard Time"}},
        {"subject": 1},
        {"isAllDay": "yes"},
    ],
)
async def test_one_broken_item_leaves_the_others(script: Script, broken: dict[str, object]) -> None:
    script.says[DELTA] = script.page(event("a"))
    token = (await script.read()).sync_token
    script.says[DELTA] = script.page(event("a", **broken), event("b"))
    changes = await script.read(token)
    assert [entry.resource for entry in changes.entries] == ["b"]
    assert [one.resource for one in changes.rejected] == ["a"]
    assert changes.touched == {"a", "b"}
    assert "Budget" not in repr(changes)


@pytest.mark.parametrize(
    ("first", "last", "zone"),
    [
        ("2027-03-02T00:00:00", "2027-03-03T00:00:00", "W. Europe Standard Time"),
        ("2027-03-01T23:00:00", "2027-03-02T23:00:00", "W. Europe Standard Time"),
        ("2027-03-02T08:00:00", "2027-03-03T08:00:00", "Pacific Standard Time"),
        ("2027-03-01T11:00:00", "2027-03-02T11:00:00", "New Zealand Standard Time"),
        ("2027-03-01T23:00:00", "2027-03-02T23:00:00", "Nowhere Standard Time"),
    ],
)
async def test_an_all_day_entry_is_its_day_in_whatever_zone_it_is_told(
    script: Script, first: str, last: str, zone: str
) -> None:
    at = {
        "start": {"dateTime": f"{first}.0000000", "timeZone": "UTC"},
        "end": {"dateTime": f"{last}.0000000", "timeZone": "UTC"},
    }
    script.says[DELTA] = script.page(event("a", isAllDay=True, originalStartTimeZone=zone, **at))
    (entry,) = (await script.read()).entries
    assert isinstance(entry.when, Days)
    assert (entry.when.first.isoformat(), entry.when.end.isoformat()) == ("2027-03-02", "2027-03-03")


async def test_words_are_read_without_regard_to_case_and_zones_by_any_name(script: Script) -> None:
    said = event(
        "a",
        showAs="WorkingElsewhere",
        sensitivity="Private",
        responseStatus={"response": "TentativelyAccepted"},
        isOrganizer=False,
        start={"dateTime": "2027-03-02T09:00:00", "timeZone": "W. Europe Standard Time"},
        end={"dateTime": "2027-03-02T10:00:00", "timeZone": "Europe/Oslo"},
    )
    script.says[DELTA] = script.page(said)
    (entry,) = (await script.read()).entries
    assert (entry.show_as, entry.private, entry.response) == (ShowAs.WORKING_ELSEWHERE, True, Response.TENTATIVE)
    assert isinstance(entry.when, Timed)
    assert (entry.when.start.hour, entry.when.end.hour) == (8, 9)


# -- batches and limits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda told: told[:1],
        lambda told: [*told, told[0] | {"id": "7"}],
        lambda told: [told[0], told[0]],
        lambda told: [one | {"id": "x"} for one in told],
        lambda _: [{"id": "0"}],
        lambda _: None,
    ],
)
async def test_an_answer_that_leaves_a_part_out_is_an_error(spoiled: Callable[[Any], Any]) -> None:
    async with scripted(automatic_replies=True) as script:
        script.batch = spoiled
        script.says[REPLY] = {"status": "disabled"}
        with pytest.raises(SourceBroken):
            await script.read()


async def test_a_crowded_mailbox_is_waited_for_and_nobody_else_is_held_up() -> None:
    async with scripted(automatic_replies=True) as script:
        script.says[REPLY] = {"status": "disabled"}
        script.says[DELTA] = [(429, {"Retry-After": "0"}, CROWDED), script.page(event("a"))]
        assert len((await script.read()).entries) == 1
        assert script.asked.count(script.asked[0]) == 2
        assert len([path for path in script.asked if path.startswith(REPLY)]) == 1
        assert script.account is not None
        assert script.account.at_once < 128


async def test_a_crowded_mailbox_is_not_asked_before_it_said_and_holds_nobody_up() -> None:
    async with scripted(automatic_replies=True) as script:
        script.says[REPLY] = {"status": "disabled"}
        script.says[DELTA] = (429, {"Retry-After": "60"}, CROWDED)
        with pytest.raises(SourceUnavailable) as caught:
            await script.read()
        assert caught.value.retry_after == 60
        assert not isinstance(caught.value, SourceBusy)
        assert len([path for path in script.asked if path.startswith(DELTA)]) == 1


async def test_a_mailbox_that_goes_away_between_two_questions_loses_no_series() -> None:
    async with scripted() as script:
        script.says[DELTA] = script.page(MASTER, bare("o", "S", "2027-03-02T09:00:00"))
        token = (await script.read()).sync_token
        script.says[f"{USER}/events/S/instances"] = (404, {}, {"error": {"code": "MailboxNotEnabledForRESTAPI"}})
        with pytest.raises(SourceMissing):
            await script.read(token)


async def test_a_part_that_is_throttled_holds_the_account() -> None:
    async with scripted(automatic_replies=True) as script:
        script.says[REPLY] = {"status": "disabled"}
        script.says[DELTA] = (429, {"Retry-After": "120"}, {"error": {"code": "TooManyRequests"}})
        with pytest.raises(SourceBusy) as caught:
            await script.read()
        assert caught.value.retry_after == 120
        asked = len(script.asked)
        with pytest.raises(SourceBusy):
            await script.read()
        assert len(script.asked) == asked


async def test_a_server_that_is_overloaded_is_left_for_as_long_as_it_says(script: Script) -> None:
    script.says[DELTA] = (503, {"Retry-After": "17"}, {"error": {"code": "ServerBusy"}})
    with pytest.raises(SourceUnavailable) as caught:
        await script.read()
    assert caught.value.retry_after == 17
    assert not isinstance(caught.value, SourceBusy)


async def test_where_parts_of_the_setting_cannot_be_selected_its_texts_are_dropped() -> None:
    async with scripted(automatic_replies=True) as script:
        whole = {"status": "AlwaysEnabled", "internalReplyMessage": "ZQ-CANARY", "externalReplyMessage": "ZQ-CANARY"}
        script.says[f"{REPLY}?$select"] = (400, {}, {"error": {"code": "BadRequest"}})
        script.says[REPLY] = whole
        token = (await script.read()).sync_token
        changes = await script.read(token)
        assert len(changes.entries) == 1
        assert "CANARY" not in repr(changes)


@pytest.mark.parametrize("said", [{}, {"status": 1}, {"status": "scheduled"}, [], {"automaticRepliesSetting": None}])
async def test_a_setting_that_is_none_keeps_nobody_from_being_read(said: object) -> None:
    async with scripted(automatic_replies=True) as script:
        script.says[REPLY] = (200, {}, said)
        script.says[DELTA] = script.page(event("a"))
        assert [entry.resource for entry in (await script.read()).entries] == ["a"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"access_token": 1}',
        b'{"access_token": "a\\nb"}',
        b'{"access_token": "SECRET',
        b"x" * 300_000,
        b"\xff",
    ],
)
async def test_what_is_no_token_is_an_error(script: Script, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    script.token = web.Response(body=body, content_type="application/json")
    with pytest.raises(SourceError):
        await script.read()
    assert not script.asked
    assert "SECRET" not in caplog.text
