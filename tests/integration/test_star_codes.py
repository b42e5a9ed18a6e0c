"""Star codes dialled by SIPp at a real Asterisk, with no Backsoon anywhere: judged, kept, and followed by calls."""

from __future__ import annotations

import asyncio
import math
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.defaults import REASONS
from backsoon.domain.hours import OFFICE, WorkingTime
from backsoon.domain.model import Override
from backsoon.domain.phonecodes import refer_by_phone
from backsoon.switchboards.asterisk.codes import parse
from backsoon.switchboards.base import NOTHING, HandReferral, Order, PlannedReferral, Presentation
from backsoon.wire.ami import Message
from backsoon.wire.ami_client import open_ami
from tests.asterisk_server import OPERATOR, Asterisk, asking
from tools.peers.sipp import CallOutcome

pytestmark = pytest.mark.xdist_group("asterisk")

HOUR = timedelta(hours=1)
KEPT, REFUSED, NO_EXTENSION, NOT_STORED = 200, 484, 403, 500
WORKING = WorkingTime(OFFICE, ZoneInfo("UTC"))
CHANGES = [datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 10, 31, tzinfo=UTC), datetime(2028, 2, 28, tzinfo=UTC)]


NONSENSE = [
    *("*23*1*2561#", "*23*1*2400#", "*23*1*1260#"),  # no time of day
    *("*23*6*0231#", "*23*6*1301#", "*23*6*0000#", "*23*6*0100#", "*23*6*0431#"),  # no day of the year
    *("*23*1*123#", "*23*1*12345#", "*23*1*#", "*23*1**#", "*23*1*12*4#", "*23*1*1430*1#"),
    *("*23*#", "*23*55#", "*23*01#", "*23*123#", "*23*1##", "*23*1#5", "*23*#1#", "*23***"),
]
HOSTILE = [
    "*23*1${SHELL(touch /tmp/broken-out)}#",
    "*23*${SHELL(touch /tmp/broken-out)}",
    "*23*1,1)&System(touch /tmp/broken-out)",
    "*23*$[1]#",
    '*23*1" = "1#',
    "*23*1|x",
    "*23*1)",
    "*23*(1",
    "*23*1;x=y",
    "*23*1\\#",
    "*23*1 #",
    "*23*\u0661#",  # a digit of another script
    "*23*1*14\u06630#",
    "*23*1\r\nX: y#",
    "*23*" + "1" * 300,
    "*23*1*1430" + "#" * 80,
]


def dial_all(asterisk: Asterisk, dialled: list[str]) -> dict[str, CallOutcome]:
    """Dial each of them on the telephone of 1001, several at a time: whoever is refused hears it for two seconds."""
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(dialled, pool.map(asterisk.dial, dialled), strict=True))


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def kept(asterisk: Asterisk, extension: str = "1001") -> HandReferral:
    """What Asterisk keeps of what an extension dialled; it must be the only one."""
    hands = asterisk.hands()
    assert set(hands) == {extension}
    entry = parse(extension, hands[extension])
    assert entry is not None, hands
    assert abs(entry.at - datetime.now(UTC)) < timedelta(seconds=30)
    return entry


async def plan(asterisk: Asterisk, *referrals: PlannedReferral, extension: str = "1001") -> None:
    """Write a plan ahead, as Backsoon does before it is stopped."""
    board = asterisk.switchboard()
    presentation = Presentation(extension, None, referrals, "sv", "Europe/Stockholm")
    async with board.session() as session:
        await session.show([Order(extension, NOTHING, board.render(presentation))])


async def ask(asterisk: Asterisk, extension: str = "1001") -> dict[str, str]:
    """What a call to the extension is told now."""
    async with asking(asterisk) as asker:
        return await asker.now(extension)


