"""Calls to a real Asterisk whose dialplan reads the plans that the driver wrote ahead."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from backsoon.domain.model import Phone
from backsoon.switchboards.base import NOTHING, Order, PlannedReferral, Presentation, Rendered
from backsoon.wire.ami_client import open_ami
from tests.asterisk_server import OPERATOR, Asterisk, asking
from tools.peers.sipp import CallOutcome, Telephones

HOUR = timedelta(hours=1)
NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


async def write(asterisk: Asterisk, extension: str, *plan: PlannedReferral) -> None:
    """Write a plan ahead and log off: Backsoon is stopped when the calls come."""
    board = asterisk.switchboard()
    presentation = Presentation(extension, None, plan, "sv", "Europe/Stockholm")
    async with board.session() as session:
        await session.show([Order(extension, NOTHING, board.render(presentation))])


class TestBeforeInAndAfter:
    """With plans shifted around now, and calls placed by SIPp."""

    async def test_nothing_known(self, asterisk: Asterisk) -> None:
        assert asterisk.place_call("1001").statuses == (100, 180, 200)

    async def test_before(self, asterisk: Asterisk) -> None:
        await write(asterisk, "1001", PlannedReferral(now() + HOUR, now() + 2 * HOUR, None, "meeting"))
        assert asterisk.place_call("1001").status == 200

    async def test_in(self, asterisk: Asterisk) -> None:
        await write(asterisk, "1001", PlannedReferral(now() - HOUR, now() + HOUR, None, "meeting"))
        assert asterisk.place_call("1001").status == 486
        assert asterisk.place_call("1002").status == 200

    async def test_after(self, asterisk: Asterisk) -> None:
        await write(asterisk, "1001", PlannedReferral(now() - HOUR, now(), None, "meeting"))
        assert asterisk.place_call("1001").status == 200

    async def test_until_further_notice(self, asterisk: Asterisk) -> None:
        await write(asterisk, "1001", PlannedReferral(now() - 1000 * HOUR, None, None, "sick"))
        assert asterisk.place_call("1001").status == 486

    async def test_inform_only(self, asterisk: Asterisk) -> None:
        await write(asterisk, "1001", PlannedReferral(now() - HOUR, now() + HOUR, None, "lunch", Phone.OPEN))
        assert asterisk.place_call("1001").status == 200

    async def test_diverted(self, asterisk: Asterisk) -> None:
        referral = PlannedReferral(now() - HOUR, now() + HOUR, None, "meeting", Phone.CLOSED, "1003")
        await write(asterisk, "1001", referral)
        outcome = asterisk.place_call("1001")
        assert (outcome.status, outcome.moved_to) == (302, "1003")

    async def test_the_next_one_counts_when_the_first_is_over(self, asterisk: Asterisk) -> None:
        over = PlannedReferral(now() - 2 * HOUR, now() - HOUR, None, "lunch")
        running = PlannedReferral(now() - HOUR, now() + HOUR, None, "meeting", Phone.CLOSED, "1002")
        await write(asterisk, "1001", over, running)
        assert asterisk.place_call("1001").moved_to == "1002"

    async def test_a_restart_of_asterisk_changes_nothing(self, own_asterisk: Asterisk) -> None:
        await write(own_asterisk, "1001", PlannedReferral(now() - HOUR, now() + HOUR, None, "meeting"))
        own_asterisk.server.stop()
        own_asterisk.server.start()
        assert own_asterisk.place_call("1001").status == 486
        assert own_asterisk.place_call("1002").status == 200


NOBODY = {"Phone": "", "Reason": "", "Until": "0", "Back": "0", "Divert": "", "Language": "sv", "Zone": "Europe/Oslo"}


def expected(plan: tuple[PlannedReferral, ...], at: int) -> dict[str, str]:
    """The plainest reading of a plan."""
    for one in plan:
        if one.start.timestamp() <= at and (one.end is None or at < one.end.timestamp()):
            return {
                "Phone": "closed" if one.phone is Phone.CLOSED else "open",
                "Reason": one.reason,
                "Until": str(int(one.end.timestamp()) if one.end else 0),
                "Back": str(int(one.back_at.timestamp()) if one.back_at else 0),
                "Divert": one.divert_to,
                "Language": "sv",
                "Zone": "Europe/Oslo",
            }
    return NOBODY


def random_plan(draw: random.Random) -> tuple[PlannedReferral, ...]:
    """One to eight referrals that do not overlap; some touch, the last may be open-ended."""
    edges = sorted(draw.sample(range(0, 100_000), 2 * draw.randint(1, 8)))
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    plan = []
    for start, end in spans:
        later = draw.choice([None, NINE + timedelta(seconds=end + 60)])
        divert = draw.choice(["", "1003", "+46-8.1_2"])
        reason = draw.choice(["meeting", "gone_for_the_day", "x" * 32])
        last = end == edges[-1] and draw.random() < 0.3
        until = None if last else NINE + timedelta(seconds=end)
        plan.append(
            PlannedReferral(NINE + timedelta(seconds=start), until, later, reason, draw.choice(list(Phone)), divert)
        )
    return tuple(plan)


class TestTheSubroutine:
    """Compared with the plainest reading of the plan, at every edge and between."""

    @pytest.mark.parametrize("seed", range(12))
    async def test_reads_any_plan_at_any_instant(self, asterisk: Asterisk, seed: int) -> None:
        plan = random_plan(random.Random(seed))
        board = asterisk.switchboard()
        after = board.render(Presentation("1001", None, plan, "sv", "Europe/Oslo"))
        async with board.session() as session, asking(asterisk) as asker:
            await session.show([Order("1001", NOTHING, after)])
            for instant in instants(plan):
                assert await asker.at("1001", instant) == expected(plan, instant), instant

    async def test_nobody_known(self, asterisk: Asterisk) -> None:
        async with asking(asterisk) as asker:
            assert await asker.at("1002", 1) == NOBODY | {"Language": "", "Zone": ""}


def instants(plan: tuple[PlannedReferral, ...]) -> list[int]:
    edges = [int(at.timestamp()) for one in plan for at in (one.start, one.end) if at is not None]
    between = [(before + after) // 2 for before, after in pairwise(edges)]
    return sorted({at + step for at in edges for step in (-1, 0, 1)} | set(between) | {1, 4_000_000_000})


GARBAGE = [
    "1",
    "1~",
    "~~~~",
    "2~en~UTC~1:0:0:meeting:c:",
    "1~en~UTC~:::::",
    "1~en~UTC~9999999999999999999999:0:0:x:c:",
    "1~en~UTC~1:0:0:${SHELL(touch /tmp/broken-out)}:c:${SHELL(touch /tmp/broken-out)}",
    "1~${SHELL(touch /tmp/broken-out)}~$[1 + 1]~1:2:3:x:c:",
    "1~en~UTC~$[1 + 1]:0:0:x:o:",
    '1~en~UTC~1" | "1" = "1:0:0:x:o:',
    "1~en~UTC~1:0:0:x:o:1003,1)&System(touch /tmp/broken-out",
    "1~" + "~" * 890,
    "1~en~UTC" + "~0:1:1:x:c:" * 80,
    "1~1.5~1~-~9999999999999999999999~x~${SHELL(touch /tmp/broken-out)}",
    "1~1~$[1]~-~0~0~" + "x" * 800,
]


@pytest.mark.parametrize("family", ["backsoon", "backsoon-hand"])
@pytest.mark.parametrize("value", GARBAGE)
async def test_garbage_in_the_database_never_stops_a_call(asterisk: Asterisk, value: str, family: str) -> None:
    async with open_ami(asterisk.address, OPERATOR) as client:
        await client.request("DBPut", [("Family", family), ("Key", "1001"), ("Val", value)])
    assert asterisk.place_call("1001").status in {200, 302, 486}
    assert not (asterisk.server.chroot / "tmp" / "broken-out").exists()


class TestTheExample:
    """The printed example, with telephones that ring."""

    async def test_rings_where_nothing_is_known(self, asterisk: Asterisk, telephones: Telephones) -> None:
        assert asterisk.place_call("1001", "outsider") == CallOutcome(486, (100, 180, 486))
        assert telephones.rung == ["1001"]

    async def test_rings_where_it_only_informs(self, asterisk: Asterisk, telephones: Telephones) -> None:
        await write(asterisk, "1001", PlannedReferral(now() - HOUR, None, None, "lunch", Phone.OPEN))
        asterisk.place_call("1001", "outsider")
        assert telephones.rung == ["1001"]

    async def test_tells_where_the_phone_is_closed(self, asterisk: Asterisk, telephones: Telephones) -> None:
        await write(asterisk, "1001", PlannedReferral(now() - HOUR, now() + HOUR, now() + HOUR, "meeting"))
        assert asterisk.place_call("1001", "outsider").status == 200
        assert telephones.rung == []

    async def test_diverts_inside(self, asterisk: Asterisk, telephones: Telephones) -> None:
        await write(asterisk, "1001", PlannedReferral(now() - HOUR, None, None, "x", Phone.CLOSED, "1002"))
        asterisk.place_call("1001", "outsider")
        assert telephones.rung == ["1002"]

    async def test_no_circle_where_two_divert_to_each_other(self, asterisk: Asterisk, telephones: Telephones) -> None:
        await write(asterisk, "1001", PlannedReferral(now() - HOUR, None, None, "x", Phone.CLOSED, "1002"))
        await write(asterisk, "1002", PlannedReferral(now() - HOUR, None, None, "x", Phone.CLOSED, "1001"))
        assert asterisk.place_call("1001", "outsider").status == 200
        assert telephones.rung == [], "nobody is sent to somebody who is away as well"

    @pytest.mark.parametrize("number", ["+90012345", "0090012345", "s", "h", "backsoon"])
    async def test_never_calls_a_number_outside(self, asterisk: Asterisk, telephones: Telephones, number: str) -> None:
        await write(asterisk, "1001", PlannedReferral(now() - HOUR, None, None, "x", Phone.CLOSED, number))
        assert asterisk.place_call("1001", "outsider").status == 200
        assert telephones.rung == []


async def test_a_person_s_plan_is_gone_when_there_is_nothing_coming(asterisk: Asterisk) -> None:
    board = asterisk.switchboard()
    async with board.session() as session:
        await session.show([Order("1001", NOTHING, Rendered(plan="1~en~UTC~1:0:0:x:c:"))])
        await session.show([Order("1001", Rendered(plan="1~en~UTC~1:0:0:x:c:"), NOTHING)])
    assert asterisk.database() == {}
    assert asterisk.place_call("1001").status == 200
