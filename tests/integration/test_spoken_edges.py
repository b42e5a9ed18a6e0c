"""Callers at the edges: calls that would go in circles or out of the house, lists that are long, lines of which
little is known.
"""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import replace
from datetime import UTC
from urllib.parse import quote

import pytest

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Lifetime, Rules
from backsoon.domain.phonecodes import PhoneCodes
from backsoon.domain.spoken import Choice, Voice
from backsoon.switchboards.asterisk.dialplan import dialplan_text
from backsoon.switchboards.base import PlannedReferral, Presentation
from backsoon.voice.dialplan import spoken_text
from backsoon.voice.language import languages
from tests.spelled import spelled
from tests.spoken_server import (
    ATTENDANT,
    HOUR,
    INCOMING,
    TOLD,
    Spoken,
    dialplan,
    local,
    moment,
    organisation,
    presented,
)

pytestmark = pytest.mark.xdist_group("spoken")

NOW = local(2027, 3, 1, 9)
SECONDS = int(NOW.timestamp())
FULL = Voice(attendant=ATTENDANT)
EXAMPLE = dialplan_text(organisation=organisation()) + "\n[incoming]\ninclude => backsoon-example\n"
"""Calls enter the printed example."""


def away(extension: str = "1001", *, divert: str = "", **changes: object) -> Presentation:
    plan = (PlannedReferral((NOW - HOUR).astimezone(UTC), None, None, "meeting", divert_to=divert),)
    return presented(extension, plan=plan, **changes)


class TestWhoeverCallsIsNotCalled:
    """The deputy, or the one to whom calls are diverted, calls themselves: they are told instead."""

    async def test_by_a_diversion(self, spoken: Spoken) -> None:
        await spoken.show(away(divert="1002"))
        async with spoken.phones("1002") as phones:
            assert (await spoken.heard(f"1001*{SECONDS}", "1002"))[1] == "en/reason/meeting"
            assert phones.rung == []

    async def test_by_the_menu(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(replace(FULL, no_key=Choice.DEPUTY, voicemail="", attendant=""), patience=0.3))
        await spoken.show(away(deputy="1002"))
        async with spoken.phones("1002") as phones:
            heard = await spoken.heard(f"1001*{SECONDS}", "1002")
            assert heard[1:] == ["en/reason/meeting", "en/goodbye"]
            assert phones.rung == []


class TestWhoCalls:
    async def test_a_call_that_an_attendant_passes_on_rings_through(self, spoken: Spoken) -> None:
        """Else the caller would be told again, and sent to the attendant again."""
        assert await self.rung_when_passed_on(spoken, ATTENDANT) == [ATTENDANT, "1001"]

    async def test_one_that_anybody_else_passes_on_does_not(self, spoken: Spoken) -> None:
        assert await self.rung_when_passed_on(spoken, "1002") == ["1002"]

    async def rung_when_passed_on(self, spoken: Spoken, by: str) -> list[str]:
        """Whose telephones ring where a call from outside is answered and transferred to somebody who is away."""
        await spoken.use(dialplan(replace(FULL, voicemail="", no_key=Choice.HANG_UP), patience=0.3))
        await spoken.show(away())
        async with spoken.phones(by) as phones, spoken.call(by) as call:
            async with asyncio.timeout(15):
                while by not in phones.talking:
                    await asyncio.sleep(0.02)
            (channel,) = re.findall(rf"PJSIP/{by}-[0-9a-f]+", spoken.server.cli("core show channels concise"))[:1]
            to = [("Channel", channel), ("Context", "incoming"), ("Exten", f"1001*{SECONDS}")]
            await spoken.operate(("BlindTransfer", to))
            heard = await call.ended()
            assert ("en/outside/meeting" in heard) is ("1001" not in phones.rung)
            return phones.rung

    async def test_whom_nobody_knows_is_no_colleague_though_letters_are_extensions(self, spoken: Spoken) -> None:
        """`anonymous` is what Asterisk calls the account of calls that belong to none."""
        text = dialplan_text(organisation=organisation(), extensions="_[0-9a-z]!", spoken=spoken_text())
        await spoken.use(text + INCOMING)
        await spoken.show(away())
        assert (await spoken.heard(f"1001*{SECONDS}", "anonymous"))[1] == "en/outside/meeting"
        assert (await spoken.heard(f"1001*{SECONDS}", "1002"))[1] == "en/reason/meeting"


