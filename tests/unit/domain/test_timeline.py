"""The decision at an instant, by example: each rule of precedence, back-at, what is coming."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.defaults import REASONS
from backsoon.domain.hours import OFFICE, WorkingTime
from backsoon.domain.model import (
    AVAILABLE,
    Availability,
    CalendarReferral,
    EntryKey,
    Informing,
    Layer,
    Override,
    Phone,
    Reason,
    Rules,
    Span,
    Upcoming,
)
from backsoon.domain.timeline import Stretch, Timeline

STOCKHOLM = ZoneInfo("Europe/Stockholm")
RULES = Rules({}, REASONS)
WORKING = WorkingTime(OFFICE, STOCKHOLM)


def t(clock: str, day: int = 23) -> datetime:
    """A time of Monday 23 November 2026 in Stockholm, or of another day of that month."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, day, hour, minute, tzinfo=STOCKHOLM).astimezone(UTC)


def booked(start: str, end: str, uid: str = "u", reason: str = "meeting", **more: object) -> CalendarReferral:
    made = CalendarReferral(EntryKey(1, uid), Span(t(start), t(end)), reason)
    return replace(made, **more)  # type: ignore[arg-type]


def test_nothing_at_all_is_available() -> None:
    timeline = Timeline([], RULES)
    assert timeline.at(t("09:00")) == AVAILABLE
    assert timeline.next_change(t("09:00")) is None
    assert list(timeline.stretches(t("09:00"))) == [Stretch(t("09:00"), None, AVAILABLE)]


def test_a_meeting_is_told_in_full() -> None:
    meeting = booked("09:00", "10:00", note="Budget", divert_to="1234")
    assert Timeline([meeting], RULES, None, WORKING).at(t("09:30")) == Availability(
        reason="meeting",
        layer=Layer.CALENDAR,
        until=t("10:00"),
        back_at=t("10:00"),
        note="Budget",
        divert_to="1234",
        key=EntryKey(1, "u"),
    )


def test_an_override_is_told_in_full() -> None:
    override = Override(t("09:00"), t("10:00"), "lunch", "Soup", "1234")
    coming = booked("10:00", "11:00", note="Budget")
    assert Timeline([coming], RULES, override).at(t("09:30")) == Availability(
        reason="lunch",
        layer=Layer.OVERRIDE,
        until=t("10:00"),
        back_at=t("11:00"),
        note="Soup",
        divert_to="1234",
        upcoming=Upcoming(t("10:00"), t("11:00"), "meeting", "Budget"),
    )


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        (booked("08:00", "12:00", "a", "holiday"), booked("09:00", "10:00", "b"), "a"),  # priority
        (booked("08:00", "12:00", "a"), booked("09:00", "10:00", "b"), "b"),  # the latest start
        (booked("09:00", "12:00", "a"), booked("09:00", "10:00", "b"), "b"),  # the key
        (
            booked("09:00", "12:00", "a", "gone"),
            booked("08:00", "10:00", "b", "busy"),
            "b",
        ),  # gone: not in the settings
    ],
)
def test_of_closed_claims_one_wins(first: CalendarReferral, second: CalendarReferral, winner: str) -> None:
    for order in ([first, second], [second, first]):
        key = Timeline(order, RULES).at(t("09:30")).key
        assert key is not None
        assert key.uid == winner


def test_a_closed_claim_wins_over_an_open_one_of_a_higher_priority() -> None:
    open_, closed = booked("09:00", "10:00", "a", "sick", phone=Phone.OPEN), booked("09:00", "10:00", "b", "busy")
    now = Timeline([open_, closed], RULES).at(t("09:00"))
    assert (now.reason, now.informing) == ("busy", ())


