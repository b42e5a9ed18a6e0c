"""The keyword grammar, production by production."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.defaults import KEYWORDS as DEFAULT_KEYWORDS
from backsoon.domain.defaults import REASONS
from backsoon.domain.errors import BadKeyword, UnknownReason
from backsoon.domain.keyword import (
    KEYWORD_LENGTH,
    MAIL_PREFIXES,
    MOST_OWN,
    Tag,
    Untagged,
    checked,
    clean,
    keyword_table,
    marked_keyword,
    normalise,
    own_keywords,
    read_subject,
)
from backsoon.domain.model import NOTE_LENGTH, Phone

KEYWORDS = {checked(k): v for k, v in {"m": "meeting", "h": "holiday", "Straße": "travel", "Å": "course"}.items()}
KEYWORDS |= {"2": "lunch", checked("izin"): "leave", checked("İzin"): "sick"}


def read(subject: str) -> Tag:
    tag = read_subject(subject, KEYWORDS)
    assert isinstance(tag, Tag), subject
    return tag


@pytest.mark.parametrize(
    "subject",
    [
        "m: Budget",
        "M:Budget",
        "m : Budget",
        " \t m\u00a0: \u3000Budget \n",
        "m：Budget",
        "\uff4d: Budget",  # full-width m
        "Re: m: Budget",
        "SV:VB: m: Budget",
        "fwd: RE: Fw : m: Budget",
        "AW: WG: VS: m: Budget",
        "回复：m：Budget",
        "Re：m: Budget",
        "\u202em: Budget",
        "\ufeffm\u200b: Budget",
        "m: Budget // with the boss",
        "m: Budget//",
        "m: \u0000Bud\u0007get\u009f",
        "m: \u202eBud\u2066get\u2069",
    ],
)
def test_all_of_these_close_the_phone_for_a_meeting_about_the_budget(subject: str) -> None:
    assert read(subject) == Tag("m", "meeting", Phone.CLOSED, "Budget")


@pytest.mark.parametrize("subject", ["m; Budget", "M；Budget", "m ; Budget", "Re: m; Budget", "Fw: SV: m；Budget"])
def test_a_semicolon_informs_only(subject: str) -> None:
    assert read(subject) == Tag("m", "meeting", Phone.OPEN, "Budget")


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("STRASSE: x", "travel"),
        ("straße: x", "travel"),
        ("stra\u1e9ee: x", "travel"),  # capital sharp s
        ("å: x", "course"),
        ("A\u030a: x", "course"),  # decomposed
        ("\u212b: x", "course"),  # the angstrom sign
        ("²: x", "lunch"),
        ("\uff12: x", "lunch"),
        ("IZIN: x", "leave"),
        ("İZIN: x", "sick"),
        ("i\u0307zin: x", "sick"),
    ],
)
def test_keywords_are_compared_after_nfkc_and_casefold(subject: str, reason: str) -> None:
    assert read(subject).reason == reason


@pytest.mark.parametrize(
    ("subject", "divert_to", "note"),
    [
        ("m:>1234", "1234", ""),
        ("m:>1234 Budget", "1234", "Budget"),
        ("m: >+46812345 Budget", "+46812345", "Budget"),
        ("M：>anna.b-2_x Budget", "anna.b-2_x", "Budget"),
        ("m:>1234//56", "1234", ""),
        ("m:>1234 > 56", "1234", "> 56"),
        ("m: Budget >1234", "", "Budget >1234"),
        ("m:>" + "1" * 32, "1" * 32, ""),
    ],
)
def test_calls_are_diverted_to_a_number(subject: str, divert_to: str, note: str) -> None:
    tag = read(subject)
    assert (tag.divert_to, tag.note, tag.problem) == (divert_to, note, "")


@pytest.mark.parametrize(
    "subject",
    ["m:>", "m: > see below", "m:>åsa x", "m:>1234; x", "m:>" + "1" * 33, "m:>12,34", "m:>$(x)"],
)
def test_what_is_no_number_diverts_nothing_and_is_reported(subject: str) -> None:
    tag = read(subject)
    assert (tag.reason, tag.divert_to) == ("meeting", "")
    assert tag.problem == "what follows `>` is not a number to divert to"


def test_a_line_break_ends_a_number() -> None:
    assert read("m:>12\r\nAction: Originate").divert_to == "12"
    assert read("m:>12\u2028Action: Originate").note == "Action: Originate"


def test_inform_only_diverts_nothing() -> None:
    tag = read("m;>1234 Budget")
    assert (tag.phone, tag.divert_to, tag.note) == (Phone.OPEN, "", "Budget")
    assert "diverts nothing" in tag.problem


@pytest.mark.parametrize(
    ("subject", "note"),
    [
        ("m:", ""),
        ("m:   ", ""),
        ("m: // secret", ""),
        ("m: a / b", "a / b"),
        ("m: see https://example.org", "see https:"),
        ("m: a // b // c", "a"),
        ("m: a; b: c", "a; b: c"),
        ("m:: x", ": x"),
        ("m: two\nlines\tof  text", "two lines of  text"),
        ("m: a\u2028b\x85c", "a b c"),
        ("m: \U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("m: \ud800broken", "broken"),
    ],
)
def test_the_note(subject: str, note: str) -> None:
    assert read(subject).note == note


def test_a_note_has_at_most_200_characters() -> None:
    assert NOTE_LENGTH == 200
    assert read("m: " + "x" * 200).note == "x" * 200
    assert read("m: " + "x" * 201).note == "x" * 200
    assert read("m: " + "x" * 199 + " y").note == "x" * 199
    assert read("m: " + "\u202e" * 300 + "x" * 250).note == "x" * 200
    assert read("m:" + " " * 1000 + "x").note == "x"


@pytest.mark.parametrize(
    ("subject", "because"),
    [
        ("", "no keyword"),
        ("Budget", "no keyword"),
        ("Budget: x", "no keyword"),
        ("mm: x", "no keyword"),
        (": x", "no keyword"),
        ("m, x", "no keyword"),
        ("m- x", "no keyword"),
        ("Re: Budget", "no keyword"),
        ("Budget // m: x", "no keyword"),
        ("Budget m: x", "keyword `m` is not first"),
        ("Budget M : x", "keyword `m` is not first"),
        ("Re: Budget h; x", "keyword `h` is not first"),
        ("re; m: x", "keyword `m` is not first"),
        ("x: m: y", "keyword `m` is not first"),
        ("m Budget", "keyword `m` has no mark (: or ;)"),
        ("H Budget: x", "keyword `h` has no mark (: or ;)"),
        ("Re: m Budget", "keyword `m` has no mark (: or ;)"),
    ],
)
def test_untagged_subjects_and_near_misses(subject: str, because: str) -> None:
    assert read_subject(subject, KEYWORDS) == Untagged(because)


def test_a_mark_far_out_belongs_to_no_keyword() -> None:
    assert isinstance(read_subject("x " * 500 + "m: x", KEYWORDS), Untagged)
    assert isinstance(read_subject("m" + " " * 100 + ": x", KEYWORDS), Untagged)


def test_a_very_long_subject_is_read_at_its_head_only() -> None:
    assert read("m: x" + "y" * 10_000_000).note == "x" + "y" * 199
    assert isinstance(read_subject("y" * 10_000_000 + "m: x", KEYWORDS), Untagged)


@pytest.mark.parametrize("keyword", ["m", "M ", "semester", "a" * 16, "2", "İ", "İZİN", "छुट्टी", "휴가", "会议", "ß"])
def test_keywords_that_can_be_typed(keyword: str) -> None:
    word = checked(keyword)
    assert checked(word) == word == normalise(keyword.strip())
    tag = read_subject(f"{keyword}: x", {word: "meeting"})
    assert isinstance(tag, Tag)
    assert tag.keyword == word


@pytest.mark.parametrize("keyword", ["", " ", "a" * 17, "m m", "m:", "a-b", "½", "\u0301a", "x\u202e", "_", "//"])
def test_keywords_that_no_subject_can_carry(keyword: str) -> None:
    with pytest.raises(BadKeyword, match="1 to 16 letters or digits") as caught:
        checked(keyword)
    assert caught.value.keyword == keyword
    assert KEYWORD_LENGTH == 16


@pytest.mark.parametrize("prefix", ["re", "Re", "FW", "fwd", "sv", "VB", "aw", "wg", "vs", "\uff32\uff25"])
def test_a_keyword_that_is_a_mail_prefix_is_an_error(prefix: str) -> None:
    with pytest.raises(BadKeyword, match="mail programs"):
        checked(prefix)


def test_the_prefixes_are_normalised_themselves() -> None:
    assert {normalise(p) for p in MAIL_PREFIXES} == MAIL_PREFIXES


def test_the_keywords_that_an_organisation_starts_with() -> None:
    assert {checked(k): r for k, r in DEFAULT_KEYWORDS.items()} == DEFAULT_KEYWORDS
    assert set(DEFAULT_KEYWORDS.values()) <= set(REASONS)
    digits = [r.digit for r in REASONS.values() if r.digit]
    assert len(digits) == len(set(digits))


def test_own_keywords_come_before_the_organisations() -> None:
    assert keyword_table({"m": "meeting", "h": "holiday"}, {"m": "course", "x": "leave"}) == {
        "m": "course",
        "h": "holiday",
        "x": "leave",
    }
    assert keyword_table({"m": "meeting"}) == {"m": "meeting"}


# -- properties ------------------------------------------------------------------------------------------------------

anything = st.text(st.characters(), max_size=80)
grammar_soup = st.text("mMh:;：；>/ \t\u00a0\u202e\u0301Re1åÅ\x00\n", max_size=40)
keywords = st.sampled_from(sorted(KEYWORDS))


@given(anything | grammar_soup)
def test_reading_never_raises_and_notes_are_clean(text: str) -> None:
    tag = read_subject(text, KEYWORDS)
    if isinstance(tag, Tag):
        assert len(tag.note) <= NOTE_LENGTH
        assert tag.note == clean(tag.note)
        assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in tag.note)
        assert not any(unicodedata.bidirectional(c) in ("RLO", "LRO", "RLI", "LRI", "PDF", "FSI") for c in tag.note)
        assert "//" not in tag.note
        assert tag.divert_to.isascii()


@given(anything | grammar_soup, st.sampled_from(["", "m ", "m: ", "Re: "]))
def test_what_an_untagged_subject_says_is_never_quoted(text: str, near: str) -> None:
    tag = read_subject("Zebra" + text + near + "Zebra", KEYWORDS)
    if isinstance(tag, Untagged):
        named = {f"keyword `{k}` {why}" for k in KEYWORDS for why in ("is not first", "has no mark (: or ;)")}
        assert tag.because in named | {"no keyword"}
        assert "zebra" not in tag.because.casefold()


@given(anything, anything)
def test_what_is_hidden_changes_nothing(note: str, hidden: str) -> None:
    shown = note.replace("/", "")
    assert read(f"m:{shown}//{hidden}") == read(f"m:{shown}//") == read(f"m:{shown} ")


@given(
    keywords,
    st.sampled_from(Phone),
    st.just("") | st.from_regex(r"[0-9A-Za-z_.+-]{1,32}", fullmatch=True),
    anything.map(clean),
    st.sampled_from(["", " ", "  "]),
    st.lists(st.sampled_from(sorted(MAIL_PREFIXES)), max_size=3),
)
def test_what_is_written_is_read_again(
    keyword: str, phone: Phone, number: str, note: str, space: str, prefixes: list[str]
) -> None:
    note = clean(note.replace("//", "").lstrip(">"))
    divert = f">{number} " if number and phone is Phone.CLOSED else ""
    mark = ":" if phone is Phone.CLOSED else ";"
    subject = "".join(f"{p.title()}: " for p in prefixes) + f"{keyword}{space}{mark}{divert}{space}{note}"
    tag = read(subject)
    assert (tag.keyword, tag.reason, tag.phone) == (keyword, KEYWORDS[keyword], phone)
    assert (tag.note, tag.divert_to, tag.problem) == (note, number if divert else "", "")


@given(anything)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert clean(clean(text)) == clean(text)
    assert unicodedata.is_normalized("NFKC", normalise(text))


def test_a_letter_that_folding_takes_apart_is_put_together_again() -> None:
    assert normalise("J\u030c") == normalise("\u01f0") == "\u01f0"


@pytest.mark.parametrize(
    ("subject", "keyword"),
    [
        ("m: x", "m"),
        ("Budget m: x", "m"),
        ("Budget M ： x", "m"),
        ("Zebra: Re; h; m: y", "h"),
        ("m Budget", ""),
        ("Budget", ""),
        ("Budget // m: x", ""),
        ("xm: y", ""),
        (": m", ""),
        ("x " * 1500 + "m: y", ""),
    ],
)
def test_a_keyword_with_its_mark_is_found_anywhere(subject: str, keyword: str) -> None:
    assert marked_keyword(subject, KEYWORDS) == keyword


@given(anything | grammar_soup, st.sampled_from(["", "m ", "m: ", "Re: "]))
def test_what_is_found_in_a_subject_is_a_keyword_of_the_table(text: str, near: str) -> None:
    subject = "Zebra" + text + near + "Zebra"
    found = marked_keyword(subject, KEYWORDS)
    assert found in {"", *KEYWORDS}
    tag = read_subject(subject, KEYWORDS)
    assert found == tag.keyword if isinstance(tag, Tag) else (found != "") == tag.because.endswith("is not first")


def test_own_keywords_are_kept_as_they_are_compared() -> None:
    assert own_keywords({" GYM ": "lunch", "ﬁ": "meeting"}, REASONS) == {"gym": "lunch", "fi": "meeting"}
    assert own_keywords({}, REASONS) == {}


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"re": "lunch"}, BadKeyword),
        ({"a b": "lunch"}, BadKeyword),
        ({"D": "lunch", "d": "meeting"}, BadKeyword),
        ({f"k{n}": "lunch" for n in range(MOST_OWN + 1)}, BadKeyword),
        ({"d": "nowhere"}, UnknownReason),
    ],
)
def test_own_keywords_that_could_not_work(wanted: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        own_keywords(wanted, REASONS)
