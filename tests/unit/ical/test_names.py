"""Time zone names."""

# ruff: noqa: DTZ001 (what clocks show has no zone)
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest

from backsoon.sources.ical.names import guessed_zone, known_zone
from backsoon.sources.ical.windows import WINDOWS_ZONES


@pytest.mark.parametrize(
    ("tzid", "iana"),
    [
        ("Europe/Oslo", "Europe/Oslo"),
        ("europe/oslo", "Europe/Oslo"),
        ('"Europe/Oslo"', "Europe/Oslo"),
        (" Europe/Oslo ", "Europe/Oslo"),
        ("Europe/Oslo 1", "Europe/Oslo"),
        ("America/New York", "America/New_York"),
        ("/America/New_York", "America/New_York"),
        ("/freeassociation.sourceforge.net/Tzfile/Europe/Oslo", "Europe/Oslo"),
        ("/freeassociation.sourceforge.net/Europe/Oslo", "Europe/Oslo"),
        ("/mozilla.org/20070129_1/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("/softwarestudio.org/Olson_20011030_5/Europe/Stockholm", "Europe/Stockholm"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("w. europe standard time", "Europe/Berlin"),
        ("W. Europe Standard Time 1", "Europe/Berlin"),
        ("Romance Standard Time", "Europe/Paris"),
        ("Volgograd Standard Time", "Europe/Volgograd"),
        ("Armenian Standard Time", "Asia/Yerevan"),
        ("Mexico Standard Time 2", "America/Chihuahua"),
        ("US/Pacific", "US/Pacific"),
        ("Europe/Kiev", "Europe/Kiev"),
    ],
)
def test_names_that_stand_for_themselves(tzid: str, iana: str) -> None:
    assert str(known_zone(tzid)) == iana


@pytest.mark.parametrize(
    "tzid", ["UTC", "Z", "GMT", "Etc/UTC", "tzone://Microsoft/Utc", "Coordinated Universal Time", "utc"]
)
def test_utc_by_its_names(tzid: str) -> None:
    assert known_zone(tzid) is UTC


@pytest.mark.parametrize(
    "tzid",
    ["/etc/passwd", "../../etc/passwd", "/etc/localtime", "file:///etc/passwd", "localtime", "posixrules", "Factory",
     "Europe", "Europe/", "/", "", "\0", "x" * 10_000, "zone.tab", "tzdata.zi", "Europe/Oslo/../Oslo", "tzone://Microsoft/Custom",
     "Customized Time Zone", "Western/Central Europe", "Eastern", "custom_America/New_York"],
)  # fmt: skip
def test_everything_else_is_unknown(tzid: str) -> None:
    assert known_zone(tzid) is None
    assert guessed_zone(tzid) is None


@pytest.mark.parametrize(
    ("tzid", "hours"),
    [
        ("GMT+0100", 1),
        ("GMT+01:00", 1),
        ("UTC-5", -5),
        ("UTC+05:30", 5.5),
        ("+02:00", 2),
        ("(GMT-08:00)", -8),
        ("GMT-0", 0),
    ],
)
def test_names_that_are_an_offset(tzid: str, hours: float) -> None:
    zone = known_zone(tzid) or guessed_zone(tzid)
    assert zone is not None
    assert zone.utcoffset(None if zone is UTC else datetime(2026, 1, 1)) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("tzid", "iana"),
    [
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
        ("(GMT+01.00) Sarajevo/Warsaw/Zagreb", None),
        ("(GMT+02:00) Bucharest", "Europe/Bucharest"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC-08:00) Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("(UTC+10:00) Canberra, Melbourne, Sydney", "Australia/Canberra"),
        ("(UTC+05:00) Stockholm", None),
        ("(UTC+00:00) Dublin, Edinburgh, Lisbon, London", "Europe/Dublin"),
        ("(UTC+01:00) Nowhere", None),
    ],
)
def test_names_that_windows_shows(tzid: str, iana: str | None) -> None:
    zone = guessed_zone(tzid)
    assert (None if zone is None else str(zone)) == iana


def test_every_windows_name_is_known() -> None:
    assert len(WINDOWS_ZONES) >= 140
    assert set(WINDOWS_ZONES.values()) <= available_timezones()
    assert all(known_zone(name) is not None for name in WINDOWS_ZONES)
