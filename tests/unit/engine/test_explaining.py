"""Explaining over a real engine: what was known, decided and told, in the past, now and to come."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backsoon.domain.hours import OFFICE, WorkingHours
from backsoon.domain.model import Because, Layer, Mode
from backsoon.domain.organisation import Person, SwitchboardSettings
from backsoon.domain.phrase import Audience
from backsoon.domain.why import Claim, Explanation, Ground, Hand, Shows, Standing, Tense, Wait
from backsoon.domain.why_words import Teller
from backsoon.engine.explaining import Explaining, TooLongAgo
from backsoon.engine.settling import Cause
from backsoon.store.base import Trigger
from backsoon.switchboards.asterisk.render import render
from backsoon.switchboards.base import Presentation, Rendered, SwitchboardError
from backsoon.testing import MemorySwitchboard
from tests.unit.engine.world import World, acme, at, entry, world


class AsteriskWords(MemorySwitchboard):
    """A switchboard in memory that is told in Asterisk's words."""

    def render(self, presentation: Presentation) -> Rendered:
        return render(presentation)


async def asked(w: World, person: Person, *when: int) -> Explanation:
    """The explanation at an hour (and minute) of that Monday, or now."""
    explaining = Explaining(w.store, w.directory, w.clock, w.publishers)
    return await explaining.explain(person, at(*when) if when else None)


def codes(w: World, why: Explanation, audience: Audience = Audience.ATTENDANT) -> list[str]:
    person, directory = why.person, w.directory
    rules, zone = directory.organisation_of(person).rules, directory.zone_of(person)
    return [link.code for link in Teller(person, audience, rules, zone, "en", why.now).links(why)]


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        settings = SwitchboardSettings("acme", "pbx", "asterisk")
        await made.store.save_switchboards("acme", [settings])
        words = AsteriskWords()
        made.publisher._driver = made.switchboard = words
        yield made


async def test_a_keyword_in_second_place_is_why_somebody_is_available(w: World) -> None:
    anna = await w.person()
    (await w.calendar_of(anna)).put("r", entry("u", "Zebra m: x", at(9), at(10)))
    await w.read(anna)
    why = await asked(w, anna)
    (passed,) = why.passed
    assert (passed.because, passed.keyword, passed.span.end) == (Because.NOT_FIRST, "m", at(10))
    assert why.tense is Tense.PRESENT
    assert not why.availability.referred
    assert codes(w, why) == ["head.present", "nothing", "passed.not_first", "told.never"]
    (await w.calendar_of(anna)).put("r", entry("u", "m: x", at(9), at(10)))
    await w.read(anna)
    mended = await asked(w, anna)
    assert mended.passed == ()
    assert isinstance(mended.winner, Claim)


async def test_what_has_passed_is_told_as_it_was_known_decided_and_shown(w: World) -> None:
    anna = await w.person()
    calendar = await w.calendar_of(anna)
    calendar.put("a", entry("a", "m: Budget", at(9), at(11)))
    calendar.put("b", entry("b", "c: Course", at(9), at(10)))
    async with w.running():
        await w.move_to(at(9, 5))
        await w.read(anna)
        await w.until(lambda: bool(w.switchboard.held))
        await w.move_to(at(9, 10))
        calendar.remove("a")
        calendar.remove("b")
        await w.read(anna)
        await w.until(lambda: not w.switchboard.held)
        await w.move_to(at(12))
    before = await asked(w, anna, 9, 1)
    assert (before.availability.referred, before.winner, before.decided) == (False, None, None)
    assert codes(w, before) == ["head.past", "nothing", "undecided", "told.never"]
    during = await asked(w, anna, 9, 7)
    assert during.agrees
    assert during.availability.reason == "course"
    assert isinstance(during.winner, Claim)
    assert during.winner.referral.key.uid == "b"
    assert during.winner.known_from is not None
    assert at(9, 5) <= during.winner.known_from < at(9, 6)
    assert during.winner.known_to is not None
    (meeting,) = during.beaten
    assert (meeting.claim.referral.key.uid, meeting.ground) == ("a", Ground.PRIORITY)
    assert during.decided is not None
    assert (during.decided.trigger, during.decided.through) == ("calendar", "memory")
    (told,) = during.told
    assert (told.shows, told.reason, told.text) == (Shows.LAMP, "course", "On a course, back 11:00")
    assert [(link.wait, link.end) for link in during.later] == [(Wait.CHAINED, at(11))]
    after = await asked(w, anna, 9, 30)
    assert (after.availability.referred, after.agrees, after.told[0].shows) == (False, True, Shows.OUT)


