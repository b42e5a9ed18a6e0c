"""The EWS source keeps the contract on a simulated Exchange: by impersonation and as a delegate, old and new."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.entries import bounds
from backsoon.domain.model import CalendarEntry, Phone
from backsoon.sources.base import CalendarSource, Window
from backsoon.sources.ews import EwsAccount, EwsSettings
from backsoon.testing.events import WINDOW, Event
from backsoon.testing.sources import Harness, SourceContract
from backsoon.wire.http import Http
from tests.contract.sources import truth
from tests.simulators.ews import EwsSimulator, Limits
from tests.simulators.model import Mailbox, Meeting, Repeats, World

ADDRESS = "anna@example.com"
NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
FAULTS = ("throttle", "unavailable", "deny", "sign_in", "missing", "half", "hang", "html", "redirect", "vendor")


def meeting(event: Event) -> Meeting:
    """An event of the suite as the simulator's; times in UTC, as the suite writes them."""

    def part(number: int, shift: timedelta) -> Meeting:
        start = event.starts(number).replace(tzinfo=None) + shift
        end = start + timedelta(minutes=event.minutes)
        if event.all_day:
            return Meeting(event.uid, start.date(), start.date() + timedelta(days=1), event.subject, "UTC")
        return Meeting(event.uid, start, end, event.subject, "UTC")

    whole = part(0, timedelta())
    if event.count == 1:
        return whole
    exceptions: dict[object, Meeting | None] = {part(n, timedelta()).start: None for n in event.dropped}
    exceptions |= {part(n, timedelta()).start: part(n, shift) for n, shift in event.moved.items()}
    fields = vars(whole) | {"repeats": Repeats("day", 1, event.count), "exceptions": exceptions}
    return Meeting(**fields)


class EwsHarness(Harness):
    """One mailbox of a simulated server."""

    def __init__(self, simulator: EwsSimulator, account: EwsAccount) -> None:
        self.simulator = simulator
        self.account = account
        self.mailbox = simulator.world[ADDRESS]

    def source(self) -> CalendarSource:
        return self.account.source(ADDRESS, zone="Europe/Oslo", owner=frozenset({ADDRESS}))

    async def put(self, *events: Event) -> None:
        for event in events:
            self.mailbox.put(meeting(event))

    async def remove(self, uid: str) -> None:
        self.mailbox.remove(uid)

    async def break_it(self) -> Sequence[object]:
        return FAULTS

    async def broken(self, how: object | None) -> None:
        self.simulator.faults.clear()
        self.account._client.throttle._closed_until = float("-inf")  # the pause that was asked for is over
        if how is not None:
            told = {"code": "ErrorMailboxMoveInProgress"} if how == "vendor" else {}
            self.simulator.faults.add(str(how), times=None, **told)

    async def lose_token(self) -> bool:
        self.simulator.faults.add("expire")
        return True


@asynccontextmanager
async def harness_for(
    version: str = "2016", *, between: timedelta = timedelta(), **settings: object
) -> AsyncIterator[EwsHarness]:
    world = World([Mailbox(ADDRESS, zone="Europe/Oslo")])
    async with EwsSimulator(world, version=version) as simulator, Http(deadline=10) as http:
        usual: dict[str, object] = {
            "url": simulator.url,
            "username": simulator.account,
            "password": simulator.password,
            "deadline": 2.0,
        }
        times = (NOW + between * n for n in count())
        account = EwsAccount(EwsSettings(**{**usual, **settings}), http, lambda: next(times))  # type: ignore[arg-type]
        yield EwsHarness(simulator, account)
        await account.close()