class TestForms:
    @pytest.mark.parametrize(
        ("dialled", "code", "argument"),
        [
            *((f"*23*{code}#", str(code), "") for code in range(10)),
            ("*23*1", "1", ""),
            *((f"*23*{code}*2359#", str(code), "2359") for code in range(4)),
            *((f"*23*{code}*0101#", str(code), "0101") for code in range(4, 10)),
            ("*23*1*2359", "1", "2359"),
            ("*23*1*0000#", "1", "0000"),
            ("#23#", "", ""),
            ("#23", "", ""),
        ],
    )
    def test_is_kept(self, asterisk: Asterisk, dialled: str, code: str, argument: str) -> None:
        assert asterisk.dial(dialled).statuses == (100, KEPT)
        entry = kept(asterisk)
        assert (entry.code, entry.argument) == (code, argument)

    @pytest.mark.parametrize("raw", ["*23*1#", "%2A23%2A1%23", "*23*1%23"])
    def test_however_the_telephone_escapes_it(self, asterisk: Asterisk, raw: str) -> None:
        assert asterisk.place_call(raw, "1001").status == KEPT
        assert kept(asterisk).code == "1"

    def test_nonsense_is_refused_and_changes_nothing(self, asterisk: Asterisk) -> None:
        outcomes = dial_all(asterisk, NONSENSE)
        assert {d: o.statuses for d, o in outcomes.items()} == dict.fromkeys(NONSENSE, (100, 183, REFUSED))
        assert asterisk.database() == {}
        assert asterisk.place_call("1001").status == 200

    def test_hostile_digits(self, asterisk: Asterisk) -> None:
        outcomes = dial_all(asterisk, HOSTILE)
        assert {d for d, outcome in outcomes.items() if outcome.status < 400} == set()
        assert asterisk.database() == {}
        assert not (asterisk.server.chroot / "tmp" / "broken-out").exists()

    def test_what_stands_behind_a_nul_asterisk_itself_cuts_off(self, asterisk: Asterisk) -> None:
        asterisk.dial("*23*1\0*2359;${SHELL(id)}#")
        assert (kept(asterisk).code, kept(asterisk).argument) == ("1", "")

    def test_the_new_one_replaces_the_old_one(self, asterisk: Asterisk) -> None:
        asterisk.dial("*23*1#")
        first = kept(asterisk)
        asterisk.dial("*23*6*2412#")
        assert kept(asterisk) == first
        asterisk.dial("*23*6*1224#")
        assert (kept(asterisk).code, kept(asterisk).argument) == ("6", "1224")
        assert kept(asterisk).at > first.at

    def test_it_is_told_at_once(self, asterisk: Asterisk) -> None:
        async def told() -> dict[str, str]:
            events: asyncio.Queue[Message] = asyncio.Queue()
            async with open_ami(asterisk.address, OPERATOR, events.put_nowait):
                await asyncio.to_thread(asterisk.dial, "*23*1*2359#")
                while True:
                    event = await asyncio.wait_for(events.get(), 10)
                    if event["UserEvent"] == "BacksoonHand":
                        return dict(event.fields)

        event = asyncio.run(told())
        assert event["Extension"] == "1001"
        assert event["Hand"] == asterisk.hands()["1001"]


class TestWhoDials:
    def test_each_refers_themselves(self, asterisk: Asterisk) -> None:
        asterisk.dial("*23*1#", "1001")
        asterisk.dial("*23*2#", "1002")
        assert {e: parse(e, text).code for e, text in asterisk.hands().items()} == {  # type: ignore[union-attr]
            "1001": "1",
            "1002": "2",
        }

    def test_a_forged_caller_id_refers_nobody_else(self, asterisk: Asterisk) -> None:
        async def number() -> str:
            events: asyncio.Queue[Message] = asyncio.Queue()
            async with open_ami(asterisk.address, OPERATOR, events.put_nowait):
                await asyncio.to_thread(asterisk.place_call, "account", "1001", "1002")
                while (event := await asyncio.wait_for(events.get(), 10))["UserEvent"] != "BacksoonAccount":
                    pass
                return event["Number"]

        assert asyncio.run(number()) == "1002"  # Asterisk believes it
        assert asterisk.place_call("*23*1%23", "1001", pretending="1002").status == KEPT
        assert kept(asterisk, "1001").code == "1"

    def test_whoever_has_no_extension_is_refused(self, asterisk: Asterisk) -> None:
        assert asterisk.place_call("*23*1%23", "caller", pretending="1001").statuses == (100, 183, NO_EXTENSION)
        assert asterisk.dial("#23#", "caller").status == NO_EXTENSION
        assert asterisk.database() == {}

    def test_the_name_of_the_channel_tells_the_same(self, asterisk: Asterisk) -> None:
        async def account() -> str:
            events: asyncio.Queue[Message] = asyncio.Queue()
            async with open_ami(asterisk.address, OPERATOR, events.put_nowait):
                await asyncio.to_thread(asterisk.place_call, "account", "1003")
                while (event := await asyncio.wait_for(events.get(), 10))["UserEvent"] != "BacksoonAccount":
                    pass
                return event["Account"]

        assert asyncio.run(account()) == "1003"


class TestWhatIsHeard:
    def test_two_short_tones_for_yes(self, asterisk: Asterisk) -> None:
        outcome, heard = asterisk.calls.listen("*23*1%23", "1001")
        assert outcome.status == KEPT
        assert melody(heard) == [600, 0, 600, 0]

    def test_three_that_rise_for_no(self, asterisk: Asterisk) -> None:
        outcome, heard = asterisk.calls.listen("*23*1*2561%23", "1001")
        assert outcome.status == REFUSED
        assert melody(heard) == [950, 1400, 1800, 0]


