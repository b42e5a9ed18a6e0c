"""Star codes that answer in words: dialled on a telephone of a real Asterisk, whose prompts spell their names."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.model import Phone
from backsoon.switchboards.base import PlannedReferral
from backsoon.voice.language import languages
from tests.spoken_server import HOUR, Spoken, moment, presented

pytestmark = pytest.mark.xdist_group("spoken")

ZONE = "Europe/Stockholm"


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


async def dial(spoken: Spoken, digits: str, account: str = "1001") -> tuple[list[int], list[str]]:
    """Dial them: the answers, and what was heard to the end of the call."""
    async with spoken.call(digits.replace("#", "%23"), account) as call:
        heard = await call.ended()
        return call.statuses, heard


def kept(spoken: Spoken, extension: str = "1001") -> list[str]:
    return spoken.database()[f"/backsoon-hand/{extension}"].split("~")


def until(spoken: Spoken, language: str, zone: str) -> list[str]:
    """How the end of what was kept is told."""
    where = ZoneInfo(zone)
    end = datetime.fromtimestamp(int(kept(spoken)[4]), where)
    keys = moment(end, now().astimezone(where), languages()[language].rules, "until")
    return [f"{language}/{key}" for key in keys]


class TestConfirmed:
    """What they are now, and until when."""

    @pytest.mark.parametrize(
        ("digits", "own"),
        [
            ("*23*0#", "back_at"),
            ("*23*1*2359#", "meeting"),
            ("*23*1*0001#", "meeting"),
            ("*23*6*1224#", "holiday"),
            ("*23*8#", "gone_for_the_day"),
        ],
    )
    async def test_until_when(self, spoken: Spoken, digits: str, own: str) -> None:
        statuses, heard = await dial(spoken, digits)
        assert statuses == [100, 200]
        assert heard == [f"en/own/{own}", *until(spoken, "en", "UTC")]

    async def test_until_taken_back_in_their_own_words(self, spoken: Spoken) -> None:
        """The true reason, which nobody else hears."""
        assert (await dial(spoken, "*23*9#"))[1] == ["en/own/sick", "en/own/until-further-notice"]
        assert (await spoken.heard("1001"))[1] == "en/unavailable-today"

    async def test_available_again(self, spoken: Spoken) -> None:
        assert await dial(spoken, "#23#") == ([100, 200], ["en/own/available"])

    async def test_in_the_language_and_zone_of_the_line(self, spoken: Spoken) -> None:
        await spoken.show(presented(language="sv", zone=ZONE, deputy="1002", plan=(coming(),)))
        _, heard = await dial(spoken, "*23*6*1224#")
        assert heard == ["sv/own/holiday", *until(spoken, "sv", ZONE)]

    async def test_from_another_telephone_of_theirs(self, spoken: Spoken) -> None:
        assert (await dial(spoken, "*23*9#", "1001-mobile"))[1][0] == "en/own/sick"
        assert list(spoken.database()) == ["/backsoon-hand/1001"]

    async def test_unless_somebody_is_called_so(self, spoken: Spoken) -> None:
        await spoken.show(presented("1001-mobile", deputy="1002"))
        await dial(spoken, "*23*9#", "1001-mobile")
        assert "/backsoon-hand/1001-mobile" in spoken.database()
        assert "/backsoon-hand/1001" not in spoken.database()

    async def test_until_when_backsoon_says_where_it_has_taken_it_over(self, spoken: Spoken) -> None:
        """It knows holidays, and the person's own hours."""
        end = now() + timedelta(days=40)
        async with spoken.call("*23*8%23", "1001") as call:
            while "/backsoon-hand/1001" not in spoken.database():
                await asyncio.sleep(0.02)
            plan = (PlannedReferral(now() - HOUR, end, end, "gone_for_the_day", Phone.CLOSED, "", True),)
            await spoken.show(presented(plan=plan))
            await spoken.operate(("DBDel", [("Family", "backsoon-hand"), ("Key", "1001")]))
            heard = await call.ended()
        keys = moment(end, now(), languages()["en"].rules, "until")
        assert heard == ["en/own/gone_for_the_day", *(f"en/{key}" for key in keys)]

    async def test_refused(self, spoken: Spoken) -> None:
        assert await dial(spoken, "*23*1*2561#") == ([100, 183, 484], ["en/own/wrong"])
        assert await dial(spoken, "*23*1#", "trunk") == ([100, 183, 403], ["en/own/nobody"])
        assert spoken.database() == {}


def coming() -> PlannedReferral:
    return PlannedReferral(now() + 2 * HOUR, now() + 3 * HOUR, None, "lunch")


def running(reason: str = "meeting", phone: Phone = Phone.CLOSED, end: datetime | None = None) -> PlannedReferral:
    return PlannedReferral(now() - HOUR, end, end, reason, phone)


class TestEnquired:
    """`*23#` tells one's own present referral, and changes nothing."""

    @pytest.mark.parametrize("digits", ["*23#", "*23"])
    async def test_nothing(self, spoken: Spoken, digits: str) -> None:
        await spoken.show(presented(plan=(coming(),)))
        before = spoken.database()
        assert await dial(spoken, digits) == ([100, 200], ["en/own/available"])
        assert spoken.database() == before

    @pytest.mark.parametrize("phone", [Phone.CLOSED, Phone.OPEN])
    async def test_what_the_calendar_says(self, spoken: Spoken, phone: Phone) -> None:
        end = now() + timedelta(days=30)
        await spoken.show(presented(plan=(running(phone=phone, end=end),), language="sv", zone=ZONE))
        keys = moment(
            end.astimezone(ZoneInfo(ZONE)), now().astimezone(ZoneInfo(ZONE)), languages()["sv"].rules, "until"
        )
        assert (await dial(spoken, "*23#"))[1] == ["sv/own/meeting", *(f"sv/{key}" for key in keys)]

    async def test_until_further_notice(self, spoken: Spoken) -> None:
        await spoken.show(presented(plan=(running("not_available"),)))
        assert (await dial(spoken, "*23#"))[1] == ["en/own/not_available", "en/own/until-further-notice"]

    async def test_what_they_dialled_themselves_before_all_else(self, spoken: Spoken) -> None:
        await spoken.show(presented(plan=(running(),)))
        await dial(spoken, "*23*9*1224#")
        assert (await dial(spoken, "*23#"))[1] == ["en/own/sick", *until(spoken, "en", "UTC")]
        await dial(spoken, "#23#")
        assert (await dial(spoken, "*23#"))[1] == ["en/own/available"]

    async def test_what_they_dialled_is_over(self, spoken: Spoken) -> None:
        start = int(now().timestamp()) - 7200
        await spoken.put("backsoon-hand", "1001", f"1~{start}.000~9~-~{start + 3600}~{start + 3600}~not_available")
        assert (await dial(spoken, "*23#"))[1] == ["en/own/available"]

    async def test_everybody_their_own(self, spoken: Spoken) -> None:
        await spoken.show(presented(plan=(running(),)))
        assert (await dial(spoken, "*23#", "1002"))[1] == ["en/own/available"]
        assert await dial(spoken, "*23#", "trunk") == ([100, 183, 403], ["en/own/nobody"])
        async with spoken.call("*23%23", "1002", number="1001") as call:  # a caller id is nobody
            assert await call.ended() == ["en/own/available"]
