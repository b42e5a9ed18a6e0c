"""Explanations, case by case, and how they are told to whom."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.freshness import Age
from backsoon.domain.hours import ALWAYS, OFFICE, WorkingTime
from backsoon.domain.model import (
    AVAILABLE,
    Availability,
    Because,
    CalendarReferral,
    EntryKey,
    Layer,
    Override,
    PassedOver,
    Phone,
    Rule,
    Rules,
    Span,
)
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience
from backsoon.domain.why import (
    Ahead,
    Beaten,
    Claim,
    Decided,
    Explanation,
    Ground,
    Hand,
    Later,
    Shows,
    Standing,
    Tense,
    ToldTo,
    Wait,
    links_to_back,
    same_decision,
    standing_of,
    weigh,
)
from backsoon.domain.why_catalogue import SENTENCES
from backsoon.domain.why_words import Teller

STOCKHOLM = ZoneInfo("Europe/Stockholm")
RULES = Rules(KEYWORDS, REASONS)
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""A Monday; ten o'clock in Stockholm."""
ANNA = Person("acme", "101", "Anna Berg", zone="Europe/Stockholm", language="en", keywords={"fl": "sick"}, id=1)


def at(hour: int, minute: int = 0) -> datetime:
    return NINE.replace(hour=hour, minute=minute)


def claim(start: int, end: int, reason: str = "meeting", uid: str = "u", calendar: int = 3, **more: object) -> Claim:
    known = more.pop("known_from", None)
    keyword = {v: k for k, v in KEYWORDS.items()}.get(reason, "")
    referral = CalendarReferral(EntryKey(calendar, uid), Span(at(start), at(end)), reason, keyword=keyword)
    return Claim(replace(referral, **more), known)  # type: ignore[arg-type]


def teller(audience: Audience = Audience.ATTENDANT, language: str = "en", now: datetime = NINE) -> Teller:
    return Teller(ANNA, audience, RULES, STOCKHOLM, language, now)


def explanation(**more: object) -> Explanation:
    made = Explanation(
        ANNA, at(9), at(9), Tense.PRESENT, AVAILABLE, AVAILABLE, age=Age(1, at(9)), connections={3: "main"}
    )
    return replace(made, **more)  # type: ignore[arg-type]


def lines(why: Explanation, teller_: Teller | None = None) -> list[str]:
    return [link.words for link in (teller_ or teller()).links(why)]


def weighed(*claims: Claim, hand: Hand | None = None) -> Explanation:
    made = weigh(at(9, 30), claims, hand, RULES, ALWAYS)
    return explanation(
        at=at(9, 30), availability=made.availability, weighed=made.availability, winner=made.winner, beaten=made.beaten
    )


# -- which ground ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("winner", "loser", "ground"),
    [
        (claim(9, 10, "holiday"), claim(9, 11, "meeting", "v"), Ground.PRIORITY),
        (claim(9, 10), claim(8, 12, uid="v"), Ground.LATER_START),
        (claim(9, 10, uid="w"), claim(9, 12, uid="v"), Ground.ORDER),
        (claim(9, 10), claim(9, 12, "holiday", "v", phone=Phone.OPEN), Ground.INFORM_ONLY),
        (claim(9, 10, calendar=1), claim(9, 10, calendar=2), Ground.COPY),
        (claim(9, 10), claim(9, 10, "gone", "v"), Ground.PRIORITY),
    ],
)
def test_each_ground(winner: Claim, loser: Claim, ground: Ground) -> None:
    made = weigh(at(9, 30), [loser, winner], None, RULES, ALWAYS)
    assert made.winner == winner
    over = winner.referral if ground is Ground.COPY else None
    assert made.beaten == (Beaten(loser, ground, over),)


def test_a_copy_gives_way_to_one_that_lies_elsewhere() -> None:
    old, moved = claim(9, 10, calendar=1), claim(12, 13, calendar=2)
    made = weigh(at(9, 30), [old, moved], None, RULES, ALWAYS)
    assert made.winner is None
    assert made.beaten == (Beaten(old, Ground.COPY, moved.referral),)