async def test_by_hand_is_told_with_who_through_what_and_what_became_of_it(w: World) -> None:
    anna = await w.person()
    (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(9), at(11)))
    await w.read(anna)
    async with w.running():
        await w.until(lambda: w.publisher.settled)
        await w.service.refer(anna, "lunch", by="bo", through="cli")
        await w.move_to(at(9, 20))
        await w.service.back(anna, by="anna", through="phone")
        await w.move_to(at(9, 40))
    past = await asked(w, anna, 9, 10)
    assert isinstance(past.winner, Hand)
    assert (past.winner.override.by, past.winner.override.through) == ("bo", "cli")
    assert (past.winner.replaced_by, past.winner.replaced_through) == ("anna", "phone")
    assert at(9, 20) <= (past.winner.replaced_at or at(0)) < at(9, 21)
    assert past.decided is not None
    assert (past.decided.trigger, past.decided.by) == ("override", "bo")
    assert [b.ground for b in past.beaten] == [Ground.BY_HAND]
    now = await asked(w, anna)
    assert now.agrees
    assert now.availability.layer is Layer.OVERRIDE
    assert [b.ground for b in now.beaten] == [Ground.AVAILABLE_BY_HAND]
    assert isinstance(now.winner, Hand)
    assert now.winner.replaced_at is None


async def test_what_is_to_come_is_told_by_all_that_is_known(w: World) -> None:
    anna = await w.person()
    calendar = await w.calendar_of(anna)
    calendar.put("a", entry("a", "m: Budget", at(13), at(14)))
    calendar.put("b", entry("b", "l:", at(14, 2), at(15)))
    calendar.put("c", entry("c", "Zebra h: x", at(13), at(18)))
    async with w.running():
        await w.read(anna)
        await w.until(lambda: bool(w.switchboard.held))
        await w.move_to(at(9, 1))
    why = await asked(w, anna, 13, 30)
    assert why.tense is Tense.COMING
    assert why.availability.back_at == at(15)
    assert [(link.wait, link.start, link.end) for link in why.later] == [(Wait.CHAINED, at(14), at(15))]
    (told,) = why.told
    assert told.shows is Shows.AHEAD
    assert told.planned is not None
    assert (told.planned.start, told.planned.end, told.planned.reason) == (at(13), at(14), "meeting")
    assert codes(w, why) == ["head.coming", "entry.keyword", "passed.not_first", "later.chained", "told.planned"]
    assert (await asked(w, anna, 17)).told[0].planned is None


async def test_settings_that_changed_since_are_no_explanation_of_what_was_decided(w: World) -> None:
    anna = await w.person()
    (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(9), at(11)))
    (await w.calendar_of(anna)).put("b", entry("b", "l:", at(9), at(11)))
    async with w.running():
        await w.read(anna)
        await w.until(lambda: bool(w.switchboard.held))
        await w.move_to(at(9, 30))
    assert (await asked(w, anna, 9, 20)).agrees
    changed = acme()
    reasons = {**changed.rules.reasons, "lunch": replace(changed.rules.reasons["lunch"], priority=99)}
    await w.store.save_organisation(replace(changed, rules=replace(changed.rules, reasons=reasons)))
    await w.directory.refresh()
    why = await asked(w, anna, 9, 20)
    assert not why.agrees
    assert (why.availability.reason, why.weighed.reason) == ("meeting", "lunch")
    assert codes(w, why)[:2] == ["head.past", "disagrees.past"]