class TestNobodyIsCalledOutside:
    @pytest.mark.parametrize("tail", ["/sip:127.0.0.1:{port}", "/1009:{port}", ":1009"])
    async def test_by_what_somebody_wrote_as_a_deputy(self, spoken: Spoken, tail: str) -> None:
        await spoken.use(dialplan(replace(FULL, no_key=Choice.DEPUTY, voicemail="", attendant=""), patience=0.3))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            elsewhere.bind(("127.0.0.1", 0))
            elsewhere.setblocking(False)
            deputy = "1002" + tail.format(port=elsewhere.getsockname()[1])
            await spoken.show(away())
            await spoken.put("backsoon-person", "1001", f"1~en~UTC~~{deputy}~")
            async with spoken.phones() as phones:
                await spoken.heard(f"1001*{SECONDS}")
                assert phones.rung == []
            with pytest.raises(BlockingIOError):
                elsewhere.recv(1)

    @pytest.mark.parametrize("called", ["1001&PJSIP/1002", "1001,1)&PJSIP/1002", "1001,1"])
    async def test_by_what_is_dialled_into_the_example(self, spoken: Spoken, called: str) -> None:
        """The printed pattern takes any characters behind a digit, and the example is what people copy."""
        await spoken.use(EXAMPLE)
        async with spoken.phones() as phones, spoken.call(quote(called, safe="")) as call:
            await call.ended()
            await spoken.heard("1001")
        assert phones.rung == ["1001"]

    async def test_and_no_other_instant_is_asked_for(self, spoken: Spoken) -> None:
        await spoken.use(EXAMPLE)
        await spoken.show(away())
        await spoken.put("backsoon", "1001", f"1~en~UTC~{1000000000}:0:0:meeting:c:")
        async with spoken.phones() as phones:
            await spoken.heard("1001%2C1")
            assert (await spoken.heard("1001"))[1:2] == ["en/outside/meeting"]
        assert phones.rung == []


async def test_the_last_of_many_numbers_rings_through(spoken: Spoken) -> None:
    everybody = tuple(f"+4670{number:015}" for number in range(50))
    own = tuple(f"+4680{number:015}" for number in range(35))
    await spoken.use(dialplan(replace(TOLD, ring_through=everybody)))
    await spoken.show(away(ring_through=own))
    async with spoken.phones() as phones:
        for number in (everybody[-1], own[-1], everybody[-1][:-1], own[-1] + "0"):
            await spoken.heard(f"1001*{SECONDS}", "trunk", number)
        assert phones.rung == ["1001"] * 2


async def test_whoever_dialled_a_code_is_told_of_in_the_language_and_zone_of_their_line(spoken: Spoken) -> None:
    """Nothing is planned for them, but who it is is known, as they have a deputy."""
    later = int((NOW + HOUR).timestamp())
    await spoken.show(presented(deputy="1002", language="sv", zone="Asia/Kathmandu"))
    await spoken.put("backsoon-hand", "1001", f"1~{SECONDS}.000~1~-~{later}~{later}~meeting")
    heard = await spoken.heard(f"1001*{SECONDS}")
    assert heard[1:5] == ["sv/outside/meeting", "sv/back/today", "sv/hour/14", "sv/minute/45"]


@pytest.mark.parametrize("language", ["SV", "Sv-fi", "sv_SE"])
async def test_a_language_in_capitals_is_the_same(spoken: Spoken, language: str) -> None:
    await spoken.show(away(language=language))
    async with spoken.call(f"1001*{SECONDS}") as call:
        assert (await call.ended())[1:2] == ["sv/outside/meeting"], call.statuses