@pytest.mark.parametrize(("reason", "ground"), [("lunch", Ground.BY_HAND), (None, Ground.AVAILABLE_BY_HAND)])
def test_by_hand_beats_every_calendar(reason: str | None, ground: Ground) -> None:
    hand = Hand(Override(at(9), at(10), reason))
    inform = claim(9, 10, uid="v", phone=Phone.OPEN)
    made = weigh(at(9, 30), [claim(9, 10, "holiday"), inform], hand, RULES, ALWAYS)
    assert made.winner == hand
    grounds = {b.claim.referral.key.uid: b.ground for b in made.beaten}
    assert grounds == {"u": ground, "v": Ground.BY_HAND if reason else Ground.INFORM_ONLY}


def test_a_hand_that_is_over_decides_nothing() -> None:
    made = weigh(at(9, 30), [claim(9, 10)], Hand(Override(at(8), at(9), "lunch")), RULES, ALWAYS)
    assert made.winner == claim(9, 10)


# -- from until to back-at -------------------------------------------------------------------------------------------


def test_the_way_to_back_at_is_told_link_by_link() -> None:
    holidays = frozenset({NINE.date() + timedelta(days=1)})
    working = WorkingTime(OFFICE, STOCKHOLM, holidays)
    meeting, next_one = claim(14, 15).referral, claim(15, 17, "course", "v").referral
    availability = Availability("meeting", Layer.CALENDAR, at(15), at(7) + timedelta(days=2), key=meeting.key)
    first, second = links_to_back(availability, [meeting, next_one], RULES, working)
    assert first == Later(Wait.CHAINED, at(15), at(17), next_one)
    assert second == Later(Wait.HOLIDAY, at(17), at(7) + timedelta(days=2))
    plain = links_to_back(
        replace(availability, until=at(17), back_at=at(7) + timedelta(days=1)),
        [],
        RULES,
        WorkingTime(OFFICE, STOCKHOLM),
    )
    assert [link.wait for link in plain] == [Wait.OUTSIDE_HOURS]


def test_what_does_not_lead_to_back_at_is_said_to_be_unknown() -> None:
    availability = Availability("meeting", Layer.CALENDAR, at(10), at(12))
    assert links_to_back(availability, [], RULES, ALWAYS) == (Later(Wait.UNKNOWN, at(10), at(12)),)
    further = claim(10, 14).referral
    assert links_to_back(availability, [further], RULES, ALWAYS) == (Later(Wait.UNKNOWN, at(10), at(12)),)
    assert links_to_back(replace(availability, back_at=at(10)), [further], RULES, ALWAYS) == ()
    assert links_to_back(AVAILABLE, [further], RULES, ALWAYS) == ()


# -- in words --------------------------------------------------------------------------------------------------------


def test_a_keyword_in_second_place_is_why_somebody_is_available() -> None:
    passed = PassedOver(EntryKey(3, "u"), Span(at(12), at(13)), Because.NOT_FIRST, "m")
    why = explanation(at=at(12, 30), tense=Tense.COMING, passed=(passed,))
    assert lines(why) == [
        "Anna Berg (101) at 13:30, by all that is known: Available.",
        "Nothing is set by hand, and no entry that counts covers this time.",
        "The entry 13:00-14:00 in calendar 3 of main has keyword m, but further on: it must be the first word.",
    ]
    assert lines(why, teller(language="sv"))[2] == (
        "Posten 13:00-14:00 i kalender 3 i main har nyckelordet m, men längre in: det måste vara första ordet."
    )


def test_an_entry_that_counts_by_its_show_as_says_that_its_keyword_did_not() -> None:
    busy = claim(9, 10, "busy", rule=Rule.SHOW_AS)
    passed = PassedOver(EntryKey(3, "u"), Span(at(9), at(10)), Because.NOT_FIRST, "m")
    why = replace(weighed(busy), passed=(passed,))
    assert lines(why)[1:] == [
        "The entry 10:00-11:00 in calendar 3 of main counts as it is shown in the calendar: Busy.",
        "The entry 10:00-11:00 in calendar 3 of main counts by its show-as only: it has keyword m, but further on; "
        "it must be the first word.",
    ]