def melody(heard: bytes) -> list[int]:
    """The tones in turn, 0 for silence, from mu-law samples (G.711)."""
    samples = [linear(each) for each in heard]
    pieces = [samples[start : start + 400] for start in range(0, len(samples) - 400, 400)]
    tones = [tone for tone, _ in groupby(max((0, *(f for f in (600, 950, 1400, 1800) if loud(p, f)))) for p in pieces)]
    return tones[1:] if tones[0] == 0 else tones


def linear(each: int) -> int:
    each = ~each & 255
    size = (((each & 15) << 3) + 132) << (each >> 4 & 7)
    return 132 - size if each & 128 else size - 132


def loud(samples: list[int], frequency: int) -> bool:
    """Whether the frequency is among them (a Fourier coefficient)."""
    turns = [2 * math.pi * frequency * n / 8000 for n in range(len(samples))]
    real = sum(x * math.cos(turn) for x, turn in zip(samples, turns, strict=True))
    return math.hypot(real, sum(x * math.sin(turn) for x, turn in zip(samples, turns, strict=True))) > 5e5


class TestCallsFollow:
    """At once, whether anybody took it over or not."""

    async def test_a_referral(self, asterisk: Asterisk) -> None:
        before = now()
        await asyncio.to_thread(asterisk.dial, "*23*0#")
        told = await ask(asterisk)
        assert (told["Phone"], told["Reason"], told["Divert"]) == ("closed", "back_at", "")
        assert 1800 <= int(told["Until"]) - before.timestamp() < 1830
        assert told["Back"] == told["Until"]
        assert (told["Language"], told["Zone"]) == ("en", "UTC")
        assert (await asyncio.to_thread(asterisk.place_call, "1001")).status == 486
        assert (await asyncio.to_thread(asterisk.place_call, "1002")).status == 200

    async def test_a_sensitive_reason_is_told_to_nobody(self, asterisk: Asterisk) -> None:
        await asyncio.to_thread(asterisk.dial, "*23*9#")
        told = await ask(asterisk)
        assert (told["Phone"], told["Reason"], told["Until"], told["Back"]) == ("closed", "not_available", "0", "0")
        assert "sick" not in str(asterisk.database())

    async def test_wins_over_the_plan_and_ends_by_itself(self, asterisk: Asterisk) -> None:
        meeting = PlannedReferral(now() - HOUR, now() + 2 * HOUR, now() + 3 * HOUR, "meeting")
        await plan(asterisk, meeting)
        await asyncio.to_thread(asterisk.dial, "*23*0#")
        told = await ask(asterisk)
        assert (told["Reason"], told["Language"], told["Zone"]) == ("back_at", "sv", "Europe/Stockholm")
        assert meeting.back_at is not None
        assert int(told["Back"]) == meeting.back_at.timestamp()  # a meeting runs then
        async with asking(asterisk) as asker:
            assert (await asker.at("1001", int(told["Until"]) - 1))["Reason"] == "back_at"
            assert (await asker.at("1001", int(told["Until"])))["Reason"] == "meeting"
            assert (await asker.at("1001", int((now() - 2 * HOUR).timestamp())))["Reason"] == ""

    async def test_takes_the_place_of_what_was_set_by_hand_before(self, asterisk: Asterisk) -> None:
        """Neither does back-at count the earlier one, nor does it go on afterwards; meetings do."""
        tomorrow = now() + 24 * HOUR
        holiday = PlannedReferral(now() - HOUR, tomorrow, tomorrow, "holiday", by_hand=True)
        await plan(asterisk, holiday, PlannedReferral(tomorrow, tomorrow + HOUR, tomorrow + HOUR, "meeting"))
        assert (await ask(asterisk))["Reason"] == "holiday"
        await asyncio.to_thread(asterisk.dial, "*23*0#")
        told = await ask(asterisk)
        assert (told["Reason"], told["Back"]) == ("back_at", told["Until"])
        async with asking(asterisk) as asker:
            assert (await asker.at("1001", int(told["Until"]) - 1))["Reason"] == "back_at"
            assert (await asker.at("1001", int(told["Until"])))["Phone"] == ""
            assert (await asker.at("1001", int(tomorrow.timestamp())))["Reason"] == "meeting"
        await asyncio.to_thread(asterisk.dial, "#23#")
        assert (await ask(asterisk))["Phone"] == ""

    async def test_available_to_the_end_of_the_meetings_that_run(self, asterisk: Asterisk) -> None:
        begun, gap = now() - HOUR, timedelta(minutes=4)
        ends = [now() + HOUR, now() + 2 * HOUR, now() + 5 * HOUR]
        await plan(
            asterisk,
            PlannedReferral(begun, ends[0], None, "meeting"),
            PlannedReferral(ends[0] + gap, ends[1], None, "meeting"),
            PlannedReferral(ends[1] + HOUR, ends[2], None, "meeting"),
        )
        assert (await ask(asterisk))["Phone"] == "closed"
        await asyncio.to_thread(asterisk.dial, "#23#")
        assert (await ask(asterisk))["Phone"] == ""
        assert (await asyncio.to_thread(asterisk.place_call, "1001")).status == 200
        async with asking(asterisk) as asker:
            assert (await asker.at("1001", int(ends[1].timestamp()) - 1))["Phone"] == ""
            assert (await asker.at("1001", int((ends[1] + HOUR).timestamp())))["Phone"] == "closed"

    async def test_available_takes_back_what_was_dialled_and_hides_no_later_meeting(self, asterisk: Asterisk) -> None:
        await plan(asterisk, PlannedReferral(now() + HOUR, now() + 2 * HOUR, None, "meeting"))
        await asyncio.to_thread(asterisk.dial, "*23*9#")
        await asyncio.to_thread(asterisk.dial, "#23#")
        assert (await ask(asterisk))["Phone"] == ""
        async with asking(asterisk) as asker:
            assert (await asker.at("1001", int((now() + HOUR).timestamp()) + 60))["Reason"] == "meeting"

    async def test_available_takes_back_what_was_set_until_further_notice(self, asterisk: Asterisk) -> None:
        await plan(asterisk, PlannedReferral(now() - HOUR, None, None, "sick"))
        await asyncio.to_thread(asterisk.dial, "#23#")
        assert (await ask(asterisk))["Phone"] == ""

    async def test_a_restart_of_asterisk_changes_nothing(self, own_asterisk: Asterisk) -> None:
        await asyncio.to_thread(own_asterisk.dial, "*23*1#")
        before = kept(own_asterisk)
        own_asterisk.server.stop()
        own_asterisk.server.start()
        assert kept(own_asterisk) == before
        assert (await asyncio.to_thread(own_asterisk.place_call, "1001")).status == 486

    async def test_what_is_not_kept_is_not_confirmed(self, own_asterisk: Asterisk) -> None:
        own_asterisk.cli("module unload -f func_db.so")
        outcome = await asyncio.to_thread(own_asterisk.dial, "*23*1#")
        assert outcome.statuses == (100, 183, NOT_STORED)


