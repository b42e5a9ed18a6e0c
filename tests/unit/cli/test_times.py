"""Times as people type them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backsoon.commands.times import BadTime, read_duration, read_instant
from backsoon.trials.words import in_utc

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # ten o'clock in Oslo


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("14:30", "2026-11-24T13:30:00Z"),
        ("14.30", "2026-11-24T13:30:00Z"),
        ("14:30:15", "2026-11-24T13:30:15Z"),  # as `why` tells when a switchboard was told
        ("9:15", "2026-11-25T08:15:00Z"),
        ("10:00", "2026-11-25T09:00:00Z"),
        ("now", "2026-11-24T09:00:00Z"),
        ("today", "2026-11-23T23:00:00Z"),
        ("Tomorrow", "2026-11-24T23:00:00Z"),
        ("2026-12-24", "2026-12-23T23:00:00Z"),
        ("2026-12-24T14:30", "2026-12-24T13:30:00Z"),
        ("2026-12-24 14:30", "2026-12-24T13:30:00Z"),
        ("2026-12-24T14:30Z", "2026-12-24T14:30:00Z"),
        ("2026-12-24T14:30+05:00", "2026-12-24T09:30:00Z"),
        ("2026-03-29T02:30", "2026-03-29T01:30:00Z"),  # in the gap: moved forward by it
        ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),  # in the fold: the first of the two
    ],
)
def test_instants(typed: str, meant: str) -> None:
    assert in_utc(read_instant(typed, NOW, OSLO)) == meant


def test_a_time_of_day_may_be_over_where_the_past_is_asked_for() -> None:
    assert in_utc(read_instant("9:15", NOW, OSLO, past=True)) == "2026-11-24T08:15:00Z"


@pytest.mark.parametrize(
    "typed",
    ["", "noon", "25:00", "14:60", "14:30:60", "14:30:", "2026-13-01", "99999-01-01", "0001-01-01", "14", "\u0661:30"],
)
def test_what_is_no_time(typed: str) -> None:
    with pytest.raises(BadTime) as caught:
        read_instant(typed, NOW, OSLO)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [("30m", 30), ("45", 45), ("2h", 120), ("1h30m", 90), ("1 h 30 min", 90), ("1d", 1440), ("90s", 1.5)],
)
def test_durations(typed: str, minutes: float) -> None:
    assert read_duration(typed) == timedelta(minutes=minutes)


@pytest.mark.parametrize("typed", ["", "0", "0m", "-5m", "m", "1w", "1.5h", "30m2h", "99999d"])
def test_what_is_no_duration(typed: str) -> None:
    with pytest.raises(BadTime, match="a length of time") as caught:
        read_duration(typed)
    assert caught.value.remedy