def test_inform_only_is_shown_beside_available() -> None:
    shown = [
        booked("09:00", "10:00", "a", phone=Phone.OPEN, note="x"),
        booked("08:00", "12:00", "b", "holiday", phone=Phone.OPEN),
        booked("10:00", "11:00", "c", "holiday", phone=Phone.OPEN),
    ]
    now = Timeline(shown, RULES).at(t("09:30"))
    assert not now.referred
    assert now.informing == (Informing("holiday", t("12:00")), Informing("meeting", t("10:00"), "x"))
    assert Timeline(shown, RULES).at(t("07:30")).upcoming is None
    least = booked("07:00", "10:00", "d", "busy", phone=Phone.OPEN)  # the first to start, yet the last to be shown
    assert Timeline([least, *shown], RULES).at(t("09:30")).informing == (*now.informing, Informing("busy", t("10:00")))
    by_hand = Timeline(shown, RULES, Override(t("09:00"), None, None)).at(t("09:30"))
    assert by_hand.informing == now.informing


@pytest.mark.parametrize(
    ("gap", "second", "back"),
    [
        (5, booked("10:04", "11:00", "v"), "11:00"),
        (5, booked("10:05", "11:00", "v"), "10:00"),  # less than the gap, not as much
        (0, booked("10:00", "11:00", "v"), "11:00"),  # touching is inside, whatever the gap
        (0, booked("10:01", "11:00", "v"), "10:00"),
        (5, booked("09:30", "11:00", "v", "busy"), "11:00"),  # overlapping, though it does not win
        (5, booked("09:10", "09:50", "v", "busy"), "10:00"),  # nested: an inner one shortens nothing
        (5, booked("10:00", "11:00", "v", phone=Phone.OPEN), "10:00"),
    ],
)
def test_back_at_chains(gap: int, second: CalendarReferral, back: str) -> None:
    rules = replace(RULES, chain_gap=timedelta(minutes=gap))
    now = Timeline([booked("09:00", "10:00"), second], rules).at(t("09:05"))
    assert (now.until, now.back_at) == (t("10:00"), t(back))


def test_a_long_chain_and_a_long_outer_claim() -> None:
    many = [booked(f"{h:02}:00", f"{h:02}:57", f"u{h}") for h in range(9, 16)]
    assert Timeline(many, RULES).at(t("09:30")).back_at == t("15:57")
    outer = booked("09:00", "15:00", "o")
    inner = [booked("10:00", "11:00", "i"), booked("15:02", "16:00", "p")]
    assert Timeline([outer, *inner], RULES).at(t("09:30")).back_at == t("16:00")


def test_back_at_is_in_working_hours_and_not_in_the_mornings_meeting() -> None:
    holiday = frozenset({date(2026, 11, 24)})
    working = WorkingTime(OFFICE, STOCKHOLM, holiday)
    late = booked("16:00", "17:00")
    assert Timeline([late], RULES, None, working).at(t("16:30")).back_at == t("08:00", 25)
    morning = CalendarReferral(EntryKey(1, "v"), Span(t("08:04", 25), t("09:00", 25)), "meeting")
    now = Timeline([late, morning], RULES, None, working).at(t("16:30"))
    assert (now.until, now.back_at) == (t("17:00"), t("09:00", 25))


def test_an_end_that_lies_in_working_hours_is_kept_to_the_second() -> None:
    end = t("10:00") + timedelta(seconds=1)
    meeting = CalendarReferral(EntryKey(1, "u"), Span(t("09:00"), end), "meeting")
    assert Timeline([meeting], RULES, None, WORKING).at(t("09:30")).back_at == end


def test_outside_working_hours_the_person_is_available_still() -> None:
    assert Timeline([], RULES, None, WORKING).at(t("03:00")) == AVAILABLE


@pytest.mark.parametrize(("clock", "shown"), [("07:59", False), ("08:00", True), ("08:59", True), ("09:00", False)])
def test_what_is_coming_shows_an_hour_ahead(clock: str, shown: bool) -> None:
    now = Timeline([booked("09:00", "10:00", note="x")], RULES).at(t(clock))
    assert now.upcoming == (Upcoming(t("09:00"), t("10:00"), "meeting", "x") if shown else None)


def test_the_first_that_is_coming_and_of_two_the_one_that_would_win() -> None:
    coming = [
        booked("09:30", "10:00", "a", "holiday"),
        booked("09:00", "10:00", "b", "busy"),
        booked("09:00", "10:00", "c"),
    ]
    now = Timeline(coming, RULES).at(t("08:45"))
    assert now.upcoming == Upcoming(t("09:00"), t("10:00"), "meeting")