class TestImpersonation(SourceContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with harness_for() as harness:
            yield harness


class TestDelegate(SourceContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with harness_for(access="delegate") as harness:
            yield harness


class TestExchange2007(SourceContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with harness_for("2007_SP1") as harness:
            yield harness


class TestNtlm(SourceContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with harness_for("2010_SP2", sign_in="ntlm", username="EXAMPLE\\service") as harness:
            yield harness


class TestReadSeldom(SourceContract):
    """Read seldom: `SyncFolderItems` is never asked."""

    @pytest.fixture
    async def harness(self) -> AsyncIterator[Harness]:
        async with harness_for(between=timedelta(hours=2)) as harness:
            yield harness


WIDE = Window(WINDOW.start, WINDOW.start + timedelta(days=90))
FIRST = datetime(2027, 3, 2)  # noqa: DTZ001 - wall-clock time


@pytest.fixture(params=["impersonation", "delegate"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[EwsHarness]:
    async with harness_for(access=request.param) as harness:
        yield harness


async def entries(harness: EwsHarness, address: str = ADDRESS) -> tuple[CalendarEntry, ...]:
    source = harness.account.source(address, zone=truth.ZONE, owner=frozenset({address}))
    return (await source.changes(WIDE, None)).entries


@pytest.mark.parametrize("version", ["2007_SP1", "2010_SP2", "2013", "2016"])
@pytest.mark.parametrize("access", ["impersonation", "delegate"])
async def test_every_row_of_the_table(version: str, access: str) -> None:
    rows = [truth.written(number, FIRST) for number in range(len(truth.ROWS))]
    async with harness_for(version, access=access) as harness:
        harness.simulator.limits = Limits()
        for row in rows:
            harness.mailbox.put(row)
        found = {entry.uid: entry for entry in await entries(harness)}
    assert len(found) == len(rows) == 1440
    home = ZoneInfo(truth.ZONE)
    for row in rows:
        entry = found[row.uid]
        for rules in truth.RULES:
            assert truth.became(entry, rules) == truth.expected(row, rules), (row, rules.mode)
        wall = [at.astimezone(home).replace(tzinfo=None) for at in bounds(entry.when, home)]
        if isinstance(row.start, datetime):
            assert wall[0] in (row.start, row.start + timedelta(hours=1))  # the second in the gap of 28 March
        else:
            assert [at.isoformat() for at in wall] == [f"{row.start}T00:00:00", f"{row.end}T00:00:00"]


async def test_nothing_but_what_is_needed_is_asked_for(either: EwsHarness) -> None:
    for number in range(0, len(truth.ROWS), 100):
        either.mailbox.put(truth.written(number, FIRST))
    found = await entries(either)
    asked = {name.lower() for name in either.simulator.asked}
    assert found
    assert not {
        name for name in asked if name.endswith((":body", "attendees", ":location", "categories", ":organizer"))
    }
    assert "zq-canary" not in f"{found!r} {[e.subject for e in found]}".lower()


async def test_an_exception_of_a_series_stands_for_itself(either: EwsHarness) -> None:
    first = datetime(2027, 3, 1, 10)  # noqa: DTZ001 - wall-clock time
    days = [first + timedelta(days=n) for n in range(6)]
    hour = timedelta(hours=1)
    moved = Meeting("s", days[1] + 3 * hour, days[1] + 5 * hour, "l; Moved", truth.ZONE)
    exceptions: dict[datetime | date, Meeting | None] = {
        days[1]: moved,
        days[2]: None,
        days[3]: replace(moved, start=days[3], end=days[3] + hour, cancelled=True),
        days[4]: replace(moved, start=days[4], end=days[4] + hour, response="declined"),
    }
    either.mailbox.put(
        Meeting("s", first, first + hour, "m: Daily", truth.ZONE, repeats=Repeats("day", 1, 6), exceptions=exceptions)
    )
    found = await entries(either)
    assert {entry.uid for entry in found} == {"s"}
    assert {e.recurrence_id: made for e in found if (made := truth.became(e, truth.KEYWORDS))} == {
        "20270301T090000Z": ("meeting", Phone.CLOSED, "Daily"),
        "20270302T090000Z": ("lunch", Phone.OPEN, "Moved"),
        "20270306T090000Z": ("meeting", Phone.CLOSED, "Daily"),
    }


async def test_a_series_keeps_its_wall_clock_over_the_change_of_clocks(either: EwsHarness) -> None:
    monday = datetime(2027, 3, 22, 9)  # noqa: DTZ001 - wall-clock time
    weekly = Meeting("dst", monday, monday + timedelta(hours=1), "m: x", truth.ZONE, repeats=Repeats("week", 1, 2))
    either.mailbox.put(weekly)
    sunday = date(2027, 3, 28)
    either.mailbox.put(Meeting("day", sunday, sunday + timedelta(days=1), "m: Away", truth.ZONE))
    daily = Meeting("days", sunday - timedelta(days=1), sunday, "h: x", truth.ZONE, repeats=Repeats("day", 1, 3))
    either.mailbox.put(daily)
    found = {(e.uid, e.recurrence_id): bounds(e.when, ZoneInfo(truth.ZONE)) for e in await entries(either)}
    assert found[("dst", "20270322T080000Z")][0].isoformat() == "2027-03-22T08:00:00+00:00"
    assert found[("dst", "20270329T070000Z")][0].isoformat() == "2027-03-29T07:00:00+00:00"
    start, end = found[("day", "")]
    assert end - start == timedelta(hours=23)
    assert {key for key in found if key[0] == "days"} == {
        ("days", "20270327"),
        ("days", "20270328"),
        ("days", "20270329"),
    }


async def test_two_attendees_of_one_meeting_have_one_key(either: EwsHarness) -> None:
    start = datetime(2027, 3, 4, 9)  # noqa: DTZ001 - wall-clock time
    shared = Meeting("shared", start, start + timedelta(hours=1), "m: x", truth.ZONE, repeats=Repeats("day", 1, 3))
    either.mailbox.put(shared)
    either.simulator.world.add(Mailbox("berit@example.com", zone=truth.ZONE)).put(replace(shared, response="declined"))
    hers, others = await entries(either), await entries(either, "berit@example.com")
    assert {(e.uid, e.recurrence_id) for e in hers} == {(e.uid, e.recurrence_id) for e in others}
    assert [bool(truth.became(e, truth.KEYWORDS)) for e in (*hers, *others)] == [True] * 3 + [False] * 3
