"""What callers hear of somebody who is away: real calls to a real Asterisk, whose prompts spell their names.

Nothing of ours runs meanwhile.
"""

from __future__ import annotations

import random
import shutil
import wave
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.defaults import REASONS
from backsoon.domain.model import Phone
from backsoon.domain.spoken import Voice, name_key
from backsoon.switchboards.base import PlannedReferral, Presentation
from backsoon.voice.dialplan import spoken_text
from backsoon.voice.language import FOLDER, languages, load_language
from tests.spoken_server import ANNA, HOUR, PHONES, TOLD, Spoken, dialplan, local, moment, presented, prompts_of

pytestmark = pytest.mark.xdist_group("spoken")

NOW = local(2027, 3, 1, 9)  # a Monday
NAME = f"name/{name_key(ANNA)}"


def away(back: datetime | None, reason: str = "meeting", at: datetime = NOW) -> tuple[PlannedReferral, ...]:
    """Away since an hour before, and for long."""
    return (PlannedReferral((at - HOUR).astimezone(UTC), None, back and back.astimezone(UTC), reason),)


def said(language: str, *keys: str) -> list[str]:
    return [f"{language}/{key}" for key in (*keys, "goodbye")]


def at(extension: str, now: datetime = NOW) -> str:
    return f"{extension}*{int(now.timestamp())}"


FORMS = [
    ("today", local(2027, 3, 1, 10)),
    ("today", local(2027, 3, 1, 23, 59)),
    ("week", local(2027, 3, 2, 0)),
    ("week", local(2027, 3, 2, 8, 5)),
    ("week", local(2027, 3, 7, 23, 59)),
    ("date", local(2027, 3, 8, 0)),
    ("date", local(2028, 1, 25, 8)),
    ("date", local(2028, 1, 25, 10)),
    ("date", local(2028, 2, 29, 8)),
    ("date", local(2075, 12, 31, 8)),
]


@pytest.mark.parametrize("language", ["en", "sv"])
async def test_the_time_today_the_day_this_week_the_date_later(spoken: Spoken, language: str) -> None:
    cases = dict(zip(PHONES, FORMS, strict=False))
    await spoken.show(
        *(presented(e, plan=away(back), language=language, zone="Europe/Stockholm") for e, (_, back) in cases.items())
    )
    heard = await spoken.all_heard([(at(extension), "trunk") for extension in cases])
    rules = languages()[language].rules
    assert heard == [
        said(language, NAME, "outside/meeting", *moment(back, NOW, rules, "back")) for _, back in cases.values()
    ]
    assert [one[2] for one in heard] == [f"{language}/back/{form}" for form, _ in cases.values()]
    years = [one[-2] for one in heard if "/year/" in one[-2]]
    assert years == [f"{language}/year/2028", f"{language}/year/2028", f"{language}/year/2075"]
    assert heard[2] == said(language, NAME, "outside/meeting", "back/week", "weekday/2")  # no "at midnight"


@pytest.mark.parametrize("account", ["trunk", "1040"])
async def test_every_reason_in_words_for_outsiders_and_for_colleagues(spoken: Spoken, account: str) -> None:
    cases = dict(zip(PHONES, [(code, tag) for code in REASONS for tag in ("en", "sv")], strict=False))
    await spoken.show(*(presented(e, plan=away(NOW + HOUR, code), language=tag) for e, (code, tag) in cases.items()))
    heard = await spoken.all_heard([(at(extension), account) for extension in cases])
    words = "outside" if account == "trunk" else "reason"
    assert [one[:2] for one in heard] == [[f"{tag}/{NAME}", f"{tag}/{words}/{code}"] for code, tag in cases.values()]


class TestNotAvailable:
    """The neutral reason, behind which others may stand."""

    async def test_is_not_today_where_they_are_not_back_today(self, spoken: Spoken) -> None:
        zone = {"zone": "Europe/Stockholm"}
        tomorrow, today = NOW + 24 * HOUR, NOW + HOUR
        await spoken.show(
            presented("1001", plan=away(None, "not_available"), **zone),
            presented("1002", plan=away(tomorrow, "not_available"), **zone),
            presented("1003", plan=away(today, "not_available"), **zone),
        )
        heard = await spoken.all_heard([(at(e), "trunk") for e in ("1001", "1002", "1003")])
        rules = languages()["en"].rules
        assert heard == [
            said("en", NAME, "unavailable-today"),
            said("en", NAME, "unavailable-today", *moment(tomorrow, NOW, rules, "back")),
            said("en", NAME, "outside/not_available", *moment(today, NOW, rules, "back")),
        ]