async def test_a_zone_that_asterisk_does_not_know_is_utc_to_it(spoken: Spoken) -> None:
    """It says nothing of that: `backsoon check` does."""
    later = (NOW + HOUR).astimezone(UTC)
    plan = (PlannedReferral((NOW - HOUR).astimezone(UTC), None, later, "meeting"),)
    await spoken.show(presented(plan=plan, zone="Mars/Olympus"))
    keys = moment(later, NOW.astimezone(UTC), languages()["en"].rules, "back")
    assert (await spoken.heard(f"1001*{SECONDS}"))[1:-1] == ["en/outside/meeting", *(f"en/{key}" for key in keys)]


@pytest.mark.parametrize(
    ("organisation_s", "line", "told"), [("en", "sv", "en"), ("sv", "en", "sv"), ("sv", "de", "sv")]
)
async def test_a_line_whose_language_has_no_prompts_is_told_in_the_organisation_s(
    spoken: Spoken, organisation_s: str, line: str, told: str
) -> None:
    sounds = spoken.server.folder / "data" / "sounds"
    there = sounds / line / "backsoon"
    aside = sounds / line / "aside"
    whose = replace(organisation(), language=organisation_s)
    await spoken.use(dialplan_text(organisation=whose, spoken=spoken_text()) + INCOMING)
    await spoken.show(away(language=line))
    if there.exists():
        there.rename(aside)
    try:
        heard = await spoken.heard(f"1001*{SECONDS}")
    finally:
        if aside.exists():
            aside.rename(there)
    assert heard[1] == f"{told}/outside/meeting"
    assert {one.partition("/")[0] for one in heard} == {told}


async def test_several_calls_of_the_same_caller_do_not_disturb_each_other(spoken: Spoken) -> None:
    await spoken.show(away("1001"), away("1002", language="sv"))
    told = await asyncio.gather(*(spoken.heard(f"{extension}*{SECONDS}") for extension in ("1001", "1002") * 3))
    assert [one[1] for one in told] == ["en/outside/meeting", "sv/outside/meeting"] * 3


async def test_codes_digits_and_lifetimes_of_the_organisation_s_own(spoken: Spoken) -> None:
    meeting = replace(REASONS["meeting"], digit="55", phone_lifetime=Lifetime.MINUTES, phone_minutes=7)
    rules = Rules(KEYWORDS, REASONS | {"meeting": meeting})
    whose = replace(organisation(), rules=rules, phone=PhoneCodes("*21*", "#21#", "*21#"))
    await spoken.use(dialplan_text(organisation=whose, spoken=spoken_text()) + INCOMING)
    assert (await spoken.heard("*21*55%23", "1002"))[0] == "en/own/meeting"
    _, at, code, argument, until, _, reason = spoken.database()["/backsoon-hand/1002"].split("~")
    assert (code, argument, int(until) - int(at.partition(".")[0]), reason) == ("55", "-", 7 * 60, "meeting")
    assert (await spoken.heard("*21%23", "1002"))[0] == "en/own/meeting"
    assert await spoken.heard("%2321%23", "1002") == ["en/own/available"]
    assert await spoken.heard("*21*1%23", "1002") == ["en/own/wrong"]


@pytest.mark.parametrize("ending", [".ulaw", ".sln"])
async def test_a_recording_in_another_format_is_played_instead_of_a_prompt(spoken: Spoken, ending: str) -> None:
    """Where `voice build` has taken away what it made of that prompt."""
    made = spoken.server.folder / "data" / "sounds" / "en" / "backsoon" / "outside" / "meeting.wav"
    recording = made.with_suffix(ending)
    samples = spelled("en/recorded/meeting")[44:]
    recording.write_bytes(b"[en/recorded/meeting]".ljust(160, b"\xff") if ending == ".ulaw" else samples)
    aside = made.rename(made.with_suffix(".aside"))
    try:
        await spoken.show(away())
        assert (await spoken.heard(f"1001*{SECONDS}"))[1] == "en/recorded/meeting"
    finally:
        recording.unlink()
        aside.rename(made)
