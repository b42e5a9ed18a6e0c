"""What has no end: an entry or an automatic reply until further notice is told as a referral by hand without one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backsoon.domain.model import LATEST, CalendarReferral, Informing, Layer, Override, Phone, Rule, Span, Upcoming
from backsoon.domain.phrase import Audience, seen_by, sentence
from backsoon.domain.timeline import Stretch, Timeline
from backsoon.domain.why import Claim, Explanation, Hand, Tense, Wait, links_to_back, weigh
from backsoon.domain.why_words import Teller
from backsoon.engine.presenting import presentation
from backsoon.switchboards.base import Presentation
from tests.unit.domain.test_timeline import RULES, STOCKHOLM, WORKING, booked, t
from tests.unit.domain.test_why import ANNA


def away(start: str = "09:00", **more: object) -> CalendarReferral:
    """An automatic reply without an end."""
    reply = booked(start, "23:00", "away", "out_of_office", rule=Rule.AUTOMATIC_REPLY)
    return replace(reply, span=Span(t(start), LATEST), **more)  # type: ignore[arg-type]


def test_it_has_neither_an_end_nor_a_time_to_be_back() -> None:
    timeline = Timeline([away()], RULES, None, WORKING)
    now = timeline.at(t("10:00"))
    assert (now.reason, now.layer, now.until, now.back_at) == ("out_of_office", Layer.CALENDAR, None, None)
    assert timeline.next_change(t("10:00")) is None
    assert list(timeline.stretches(t("08:59"), warned=False))[-1] == Stretch(t("09:00"), None, now)
    assert timeline.at(LATEST) == now
    assert sentence(seen_by(Audience.CALLER, now, RULES), RULES, t("10:00"), STOCKHOLM, "en", Audience.CALLER).endswith(
        "until further notice"
    )


def test_a_meeting_in_it_ends_and_leads_back_into_it() -> None:
    meeting = booked("10:00", "11:00")
    rules = replace(RULES, reasons={code: replace(r, priority=50) for code, r in RULES.reasons.items()})
    timeline = Timeline([away(), meeting], rules, None, WORKING)
    now = timeline.at(t("10:30"))
    assert (now.reason, now.until, now.back_at) == ("meeting", t("11:00"), None)
    (link,) = links_to_back(now, [away(), meeting], rules, WORKING)
    assert (link.wait, link.start, link.end, link.claim) == (Wait.CHAINED, t("11:00"), LATEST, away())
    assert timeline.next_change(t("10:30")) == t("11:00")
    assert timeline.block_end(t("10:30")) == LATEST


def test_by_hand_it_goes_on_behind() -> None:
    lunch = Override(t("12:00"), t("13:00"), "lunch")
    now = Timeline([away()], RULES, lunch, WORKING).at(t("12:30"))
    assert (now.until, now.back_at) == (t("13:00"), None)
    forever = Timeline([], RULES, Override(t("12:00"), LATEST, "lunch"), WORKING)
    assert (forever.at(t("12:30")).until, forever.at(t("12:30")).back_at) == (None, None)
    assert forever.next_change(t("12:30")) is None


def test_what_is_coming_and_what_informs_have_no_end_either() -> None:
    now = Timeline([away("11:00"), replace(booked("09:00", "10:00"), span=Span(t("09:00"), LATEST), phone=Phone.OPEN)],
                   RULES, None, WORKING).at(t("10:30"))  # fmt: skip
    assert now.upcoming == Upcoming(t("11:00"), None, "out_of_office")
    assert now.informing == (Informing("meeting", None),)


def test_a_switchboard_is_told_no_end() -> None:
    stretches = Timeline([away()], RULES, None, WORKING).stretches(t("08:00"), warned=False)
    (planned,) = presentation(Presentation("1"), t("08:00"), stretches, RULES, STOCKHOLM).plan
    assert (planned.start, planned.end, planned.back_at) == (t("09:00"), None, None)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "An automatic reply is set in calendar 1 of work, from 09:00 until further notice: Out of the office."),
        ("sv", "Ett autosvar är satt i kalender 1 i work, från 09:00 tills vidare: "),
    ],
)
def test_the_words_of_why_name_no_year_9000(language: str, words: str) -> None:
    at, lunch = t("12:30"), Override(t("12:00"), t("13:00"), "lunch")
    for hand in (None, Hand(lunch)):
        weighed = weigh(at, [Claim(away())], hand, RULES, WORKING)
        later = links_to_back(weighed.availability, [away()], RULES, WORKING)
        assert bool(later) == (hand is not None)
        why = Explanation(
            ANNA, at, at, Tense.PRESENT, weighed.availability, weighed.availability, winner=weighed.winner,
            beaten=weighed.beaten, later=later, connections={1: "work"},
        )  # fmt: skip
        told = [link.words for link in Teller(ANNA, Audience.PERSON, RULES, STOCKHOLM, language, at).links(why)]
        assert not any("9000" in line for line in told), told
        assert hand is not None or any(line.startswith(words) for line in told), told