class TestBackAt:
    """When they are back, in their zone, at any instant."""

    async def test_nothing_where_it_is_not_known_or_over(self, spoken: Spoken) -> None:
        await spoken.show(presented("1001", plan=away(None)), presented("1002", plan=away(NOW - timedelta(seconds=1))))
        expected = said("en", NAME, "outside/meeting")
        assert await spoken.all_heard([(at("1001"), "trunk"), (at("1002"), "trunk")]) == [expected] * 2

    async def test_around_midnight_and_where_clocks_change(self, spoken: Spoken) -> None:
        draw = random.Random(5)
        cases = {extension: instants(draw) for extension in PHONES}
        await spoken.show(*(shown(extension, *case) for extension, case in cases.items()))
        heard = await spoken.all_heard([(at(extension, case[1]), "trunk") for extension, case in cases.items()])
        known = languages()
        for case, one in zip(cases.values(), heard, strict=True):
            tag, now, back = case
            keys = moment(back, now, known[tag].rules, "back")
            assert one == said(tag, NAME, "outside/meeting", *keys), case


def shown(extension: str, tag: str, now: datetime, back: datetime) -> Presentation:
    return presented(extension, plan=away(back, at=now), language=tag, zone=str(now.tzinfo))


CHANGES = [
    ("Europe/Stockholm", datetime(2027, 3, 28, 1, tzinfo=UTC)),
    ("Europe/Stockholm", datetime(2027, 10, 31, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 3, 14, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 11, 7, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 4, 3, 15, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2027, 12, 31, 18, 15, tzinfo=UTC)),
    ("Pacific/Kiritimati", datetime(2028, 2, 29, 10, tzinfo=UTC)),
]


def instants(draw: random.Random) -> tuple[str, datetime, datetime]:
    """A language, an instant near a change of clocks or a midnight, and when somebody is back, both in their zone."""
    name, change = draw.choice(CHANGES)
    zone = ZoneInfo(name)
    now = change + timedelta(minutes=draw.choice([-1, 0, 1, draw.randint(-1500, 1500)]))
    midnight = datetime.combine(now.astimezone(zone).date(), datetime.min.time(), zone)
    days = draw.choice([0, 1, 1, 6, 7])
    near = midnight + timedelta(days=days, minutes=draw.choice([-1, 0, 1, 120, 150, 180, draw.randint(0, 1439)]))
    back = near.astimezone(UTC)
    if back <= now:
        back = now + timedelta(minutes=draw.randint(1, 300))
    return draw.choice(["en", "sv"]), now.astimezone(zone), back.astimezone(zone)


class TestWho:
    async def test_without_a_name_it_is_the_person_you_are_calling(self, spoken: Spoken) -> None:
        await spoken.show(
            presented("1001", plan=away(None), name=""), presented("1002", plan=away(None), name="Nobody Recorded")
        )
        heard = await spoken.all_heard([(at("1001"), "trunk"), (at("1002"), "trunk")])
        assert heard == [said("en", "person", "outside/meeting")] * 2

    async def test_names_are_not_said_where_the_organisation_does_not_want_it(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(replace(TOLD, names=False)))
        await spoken.show(presented(plan=away(None)))
        assert await spoken.heard(at("1001")) == said("en", "person", "outside/meeting")

    async def test_colleagues_hear_no_more_where_the_organisation_does_not_want_it(self, spoken: Spoken) -> None:
        await spoken.use(dialplan(replace(TOLD, internal_hears_more=False)))
        await spoken.show(presented(plan=away(None)))
        assert (await spoken.heard(at("1001"), "1040"))[1] == "en/outside/meeting"

    async def test_a_caller_id_from_inside_makes_no_colleague(self, spoken: Spoken) -> None:
        await spoken.show(presented(plan=away(None)))
        assert (await spoken.heard(at("1001"), "trunk", number="1040"))[1] == "en/outside/meeting"

    async def test_whoever_dialled_a_code_and_has_no_plan(self, spoken: Spoken) -> None:
        """What the dialplan keeps of a star code is told as well; of who it is it knows nothing."""
        now, later = int(NOW.timestamp()), int((NOW + HOUR).timestamp())
        await spoken.put("backsoon-hand", "1001", f"1~{now}.000~1~-~{later}~{later}~meeting")
        assert (await spoken.heard(at("1001")))[:3] == ["en/person", "en/outside/meeting", "en/back/today"]


