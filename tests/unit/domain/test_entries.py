"""Which entries count: the whole product of what an entry may be, against a literal table; then the odd ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.defaults import REASONS
from backsoon.domain.entries import Ignored, Outcome, Owner, Refused, bounds, outcome, passed_over
from backsoon.domain.errors import EmptySpan, NaiveTime
from backsoon.domain.hours import OFFICE, WorkingTime
from backsoon.domain.keyword import keyword_table
from backsoon.domain.model import (
    EARLIEST,
    LATEST,
    Because,
    CalendarEntry,
    CalendarReferral,
    Days,
    EntryKey,
    EntryType,
    Mode,
    PassedOver,
    Phone,
    Response,
    Rule,
    Rules,
    ShowAs,
    Span,
    Timed,
    local_instant,
    utc,
)
from backsoon.domain.timeline import Timeline

STOCKHOLM = ZoneInfo("Europe/Stockholm")
KEYWORDS = {"m": "meeting", "h": "holiday"}
RULES = Rules(KEYWORDS, REASONS)
OWNER = Owner(7, STOCKHOLM, KEYWORDS)
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)

# What an untagged entry is in all-busy mode, by show-as and type; "?": only where tentative ones count.
ANSWERED = """
                   default        out_of_office  focus_time     working_location
free               -              -              -              -
tentative          busy?          out_of_office? busy?          -
busy               busy           out_of_office  busy           -
out_of_office      out_of_office  out_of_office  out_of_office  -
working_elsewhere  -              -              -              -
"""
UNANSWERED = """
                   default        out_of_office  focus_time     working_location