async def test_what_was_not_decided_anew_is_said_to_be_so(w: World) -> None:
    anna = await w.person()
    (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(9), at(11)))
    await w.read(anna)
    assert (await asked(w, anna)).agrees
    w.clock.step_to(at(11, 30))  # nothing runs: nobody decided that the meeting is over
    why = await asked(w, anna)
    assert not why.agrees
    assert codes(w, why)[:3] == ["head.present", "disagrees.present", "nothing"]
    assert not why.availability.referred


async def test_what_was_decided_a_moment_later_is_no_contradiction(w: World) -> None:
    anna = await w.person()
    (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(9, 10), at(11)))
    await w.read(anna)
    w.clock.step_to(at(9, 10, 20))  # nothing runs: as in a storm nobody has decided yet that it has begun
    now = await asked(w, anna)
    assert (now.availability.reason, now.agrees) == ("meeting", True)
    await w.settler.settle([anna.id], Cause(Trigger.CLOCK))
    w.clock.step_to(at(9, 20))
    explaining = Explaining(w.store, w.directory, w.clock, w.publishers)
    between = await explaining.explain(anna, at(9, 10, 5))
    assert (between.agrees, between.availability.referred, between.weighed.reason) == (False, False, "meeting")
    assert between.caught_up_at == at(9, 10, 20)
    assert codes(w, between)[1] == "disagrees.soon"
    after = await explaining.explain(anna, at(9, 11))
    assert (after.agrees, after.caught_up_at) == (True, None)


async def test_only_the_last_thirty_days_are_kept(w: World) -> None:
    anna = await w.person()
    explaining = Explaining(w.store, w.directory, w.clock, w.publishers)
    edge = w.clock.now() - timedelta(days=30)
    assert (await explaining.explain(anna, edge)).tense is Tense.PAST
    with pytest.raises(TooLongAgo, match=r"2026-10-24 08:59 UTC is not kept") as raised:
        await explaining.explain(anna, edge - timedelta(minutes=1))
    assert "last 30 days" in raised.value.remedy


async def test_whoever_is_switched_off_or_has_no_calendar(w: World) -> None:
    anna = await w.person()
    (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(9), at(11)))
    assert (await asked(w, anna)).standing == (Standing.UNREAD,)
    await w.read(anna)
    assert (await asked(w, anna)).standing == ()
    (off,) = await w.service.save_people([replace(anna, active=False)])
    why = await asked(w, off)
    assert (why.standing, why.winner, why.availability.referred) == ((Standing.INACTIVE,), None, False)
    assert codes(w, why)[:2] == ["head.present", "inactive"]
    assert "nothing" not in codes(w, why)
    (bo,) = await w.store.save_people([Person("acme", "1002", "Bo Ek")])
    assert (await asked(w, bo)).standing == (Standing.NO_CALENDARS,)
    await w.move_to(at(9, 30))
    assert (await asked(w, bo, 9, 10)).standing == (), "what is so now was not so then, for all that is known"


async def test_an_age_past_the_limit_is_said(w: World) -> None:
    anna = await w.person()
    await w.read(anna)
    await w.move_to(at(9, 31))
    why = await asked(w, anna)
    assert why.standing == (Standing.UNCONFIRMED,)
    assert why.age.unconfirmed_since is not None
    assert at(9) <= why.age.unconfirmed_since < at(9, 1)
    assert (await asked(w, anna, 9, 20)).standing == (), "at that time it was fresh still"
    assert (await asked(w, anna, 14)).standing == (Standing.UNCONFIRMED,)


async def test_what_is_wrong_with_a_switchboard_is_said_of_now_only(w: World) -> None:
    anna = await w.person()
    w.switchboard.fail(SwitchboardError("no answer"))
    async with w.running():
        await w.until(lambda: w.publisher.health.problem != "")
        await w.move_to(at(9, 2))
        assert (await asked(w, anna)).told[0].problem == "no answer"
        assert (await asked(w, anna, 9, 1)).told[0].problem == ""
        w.publisher.health.problem = ""
        w.publisher.health.refused = {"1001": "no such hint", "1002": "another"}
        assert (await asked(w, anna)).told[0].problem == "no such hint"


