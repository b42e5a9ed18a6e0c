"""Who sees what, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.defaults import NOT_AVAILABLE, REASONS
from backsoon.domain.model import (
    Availability,
    EntryKey,
    Informing,
    Layer,
    Reason,
    Rules,
    Upcoming,
)
from backsoon.domain.phrase import (
    LANGUAGES,
    Audience,
    View,
    language_of,
    reason_words,
    seen_by,
    sentence,
    told_reason,
    when_words,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")
RULES = Rules({}, REASONS)
AT = datetime(2026, 11, 23, 8, tzinfo=UTC)  # Monday, nine o'clock in Stockholm
TEN = AT + timedelta(hours=1)
ELEVEN = AT + timedelta(hours=2)
KEY = EntryKey(1, "u")


def meeting(reason: str = "meeting", note: str = "Zebra") -> Availability:
    """Referred, with something coming."""
    coming = Upcoming(ELEVEN, ELEVEN + timedelta(hours=1), reason, note)
    return Availability(reason, Layer.CALENDAR, TEN, ELEVEN, note, "1234", KEY, upcoming=coming)


def informed(reason: str = "meeting", note: str = "Zebra") -> Availability:
    """Available, with something shown beside it and something coming."""
    coming = Upcoming(ELEVEN, ELEVEN + timedelta(hours=1), reason, note)
    return Availability(informing=(Informing(reason, TEN, note),), upcoming=coming)


def test_a_caller_hears_reason_and_back_at_only() -> None:
    rules = replace(RULES, notes_for_colleagues=True, notes_for_attendants=True)
    assert seen_by(Audience.CALLER, meeting(), rules) == View("meeting", None, ELEVEN)
    assert seen_by(Audience.CALLER, meeting("sick"), rules) == View(NOT_AVAILABLE, None, ELEVEN)
    assert seen_by(Audience.CALLER, informed(), rules) == View(None, None, None)


@pytest.mark.parametrize(
    ("notes", "reason", "told", "note"),
    [
        (False, "meeting", "meeting", ""),
        (True, "meeting", "meeting", "Zebra"),
        (True, "sick", NOT_AVAILABLE, ""),
        (True, "taken out of the settings", NOT_AVAILABLE, ""),
    ],
)
def test_a_colleague_sees_notes_where_the_organisation_says_so(notes: bool, reason: str, told: str, note: str) -> None:
    rules = replace(RULES, notes_for_colleagues=notes)
    assert seen_by(Audience.COLLEAGUE, meeting(reason), rules) == View(told, TEN, ELEVEN, note)
    shown = seen_by(Audience.COLLEAGUE, informed(reason), rules)
    assert shown == View(None, None, None, informing=(Informing(told, TEN, note),))


@pytest.mark.parametrize(("notes", "note"), [(True, "Zebra"), (False, "")])
@pytest.mark.parametrize(("reason", "told"), [("meeting", "meeting"), ("sick", NOT_AVAILABLE)])
def test_an_attendant_sees_the_note_and_what_is_coming(notes: bool, note: str, reason: str, told: str) -> None:
    rules = replace(RULES, notes_for_attendants=notes)
    coming = Upcoming(ELEVEN, ELEVEN + timedelta(hours=1), told, note)
    seen = seen_by(Audience.ATTENDANT, meeting(reason), rules)
    assert seen == View(told, TEN, ELEVEN, note, upcoming=coming)
    seen = seen_by(Audience.ATTENDANT, informed(reason), rules)
    assert seen == View(None, None, None, informing=(Informing(told, TEN, note),), upcoming=coming)
    assert seen_by(Audience.ATTENDANT, replace(informed(), upcoming=None), rules).upcoming is None


def test_the_person_sees_everything_about_themselves() -> None:
    rules = replace(RULES, notes_for_attendants=False)
    for a in (meeting("sick"), informed("sick")):
        expected = View(a.reason, a.until, a.back_at, a.note, a.informing, a.upcoming)
        assert seen_by(Audience.PERSON, a, rules) == expected


availabilities = st.builds(
    lambda make, reason, note: make(reason, f"Zebra{note}"),
    st.sampled_from([meeting, informed]),
    st.sampled_from([*REASONS, "taken out of the settings"]),
    st.text(max_size=5),
)
languages = st.sampled_from(["en", "sv", "sv-FI", "de", "", "xx"])


@given(availabilities, st.booleans(), st.booleans(), languages)
def test_no_note_and_no_sensitive_reason_reaches_whom_it_must_not(
    a: Availability, for_colleagues: bool, for_attendants: bool, language: str
) -> None:
    rules = replace(RULES, notes_for_colleagues=for_colleagues, notes_for_attendants=for_attendants)
    may_know_note = {
        Audience.CALLER: False,
        Audience.COLLEAGUE: for_colleagues,
        Audience.ATTENDANT: for_attendants,
    }
    codes = {c for c in (a.reason, *(i.reason for i in a.informing), a.upcoming and a.upcoming.reason) if c}
    kept = {c for c in codes if c not in REASONS or REASONS[c].sensitive}
    for audience, may_know in may_know_note.items():
        view = seen_by(audience, a, rules)
        told = repr(view) + sentence(view, rules, AT, STOCKHOLM, language, audience)
        assert "Zebra" not in told or may_know
        assert "Zebra" not in told or audience is Audience.ATTENDANT or not kept
        for code in kept:
            words = REASONS[code].labels.values() if code in REASONS else [code]
            assert not any(word in told for word in (f"'{code}'", *words))


def test_sensitive_are_at_least_sickness_and_parental_leave() -> None:
    assert {c for c in REASONS if told_reason(c, RULES) != c} == {"sick", "parental_leave"}


@pytest.mark.parametrize(
    ("code", "language", "audience", "words"),
    [
        (None, "en", Audience.CALLER, "Available"),
        (None, "sv-SE", Audience.COLLEAGUE, "Anträffbar"),
        ("meeting", "en", Audience.CALLER, "In a meeting"),
        ("meeting", "sv", Audience.COLLEAGUE, "I möte"),
        ("meeting", "sv_FI", Audience.COLLEAGUE, "I möte"),
        ("meeting", "fr", Audience.COLLEAGUE, "In a meeting"),
        ("lunch", "sv", Audience.ATTENDANT, "På lunch"),
        ("sick", "sv", Audience.PERSON, "Sjuk"),
        ("sick", "en", Audience.PERSON, "Sick"),
        # Whatever code is handed over, others hear the neutral words.
        ("sick", "en", Audience.CALLER, "Not available"),
        ("sick", "sv", Audience.COLLEAGUE, "Inte anträffbar"),
        ("parental_leave", "en", Audience.ATTENDANT, "Not available"),
        ("taken out of the settings", "sv", Audience.PERSON, "Inte anträffbar"),
    ],
)
def test_the_words_of_reasons(code: str | None, language: str, audience: Audience, words: str) -> None:
    assert reason_words(code, RULES, language, audience) == words


def test_every_reason_has_words_in_both_languages() -> None:
    for reason in REASONS.values():
        assert all(reason.labels[language] for language in LANGUAGES)
    for words in LANGUAGES.values():
        assert (len(words.weekdays), len(words.months)) == (7, 12)


def test_callers_hear_the_words_meant_for_outsiders() -> None:
    own = Reason("vab", {"sv": "VAB", "en": "Sick child", "fi": "Lapsi"}, outside={"sv": "Ledig idag"})
    rules = Rules({}, {"vab": own})
    assert reason_words("vab", rules, "sv", Audience.CALLER) == "Ledig idag"
    assert reason_words("vab", rules, "sv-FI", Audience.CALLER) == "Ledig idag"
    assert reason_words("vab", rules, "sv", Audience.COLLEAGUE) == "VAB"
    assert reason_words("vab", rules, "en", Audience.CALLER) == "Sick child"  # no outsiders' word in that language
    assert reason_words("vab", rules, "fi-FI", Audience.COLLEAGUE) == "Lapsi"  # a language without a catalogue
    assert reason_words("vab", rules, "de", Audience.COLLEAGUE) == "Sick child"


def test_a_reason_with_words_in_another_language_only() -> None:
    rules = Rules({}, {"a": Reason("a", {"fi": "Poissa"}), "b": Reason("b", {})})
    assert reason_words("a", rules, "sv", Audience.CALLER) == "Poissa"
    assert reason_words("b", rules, "sv", Audience.CALLER) == "b"


@pytest.mark.parametrize(
    ("tag", "language"),
    [("sv", "sv"), ("sv-FI", "sv"), ("SV_se", "sv"), ("en-GB", "en"), ("de", "en"), ("", "en")],
)
def test_the_language_of_a_tag(tag: str, language: str) -> None:
    assert language_of(tag) == language


@pytest.mark.parametrize(
    ("when", "en", "sv"),
    [
        ("2026-11-23T10:00", "10:00", "10:00"),
        ("2026-11-23T23:59", "23:59", "23:59"),
        ("2026-11-24T00:00", "Tue 00:00", "tis 00:00"),
        ("2026-11-29T08:05", "Sun 08:05", "sön 08:05"),
        ("2026-11-30T08:00", "30 Nov 08:00", "30 nov 08:00"),  # a Monday again: which one would be open
        ("2026-12-03T10:00", "3 Dec 10:00", "3 dec 10:00"),
        ("2027-01-04T10:00", "4 Jan 2027 10:00", "4 jan 2027 10:00"),
        ("2026-11-22T10:00", "22 Nov 10:00", "22 nov 10:00"),
        ("2026-03-01T10:00", "1 Mar 10:00", "1 mars 10:00"),
    ],
)
def test_when_as_people_say_it(when: str, en: str, sv: str) -> None:
    instant = datetime.fromisoformat(when).replace(tzinfo=STOCKHOLM).astimezone(UTC)
    assert when_words(instant, AT, STOCKHOLM, "en") == en
    assert when_words(instant, AT, STOCKHOLM, "sv-SE") == sv


def test_when_is_told_in_the_given_zone() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    assert when_words(late, AT, ZoneInfo("UTC"), "en") == "23:30"
    assert when_words(late, AT, STOCKHOLM, "en") == "Tue 00:30"
    assert when_words(late, AT, ZoneInfo("America/New_York"), "en") == "18:30"
    assert when_words(late + timedelta(hours=9), late, STOCKHOLM, "en") == "09:30"  # it is Tuesday there already


@pytest.mark.parametrize(
    ("a", "audience", "en", "sv"),
    [
        (Availability(), Audience.CALLER, "Available", "Anträffbar"),
        (meeting(), Audience.CALLER, "In a meeting, back 11:00", "I möte, åter 11:00"),
        (meeting("sick"), Audience.CALLER, "Not available, back 11:00", "Inte anträffbar, åter 11:00"),
        (meeting("sick"), Audience.PERSON, "Sick, back 11:00", "Sjuk, åter 11:00"),
        (informed(), Audience.ATTENDANT, "Available (In a meeting)", "Anträffbar (I möte)"),
        (informed("sick"), Audience.COLLEAGUE, "Available (Not available)", "Anträffbar (Inte anträffbar)"),
        (informed(), Audience.CALLER, "Available", "Anträffbar"),
        (
            Availability("sick", Layer.OVERRIDE),
            Audience.COLLEAGUE,
            "Not available, until further notice",
            "Inte anträffbar, tills vidare",
        ),
    ],
)
def test_the_sentence(a: Availability, audience: Audience, en: str, sv: str) -> None:
    view = seen_by(audience, a, RULES)
    assert sentence(view, RULES, AT, STOCKHOLM, "en", audience) == en
    assert sentence(view, RULES, AT, STOCKHOLM, "sv", audience) == sv
