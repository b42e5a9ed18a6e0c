"""Rules that are made to hurt: the item is quarantined, the rest of the calendar works."""

from __future__ import annotations

import pytest

from backsoon.sources.ical import Limits
from tests.unit.ical.helpers import WINDOW, because, calendar, event, read, starts
from tests.unit.ical.test_vtimezone import definition, observance

HEALTHY = (event("DTSTART:20261102T090000Z", uid="before"), event("DTSTART:20261103T090000Z", uid="after"))
SINCE = "DTSTART:19700101T000000Z"
ALL_60 = ",".join(map(str, range(60)))
ALL_24 = ",".join(map(str, range(24)))

BOMBS = {
    "secondly": (SINCE, "RRULE:FREQ=SECONDLY"),
    "secondly today": ("DTSTART:20261122T090000Z", "RRULE:FREQ=SECONDLY"),
    "minutely": (SINCE, "RRULE:FREQ=MINUTELY"),
    "hourly": (SINCE, "RRULE:FREQ=HOURLY"),
    "interval 0": (SINCE, "RRULE:FREQ=DAILY;INTERVAL=0"),
    "30 February": (SINCE, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
    "30 February by the minute": (SINCE, "RRULE:FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30"),
    "day 366 of odd years": ("DTSTART:20250101T000000Z", "RRULE:FREQ=YEARLY;INTERVAL=2;BYYEARDAY=366"),
    "Tuesdays counted from Mondays": ("DTSTART:20261102T090000Z", "RRULE:FREQ=DAILY;INTERVAL=7;BYDAY=TU"),
    "an odd hour every second hour": (SINCE, "RRULE:FREQ=HOURLY;INTERVAL=2;BYHOUR=3"),
    "a sixth Monday": (SINCE, "RRULE:FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6"),
    "count 10^9": (SINCE, "RRULE:FREQ=DAILY;COUNT=1000000000"),
    "count of 40 digits": (SINCE, "RRULE:FREQ=DAILY;COUNT=" + "9" * 40),
    "interval of 40 digits": (SINCE, "RRULE:FREQ=DAILY;INTERVAL=" + "9" * 40),
    "cross product with count 1": (
        SINCE, f"RRULE:FREQ=YEARLY;COUNT=1;BYHOUR={ALL_24};BYMINUTE={ALL_60};BYSECOND={ALL_60}",
    ),
    "cross product with a position": (
        SINCE, f"RRULE:FREQ=YEARLY;COUNT=1;BYHOUR={ALL_24};BYMINUTE={ALL_60};BYSECOND={ALL_60};BYSETPOS=-1",
    ),
    "10^6 dates in one line": ("DTSTART:20261102T090000Z", "RDATE:" + "20261102T090000Z," * 1_000_000),
    "20,000 lines of dates": ("DTSTART:20261102T090000Z", *["RDATE:20261102T090000Z"] * 20_000),
    "10^6 excluded dates": ("DTSTART:20261102T090000Z", "RRULE:FREQ=DAILY", "EXDATE:" + "20261102," * 1_000_000),
    "excluded by the second": (SINCE, "RRULE:FREQ=DAILY", "EXRULE:FREQ=SECONDLY"),
    "negative duration": ("DTSTART:20261102T090000Z", "DURATION:-PT1H"),
    "duration of ages": ("DTSTART:20261102T090000Z", "DURATION:P9999999W"),
    "daily and years long": (SINCE, "DURATION:P3000D", "RRULE:FREQ=DAILY"),
    "year 1": ("DTSTART;TZID=Asia/Tokyo:00010101T000000", "RRULE:FREQ=SECONDLY"),
    "year 10000": ("DTSTART:100000101T000000Z",),
    "until after year 9999": (SINCE, "RRULE:FREQ=DAILY;UNTIL=100000101T000000Z"),
    "no frequency": (SINCE, "RRULE:COUNT=3"),
    "a frequency of its own": (SINCE, "RRULE:FREQ=FORTNIGHTLY"),
    "a long rule": (SINCE, "RRULE:FREQ=DAILY;BYSETPOS=" + "1," * 100_000),
    "another calendar": (SINCE, "RRULE:RSCALE=HEBREW;FREQ=YEARLY"),
    "no start": ("DTEND:20261102T090000Z",),
    "a month of its own": (SINCE, "RRULE:FREQ=YEARLY;BYMONTH=13"),
    "weekdays of their own": (SINCE, "RRULE:FREQ=WEEKLY;BYDAY=XX"),
}  # fmt: skip


@pytest.mark.parametrize("lines", BOMBS.values(), ids=BOMBS.keys())
def test_the_bomb_is_quarantined_and_the_rest_works(lines: tuple[str, ...]) -> None:
    reading = read(calendar(HEALTHY[0], event(*lines, uid="bomb"), HEALTHY[1]), WINDOW)
    assert starts(reading.entries) == ["11-02 09:00", "11-03 09:00"]
    assert [rejected.uid for rejected in reading.rejected] == ["bomb"]
    assert because(reading)[0]


def test_the_start_of_time_may_be_the_start_of_a_series() -> None:
    found = read(calendar(event("DTSTART:00010101T090000Z", "RRULE:FREQ=WEEKLY;BYDAY=TU;INTERVAL=4")), WINDOW)
    assert len(found.entries) == 14


def test_a_bomb_inside_a_zone_hits_what_is_in_that_zone() -> None:
    zone = definition(observance("STANDARD", "+0100", "+0200", "19700101T000000", "RRULE:FREQ=SECONDLY"))
    inside = event("DTSTART;TZID=X:20261102T090000", uid="bomb")
    reading = read(calendar(zone, *HEALTHY, inside), WINDOW)
    assert starts(reading.entries) == ["11-02 09:00", "11-03 09:00"]
    assert [rejected.uid for rejected in reading.rejected] == ["bomb"]
    assert "time zone" in because(reading)[0]


def test_a_bomb_inside_a_zone_of_a_known_name_is_not_even_read() -> None:
    zone = definition(observance("STANDARD", "+0100", "+0200", "19700101T000000", "RRULE:FREQ=SECONDLY"))
    reading = read(
        calendar(zone.replace("TZID:X", "TZID:Europe/Oslo"), event("DTSTART;TZID=Europe/Oslo:20261102T090000"))
    )
    assert (starts(reading.entries), reading.rejected) == (["11-02 08:00"], ())


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ("FREQ=MINUTELY;COUNT=4", 4),
        ("FREQ=SECONDLY;COUNT=3", 3),
        ("FREQ=MINUTELY;INTERVAL=30;UNTIL=20261122T120000Z", 7),
        ("FREQ=SECONDLY;BYHOUR=9;BYMINUTE=0;BYSECOND=0;COUNT=10", 10),
        ("FREQ=MINUTELY;INTERVAL=1440", 379),
        ("FREQ=DAILY;COUNT=100000", 379),
        ("FREQ=HOURLY;BYHOUR=9", 379),
        ("FREQ=DAILY;BYHOUR=9,10,11,12", 379 * 4),
    ],
)
def test_a_rule_is_judged_by_its_cost_not_its_name(rule: str, count: int) -> None:
    reading = read(calendar(event("DTSTART:20261122T090000Z", f"RRULE:{rule}")), WINDOW)
    assert (len(reading.entries), reading.rejected) == (count, ())


