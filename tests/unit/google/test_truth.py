"""The truth table (which entries count) in full, as Google tells it: read from the simulator, decided by the core."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.defaults import REASONS
from backsoon.domain.entries import Ignored, Owner, outcome
from backsoon.domain.model import (
    CalendarReferral,
    Days,
    EntryType,
    Mode,
    Phone,
    Response,
    Rules,
    ShowAs,
    Timed,
)
from tests.simulators.model import Repeats
from tests.unit.google.world import ANNA, BO, MONDAY, ZONE, Office, meeting, office, wall

KEYWORDS = {"m": "meeting", "l": "lunch"}
OWNER = Owner(1, ZoneInfo(ZONE), KEYWORDS)


@pytest.fixture
async def at_work() -> AsyncIterator[Office]:
    async with office() as made:
        yield made


def rules(mode: Mode, *, count_tentative: bool = False) -> Rules:
    return Rules(KEYWORDS, REASONS, mode=mode, count_tentative=count_tentative)


@dataclass(frozen=True)
class Row:
    """A row of the table: how it is booked, and its reason untagged in all-busy mode ("" for none)."""

    name: str
    booked: dict[str, Any] = field(default_factory=dict)
    busy: str = ""
    unsettled: bool = False
    never: bool = False
    private: bool = False


ROWS = [
    Row("busy", {}, "busy"),
    Row("cancelled", {"cancelled": True}, never=True),
    Row("declined", {"response": "declined"}, never=True),
    Row("accepted", {"response": "accepted"}, "busy"),
    Row("out of office", {"show_as": "oof"}, "out_of_office"),
    Row("out of office by type", {"kind": "outOfOffice"}, "out_of_office"),
    Row("focus time", {"kind": "focusTime"}, "busy"),
    Row("working location", {"kind": "workingLocation"}),
    Row("working elsewhere", {"show_as": "workingElsewhere"}),
    Row("birthday", {"kind": "birthday"}),
    Row("from Gmail", {"kind": "fromGmail"}, "busy"),
    Row("free", {"show_as": "free"}),
    Row("tentative", {"show_as": "tentative"}, "busy", unsettled=True),
    Row("answered tentatively", {"response": "tentativelyAccepted"}, "busy", unsettled=True),
    Row("not answered", {"response": "notResponded"}, "busy", unsettled=True),
    Row("private", {"sensitivity": "private"}, "busy", private=True),
    Row("confidential", {"sensitivity": "confidential"}, "busy", private=True),
]


TAGGED = {"m: Budget": ("meeting", Phone.CLOSED, "Budget"), "l; Soup": ("lunch", Phone.OPEN, "Soup")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_which_entries_count(at_work: Office, row: Row) -> None:
    for subject in (*TAGGED, "Untagged"):
        at_work.put(meeting(subject=subject, **row.booked))
        entries = (await at_work.read()).entries
        for mode, count_tentative in product(Mode, (False, True)):
            became = [outcome(each, OWNER, rules(mode, count_tentative=count_tentative)) for each in entries]
            assert all(isinstance(each, CalendarReferral | Ignored) for each in became)
            referrals = [each for each in became if isinstance(each, CalendarReferral)]
            assert _facts(referrals) == _expected(row, subject, mode, count_tentative=count_tentative)


def _facts(referrals: list[CalendarReferral]) -> list[tuple[str, Phone, str]]:
    return [(each.reason, each.phone, each.note) for each in referrals]


def _expected(row: Row, subject: str, mode: Mode, *, count_tentative: bool) -> list[tuple[str, Phone, str]]:
    if row.never:
        return []
    if subject in TAGGED:
        reason, phone, note = TAGGED[subject]
        return [(reason, phone, "" if row.private else note)]
    counts = mode is Mode.ALL_BUSY and row.busy and (count_tentative or not row.unsettled)
    return [(row.busy, Phone.CLOSED, "")] if counts else []


@pytest.mark.parametrize(
    ("booked", "show_as", "response", "kind"),
    [
        ({}, ShowAs.BUSY, Response.ORGANIZER, EntryType.DEFAULT),
        ({"attendees": ("bo@example.com",)}, ShowAs.BUSY, Response.ORGANIZER, EntryType.DEFAULT),
        ({"response": "accepted"}, ShowAs.BUSY, Response.ACCEPTED, EntryType.DEFAULT),
        ({"response": "declined"}, ShowAs.BUSY, Response.DECLINED, EntryType.DEFAULT),
        ({"response": "tentativelyAccepted"}, ShowAs.BUSY, Response.TENTATIVE, EntryType.DEFAULT),
        ({"response": "notResponded"}, ShowAs.BUSY, Response.NEEDS_ACTION, EntryType.DEFAULT),
        ({"show_as": "tentative"}, ShowAs.TENTATIVE, Response.ORGANIZER, EntryType.DEFAULT),
        ({"show_as": "free"}, ShowAs.FREE, Response.ORGANIZER, EntryType.DEFAULT),
        ({"kind": "focusTime"}, ShowAs.BUSY, Response.ORGANIZER, EntryType.FOCUS_TIME),
        ({"kind": "outOfOffice"}, ShowAs.OUT_OF_OFFICE, Response.ORGANIZER, EntryType.OUT_OF_OFFICE),
        ({"kind": "workingLocation"}, ShowAs.WORKING_ELSEWHERE, Response.ORGANIZER, EntryType.WORKING_LOCATION),
    ],
)
async def test_words(
    at_work: Office, booked: dict[str, Any], show_as: ShowAs, response: Response, kind: EntryType
) -> None:
    entry = await at_work.one(meeting(**booked))
    assert (entry.show_as, entry.response, entry.type) == (show_as, response, kind)


async def test_whose_answer_counts_is_the_owners_among_many(at_work: Office) -> None:
    others = tuple(f"guest{n}@example.com" for n in range(50))
    entry = await at_work.one(meeting(response="declined", attendees=others))
    assert entry.response is Response.DECLINED


async def test_all_day_is_dates_in_its_owners_zone(at_work: Office) -> None:
    """28 March 2027 is 23 hours long in Stockholm, 31 October 25."""
    entry = await at_work.one(meeting(start=date(2027, 3, 28), end=date(2027, 3, 29), subject="m: Fair"))
    assert entry.when == Days(date(2027, 3, 28), date(2027, 3, 29))
    claim = outcome(entry, OWNER, rules(Mode.KEYWORDS))
    assert isinstance(claim, CalendarReferral)
    assert claim.span.end - claim.span.start == timedelta(hours=23)


@pytest.mark.parametrize(
    ("wall", "zone", "expected"),
    [
        (wall(2027, 3, 29, 9), ZONE, datetime(2027, 3, 29, 7, tzinfo=UTC)),
        (wall(2027, 3, 27, 9), ZONE, datetime(2027, 3, 27, 8, tzinfo=UTC)),
        (wall(2027, 3, 28, 9), "America/New_York", datetime(2027, 3, 28, 13, tzinfo=UTC)),
        (wall(2027, 3, 28, 9), "Asia/Kolkata", datetime(2027, 3, 28, 3, 30, tzinfo=UTC)),
    ],
)
async def test_zones_and_daylight_saving(at_work: Office, wall: datetime, zone: str, expected: datetime) -> None:
    entry = await at_work.one(meeting(start=wall, zone=zone))
    assert entry.when == Timed(expected, expected + timedelta(hours=1))


async def test_a_series_with_exceptions_over_a_change_of_clocks(at_work: Office) -> None:
    first = wall(2027, 3, 26, 9)
    moved = meeting(start=first + timedelta(days=1, hours=2), subject="l: Moved")
    series = meeting(
        start=first,
        repeats=Repeats(count=5),
        exceptions={first + timedelta(days=1): moved, first + timedelta(days=3): None},
    )
    at_work.put(series)
    changes = await at_work.read()
    found = [(e.recurrence_id, e.subject, e.when.start.hour) for e in changes.entries if isinstance(e.when, Timed)]
    assert sorted(found) == [
        ("20270326T080000Z", "m: Budget", 8),
        ("20270327T080000Z", "l: Moved", 10),
        ("20270328T070000Z", "m: Budget", 7),
        ("20270330T070000Z", "m: Budget", 7),
    ]
    assert {each.uid for each in changes.entries} == {"one"}


async def test_an_all_day_series_is_named_by_dates(at_work: Office) -> None:
    at_work.put(meeting(start=date(2027, 3, 27), end=date(2027, 3, 28), repeats=Repeats(count=3)))
    entries = (await at_work.read()).entries
    assert sorted(each.recurrence_id for each in entries) == ["20270327", "20270328", "20270329"]


async def test_a_cancelled_occurrence_goes_and_the_others_stay(at_work: Office) -> None:
    first = MONDAY + timedelta(hours=9)
    at_work.put(meeting(repeats=Repeats(count=3)))
    token = (await at_work.read()).sync_token
    gone = meeting(start=first + timedelta(days=1), cancelled=True)
    stored = at_work.put(meeting(repeats=Repeats(count=3), exceptions={first + timedelta(days=1): gone}))
    changes = await at_work.read(token)
    assert f"{stored.id}_20270302T080000Z" in changes.touched
    assert sorted(each.recurrence_id for each in changes.entries) == ["20270301T080000Z", "20270303T080000Z"]


async def test_two_attendees_of_one_meeting_share_its_uid_and_answer_each_for_themselves(at_work: Office) -> None:
    at_work.put(meeting(response="accepted"), ANNA)
    at_work.put(meeting(response="declined"), BO)
    (annas,) = (await at_work.read(address=ANNA)).entries
    (bos,) = (await at_work.read(address=BO)).entries
    assert annas.uid == bos.uid
    assert (annas.response, bos.response) == (Response.ACCEPTED, Response.DECLINED)


async def test_a_moved_meeting_is_one_meeting(at_work: Office) -> None:
    at_work.put(meeting())
    first = await at_work.read()
    at_work.put(meeting(start=MONDAY + timedelta(hours=13)))
    second = await at_work.read(first.sync_token)
    assert {each.resource for each in first.entries} == second.touched
    assert [each.when for each in second.entries] == [
        Timed(datetime(2027, 3, 1, 12, tzinfo=UTC), datetime(2027, 3, 1, 13, tzinfo=UTC))
    ]


async def test_an_entry_of_no_length_is_read_and_refers_nobody(at_work: Office) -> None:
    start = MONDAY + timedelta(hours=9)
    entry = await at_work.one(meeting(start=start, end=start))
    became = outcome(entry, OWNER, rules(Mode.ALL_BUSY))
    assert became == Ignored("has no length")


async def test_what_nobody_asked_for_does_not_come(at_work: Office) -> None:
    """Neither descriptions nor places nor guests are in what goes over the wire: the mask leaves them out."""
    at_work.put(meeting(body="canary-body", location="canary-place", attendees=("canary@example.com",)))
    await at_work.read()
    (asked,) = at_work.simulator.queries
    assert not {"description", "location", "email", "displayName"} & set(
        asked["fields"].replace("(", ",").replace(")", ",").split(",")
    )
    assert asked["maxAttendees"] == "1"
    assert asked["singleEvents"] == "true"
