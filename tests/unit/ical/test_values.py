"""Dates, date-times, durations, offsets, periods."""

# ruff: noqa: DTZ001 (what clocks show has no zone)
from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from backsoon.sources.ical.faults import BadItem
from backsoon.sources.ical.values import duration, fixed, moment, moments, offset

OSLO = ZoneInfo("Europe/Oslo")


class Zones:
    def find(self, tzid: str) -> tzinfo:
        assert tzid == "Europe/Oslo"
        return OSLO


@pytest.mark.parametrize(
    ("line", "wall", "zone", "is_day"),
    [
        (b"DTSTART:20261122T090000", datetime(2026, 11, 22, 9), None, False),
        (b"DTSTART:20261122T090000Z\n", datetime(2026, 11, 22, 9), UTC, False),
        (b"DTSTART;TZID=Europe/Oslo:20261122T090000", datetime(2026, 11, 22, 9), OSLO, False),
        (b"DTSTART;TZID=Europe/Oslo:20261122T090000Z", datetime(2026, 11, 22, 9), UTC, False),
        (b"DTSTART;VALUE=DATE:20261122", datetime(2026, 11, 22), None, True),
        (b"DTSTART:20261122", datetime(2026, 11, 22), None, True),
        (b"DTSTART;VALUE=DATE:20261122T000000", datetime(2026, 11, 22), None, True),
        (b"DTSTART:20261231T235960Z", datetime(2026, 12, 31, 23, 59, 59), UTC, False),
        (b"DTSTART:20261122T0900", datetime(2026, 11, 22, 9), None, False),
        (b"DTSTART:20261122T090000+0100", datetime(2026, 11, 22, 8), UTC, False),
    ],
)
def test_moments(line: bytes, wall: datetime, zone: tzinfo | None, is_day: bool) -> None:
    assert moment(line, Zones()) == (wall, zone, is_day)


@pytest.mark.parametrize(
    "value",
    [b"", b"x", b"2026112", b"20261322", b"20260230", b"00000101", b"20261122T", b"20261122T9", b"20261122T250000",
     b"202611220T900000", b"100000101T000000Z", b"-0010101", b"\xef\xbc\x92" * 8, b"20261122T090000X", b"\xff" * 15],
)  # fmt: skip
def test_what_is_no_moment_says_which_property_and_nothing_of_the_value(value: bytes) -> None:
    with pytest.raises(BadItem) as caught:
        moment(b"DTSTART:" + value, Zones())
    assert caught.value.because == "DTSTART is not a date or date-time"


def test_an_unknown_name_is_not_repeated() -> None:
    with pytest.raises(BadItem, match=r"^a value is not a date or date-time$"):
        moment(b"SECRET:x", Zones())


def test_lists_and_periods() -> None:
    found = moments(b"RDATE;VALUE=PERIOD:20261122T090000Z/PT30M,20261123T090000Z/20261123T110000Z,20261124", Zones())
    assert [(each.wall.day, length) for each, length in found] == [
        (22, timedelta(minutes=30)),
        (23, timedelta(hours=2)),
        (24, None),
    ]


def test_empty_values_in_a_list_are_passed_over() -> None:
    assert len(moments(b"EXDATE:20261122,,20261123,", Zones())) == 2


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (b"PT1H15M", timedelta(hours=1, minutes=15)),
        (b"P1D", timedelta(days=1)),
        (b"P2W", timedelta(weeks=2)),
        (b"+P1DT12H3M4S", timedelta(days=1, hours=12, minutes=3, seconds=4)),
        (b"pt5m", timedelta(minutes=5)),
        (b"PT0S", timedelta(0)),
        (b"-PT0S", timedelta(0)),
        (b"PT86400S", timedelta(days=1)),
    ],
)
def test_durations(value: bytes, length: timedelta) -> None:
    assert duration(value) == length


@pytest.mark.parametrize(
    ("value", "because"),
    [
        (b"-PT1H", "negative"),
        (b"-P1W", "negative"),
        (b"", "not a duration"),
        (b"P", "not a duration"),
        (b"PT", "not a duration"),
        (b"PT1W", "not a duration"),
        (b"-PT1W1D2H3M4S", "not a duration"),
        (b"P99999999999D", "not a duration"),
    ],
)
def test_bad_durations(value: bytes, because: str) -> None:
    with pytest.raises(BadItem, match=because):
        duration(value)


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (b"+0100", timedelta(hours=1)),
        (b"-0330", -timedelta(hours=3, minutes=30)),
        (b"-075258", -timedelta(hours=7, minutes=52, seconds=58)),
        (b"+05:30", timedelta(hours=5, minutes=30)),
        (b"+9999", timedelta(hours=23, minutes=59)),
    ],
)
def test_offsets(value: bytes, length: timedelta) -> None:
    assert offset(value) == length
    assert fixed(length).utcoffset(None) == length


def test_no_offset() -> None:
    with pytest.raises(BadItem):
        offset(b"CET")
    assert fixed(timedelta(0)) is UTC
