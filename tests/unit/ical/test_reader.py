"""Reading as a whole: items, names, bounds, zones that do not leak."""

from __future__ import annotations

import pytest

from backsoon.domain.model import Timed
from backsoon.sources.base import SourceBroken, SourceTooLarge
from backsoon.sources.ical import Limits, read_calendar
from tests.unit.ical.helpers import YEAR, ZONE, because, calendar, event, read, starts
from tests.unit.ical.test_vtimezone import OSLO, definition, observance

AT_NINE = "DTSTART;TZID=X:20261102T090000"
PLUS_FIVE = definition(observance("STANDARD", "+0500", "+0500", "19700101T000000"))


def test_an_entry_of_a_feed_is_its_uid() -> None:
    (entry,) = read(calendar(event("DTSTART:20261102T090000Z", uid="a@b"))).entries
    assert (entry.uid, entry.resource) == ("a@b", "a@b")


def test_items_keep_their_resources_and_a_broken_one_is_rejected() -> None:
    items = [
        ("/1.ics", calendar(event("DTSTART:20261102T090000Z", uid="1"))),
        ("/2.ics", b"<html>"),
        ("/3.ics", calendar(event("DTSTART:20261103T090000Z", uid="3"))[:-9]),
        ("/4.ics", calendar(event("DTSTART:20261104T090000Z", uid="1"))),
    ]
    reading = read_calendar(items, window=YEAR, zone=ZONE)
    assert [(entry.resource, entry.uid) for entry in reading.entries] == [("/1.ics", "1"), ("/4.ics", "1")]
    assert [rejected.resource for rejected in reading.rejected] == ["/2.ics", "/3.ics"]
    assert all("iCalendar" in why or "cut" in why for why in because(reading))


@pytest.mark.parametrize("data", [b"", b"<!DOCTYPE html>", calendar(event("DTSTART:20261102"))[:-5]])
def test_a_feed_that_is_none_is_no_empty_calendar(data: bytes) -> None:
    with pytest.raises(SourceBroken):
        read(data)


def test_an_empty_calendar_is_empty() -> None:
    reading = read(calendar())
    assert (reading.entries, reading.rejected, reading.warnings) == ((), (), ())


# -- names --------------------------------------------------------------------------------------------------


def test_without_uid_the_name_is_made_of_times_and_stays() -> None:
    nameless = "BEGIN:VEVENT\r\nDTSTART:20261102T090000Z\r\nSUMMARY:secret\r\nEND:VEVENT\r\n"
    first = [entry.uid for entry in read(calendar(nameless, nameless)).entries]
    again = [entry.uid for entry in read(calendar(nameless.replace("secret", "other"), nameless)).entries]
    assert first == again
    assert len(set(first)) == 2
    assert all(uid.startswith("without-uid-") for uid in first)


def test_uids_are_bounded_and_printable() -> None:
    reading = read(
        calendar(event("DTSTART:20261102", uid="x" * 10_000), event("DTSTART:20261102", uid="a\0b\x1b[1mc "))
    )
    long, odd = (entry.uid for entry in reading.entries)
    assert long.startswith("sha256-")
    assert odd == "ab[1mc"


# -- zones --------------------------------------------------------------------------------------------------


def test_an_unknown_zone_is_told_and_read_at_home() -> None:
    reading = read(calendar(event(AT_NINE), event(AT_NINE, uid="b")))
    assert starts(reading.entries) == ["11-02 08:00", "11-02 08:00"]
    assert reading.warnings == ("unknown time zone 'X': read in Europe/Stockholm",)


def test_the_calendars_own_zone_comes_before_home() -> None:
    reading = read(calendar(event(AT_NINE), lines=("X-WR-TIMEZONE:America/New_York",)))
    assert starts(reading.entries) == ["11-02 14:00"]
    assert reading.warnings == ("unknown time zone 'X': read in America/New_York",)


def test_a_floating_time_is_read_at_home_whatever_the_calendar_says() -> None:
    reading = read(calendar(event("DTSTART:20261102T090000"), lines=("X-WR-TIMEZONE:America/New_York",)))
    assert starts(reading.entries) == ["11-02 08:00"]


def test_the_calendars_definition_of_an_unknown_name_is_used() -> None:
    reading = read(calendar(definition(*OSLO), event(AT_NINE), event(AT_NINE.replace("1102", "0702"), uid="b")))
    assert (starts(reading.entries), reading.warnings) == (["07-02 07:00", "11-02 08:00"], ())


@pytest.mark.parametrize("name", ["Europe/Oslo", "W. Europe Standard Time"])
def test_a_known_name_is_not_redefined(name: str) -> None:
    lie = PLUS_FIVE.replace("TZID:X", f"TZID:{name}")
    reading = read(calendar(lie, event(AT_NINE.replace("TZID=X", f"TZID={name}"))))
    assert starts(reading.entries) == ["11-02 08:00"]


def test_a_definition_does_not_leak_into_another_calendar() -> None:
    assert starts(read(calendar(PLUS_FIVE, event(AT_NINE))).entries) == ["11-02 04:00"]
    reading = read(calendar(event(AT_NINE)))
    assert (starts(reading.entries), len(reading.warnings)) == (["11-02 08:00"], 1)
    items = [("1", calendar(PLUS_FIVE, event(AT_NINE))), ("2", calendar(event(AT_NINE)))]
    both = read_calendar(items, window=YEAR, zone=ZONE)
    assert starts(both.entries) == ["11-02 04:00", "11-02 08:00"]


def test_zone_names_in_warnings_are_bounded() -> None:
    names = ["\x1b[2J" + "x" * 500, *(f"Zone {number}" for number in range(50))]
    reading = read(calendar(*[event(f"DTSTART;TZID={name}:20261102T090000", uid=name[-9:]) for name in names]))
    assert len(reading.entries) == 51
    assert len(reading.warnings) == 20
    assert all(warning.isprintable() and len(warning) < 130 for warning in reading.warnings)


def test_an_unknown_owners_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="owner's time zone"):
        read(calendar(), zone="Nowhere/Here")


# -- bounds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limits", [Limits(bytes=100), Limits(events=1), Limits(cpu_seconds=0.0)], ids=["bytes", "events", "cpu"]
)
def test_past_a_bound_of_the_whole_calendar_nothing_is_answered(limits: Limits) -> None:
    data = calendar(event("DTSTART:20261102", uid="1"), event("DTSTART:20261102", uid="2"))
    with pytest.raises(SourceTooLarge):
        read(data, limits=limits)


def test_events_are_counted_over_all_items() -> None:
    items = [(str(number), calendar(event("DTSTART:20261102"))) for number in range(3)]
    assert len(read_calendar(items, window=YEAR, zone=ZONE, limits=Limits(events=3)).entries) == 3
    with pytest.raises(SourceTooLarge):
        read_calendar(items, window=YEAR, zone=ZONE, limits=Limits(events=2))


def test_all_times_are_instants_in_utc() -> None:
    for entry in read(calendar(definition(*OSLO), event(AT_NINE, "DTEND:20261102T100000"))).entries:
        assert isinstance(entry.when, Timed)
        assert str(entry.when.start.tzinfo) == "UTC"
