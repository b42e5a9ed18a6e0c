"""Series: rules, lists of dates, exceptions, this and future; days, gaps and folds."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from backsoon.domain.model import Days
from backsoon.sources.base import Window
from tests.unit.ical.helpers import because, calendar, event, read, read_event, spans, starts

OSLO = "TZID=Europe/Oslo"
DAILY = (
    f"DTSTART;{OSLO}:20261102T090000",
    f"DTEND;{OSLO}:20261102T100000",
    "RRULE:FREQ=DAILY;COUNT=5",
    "SUMMARY:m: Daily",
)


def override(*lines: str) -> bytes:
    return calendar(event(*DAILY), event(*lines))


# -- one event ----------------------------------------------------------------------------------------------


def test_times_in_zones() -> None:
    assert spans(read_event(f"DTSTART;{OSLO}:20261102T090000", f"DTEND;{OSLO}:20261102T100000")) == [
        "11-02 08:00/11-02 09:00"
    ]
    assert spans(read_event("DTSTART:20261102T090000Z", "DURATION:PT45M")) == ["11-02 09:00/11-02 09:45"]
    assert starts(read_event("DTSTART:20260702T090000", zone="America/New_York")) == ["07-02 13:00"]
    assert spans(read_event("DTSTART;TZID=Europe/London:20261102T090000", f"DTEND;{OSLO}:20261102T110000")) == [
        "11-02 09:00/11-02 10:00"
    ]


def test_a_time_without_length_has_none() -> None:
    assert spans(read_event("DTSTART:20261102T090000Z")) == ["11-02 09:00/11-02 09:00"]


def test_an_end_before_the_start_is_kept_as_read() -> None:
    assert spans(read_event("DTSTART:20261102T090000Z", "DTEND:20261102T080000Z")) == ["11-02 09:00/11-02 08:00"]


@pytest.mark.parametrize(
    ("lines", "first", "end"),
    [
        (("DTSTART;VALUE=DATE:20261102",), "2026-11-02", "2026-11-03"),
        (("DTSTART:20261102", "DTEND:20261104"), "2026-11-02", "2026-11-04"),
        (("DTSTART;VALUE=DATE:20261102", "DURATION:P1W"), "2026-11-02", "2026-11-09"),
        (("DTSTART;VALUE=DATE:20261102", "DURATION:PT36H"), "2026-11-02", "2026-11-04"),
        (("DTSTART;VALUE=DATE:20261102", "DTEND:20261102T120000Z"), "2026-11-02", "2026-11-03"),
        (("DTSTART;VALUE=DATE:20261102", "DTEND;VALUE=DATE:20261102"), "2026-11-02", "2026-11-02"),
    ],
)
def test_days(lines: tuple[str, ...], first: str, end: str) -> None:
    (entry,) = read_event(*lines)
    assert isinstance(entry.when, Days)
    assert (str(entry.when.first), str(entry.when.end)) == (first, end)


@pytest.mark.parametrize("zone", ["TZID=W. Europe Standard Time:20261102T000000", "TZID=Europe/Oslo:20261102T000000"])
def test_outlooks_mark_of_an_all_day_entry(zone: str) -> None:
    end = zone.replace("1102T", "1103T")
    (entry,) = read_event(f"DTSTART;{zone}", f"DTEND;{end}", "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE")
    assert entry.when == Days(date(2026, 11, 2), date(2026, 11, 3))


def test_outlooks_mark_on_utc_means_midnight_at_home() -> None:
    found = read_event(
        "DTSTART:20261101T230000Z", "DTEND:20261102T230000Z", "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE",
        "RRULE:FREQ=DAILY;UNTIL=20261104T230000Z", "EXDATE:20261102T230000Z",
    )  # fmt: skip
    assert starts(found) == ["11-02", "11-04", "11-05"]


@pytest.mark.parametrize(("flag", "start"), [("FALSE", "000000"), ("TRUE", "083000")])
def test_without_midnight_or_mark_times_stay_times(flag: str, start: str) -> None:
    found = read_event(
        f"DTSTART;{OSLO}:20261102T{start}", f"DTEND;{OSLO}:20261103T{start}", f"X-MICROSOFT-CDO-ALLDAYEVENT:{flag}"
    )
    assert len(spans(found)) == 1


# -- clocks that change -------------------------------------------------------------------------------------


def test_a_series_keeps_its_time_on_the_wall() -> None:
    found = read_event(f"DTSTART;{OSLO}:20261023T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=4")
    assert starts(found) == ["10-23 07:00", "10-24 07:00", "10-25 08:00", "10-26 08:00"]


def test_a_night_shift_ends_when_clocks_show_its_end() -> None:
    night = (f"DTSTART;{OSLO}:20260327T220000", "RRULE:FREQ=DAILY;COUNT=2")
    expected = ["03-27 21:00/03-28 05:00", "03-28 21:00/03-29 04:00"]
    assert spans(read_event(*night, f"DTEND;{OSLO}:20260328T060000")) == expected
    assert spans(read_event(*night, "DURATION:PT8H")) == expected


def test_in_the_gap_it_moves_forward_and_keeps_its_length() -> None:
    found = read_event(f"DTSTART;{OSLO}:20260328T023000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=2")
    assert spans(found) == ["03-28 01:30/03-28 02:30", "03-29 01:30/03-29 02:30"]


def test_two_walls_that_are_one_instant_are_one_occurrence() -> None:
    found = read_event(f"DTSTART;{OSLO}:20260329T010000", "DURATION:PT30M", "RRULE:FREQ=HOURLY;COUNT=4")
    assert starts(found) == ["03-29 00:00", "03-29 01:00", "03-29 02:00"]


def test_in_the_fold_the_first_is_meant() -> None:
    assert starts(read_event(f"DTSTART;{OSLO}:20261025T023000")) == ["10-25 00:30"]


# -- the recurrence set -------------------------------------------------------------------------------------


def test_the_start_counts_even_if_its_rule_does_not_match_it() -> None:
    monday = ("DTSTART:20261102T090000Z", "DURATION:PT1H")
    assert starts(read_event(*monday, "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=3")) == [
        "11-02 09:00", "11-03 09:00", "11-10 09:00",
    ]  # fmt: skip


def test_additional_dates() -> None:
    found = read_event(
        f"DTSTART;{OSLO}:20261102T090000", "DURATION:PT1H",
        f"RDATE;{OSLO}:20261030T090000,20261104T090000", "RDATE:20261105T090000Z",
        "RDATE;VALUE=PERIOD:20261106T090000Z/PT3H",
    )  # fmt: skip
    assert spans(found) == [
        "10-30 08:00/10-30 09:00", "11-02 08:00/11-02 09:00", "11-04 08:00/11-04 09:00",
        "11-05 09:00/11-05 10:00", "11-06 09:00/11-06 12:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "exdate",
    [f"EXDATE;{OSLO}:20261103T090000,20261105T090000", "EXDATE:20261103T080000Z,20261105T080000Z",
     "EXDATE;VALUE=DATE:20261103,20261105", "EXDATE:20261103T090000,20261105T090000",
     "EXRULE:FREQ=DAILY;INTERVAL=2;BYDAY=TU,TH,MO;UNTIL=20261101T000000Z\r\nEXDATE:20261103T090000,20261105T090000"],
)  # fmt: skip
def test_excluded_dates(exdate: str) -> None:
    assert starts(read_event(*DAILY, *exdate.split("\r\n"))) == ["11-02 08:00", "11-04 08:00", "11-06 08:00"]


def test_excluded_by_a_rule() -> None:
    assert starts(read_event(*DAILY, "EXRULE:FREQ=DAILY;INTERVAL=2")) == ["11-03 08:00", "11-05 08:00"]


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20261104T080000Z", 4),
        ("20261104T075959Z", 3),
        ("20261104T090000", 4),
        ("20261104", 3),
        ("20261101T000000Z", 0),
    ],
)
def test_until_of_every_kind(until: str, last: int) -> None:
    found = read_event(f"DTSTART;{OSLO}:20261102T090000", "DURATION:PT1H", f"RRULE:FREQ=DAILY;UNTIL={until}")
    assert starts(found) == [f"11-{day:02} 08:00" for day in range(2, last + 1)]


def test_until_of_days() -> None:
    for until in ("20261104", "20261104T000000Z", "20261104T230000Z"):
        assert starts(read_event("DTSTART:20261102", f"RRULE:FREQ=DAILY;UNTIL={until}")) == ["11-02", "11-03", "11-04"]


def test_two_rules_are_united() -> None:
    found = read_event(
        "DTSTART:20261102T090000Z", "RRULE:FREQ=WEEKLY;COUNT=2", "RRULE:FREQ=WEEKLY;BYDAY=WE;UNTIL=20261106T000000Z"
    )
    assert starts(found) == ["11-02 09:00", "11-04 09:00", "11-09 09:00"]


def test_what_began_before_the_window_and_reaches_into_it() -> None:
    window = Window(datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 6, tzinfo=UTC))
    lines = ("DTSTART:20261101T220000Z", "DURATION:P2DT4H", "RRULE:FREQ=DAILY")
    assert starts(read_event(*lines, window=window)) == ["11-02 22:00", "11-03 22:00", "11-04 22:00", "11-05 22:00"]
    # Days end and begin at midnight in Stockholm, an hour before it in UTC.
    for day, inside in (("20261104", False), ("20261105", True), ("20261106", True), ("20261107", False)):
        assert bool(read_event(f"DTSTART:{day}", window=window)) is inside


# -- exceptions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "original",
    [f"RECURRENCE-ID;{OSLO}:20261103T090000", "RECURRENCE-ID:20261103T080000Z", "RECURRENCE-ID;VALUE=DATE:20261103",
     "RECURRENCE-ID:20261103T090000"],
)  # fmt: skip
def test_one_moved(original: str) -> None:
    reading = read(override(original, f"DTSTART;{OSLO}:20261103T140000", "DURATION:PT30M", "SUMMARY:l: Moved"))
    assert starts(reading.entries) == ["11-02 08:00", "11-03 13:00", "11-04 08:00", "11-05 08:00", "11-06 08:00"]
    (moved,) = [entry for entry in reading.entries if entry.subject == "l: Moved"]
    assert moved.recurrence_id == "20261103T080000Z"
    assert {entry.recurrence_id for entry in reading.entries} == {f"2026110{day}T080000Z" for day in range(2, 7)}


def test_one_cancelled_is_kept_as_cancelled() -> None:
    reading = read(
        override(f"RECURRENCE-ID;{OSLO}:20261103T090000", f"DTSTART;{OSLO}:20261103T090000", "STATUS:CANCELLED")
    )
    assert [entry.recurrence_id for entry in reading.entries if entry.cancelled] == ["20261103T080000Z"]
    assert len(reading.entries) == 5


def test_one_moved_out_of_the_window_and_one_into_it() -> None:
    window = Window(datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))
    out = (f"RECURRENCE-ID;{OSLO}:20261103T090000", f"DTSTART;{OSLO}:20261110T090000")
    into = (f"RECURRENCE-ID;{OSLO}:20261106T090000", f"DTSTART;{OSLO}:20261103T150000")
    reading = read(calendar(event(*DAILY), event(*out), event(*into)), window)
    assert [entry.recurrence_id for entry in reading.entries] == ["20261106T080000Z"]


def test_an_exception_may_come_before_its_series_and_the_latest_revision_counts() -> None:
    original = f"RECURRENCE-ID;{OSLO}:20261103T090000"
    versions = [
        event(original, f"DTSTART;{OSLO}:20261103T{hour}0000", f"SEQUENCE:{number}")
        for hour, number in ((14, 1), (16, 3), (15, 2))
    ]
    reading = read(calendar(*versions, event(*DAILY)))
    assert starts(reading.entries)[1] == "11-03 15:00"
    assert len(reading.entries) == 5


def test_this_and_future() -> None:
    shifted = (
        f"RECURRENCE-ID;RANGE=THISANDFUTURE;{OSLO}:20261104T090000", f"DTSTART;{OSLO}:20261104T130000",
        "DURATION:PT2H", "SUMMARY:m: Later",
    )  # fmt: skip
    single = (f"RECURRENCE-ID;{OSLO}:20261105T090000", f"DTSTART;{OSLO}:20261105T070000", "DURATION:PT1H")
    reading = read(calendar(event(*DAILY), event(*shifted), event(*single)))
    assert spans(reading.entries) == [
        "11-02 08:00/11-02 09:00", "11-03 08:00/11-03 09:00", "11-04 12:00/11-04 14:00",
        "11-05 06:00/11-05 07:00", "11-06 12:00/11-06 14:00",
    ]  # fmt: skip
    by_id = {entry.recurrence_id: entry.subject for entry in reading.entries}
    assert by_id["20261106T080000Z"] == "m: Later"
    assert by_id["20261103T080000Z"] == "m: Daily"


def test_this_and_future_far_away_still_falls_into_the_window() -> None:
    shifted = (f"RECURRENCE-ID;RANGE=THISANDFUTURE;{OSLO}:20261103T090000", f"DTSTART;{OSLO}:20261113T090000")
    window = Window(datetime(2026, 11, 13, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))
    assert starts(read(override(*shifted), window).entries) == [
        "11-13 08:00", "11-14 08:00", "11-15 08:00", "11-16 08:00",
    ]  # fmt: skip


def test_an_invitation_to_one_occurrence() -> None:
    lines = (f"RECURRENCE-ID;{OSLO}:20261103T090000", f"DTSTART;{OSLO}:20261103T140000", "RDATE:20261110T090000Z")
    (entry,) = read(calendar(event(*lines))).entries
    assert (entry.recurrence_id, starts((entry,))) == ("20261103T080000Z", ["11-03 13:00"])


def test_two_invitations_to_one_occurrence_written_differently() -> None:
    first = event(f"RECURRENCE-ID;{OSLO}:20261103T090000", "DTSTART:20261103T100000Z", "SEQUENCE:1")
    second = event("RECURRENCE-ID:20261103T080000Z", "DTSTART:20261103T120000Z", "SEQUENCE:2")
    for both in ((first, second), (second, first)):
        assert starts(read(calendar(*both)).entries) == ["11-03 12:00"]


def test_exceptions_of_days() -> None:
    series = event("DTSTART;VALUE=DATE:20261102", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20261103")
    moved = event("RECURRENCE-ID;VALUE=DATE:20261104", "DTSTART;VALUE=DATE:20261109")
    reading = read(calendar(series, moved))
    assert [(entry.recurrence_id, starts((entry,))[0]) for entry in reading.entries] == [
        ("20261102", "11-02"), ("20261104", "11-09"),
    ]  # fmt: skip


def test_a_broken_exception_leaves_the_series_and_not_the_old_time() -> None:
    reading = read(override(f"RECURRENCE-ID;{OSLO}:20261103T090000", "DTSTART:nonsense"))
    assert starts(reading.entries) == ["11-02 08:00", "11-04 08:00", "11-05 08:00", "11-06 08:00"]
    assert because(reading) == ["DTSTART is not a date or date-time"]


def test_an_exception_of_another_kind_of_time() -> None:
    as_day = ("RECURRENCE-ID;RANGE=THISANDFUTURE:20261103T080000Z", "DTSTART;VALUE=DATE:20261103")
    assert starts(read(override(*as_day)).entries) == [
        "11-02 08:00",
        "11-03",
        "11-04 08:00",
        "11-05 08:00",
        "11-06 08:00",
    ]


# -- identity -----------------------------------------------------------------------------------------------


def test_recurrence_ids() -> None:
    assert [entry.recurrence_id for entry in read_event("DTSTART:20261102T090000Z")] == [""]
    assert [entry.recurrence_id for entry in read_event("DTSTART:20261102", "RRULE:FREQ=DAILY;COUNT=1")] == ["20261102"]


def test_the_newer_of_two_with_one_uid_counts_and_the_clash_is_told() -> None:
    old, new = "DTSTART:20261102T090000Z", "DTSTART:20261103T090000Z"
    reading = read(calendar(event(new, "SEQUENCE:2"), event(old, "SEQUENCE:1")))
    assert (starts(reading.entries), because(reading)) == (["11-03 09:00"], [])
    reading = read(calendar(event(new, "DTSTAMP:20261101T000000Z"), event(old, "DTSTAMP:20261001T000000Z")))
    assert starts(reading.entries) == ["11-03 09:00"]
    assert because(reading) == ["another entry has the same UID; only the newest is read"]
