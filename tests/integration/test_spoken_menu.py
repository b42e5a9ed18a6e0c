"""What callers may choose, which key leads where, and whose calls ring all the same: real calls, real keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backsoon.domain.model import Phone
from backsoon.domain.spoken import Choice, Voice, name_key
from backsoon.switchboards.base import PlannedReferral, Presentation
from backsoon.wire.ami import Message
from backsoon.wire.ami_client import AmiAddress, open_ami
from tests.asterisk_server import OPERATOR
from tests.sip_phone import Phones
from tests.spoken_server import ANNA, ATTENDANT, HOUR, PHONES, TOLD, Spoken, dialplan, local, presented

pytestmark = pytest.mark.xdist_group("spoken")

NOW = local(2027, 3, 1, 9)
SECONDS = int(NOW.timestamp())
FULL = Voice(attendant=ATTENDANT, ring_anyway=True)
SHORT = 0.3
"""Seconds of patience for those who press nothing."""


def away(extension: str = "1001", *, divert: str = "", back: datetime | None = None, **changes: object) -> Presentation:
    start = (NOW - HOUR).astimezone(UTC)
    known = back and back.astimezone(UTC)
    plan = (PlannedReferral(start, None, known, "meeting", Phone.CLOSED, divert),)
    return presented(extension, plan=plan, **({"zone": "Europe/Stockholm"} | changes))


def at(extension: str = "1001") -> str:
    return f"{extension}*{SECONDS}"


def menu(*choices: str) -> list[str]:
    keys = {choice.value: key for choice, key in FULL.keys.items()}
    return [f"en/{part}" for choice in choices for part in (f"menu/{choice}", f"press/{keys[choice]}")]


async def rings(phones: Phones, *extensions: str) -> None:
    """Wait until these were called, in this order, and nobody else."""
    async with asyncio.timeout(15):
        while len(phones.rung) < len(extensions):
            await asyncio.sleep(0.02)
    assert phones.rung == list(extensions)


async def talks(phones: Phones, extension: str) -> None:
    async with asyncio.timeout(15):
        while extension not in phones.talking:
            await asyncio.sleep(0.02)


class TestWhatIsOffered:
    """Only what can be had."""

    async def test_everything(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(FULL))
        await spoken.show(away(deputy="1002"))
        async with spoken.call(at()) as call:
            await call.until("en/press/4")
            assert call.heard[2:] == menu("voicemail", "attendant", "deputy", "ring")

    async def test_to_each_what_they_have(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(replace(FULL, ring_anyway=False, attendant="")))
        deputies = {
            "1001": ("", ["voicemail"]),
            "1002": ("1010", ["voicemail", "deputy"]),
            "1003": ("1010", ["deputy"]),  # no mailbox
            "1004": ("1004", []),  # themselves
            "1005": ("1003", []),  # in a meeting, too
            "1006": ("nobody", []),  # no extension of this pattern
        }
        await spoken.show(*(away(extension, deputy=deputy) for extension, (deputy, _) in deputies.items()))

        async def one(extension: str, choices: list[str]) -> None:
            async with spoken.call(at(extension)) as call:
                last = menu(*choices)[-1] if choices else "en/goodbye"
                await call.until(last)
                assert call.heard[2:] == (menu(*choices) if choices else ["en/goodbye"]), extension

        await asyncio.gather(*(one(extension, choices) for extension, (_, choices) in deputies.items()))

    async def test_no_attendants_who_are_away(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(replace(FULL, ring_anyway=False, no_key=Choice.HANG_UP), patience=SHORT))
        await spoken.show(away(), away(ATTENDANT))
        assert (await spoken.heard(at()))[2:] == [*menu("voicemail"), "en/goodbye"]

    async def test_with_keys_of_its_own(self, spoken: Spoken) -> None:
        keys: Mapping[Choice, str] = {Choice.VOICEMAIL: "9", Choice.ATTENDANT: "0"}
        await spoken.use(dialplan(replace(FULL, keys=keys)))
        await spoken.show(away())
        async with spoken.call(at()) as call:
            await call.until("en/press/9")
            assert call.heard[2:] == ["en/menu/attendant", "en/press/0", "en/menu/voicemail", "en/press/9"]
            call.press("9")
            await call.until("en/leave-message")


class TestKeys:
    """Which key leads where."""

    @pytest.mark.parametrize("language", ["en", "sv"])
    async def test_a_message(self, spoken: Spoken, language: str) -> None:
        await spoken.use(dialplan(FULL))
        await spoken.show(away(language=language))
        async with spoken.call(at()) as call:
            await call.until(f"{language}/press/4")
            call.press("1")
            await call.until("en/beep")
            assert call.heard[-2:] == [f"{language}/leave-message", "en/beep"]

    @pytest.mark.parametrize(("key", "extension"), [("2", ATTENDANT), ("3", "1002"), ("4", "1001")])
    async def test_somebody_answers(self, spoken: Spoken, key: str, extension: str) -> None:
        await spoken.use(dialplan(FULL))
        await spoken.show(away(deputy="1002"))
        async with spoken.phones(extension) as phones, spoken.call(at()) as call:
            await call.until("en/press/4")
            call.press(key)
            await talks(phones, extension)
            await rings(phones, extension)
            assert call.heard[-1] == ("en/press/4" if key == "4" else "en/transfer")

    async def test_a_key_during_the_menu_is_enough(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(FULL))
        await spoken.show(away())
        async with spoken.phones(ATTENDANT) as phones, spoken.call(at()) as call:
            await call.until("en/menu/voicemail")
            call.press("2")
            await talks(phones, ATTENDANT)
            assert "en/press/4" not in call.heard

    @pytest.mark.parametrize("point", [f"name/{name_key(ANNA)}", "outside/meeting", "back/today"])
    async def test_a_key_while_the_sentence_is_told_is_enough(self, spoken: Spoken, point: str) -> None:
        await spoken.use(dialplan(FULL))
        await spoken.show(away(back=NOW + HOUR))
        async with spoken.phones(ATTENDANT) as phones, spoken.call(at()) as call:
            await call.until(f"en/{point}")
            call.press("2")
            await talks(phones, ATTENDANT)
            assert "en/menu/voicemail" not in call.heard

    async def test_one_that_cannot_be_had_then_leads_to_the_menu(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(FULL))
        await spoken.show(away())
        async with spoken.phones(ATTENDANT) as phones, spoken.call(at()) as call:
            await call.until(f"en/name/{name_key(ANNA)}")
            call.press("3")  # there is no deputy
            await call.until("en/press/4")
            assert call.heard[-6:] == menu("voicemail", "attendant", "ring")
            call.press("2")
            await talks(phones, ATTENDANT)

    @pytest.mark.parametrize(("voice", "key"), [(TOLD, "1"), (FULL, "7"), (FULL, "#")])
    async def test_a_key_that_means_nothing_ends_no_sentence(self, spoken: Spoken, voice: Voice, key: str) -> None:
        await spoken.use(dialplan(voice))
        await spoken.show(away(back=NOW + HOUR))
        async with spoken.call(at()) as call:
            await call.until(f"en/name/{name_key(ANNA)}")
            call.press(key)
            await call.until("en/oclock/10")
            assert call.heard[1:] == ["en/outside/meeting", "en/back/today", "en/oclock/10"]

    async def test_the_hash_says_the_menu_again(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(replace(FULL, no_key=Choice.RING)))
        await spoken.show(away())
        async with spoken.phones(ATTENDANT) as phones, spoken.call(at()) as call:
            await call.until("en/press/4")
            call.press("#")
            await call.until("en/press/4", 2)
            call.press("2")
            await talks(phones, ATTENDANT)
            assert phones.rung == [ATTENDANT]

    async def test_a_menu_whose_last_prompt_cannot_be_played_waits_for_a_key(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(replace(FULL, ring_anyway=False)))
        await spoken.show(away())
        last = spoken.server.folder / "data" / "sounds" / "en" / "backsoon" / "press" / "2.wav"
        aside = last.rename(last.with_suffix(".aside"))
        try:
            async with spoken.phones(ATTENDANT) as phones, spoken.call(at()) as call:
                await call.until("en/menu/attendant")
                await asyncio.sleep(1)
                call.press("2")
                await talks(phones, ATTENDANT)
        finally:
            aside.rename(last)

    @pytest.mark.parametrize(("key", "told"), [("2", ["transfer"]), ("3", ["transfer", "deputy-away"])])
    async def test_nobody_answers_so_a_message(self, spoken: Spoken, key: str, told: list[str]) -> None:
        await spoken.use(dialplan(FULL))
        await spoken.show(away("1001", deputy="1002"), away("1003", deputy="1002"))

        async def one(extension: str, then: str) -> None:
            async with spoken.call(at(extension)) as call:
                await call.until("en/press/4")
                call.press(key)
                await call.until(then)
                said = call.heard[call.heard.index("en/press/4") + 1 :]
                assert said == [*(f"en/{one}" for one in told), then]

        async with spoken.phones() as phones:
            await asyncio.gather(one("1001", "en/leave-message"), one("1003", "en/goodbye"))
            assert phones.rung == [ATTENDANT if key == "2" else "1002"] * 2

    async def test_a_deputy_who_left_meanwhile_is_not_called(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(FULL))
        await spoken.show(away(deputy="1002"))
        async with spoken.phones() as phones, spoken.call(at()) as call:
            await call.until("en/press/4")
            await spoken.show(away("1002", deputy="1001"))
            call.press("3")
            await call.until("en/leave-message")
            assert call.heard[-2:] == ["en/deputy-away", "en/leave-message"]
            assert phones.rung == []

    async def test_a_wrong_key_says_it_again_twice(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(replace(FULL, ring_anyway=False, no_key=Choice.HANG_UP)))
        await spoken.show(away())
        async with spoken.call(at()) as call:
            for times, key in enumerate("5*4", 1):
                await call.until("en/press/2", times)
                call.press(key)
            assert await call.ended() == [*call.heard[:2], *menu("voicemail", "attendant") * 3, "en/goodbye"]

    async def test_the_right_one_after_a_wrong_one(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(FULL))
        await spoken.show(away())
        async with spoken.phones(ATTENDANT) as phones, spoken.call(at()) as call:
            await call.until("en/press/4")
            call.press("7")
            await call.until("en/press/4", 2)
            call.press("2")
            await talks(phones, ATTENDANT)

    async def test_what_is_no_telephone_is_called_as_the_operator_says(self, spoken: Spoken) -> None:
        own = "\n[backsoon-local]\nexten => 9,1,Playback(digits/9)\n same => n,Hangup()\n"
        await spoken.use(dialplan(replace(FULL, attendant="9")) + own)
        await spoken.show(away())
        async with spoken.call(at()) as call:
            await call.until("en/press/4")
            call.press("2")
            assert (await call.ended())[-2:] == ["en/transfer", "en/digits/9"]


class TestNoKey:
    """What the organisation chose, else the next that can be had."""

    @pytest.mark.parametrize(
        ("voice", "last"),
        [
            (replace(FULL, no_key=Choice.VOICEMAIL), "leave-message"),
            (replace(FULL, no_key=Choice.ATTENDANT), ATTENDANT),
            (replace(FULL, no_key=Choice.DEPUTY), "1002"),
            (replace(FULL, no_key=Choice.RING), "1001"),
            (replace(FULL, no_key=Choice.HANG_UP), "goodbye"),
            (replace(FULL, no_key=Choice.RING, ring_anyway=False), "leave-message"),
            (replace(FULL, no_key=Choice.VOICEMAIL, voicemail=""), ATTENDANT),
            (replace(FULL, no_key=Choice.VOICEMAIL, voicemail="", attendant=""), "goodbye"),
        ],
    )
    async def test_it(self, spoken: Spoken, voice: Voice, last: str) -> None:
        await spoken.use(dialplan(voice, patience=SHORT))
        await spoken.show(away(deputy="1002"))
        async with spoken.phones("1001", "1002", ATTENDANT) as phones, spoken.call(at()) as call:
            if last.isdecimal():
                await talks(phones, last)
                await rings(phones, last)
            else:
                await call.until(f"en/{last}")
                assert phones.rung == []


class TestDiverted:
    """The entry says where calls go instead."""

    async def test_somebody_answers(self, spoken: Spoken) -> None:
        await spoken.show(away(divert="1002"))
        async with spoken.phones("1002") as phones, spoken.call(at()) as call:
            await talks(phones, "1002")
            assert phones.rung == ["1002"]
            assert call.heard == []

    @pytest.mark.parametrize("further", ["", "1001", "1003"])
    async def test_nobody_is_sent_to_one_who_is_away_as_well(self, spoken: Spoken, further: str) -> None:
        """It is told at once, of the person who was called."""
        await spoken.show(away(divert="1002"), away("1002", divert=further, name="Bo Ek"))
        async with spoken.phones() as phones:
            told = await spoken.heard(at())
            assert told[:2] == [f"en/name/{name_key(ANNA)}", "en/outside/meeting"]
            assert phones.rung == []

    async def test_one_who_only_informs_is_there(self, spoken: Spoken) -> None:
        inform = (PlannedReferral((NOW - HOUR).astimezone(UTC), None, None, "meeting", Phone.OPEN),)
        await spoken.show(away(divert="1002"), presented("1002", plan=inform))
        async with spoken.phones("1002") as phones, spoken.call(at()):
            await talks(phones, "1002")

    async def test_nobody_answers_so_it_is_told(self, spoken: Spoken) -> None:
        await spoken.show(away(divert="1002"))
        async with spoken.phones() as phones:
            assert (await spoken.heard(at()))[1] == "en/outside/meeting"
            assert phones.rung == ["1002"]

    async def test_to_what_is_no_telephone_as_the_operator_says(self, spoken: Spoken) -> None:
        own = "\n[backsoon-local]\nexten => 9,1,Answer()\n same => n,Playback(digits/9)\n same => n,Return()\n"
        await spoken.use(dialplan() + own)
        await spoken.show(away(divert="9"))
        assert (await spoken.heard(at()))[:3] == ["en/digits/9", f"en/name/{name_key(ANNA)}", "en/outside/meeting"]

    @pytest.mark.parametrize("number", ["1001", "+4690012345", "s", "backsoon", "h"])
    async def test_never_to_the_same_room_and_never_outside(self, spoken: Spoken, number: str) -> None:
        await spoken.show(away(divert=number))
        async with spoken.phones() as phones:
            assert (await spoken.heard(at()))[1] == "en/outside/meeting"
            assert phones.rung == []


class TestRingsThrough:
    """Whose calls ring though the phone is closed."""

    VOICE = Voice(voicemail="", attendants=("1030",), attendant=ATTENDANT, ring_through=("0046701112233", "5550"))

    async def rung(self, spoken: Spoken, account: str = "trunk", number: str = "") -> bool:
        """Whether the call rings; else it is told."""
        async with spoken.phones() as phones, spoken.call(at(), account, number) as call:
            async with asyncio.timeout(15):
                while not phones.rung and "en/goodbye" not in call.heard and "en/press/2" not in call.heard:
                    await asyncio.sleep(0.02)
            assert phones.rung in ([], ["1001"])
            return bool(phones.rung)

    async def test_attendants(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(self.VOICE))
        await spoken.show(away())
        assert await self.rung(spoken, "1030")
        assert await self.rung(spoken, ATTENDANT)
        assert not await self.rung(spoken, "1031")
        assert not await self.rung(spoken, "trunk", "1030")  # a caller id makes no attendant

    async def all_rung(self, spoken: Spoken, calls: Mapping[str, str]) -> set[str]:
        """Which of these extensions ring for a caller with that number; the others are told."""
        async with spoken.phones() as phones:

            async def one(extension: str, number: str) -> None:
                async with spoken.call(at(extension), "trunk", number) as call:
                    assert (await call.ended() == []) is (extension in phones.rung)

            await asyncio.gather(*(one(*call) for call in calls.items()))
            return set(phones.rung)

    async def test_numbers_of_the_organisation_and_of_the_person(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(replace(self.VOICE, attendant="")))
        ring = ["+46701112233", "0046701112233", "5550", "+46708", "0046708"]
        others = ["46701112233", "555", "55500", "46708", "", "1001", "46"]
        calls = dict(zip(PHONES, ring + others, strict=False))
        await spoken.show(*(away(extension, ring_through=("+46708", "999999")) for extension in calls))
        assert await self.all_rung(spoken, calls) == {extension for extension, n in calls.items() if n in ring}

    async def test_whoever_called_for_help(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(replace(self.VOICE, attendant="")))
        ago = dict(zip(PHONES, [0, 3599, -30, 3600, 86400, -3600], strict=False))
        await spoken.show(*map(away, ago))
        for extension, seconds in ago.items():
            await spoken.put("backsoon-emergency", extension, str(SECONDS - seconds))
        assert await self.all_rung(spoken, dict.fromkeys(ago, "")) == {"1001", "1002", "1003"}

    async def test_who_called_for_help_is_told_by_the_account(self, spoken: Spoken) -> None:
        async with spoken.call("112", "1007", number="1008") as call:
            await call.ended()
        async with spoken.call("112", "trunk", number="1009") as call:
            await call.ended()
        async with spoken.call("112", "1001-mobile") as call:
            await call.ended()
        async with spoken.call("1002", "1010") as call, spoken.phones():
            await call.ended()
        assert set(spoken.database()) == {"/backsoon-emergency/1007", "/backsoon-emergency/1001"}

    async def test_what_follows_finds_everything_as_it_was(self, spoken: Spoken) -> None:
        """The variables are those of whoever is called, not of a deputy who was looked at; the language is as ever."""
        await spoken.use(dialplan(FULL))
        await spoken.show(away(deputy="1002", language="sv"))
        events: asyncio.Queue[Message] = asyncio.Queue()
        async with open_ami(AmiAddress(port=spoken.server.ami_port), OPERATOR, events.put_nowait):
            async with spoken.phones() as phones, spoken.call(at()) as call:
                await call.until("sv/press/4")
                call.press("4")
                await rings(phones, "1001")
            while (event := await asyncio.wait_for(events.get(), 10))["UserEvent"] != "BacksoonRing":
                pass
        assert (event["Extension"], event["Phone"], event["Language"]) == ("1001", "closed", "en")


class TestWhoHangsUpEarly:
    """Whenever that is, nothing stays: no channel, no message, no entry."""

    async def test_nothing_stays(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(FULL))
        await spoken.show(away(deputy="1002"))
        before = spoken.database(), messages(spoken)
        points = [f"name/{name_key(ANNA)}", "outside/meeting", "menu/voicemail", "press/4"]

        async def one(point: str) -> None:
            async with spoken.call(at()) as call:
                await call.until(f"en/{point}")

        async with spoken.phones() as phones:
            await asyncio.gather(*map(one, points))
            async with spoken.call(at()) as call:
                await call.status_known()
            async with spoken.call(at()):
                pass
            await spoken.until_quiet()
            assert phones.rung == []
        assert (spoken.database(), messages(spoken)) == before


def messages(spoken: Spoken) -> list[str]:
    """The files of messages in voicemail."""
    return sorted(map(str, (spoken.server.folder / "spool").rglob("msg*")))


async def test_a_second_later_rings_again(spoken: Spoken) -> None:
    """The moment the meeting ends the person is reached, with nobody of ours about."""
    end = NOW.astimezone(UTC) + timedelta(seconds=1)
    plan = (PlannedReferral(end - HOUR, end, end, "meeting"),)
    await spoken.show(presented(plan=plan))
    async with spoken.phones() as phones:
        assert len(await spoken.heard(f"1001*{SECONDS}")) > 1
        assert phones.rung == []
        assert await spoken.heard(f"1001*{SECONDS + 1}") == []
        assert phones.rung == ["1001"]