def test_by_hand_with_who_through_what_and_what_became_of_it() -> None:
    hand = Hand(Override(at(9), None, "lunch", "note", by="bo", through="cli"), at(10), "anna", "phone")
    why = replace(weighed(claim(9, 10), hand=hand), tense=Tense.PAST, now=at(12))
    assert lines(why, teller(now=at(12))) == [
        "Anna Berg (101) at 10:30, as recorded: At lunch, until further notice.",
        "Referred by hand by bo through cli 10:00, until taken back: At lunch. By hand always wins.",
        "That was replaced or taken back 11:00 by anna through phone.",
        "The entry 10:00-11:00 in calendar 3 of main (In a meeting) gives way to what is set by hand.",
        "No change of theirs is on record up to then: available, or not taken in yet.",
    ]


def test_what_was_decided_and_told() -> None:
    decided = Decided(AVAILABLE, at(9), at(9, 5), "calendar", through="main")
    told = (
        ToldTo("pbx", Shows.LAMP, at(9).replace(second=7), reason="meeting", text="In a meeting, back 11:00"),
        ToldTo("old", Shows.UNKNOWN),
        ToldTo("new", Shows.NEVER, planned=Ahead(at(9), at(10), "meeting"), problem="no answer"),
        ToldTo("out", Shows.OUT, at(9), planned=Ahead(at(9), None, "sick")),
        ToldTo("ahead", Shows.AHEAD),
    )
    why = explanation(decided=decided, told=told, standing=(Standing.UNREAD,), problems=("no answer",))
    assert lines(why)[2:] == [
        "A calendar was not read yet: what is in it does not count.",
        "A calendar cannot be read: no answer.",
        "Decided 10:00, as main was read, recorded 10:05.",
        'pbx was told 10:00:07: "In a meeting, back 11:00".',
        "What old had been told of 101 is not on record.",
        "new had been told nothing of 101.",
        "new has it written ahead: In a meeting, 10:00-11:00.",
        "new: no answer.",
        "out was told 10:00:00 to show nothing.",
        "out has it written ahead: Not available, from 10:00 until further notice.",
    ]


@pytest.mark.parametrize(
    ("audience", "language", "said"),
    [
        (Audience.PERSON, "en", "pbx cannot be told anything just now."),
        (Audience.PERSON, "sv", "pbx kan inte få veta något just nu."),
        (Audience.ATTENDANT, "en", "pbx: 10.0.0.5 port 5038: refused."),
        (Audience.ADMINISTRATOR, "sv", "pbx: 10.0.0.5 port 5038: refused."),
    ],
)
def test_where_a_switchboard_is_in_the_network_is_nothing_for_employees(
    audience: Audience, language: str, said: str
) -> None:
    told = (ToldTo("pbx", Shows.AHEAD, problem="10.0.0.5 port 5038: refused"),)
    assert lines(explanation(told=told), teller(audience, language))[-1] == said


def test_a_decision_that_does_not_follow_is_not_explained_away() -> None:
    recorded = Availability("lunch", Layer.CALENDAR, at(10), at(10))
    why = explanation(tense=Tense.PAST, availability=recorded, agrees=False)
    assert lines(why)[1] == (
        "What was known then gives Available by the settings of today: they may have been others then."
    )
    soon = replace(why, caught_up_at=at(9).replace(second=3))
    assert lines(soon)[1] == "What was known then gives Available: that was decided 10:00:03."
    decided = Decided(recorded, at(8), at(8), "clock")
    now = explanation(decided=decided, agrees=False)
    assert lines(now)[1] == "The last decision on record is At lunch: nothing was decided anew since."


@pytest.mark.parametrize(
    ("active", "age", "standing"),
    [
        (False, Age(1), Standing.INACTIVE),
        (True, Age(), Standing.NO_CALENDARS),
        (True, Age(2), Standing.UNREAD),
        (True, Age(1, at(8), at(8)), Standing.UNCONFIRMED),
        (True, Age(1, at(9)), None),
    ],
)
def test_what_else_is_to_be_said(active: bool, age: Age, standing: Standing | None) -> None:
    found = standing_of(active, age)
    assert found == (() if standing is None else (standing,))
    said = [link.code for link in teller().links(explanation(standing=found, age=age))]
    assert ("nothing" in said) is (standing is not Standing.INACTIVE)
    if standing is not None:
        assert standing.value in said


def test_two_decisions_are_one_by_what_counts_at_the_instant() -> None:
    one = Availability("meeting", Layer.CALENDAR, at(10), at(10), "x", key=EntryKey(1, "u"))
    assert same_decision(one, replace(one, back_at=at(12), note="y"))
    assert not same_decision(one, replace(one, key=EntryKey(1, "v")))
    assert not same_decision(one, AVAILABLE)


