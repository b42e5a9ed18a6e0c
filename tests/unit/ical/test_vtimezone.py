"""Zones that a calendar defines itself, against zoneinfo."""

# ruff: noqa: DTZ001 (what clocks show has no zone)
from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.model import local_instant
from backsoon.sources.ical.components import Component, read_components
from backsoon.sources.ical.faults import BadRule
from backsoon.sources.ical.vtimezone import embedded_zone
from tests.unit.ical.helpers import calendar

YEARS = (2014, 2029)


def definition(*observances: str) -> str:
    return "BEGIN:VTIMEZONE\r\nTZID:X\r\n" + "".join(observances) + "END:VTIMEZONE\r\n"


def observance(kind: str, before: str, after: str, start: str, *lines: str) -> str:
    head = [f"BEGIN:{kind}", f"DTSTART:{start}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}", *lines]
    return "\r\n".join([*head, f"END:{kind}", ""])


def zone_of(*observances: str) -> tzinfo | None:
    return embedded_zone(component_of(*observances), YEARS)


def component_of(*observances: str) -> Component:
    return read_components(calendar(definition(*observances)), frozenset(), 10)[0].zones[0]


OSLO = (
    observance("STANDARD", "+0200", "+0100", "16010101T030000", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10"),
    observance("DAYLIGHT", "+0100", "+0200", "16010101T020000", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3"),
)
NEW_YORK = (
    observance("DAYLIGHT", "-0500", "-0400", "20070311T020000", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU"),
    observance("STANDARD", "-0400", "-0500", "20071104T020000", "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU"),
)
ZONES = [(OSLO, "Europe/Oslo"), (NEW_YORK, "America/New_York")]


@pytest.mark.parametrize(("observances", "iana"), ZONES)
@given(at=st.datetimes(datetime(2015, 1, 1), datetime(2028, 1, 1)))
def test_is_what_zoneinfo_is(observances: tuple[str, ...], iana: str, at: datetime) -> None:
    at = at.replace(microsecond=0)
    _compare(zone_of(*observances), ZoneInfo(iana), at)


@pytest.mark.parametrize(("observances", "iana"), ZONES)
def test_in_every_minute_around_the_changes(observances: tuple[str, ...], iana: str) -> None:
    zone = zone_of(*observances)
    for day in (datetime(2026, 3, 29), datetime(2026, 10, 25), datetime(2026, 3, 8), datetime(2026, 11, 1)):
        for minute in range(0, 24 * 60, 15):
            _compare(zone, ZoneInfo(iana), day + timedelta(minutes=minute))


def _compare(zone: tzinfo | None, known: tzinfo, at: datetime) -> None:
    assert zone is not None
    assert local_instant(at, zone) == local_instant(at, known)
    assert at.replace(tzinfo=zone, fold=1).utcoffset() == at.replace(tzinfo=known, fold=1).utcoffset()
    ours, theirs = at.replace(tzinfo=UTC).astimezone(zone), at.replace(tzinfo=UTC).astimezone(known)
    assert (ours.replace(tzinfo=None), ours.fold) == (theirs.replace(tzinfo=None), theirs.fold)


def test_one_offset_for_ever() -> None:
    zone = zone_of(observance("STANDARD", "-0400", "-0500", "19930206T230000"))
    assert zone is not None
    assert datetime(2026, 7, 1).replace(tzinfo=zone).utcoffset() == timedelta(hours=-5)
    assert datetime(1990, 7, 1).replace(tzinfo=zone).utcoffset() == timedelta(hours=-4)
    assert zone.utcoffset(None) == timedelta(hours=-4)
    assert (zone.dst(None), zone.tzname(None)) == (None, "embedded")


def test_a_rule_that_has_ended_leaves_its_last_change_in_force() -> None:
    yearly = "RRULE:FREQ=YEARLY;BYDAY=-1SU"
    zone = zone_of(
        observance("STANDARD", "+0400", "+0300", "20001029T030000", f"{yearly};BYMONTH=10;UNTIL=20101030T230000Z"),
        observance("DAYLIGHT", "+0300", "+0400", "20000326T020000", f"{yearly};BYMONTH=3;UNTIL=20110326T230000Z"),
    )
    assert zone is not None
    assert datetime(2026, 1, 1).replace(tzinfo=zone).utcoffset() == timedelta(hours=4)


def test_listed_changes() -> None:
    zone = zone_of(
        observance("STANDARD", "+0100", "+0200", "20200101T000000", "RDATE:20240101T000000,20260101T000000"),
        observance("STANDARD", "+0200", "+0100", "20220101T000000", "RDATE:20250101T000000"),
    )
    assert zone is not None
    offsets = [datetime(year, 6, 1).replace(tzinfo=zone).utcoffset() for year in range(2020, 2028)]
    assert [offset / timedelta(hours=1) for offset in offsets if offset] == [2, 2, 1, 1, 2, 1, 2, 2]


@pytest.mark.parametrize(
    "observances",
    [(), (observance("STANDARD", "x", "y", "19700101T000000"),), (observance("STANDARD", "+0100", "+0200", "x"),)],
)
def test_what_defines_nothing_is_none(observances: tuple[str, ...]) -> None:
    assert zone_of(*observances) is None


@pytest.mark.parametrize(
    "rule",
    ["FREQ=SECONDLY", "FREQ=MINUTELY;BYMONTH=3", "FREQ=YEARLY;INTERVAL=0", "FREQ=YEARLY;COUNT=1000000000",
     "FREQ=DAILY;BYHOUR=1,2,3,4,5,6,7,8,9", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"],
)  # fmt: skip
def test_bombs_inside(rule: str) -> None:
    with pytest.raises(BadRule, match="its time zone's definition"):
        zone_of(observance("STANDARD", "+0100", "+0200", "19700101T000000", f"RRULE:{rule}"))


def test_too_many_observances() -> None:
    from backsoon.sources.ical.faults import BadItem

    with pytest.raises(BadItem, match="too long"):
        zone_of(*[observance("STANDARD", "+0100", "+0200", "19700101T000000")] * 501)