free               -              -              -              -
tentative          busy?          out_of_office? busy?          -
busy               busy?          out_of_office? busy?          -
out_of_office      out_of_office? out_of_office? out_of_office? -
working_elsewhere  -              -              -              -
"""
ENTRY_TYPES = [each for each in EntryType if each is not EntryType.AUTOMATIC_REPLY]
"""Those of entries that people write."""
BY_RESPONSE = {
    Response.ORGANIZER: ANSWERED,
    Response.ACCEPTED: ANSWERED,
    Response.TENTATIVE: UNANSWERED,
    Response.NEEDS_ACTION: UNANSWERED,
}


def cell(table: str, row: str, column: str) -> str:
    head, *rows = [line.split() for line in table.strip().splitlines()]
    cells = next(cells for name, *cells in rows if name == row)
    return cells[head.index(column)]


def entry(subject: str = "", **fields: object) -> CalendarEntry:
    return replace(CalendarEntry("u", Timed(NINE, TEN), subject), **fields)  # type: ignore[arg-type]


def summary(result: Outcome) -> tuple[str, Phone, str] | None:
    return (result.reason, result.phone, result.note) if isinstance(result, CalendarReferral) else None


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize("response", Response)
@pytest.mark.parametrize("count_tentative", [False, True])
def test_untagged_entries_as_the_table_has_them(
    mode: Mode, cancelled: bool, response: Response, count_tentative: bool
) -> None:
    for show_as, type_, private, busy_phone in product(ShowAs, ENTRY_TYPES, (False, True), Phone):
        e = entry("Budget", cancelled=cancelled, response=response, show_as=show_as, type=type_, private=private)
        rules = replace(RULES, mode=mode, count_tentative=count_tentative, busy_phone=busy_phone)
        expected = None
        if mode is Mode.ALL_BUSY and not cancelled and response in BY_RESPONSE:
            said = cell(BY_RESPONSE[response], show_as, type_)
            if said != "-" and (count_tentative or not said.endswith("?")):
                reason = said.rstrip("?")
                expected = (reason, busy_phone if reason == "busy" else Phone.CLOSED, "")
        assert summary(outcome(e, OWNER, rules)) == expected, e


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("mark", "phone"), [(":", Phone.CLOSED), (";", Phone.OPEN)])
@pytest.mark.parametrize("response", Response)
def test_tagged_entries_count_whatever_else_they_are(mode: Mode, mark: str, phone: Phone, response: Response) -> None:
    product_ = product(ShowAs, ENTRY_TYPES, (False, True), (False, True), (False, True), Phone)
    for show_as, type_, private, cancelled, count_tentative, busy_phone in product_:
        e = entry(f"m{mark} Budget", cancelled=cancelled, response=response, show_as=show_as, type=type_)
        rules = replace(RULES, mode=mode, count_tentative=count_tentative, busy_phone=busy_phone)
        expected = ("meeting", phone, "" if private else "Budget")
        never = cancelled or response is Response.DECLINED
        assert summary(outcome(replace(e, private=private), OWNER, rules)) == (None if never else expected), e


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"cancelled": True}, "cancelled"),
        ({"response": Response.DECLINED}, "declined"),
        ({"when": Timed(NINE, NINE)}, "has no length"),
        ({"when": Days(date(2026, 11, 23), date(2026, 11, 23))}, "has no length"),
        ({"subject": "Zebra"}, "no keyword"),
        ({"subject": "Zebra m: x"}, "keyword `m` is not first"),
    ],
)
def test_why_an_entry_is_ignored(fields: dict[str, object], because: str) -> None:
    assert outcome(entry(**{"subject": "m: x", **fields}), OWNER, RULES) == Ignored(because)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"type": EntryType.WORKING_LOCATION}, "a working location"),
        ({"show_as": ShowAs.FREE}, "shown as free"),
        ({"show_as": ShowAs.WORKING_ELSEWHERE}, "shown as working elsewhere"),
        ({"show_as": ShowAs.TENTATIVE}, "tentative or not answered yet"),
        ({"response": Response.NEEDS_ACTION}, "tentative or not answered yet"),
    ],
)
def test_why_an_entry_is_ignored_in_all_busy_mode(fields: dict[str, object], because: str) -> None:
    assert outcome(entry("Zebra", **fields), OWNER, replace(RULES, mode=Mode.ALL_BUSY)) == Ignored(because)


@pytest.mark.parametrize("when", [Timed(TEN, NINE), Days(date(2026, 11, 24), date(2026, 11, 23))])
def test_an_entry_that_ends_before_it_starts_is_refused(when: Timed | Days) -> None:
    assert outcome(entry("m: x", when=when), OWNER, RULES) == Refused("ends before it starts")


def test_a_referral_knows_its_entry() -> None:
    e = entry("M: >1234 Budget", recurrence_id="20261123T090000Z", resource="r.ics")
    assert outcome(e, OWNER, RULES) == CalendarReferral(
        key=EntryKey(7, "u", "20261123T090000Z"),
        span=Span(NINE, TEN),
        reason="meeting",
        phone=Phone.CLOSED,
        note="Budget",
        divert_to="1234",
        rule=Rule.KEYWORD,
        keyword="m",
        resource="r.ics",
    )


def test_an_untagged_referral_keeps_span_and_show_as_only() -> None:
    e = entry("Zebra", resource="r.ics")
    result = outcome(e, OWNER, replace(RULES, mode=Mode.ALL_BUSY))
    assert result == CalendarReferral(EntryKey(7, "u"), Span(NINE, TEN), "busy", rule=Rule.SHOW_AS, resource="r.ics")
    assert "Zebra" not in repr(result)
    assert "Zebra" not in repr(e)


def test_a_persons_own_keywords_come_first() -> None:
    owner = Owner(7, STOCKHOLM, keyword_table(KEYWORDS, {"m": "course", "gym": "leave"}))
    reasons = [outcome(entry(s), owner, RULES) for s in ("m: x", "gym: x", "h: x")]
    assert [r.reason for r in reasons if isinstance(r, CalendarReferral)] == ["course", "leave", "holiday"]


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("Europe/Stockholm", date(2026, 7, 1), "2026-06-30T22:00", 24),
        ("Europe/Stockholm", date(2026, 3, 29), "2026-03-28T23:00", 23),
        ("Europe/Stockholm", date(2026, 10, 25), "2026-10-24T22:00", 25),
        ("America/New_York", date(2026, 3, 8), "2026-03-08T05:00", 23),
        ("America/New_York", date(2026, 11, 1), "2026-11-01T04:00", 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), "2026-04-04T13:00", 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), "2026-10-03T13:30", 23.5),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00", 23),  # clocks leap over midnight
        ("America/Santiago", date(2026, 9, 6), "2026-09-06T04:00", 23),  # the same
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00", 25),  # midnight comes twice; the first is meant
        ("Asia/Kathmandu", date(2026, 6, 15), "2026-06-14T18:15", 24),
    ],
)
def test_an_all_day_entry_lasts_from_local_midnight_to_local_midnight(
    zone: str, day: date, start: str, hours: float
) -> None:
    first, end = bounds(Days(day, day + timedelta(days=1)), ZoneInfo(zone))
    assert first == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert end - first == timedelta(hours=hours)


def test_a_day_that_never_was_has_no_length() -> None:
    samoa = Owner(1, ZoneInfo("Pacific/Apia"), KEYWORDS)
    skipped = Days(date(2011, 12, 30), date(2011, 12, 31))
    assert outcome(entry("h: x", when=skipped), samoa, RULES) == Ignored("has no length")


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        ("2026-03-29T02:30", "2026-03-29T01:30"),  # a gap: an hour later, 03:30 summer time
        ("2026-10-25T02:30", "2026-10-25T00:30"),  # a fold: the first of the two
        ("2026-07-01T12:00", "2026-07-01T10:00"),
    ],
)
def test_floating_times_in_gaps_and_folds(wall: str, instant: str) -> None:
    assert local_instant(datetime.fromisoformat(wall), STOCKHOLM) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Stockholm", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    "when",
    [
        Days(date.min, date.max),
        Days(date(2026, 1, 1), date(9999, 12, 31)),
        Timed(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_times_at_the_end_of_the_calendar_break_nothing(zone: str, when: Timed | Days) -> None:
    result = outcome(entry("m: x", when=when), Owner(1, ZoneInfo(zone), KEYWORDS), RULES)
    assert isinstance(result, CalendarReferral)
    assert EARLIEST <= result.span.start < NINE < result.span.end <= LATEST
    timeline = Timeline([result], RULES, None, WorkingTime(OFFICE, ZoneInfo(zone)))
    now = timeline.at(NINE)
    assert now.referred
    assert result.span.end == LATEST, "in every zone"
    assert (now.until, now.back_at) == (None, None)
    assert timeline.next_change(NINE) is None
    assert timeline.at(LATEST).referred


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("end", [TEN, LATEST])
@pytest.mark.parametrize("response", [Response.ORGANIZER, Response.NEEDS_ACTION])
@pytest.mark.parametrize("show_as", [ShowAs.OUT_OF_OFFICE, ShowAs.FREE, ShowAs.TENTATIVE])
def test_an_automatic_reply_says_that_somebody_is_away(
    mode: Mode, end: datetime, response: Response, show_as: ShowAs
) -> None:
    uid, resource = "automatic-reply:anna@example.org", "automatic-reply"
    reply = entry("m: Zebra", when=Timed(NINE, end), response=response, show_as=show_as, uid=uid, resource=resource)
    reply = replace(reply, type=EntryType.AUTOMATIC_REPLY)
    rules = replace(RULES, mode=mode, busy_phone=Phone.OPEN)
    result = outcome(reply, OWNER, rules)
    assert result == CalendarReferral(
        EntryKey(7, uid), Span(NINE, end), "out_of_office", rule=Rule.AUTOMATIC_REPLY, resource=resource
    ), "no note, and the phone is closed"
    assert passed_over(reply, OWNER, result) is None
    off = outcome(reply, OWNER, replace(rules, automatic_replies=False))
    assert off == Ignored("an automatic reply")
    assert passed_over(reply, OWNER, off) is None
    assert outcome(replace(reply, when=Timed(NINE, NINE)), OWNER, rules) == Ignored("has no length")


def test_naive_times_are_refused_at_the_border() -> None:
    naive = datetime(2026, 1, 1, 9)  # noqa: DTZ001
    with pytest.raises(NaiveTime, match="start: a time without a zone"):
        utc(naive, "start")
    for wrong in (naive, NINE.astimezone(STOCKHOLM)):
        with pytest.raises(NaiveTime):
            Span(wrong, TEN)
        with pytest.raises(NaiveTime):
            Timed(NINE, wrong)
    assert utc(NINE.astimezone(STOCKHOLM)) == NINE
    assert utc(NINE.astimezone(STOCKHOLM)).tzinfo is UTC


def test_a_span_is_half_open_and_never_empty() -> None:
    span = Span(NINE, TEN)
    assert [span.covers(t) for t in (NINE - timedelta.resolution, NINE, TEN - timedelta.resolution, TEN)] == [
        False,
        True,
        True,
        False,
    ]
    for end in (NINE, NINE - timedelta.resolution):
        with pytest.raises(EmptySpan):
            Span(NINE, end)


MINUTE = timedelta(minutes=1)
PASSED = [
    ({"subject": "Zebra m: x"}, Because.NOT_FIRST),
    ({"subject": "Zebra m: x", "private": True}, Because.NOT_FIRST),
    ({"subject": "Zebra m: x", "show_as": ShowAs.FREE}, Because.NOT_FIRST),
    ({"cancelled": True}, Because.CANCELLED),
    ({"cancelled": True, "subject": "Zebra m: x"}, Because.CANCELLED),
    ({"cancelled": True, "response": Response.DECLINED, "when": Timed(NINE, NINE)}, Because.CANCELLED),
    ({"response": Response.DECLINED}, Because.DECLINED),
    ({"response": Response.DECLINED, "when": Timed(NINE, NINE)}, Because.DECLINED),
    ({"when": Timed(NINE, NINE)}, Because.NO_LENGTH),
    ({"when": Timed(NINE, NINE), "subject": "Zebra m: x"}, Because.NO_LENGTH),
]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("fields", "because"), PASSED)
def test_an_entry_whose_keyword_counts_for_nothing_is_passed_over(
    fields: dict[str, object], because: Because, mode: Mode
) -> None:
    e = entry(**{"subject": "m: x", "resource": "r", **fields})  # type: ignore[arg-type]
    became = outcome(e, OWNER, replace(RULES, mode=mode))
    end = NINE + MINUTE if because is Because.NO_LENGTH or e.when == Timed(NINE, NINE) else TEN
    assert passed_over(e, OWNER, became) == PassedOver(EntryKey(7, "u"), Span(NINE, end), because, "m", "r")


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "m: x"},
        {"subject": "m; x", "show_as": ShowAs.FREE},
        {"subject": "Zebra"},
        {"subject": "m Zebra"},
        {"subject": "Zebra // m: x"},
        {"subject": "Zebra", "cancelled": True},
        {"subject": "Zebra", "when": Timed(NINE, NINE)},
        {"subject": "Zebra m: x", "when": Timed(TEN, NINE)},
        {"subject": "m: x", "when": Timed(TEN, NINE), "cancelled": True},
    ],
)
def test_of_every_other_entry_nothing_is_kept(fields: dict[str, object], mode: Mode) -> None:
    e = entry(**fields)  # type: ignore[arg-type]
    assert passed_over(e, OWNER, outcome(e, OWNER, replace(RULES, mode=mode))) is None


def test_an_entry_that_counts_by_its_show_as_tells_that_its_keyword_did_not() -> None:
    e = entry("Zebra m: x")
    became = outcome(e, OWNER, replace(RULES, mode=Mode.ALL_BUSY))
    assert isinstance(became, CalendarReferral)
    assert became.reason == "busy"
    assert passed_over(e, OWNER, became) == PassedOver(EntryKey(7, "u"), Span(NINE, TEN), Because.NOT_FIRST, "m")


def test_what_is_passed_over_holds_nothing_of_the_subject() -> None:
    e = entry("Zebra m: Quagga // Okapi", uid="u")
    kept = repr(passed_over(e, OWNER, outcome(e, OWNER, RULES)))
    assert not any(word in kept for word in ("Zebra", "Quagga", "Okapi"))