class TestLanguages:
    async def test_a_line_in_a_language_that_there_is_not_is_told_in_the_organisation_s(self, spoken: Spoken) -> None:
        await spoken.show(presented(plan=away(NOW + HOUR), language="de"))
        assert (await spoken.heard(at("1001")))[:3] == [f"en/{NAME}", "en/outside/meeting", "en/back/today"]

    async def test_a_variety_is_served_by_its_language(self, spoken: Spoken) -> None:
        await spoken.show(presented(plan=away(NOW + HOUR), language="sv-FI"))
        assert (await spoken.heard(at("1001")))[:3] == [f"sv/{NAME}", "sv/outside/meeting", "sv/back/today"]

    async def test_a_third_one_is_two_files(self, spoken: Spoken, tmp_path: Path) -> None:
        """It says minutes before hours, and the month before the day."""
        for kind in ("phrases", "numbers"):
            (tmp_path / kind).mkdir()
        shutil.copy(FOLDER / "phrases" / "sv.toml", tmp_path / "phrases" / "qq.toml")
        rules = (FOLDER / "numbers" / "sv.py").read_text(encoding="utf-8")
        own = 'past=("minute/{minute}", "hour/{hour}"),\n    date=("month/{month}", "day/{day}"),\n)'
        (tmp_path / "numbers" / "qq.py").write_text(rules.rstrip().removesuffix(")") + f"    {own}\n", encoding="utf-8")
        third = load_language("qq", tmp_path)
        spoken.lay(prompts_of(third))
        await spoken.use(dialplan(spoken=spoken_text({**languages(), "qq": third})))
        zone = "Europe/Stockholm"
        today, later = NOW.replace(hour=10, minute=30), local(2027, 5, 17, 8)
        await spoken.show(
            presented("1001", plan=away(today), language="qq", zone=zone),
            presented("1002", plan=away(later), language="qq", zone=zone),
        )
        heard = await spoken.all_heard([(at("1001"), "trunk"), (at("1002"), "trunk")])
        assert heard == [
            said("qq", NAME, "outside/meeting", "back/today", "minute/30", "hour/10"),
            said("qq", NAME, "outside/meeting", "back/date", "month/5", "day/17"),
        ]


class TestMissingPrompts:
    """Somebody added a reason since the prompts were made, or nobody has made any."""

    async def test_of_one_reason(self, spoken: Spoken) -> None:
        await spoken.show(presented(plan=away(NOW + HOUR, "dentist"), zone="Europe/Stockholm"))
        assert (await spoken.heard(at("1001")))[:3] == [f"en/{NAME}", "en/outside/not_available", "en/back/today"]

    async def test_of_a_minute(self, spoken: Spoken) -> None:
        """Half a time is a wrong one: Asterisk's own sounds then tell the whole."""
        minute = spoken.server.folder / "data" / "sounds" / "en" / "backsoon" / "minute" / "30.wav"
        await spoken.show(presented(plan=away(local(2027, 3, 1, 10, 30)), zone="Europe/Stockholm"))
        aside = minute.rename(minute.with_suffix(".aside"))
        try:
            heard = await spoken.heard(at("1001"))
        finally:
            aside.rename(minute)
        assert heard[:4] == [f"en/{key}" for key in (NAME, "outside/meeting", "back/today", "hour/10")]
        assert heard[-3:] == ["en/digits/10", "en/digits/30", "en/goodbye"]

    @pytest.mark.parametrize("languages_printed", [True, False])
    async def test_of_everything(self, spoken: Spoken, languages_printed: bool) -> None:
        """Asterisk's own sounds say that nobody is there, when they are back, and which keys there are."""
        folder = spoken.server.folder / "data" / "sounds" / "en" / "backsoon"
        await spoken.use(dialplan(Voice(), spoken=None if languages_printed else ""))
        await spoken.show(presented(plan=away(local(2027, 3, 3, 10)), zone="Europe/Stockholm"))
        aside = folder.rename(folder.with_name("aside"))
        try:
            async with spoken.call(at("1001")) as call:
                await call.until("en/digits/1")
                call.press("1")
                await call.until("en/vm-intro")
                assert call.heard[0] == "en/vm-nobodyavail"
                assert "en/digits/day-3" in call.heard  # Wednesday
                assert call.heard[-3:] == ["en/vm-press", "en/digits/1", "en/vm-intro"]
        finally:
            aside.rename(folder)


async def test_a_prompt_of_16_khz_is_played(spoken: Spoken) -> None:
    """It cannot be spelled, as it is resampled; what follows tells that it was played."""
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", "not compressed"))
        out.writeframes(b"\0\x10\0\xf0" * 1600)
    spoken.lay({f"en/backsoon/name/{name_key('Bo Ek')}.wav16": file.getvalue()})
    await spoken.show(presented(plan=away(None), name="Bo Ek"))
    assert await spoken.heard(at("1001")) == said("en", "outside/meeting")


async def test_nobody_who_is_not_away_is_told_anything(spoken: Spoken) -> None:
    running = PlannedReferral((NOW - HOUR).astimezone(UTC), None, None, "meeting", Phone.OPEN)
    coming = PlannedReferral((NOW + HOUR).astimezone(UTC), None, None, "meeting")
    await spoken.show(presented("1001", plan=(running,)), presented("1002", plan=(coming,)))
    async with spoken.phones() as phones:
        assert await spoken.all_heard([(at(e), "trunk") for e in ("1001", "1002", "1003")]) == [[], [], []]
        assert sorted(phones.rung) == ["1001", "1002", "1003"]