def test_many_bombs_leave_the_rest_alone() -> None:
    costly = [event(SINCE, "RRULE:FREQ=DAILY;INTERVAL=7;BYDAY=TU", uid=f"bomb {number}") for number in range(20)]
    limits = Limits(steps=120_000)
    reading = read(calendar(*costly, *HEALTHY), WINDOW, limits=limits)
    assert starts(reading.entries) == ["11-02 09:00", "11-03 09:00"]
    assert len(reading.rejected) == 20
    assert any("beside the other costly ones" in why for why in because(reading))


def test_a_costly_rule_that_is_within_its_bound_is_read_after_all() -> None:
    lines = ("DTSTART:19900101T090000Z", "RRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=9700")
    reading = read(calendar(event(*lines)), WINDOW)
    assert reading.rejected == ()
    assert len(reading.entries) == 90


def test_the_bound_on_occurrences() -> None:
    data = calendar(event("DTSTART:20261122T090000Z", "RRULE:FREQ=DAILY;COUNT=11"))
    assert len(read(data, WINDOW, limits=Limits(occurrences=11)).entries) == 11
    assert because(read(data, WINDOW, limits=Limits(occurrences=10))) == [
        "RRULE has more than 10 occurrences in the window"
    ]


def test_what_is_said_quotes_nothing() -> None:
    lines = (SINCE, "RRULE:FREQ=SECRET;BYDAY=SECRET", "SUMMARY:SECRET", "DURATION:SECRET")
    assert "SECRET" not in repr(read(calendar(event(*lines)), WINDOW).rejected)