async def test_what_an_extension_showed_before_is_not_known_of_whoever_has_it_now(w: World) -> None:
    anna = await w.person()
    await w.move_to(at(9, 30))
    (moved,) = await w.store.save_people([replace(anna, extension="1009")], at=w.clock.now())
    await w.move_to(at(9, 40))
    assert (await asked(w, moved, 9, 10)).told[0].shows is Shows.UNKNOWN
    assert (await asked(w, moved, 9, 35)).told[0].shows is Shows.NEVER


async def test_why_somebody_is_back_later(tmp_path: Path) -> None:
    organisation = replace(acme(), hours=OFFICE)
    async with world(tmp_path, organisation=organisation) as w:
        anna = await w.person(hours=WorkingHours(OFFICE.week))
        (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(16), at(18)))
        await w.read(anna)
        why = await asked(w, anna, 16, 30)
        (link,) = why.later
        assert (link.wait, link.start, link.end) == (Wait.OUTSIDE_HOURS, at(18), at(8) + timedelta(days=1))


async def test_busy_by_show_as_tells_of_the_keyword_that_did_not_count(tmp_path: Path) -> None:
    async with world(tmp_path, organisation=acme(mode=Mode.ALL_BUSY)) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("r", entry("u", "Zebra m: x", at(9), at(10)))
        await w.read(anna)
        why = await asked(w, anna)
        assert (why.availability.reason, why.agrees) == ("busy", True)
        assert {p.key for p in why.passed} == why.counts_otherwise
        assert codes(w, why)[1:3] == ["entry.show_as", "passed.by_show_as"]
        assert why.told[0].text.startswith('["closed"') or why.told[0].shows is Shows.NEVER


async def test_who_is_switched_off_now_was_shown_as_they_were(w: World) -> None:
    anna = await w.person()
    (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(9), at(11)))
    async with w.running():
        await w.read(anna)
        await w.until(lambda: bool(w.switchboard.held))
        await w.move_to(at(10))
        (off,) = await w.service.save_people([replace(anna, active=False)])
        await w.move_to(at(10, 30))
    before, since = await asked(w, off, 9, 20), await asked(w, off, 10, 20)
    assert (before.availability.reason, before.standing) == ("meeting", ())
    assert "inactive" not in codes(w, before)
    assert (since.availability.referred, since.standing) == (False, (Standing.INACTIVE,))
    assert "inactive" in codes(w, since)


async def test_what_was_dialled_while_nothing_ran_is_explained_as_that(w: World) -> None:
    anna = await w.person()
    await w.move_to(at(9, 50))
    w.switchboard.dial("1001", at(9, 10), "1", "1430")
    async with w.running():
        await w.until(lambda: bool(w.switchboard.held))
        await w.move_to(at(10))
    why = await asked(w, anna, 9, 30)
    assert (why.availability.referred, why.agrees, isinstance(why.winner, Hand)) == (False, False, True)
    assert codes(w, why)[:3] == ["head.past", "disagrees.dialled", "hand.referred"]
    assert (await asked(w, anna, 9, 55)).agrees


async def test_a_lamp_that_was_told_before_lamps_were_recorded(w: World, tmp_path: Path) -> None:
    anna = await w.person()
    (await w.calendar_of(anna)).put("a", entry("a", "m: Budget", at(9), at(11)))
    async with w.running():
        await w.read(anna)
        await w.until(lambda: bool(w.switchboard.held))
        await w.move_to(at(10))
    (file,) = tmp_path.glob("*.db")
    with sqlite3.connect(file) as older:
        older.execute("delete from lamp_told")
    for when in ((9, 30), ()):
        (told,) = (await asked(w, anna, *when)).told
        assert (told.shows, told.reason) == (Shows.LAMP, "meeting")