@pytest.mark.parametrize(
    ("second", "shown"),
    [
        (booked("10:00", "11:00", "v"), True),  # touching: the first ends before it
        (booked("10:20", "11:00", "v"), True),
        (booked("09:59", "11:00", "v"), False),
        (booked("10:31", "11:00", "v"), False),
    ],
)
def test_while_referred_only_what_starts_after_it_is_coming(second: CalendarReferral, shown: bool) -> None:
    now = Timeline([booked("09:00", "10:00"), second], RULES).at(t("09:30"))
    assert (now.upcoming is not None) is shown


def test_what_starts_now_is_not_coming_and_hides_nothing() -> None:
    now = Timeline([booked("09:00", "09:30"), booked("09:30", "10:00", "v")], RULES).at(t("09:00"))
    assert now.upcoming == Upcoming(t("09:30"), t("10:00"), "meeting")


def test_next_change_names_each_edge() -> None:
    timeline = Timeline([booked("09:00", "10:00"), booked("10:00", "10:30", "v")], RULES)
    edges, at = [], t("00:00")
    while (edge := timeline.next_change(at)) is not None:
        edges.append(edge)
        at = edge
    # An hour before each start (the second is coming as soon as the first has begun), starts and ends.
    assert edges == [t("08:00"), t("09:00"), t("10:00"), t("10:30")]


def test_an_edge_at_which_nothing_differs_is_no_change() -> None:
    nested = [booked("08:00", "17:00", "h", "holiday"), booked("12:00", "13:00", "m")]
    timeline = Timeline(nested, RULES)
    assert timeline.next_change(t("11:30")) == t("17:00")
    assert [s.end for s in timeline.stretches(t("08:00"), t("20:00"))] == [t("17:00"), t("20:00")]
    assert [s.end for s in timeline.stretches(t("08:00"), t("17:00"))] == [t("17:00")]


def test_one_entry_in_two_calendars_counts_once() -> None:
    here, there = booked("09:00", "10:00", note="a"), booked("09:00", "10:00", key=EntryKey(2, "u"), note="b")
    open_ = booked("08:00", "12:00", key=EntryKey(0, "u"), phone=Phone.OPEN)
    for copies in ([here, there, open_], [open_, there, here]):
        timeline = Timeline(copies, RULES)
        now = timeline.at(t("09:30"))
        assert (now.key, now.note) == (EntryKey(1, "u"), "a")
        assert timeline.at(t("10:00")) == AVAILABLE


@pytest.mark.parametrize(
    "other",
    [
        {"resource": "r"},
        {"span": Span(t("09:00"), t("11:00"))},
        {"divert_to": "1234"},
        {"note": "b"},
        {"reason": "taken out of the settings too"},
    ],
)
def test_of_copies_in_one_calendar_the_same_counts_in_whatever_order(other: dict[str, object]) -> None:
    one = booked("09:00", "10:00", reason="taken out")
    copies = [one, replace(one, **other)]  # type: ignore[arg-type]
    assert Timeline(copies, RULES).at(t("09:30")) == Timeline(copies[::-1], RULES).at(t("09:30"))


def test_occurrences_of_a_series_are_entries_of_their_own() -> None:
    first = booked("09:00", "10:00", key=EntryKey(1, "u", "20261123T080000Z"))
    other = booked("10:00", "11:00", key=EntryKey(1, "u", "20261123T090000Z"))
    assert [s.availability.key for s in Timeline([first, other], RULES).stretches(t("09:00"))] == [
        first.key,
        other.key,
        None,
    ]


def test_the_settings_decide_the_priority() -> None:
    rules = replace(RULES, reasons={**REASONS, "busy": Reason("busy", {"en": "Busy"}, priority=99)})
    claims = [booked("09:00", "10:00", "a", "holiday"), booked("09:00", "10:00", "b", "busy")]
    assert Timeline(claims, rules).at(t("09:00")).reason == "busy"
    assert Timeline(claims, RULES).at(t("09:00")).reason == "holiday"