# -- who is told what ------------------------------------------------------------------------------------------------


def full(reason: str = "sick") -> Explanation:
    """One with every kind of link, in which each claim has a reason that is nobody's business."""
    sick = claim(9, 10, reason, note="flu", uid="uid-text")
    rest = [Beaten(replace(sick, known_to=at(9, 40)), ground, sick.referral) for ground in Ground]
    return explanation(
        availability=Availability(reason, Layer.CALENDAR, at(10), at(10), "flu"),
        winner=replace(sick, known_from=at(8), known_to=at(9, 40)),
        beaten=tuple(rest),
        passed=tuple(
            PassedOver(EntryKey(3, "v"), Span(at(9), at(10)), because, word)
            for because in Because
            for word in ("s", "fl")
        ),
        later=tuple(Later(wait, at(10), at(11), sick.referral) for wait in Wait),
        standing=tuple(Standing)[1:],
        decided=Decided(AVAILABLE, at(9), at(9), "clock"),
        told=(
            ToldTo("pbx", Shows.LAMP, at(9), text="Not available, back 11:00", planned=Ahead(at(9), at(10), reason)),
        ),
    )


@pytest.mark.parametrize("audience", [Audience.ATTENDANT, Audience.ADMINISTRATOR])
@pytest.mark.parametrize("language", ["en", "sv"])
def test_a_sensitive_reason_is_told_to_nobody_else(audience: Audience, language: str) -> None:
    said = " ".join(lines(full(), teller(audience, language)))
    for private in (
        "Sick",
        "Sjuk",
        "sick",
        "flu",
        "uid-text",
        "keyword s",
        "keyword fl",
        "nyckelordet s ",
        "nyckelordet fl",
    ):
        assert private not in said
    assert {"en": "has a keyword", "sv": "ett nyckelord"}[language] in said
    to_anna = " ".join(lines(full(), teller(Audience.PERSON)))
    assert "Sick" in to_anna
    assert "keyword s as its first word" in to_anna
    assert "has keyword fl" in to_anna
    assert "flu" not in to_anna


@pytest.mark.parametrize("audience", [Audience.CALLER, Audience.COLLEAGUE])
def test_callers_and_colleagues_hear_no_grounds(audience: Audience) -> None:
    (only,) = teller(audience).links(full("meeting"))
    assert only.code == "head.present"


def test_a_keyword_that_is_not_in_the_settings_any_more_is_told_to_the_person_only() -> None:
    assert teller().keyword("zz") == ""
    assert teller(Audience.PERSON).keyword("zz") == "zz"
    assert teller().keyword("m") == "m"


def test_spans_of_several_days_name_them() -> None:
    long = replace(claim(9, 10).referral, span=Span(at(9), at(9) + timedelta(days=2)))
    why = weighed(Claim(long, at(8)))
    assert lines(why)[1] == (
        "The entry 10:00 - Wed 10:00 in calendar 3 of main has keyword m as its first word: In a meeting (read 09:00)."
    )


def test_a_calendar_that_is_gone_has_no_connection() -> None:
    assert "in calendar 3, which is gone has" in lines(replace(weighed(claim(9, 10)), connections={}))[1]


# -- the catalogue ---------------------------------------------------------------------------------------------------


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", sorted(SENTENCES))
def test_each_language_says_all_with_the_same_values(language: str) -> None:
    english = SENTENCES["en"]
    assert SENTENCES[language].keys() == english.keys()
    for code, sentence in SENTENCES[language].items():
        assert fields(sentence) == fields(english[code]), code


def test_there_is_a_sentence_for_whatever_may_be_said() -> None:
    codes = set(SENTENCES["en"])
    assert {f"head.{t.value}" for t in Tense} <= codes
    assert {f"beaten.{g.value}" for g in Ground} <= codes
    assert {f"passed.{b.value}" for b in Because} <= codes
    assert {f"later.{w.value}" for w in Wait} <= codes
    assert {f"entry.{r.value}" for r in Rule} <= codes
    assert {s.value for s in Standing} <= codes
    assert {f"told.{s.value}" for s in Shows if s is not Shows.AHEAD} <= codes
