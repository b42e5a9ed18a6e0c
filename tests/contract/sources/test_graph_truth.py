"""The table of what an entry does to the switchboard, in full, for mailboxes of Microsoft 365."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.entries import Owner, bounds, outcome
from backsoon.domain.model import (
    CalendarEntry,
    CalendarReferral,
    Mode,
    Phone,
    Reason,
    Rule,
    Rules,
)
from tests.simulators.model import Meeting, Repeats
from tests.unit.graph.tenant import ANNA, BERIT, ZONE, Tenant, meeting, tenant

OWNER = Owner(1, ZoneInfo(ZONE), {"m": "meeting", "l": "lunch"})
RULES = Rules({"m": "meeting", "l": "lunch"}, {"meeting": Reason("meeting", {"en": "In a meeting"})})
ALL_BUSY = replace(RULES, mode=Mode.ALL_BUSY)
TENTATIVE_TOO = replace(ALL_BUSY, count_tentative=True)

SHOW_AS = ("free", "tentative", "busy", "oof", "workingElsewhere")
RESPONSES = ("organizer", "accepted", "tentativelyAccepted", "declined", "notResponded", "none")
SENSITIVITIES = ("normal", "personal", "private", "confidential")
SUBJECTS = ("m: Budget", "l; Soup", "Budget")
ROWS = tuple(product(SHOW_AS, RESPONSES, (False, True), SENSITIVITIES, SUBJECTS, (False, True)))


def row(number: int) -> Meeting:
    """The meeting of one row of the table."""
    show_as, response, cancelled, sensitivity, subject, all_day = ROWS[number]
    start = datetime(2027, 3, 1) + timedelta(hours=number % 9000)  # noqa: DTZ001 - wall-clock time
    return Meeting(
        f"row-{number}",
        start.date() if all_day else start,
        start.date() + timedelta(days=1) if all_day else start + timedelta(minutes=30),
        subject,
        show_as=show_as,
        response=response,
        cancelled=cancelled,
        sensitivity=sensitivity,
        body="ZQ-CANARY",
        attendees=("zq-canary@example.com",),
    )


def expected(one: Meeting, rules: Rules) -> tuple[str, Phone, str] | None:
    """What the table says: reason, phone and note; None where the entry refers nobody."""
    if one.cancelled or one.response == "declined":
        return None
    private = one.sensitivity in ("private", "confidential")
    if one.subject != "Budget":
        mark, reason = (Phone.CLOSED, "meeting") if one.subject.startswith("m:") else (Phone.OPEN, "lunch")
        return reason, mark, "" if private else one.subject[3:]
    if rules.mode is Mode.KEYWORDS or one.show_as in ("free", "workingElsewhere"):
        return None
    unsettled = one.show_as == "tentative" or one.response in ("tentativelyAccepted", "notResponded")
    if unsettled and not rules.count_tentative:
        return None
    return ("out_of_office" if one.show_as == "oof" else "busy"), Phone.CLOSED, ""


def became(entry: CalendarEntry, rules: Rules) -> tuple[str, Phone, str] | None:
    """What an entry that was read makes."""
    made = outcome(entry, OWNER, rules)
    return (made.reason, made.phone, made.note) if isinstance(made, CalendarReferral) else None


@pytest.fixture
async def made() -> AsyncIterator[Tenant]:
    async with tenant() as made:
        yield made


async def test_every_row_of_the_table(made: Tenant) -> None:
    for number in range(len(ROWS)):
        made.anna.put(row(number))
    found = {entry.uid: entry for entry in await made.entries()}
    assert len(found) == len(ROWS) == 1440
    for number in range(len(ROWS)):
        one = row(number)
        for rules in (RULES, ALL_BUSY, TENTATIVE_TOO):
            assert became(found[one.uid], rules) == expected(one, rules), (ROWS[number], rules.mode)
        begin, end = bounds(found[one.uid].when, OWNER.zone)
        home = ZoneInfo(ZONE)
        wall = [at.astimezone(home).replace(tzinfo=None) for at in (begin, end)]
        if isinstance(one.start, datetime):
            assert wall[0] in (one.start, one.start + timedelta(hours=1))  # the second in the gap of 28 March
        else:
            assert [at.isoformat() for at in wall] == [f"{one.start}T00:00:00", f"{one.end}T00:00:00"]


async def test_what_changes_one_by_one_is_read_as_what_is_read_whole(made: Tenant) -> None:
    """The same rows by deltas: an entry means the same whichever way it came."""
    await made.read()
    for number in range(0, len(ROWS), 37):
        made.anna.put(row(number))
        (entry,) = (await made.read()).entries
        for rules in (RULES, ALL_BUSY, TENTATIVE_TOO):
            assert became(entry, rules) == expected(row(number), rules), ROWS[number]


async def test_nothing_but_what_is_needed_is_asked_for(made: Tenant) -> None:
    for number in range(0, len(ROWS), 100):
        made.anna.put(row(number))
    changes = await made.read()
    made.anna.put(meeting("series", repeats=Repeats(), body="ZQ-CANARY"))
    later = await made.read()
    assert not {name.lower() for name in made.sim.selected()} & {"body", "bodypreview", "attendees", "location"}
    assert "zq-canary" not in f"{changes!r}{later!r}{[e.subject for e in changes.entries]}".lower()


async def test_an_exception_of_a_series_stands_for_itself(made: Tenant) -> None:
    first = datetime(2027, 3, 1, 10)  # noqa: DTZ001 - wall-clock time
    days = [first + timedelta(days=n) for n in range(6)]
    moved = meeting("s", start=days[1] + timedelta(hours=3), end=days[1] + timedelta(hours=5), subject="l; Moved")
    made.anna.put(
        Meeting(
            "s",
            first,
            first + timedelta(hours=1),
            "m: Daily",
            repeats=Repeats("day", 1, 6),
            exceptions={
                days[1]: moved,
                days[2]: None,
                days[3]: replace(moved, start=days[3], end=days[3] + timedelta(hours=1), cancelled=True),
                days[4]: replace(moved, start=days[4], end=days[4] + timedelta(hours=1), response="declined"),
            },
        )
    )
    entries = await made.entries()
    assert {entry.uid for entry in entries} == {"s"}
    refers = {e.recurrence_id: said for e in entries if (said := became(e, RULES))}
    assert refers == {
        "20270301T090000Z": ("meeting", Phone.CLOSED, "Daily"),
        "20270302T090000Z": ("lunch", Phone.OPEN, "Moved"),
        "20270306T090000Z": ("meeting", Phone.CLOSED, "Daily"),
    }


async def test_a_series_keeps_its_wall_clock_over_the_change_of_clocks(made: Tenant) -> None:
    monday = datetime(2027, 3, 22, 9)  # noqa: DTZ001 - wall-clock time
    made.anna.put(meeting("dst", start=monday, end=monday + timedelta(hours=1), repeats=Repeats("week", 1, 2)))
    made.anna.put(meeting("day", start=date(2027, 3, 28), end=date(2027, 3, 29), subject="m: Away"))
    entries = {(e.uid, e.recurrence_id): bounds(e.when, OWNER.zone) for e in await made.entries()}
    starts = {key: start.isoformat() for key, (start, _) in entries.items()}
    assert starts[("dst", "20270322T080000Z")] == "2027-03-22T08:00:00+00:00"
    assert starts[("dst", "20270329T070000Z")] == "2027-03-29T07:00:00+00:00"
    start, end = entries[("day", "")]
    assert end - start == timedelta(hours=23)


async def test_two_attendees_of_one_meeting_have_one_key(made: Tenant) -> None:
    shared = meeting("shared", repeats=Repeats("day", 1, 3))
    made.anna.put(shared)
    made.sim.world[BERIT].put(replace(shared, response="declined"))
    hers, others = await made.entries(ANNA), await made.entries(BERIT)
    assert {(e.uid, e.recurrence_id) for e in hers} == {(e.uid, e.recurrence_id) for e in others}
    assert [bool(became(e, RULES)) for e in (*hers, *others)] == [True] * 3 + [False] * 3


async def test_an_automatic_reply_is_out_of_office(made: Tenant) -> None:
    made.anna.reply = replace(made.anna.reply, state="alwaysEnabled")
    (entry,) = await made.entries()
    made_of = outcome(entry, OWNER, RULES)
    assert isinstance(made_of, CalendarReferral)
    assert (made_of.rule, made_of.reason) == (Rule.AUTOMATIC_REPLY, "out_of_office")