class TestHowItIsJudged:
    """When a referral ends, compared with how Backsoon reckons it."""

    @pytest.mark.parametrize("zone", ["Europe/Stockholm", "America/New_York", "Asia/Kathmandu", "Australia/Sydney"])
    async def test_as_backsoon_does(self, asterisk: Asterisk, zone: str) -> None:
        draw = random.Random(zone)
        working = WorkingTime(OFFICE, ZoneInfo(zone))
        async with asking(asterisk) as asker:
            for _ in range(60):
                at = draw.choice(CHANGES) + timedelta(seconds=draw.randrange(-4 * 86400, 4 * 86400))
                code = draw.choice("1469")
                argument = draw.choice(["", f"{draw.randrange(24):02}{draw.randrange(60):02}", *dates(at, draw)])
                wanted = refer_by_phone(at, code, argument, REASONS, working)
                if in_a_fold(wanted, zone):
                    continue  # of two such times Asterisk always means the first
                found = await judged(asker.until, int(at.timestamp()), code, argument, zone)
                assert found == seconds(wanted, at), (at, code, argument)

    async def test_a_time_that_there_is_not_is_an_hour_later(self, asterisk: Asterisk) -> None:
        at = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
        async with asking(asterisk) as asker:
            found = await asker.until("time", int(at.timestamp()), "0230", "Europe/Stockholm")
        assert found == datetime(2027, 3, 28, 1, 30, tzinfo=UTC).timestamp()


async def judged(ask_until: object, at: int, code: str, argument: str, zone: str) -> int:
    """What the dialplan makes of it; 0 is never, or refused."""
    form = {"1": "time"}.get(code, "date") if argument else "next_working_morning"
    if not argument and code == "9":
        form = "until_taken_back"
    found: int = await ask_until(form, at, argument or "60", zone)  # type: ignore[operator]
    return 0 if argument and found <= at else found


def seconds(wanted: object, at: datetime) -> int:
    if not isinstance(wanted, Override) or wanted.end is None:
        return 0
    assert wanted.end > at
    return int(wanted.end.timestamp())


def in_a_fold(wanted: object, zone: str) -> bool:
    if not isinstance(wanted, Override) or wanted.end is None:
        return False
    local = wanted.end.astimezone(ZoneInfo(zone))
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def dates(at: datetime, draw: random.Random) -> list[str]:
    """Days around the instant, ends of months, and days that there are not."""
    near = at + timedelta(days=draw.randrange(-3, 4))
    return [f"{near:%m%d}", draw.choice(["0228", "0229", "0301", "1231", "0101", "0230", "0431", "1301", "0010"])]
