"""Components: what is kept, what is dropped, and which bytes are no calendar."""

from __future__ import annotations

import pytest

from backsoon.sources.ical.components import REPEATED_LINES, Calendar, read_components
from backsoon.sources.ical.faults import NotCalendar, TooMuch
from tests.unit.ical.helpers import calendar, event

ANNA = frozenset({b"anna@example.org"})


def components(data: bytes, most: int = 100, owner: frozenset[bytes] = frozenset()) -> list[Calendar]:
    return read_components(data, owner, most)


def uids(found: list[Calendar]) -> list[bytes]:
    return [component.value("UID") for each in found for component in each.events]


def test_of_an_event_no_text_is_kept_but_the_summary() -> None:
    secret = ("DESCRIPTION", "LOCATION", "COMMENT", "CONTACT", "CATEGORIES", "URL", "ATTACH", "X-ALT-DESC", "RESOURCES")
    lines = [f"{name};LANGUAGE=en:secret" for name in secret]
    people = ["ORGANIZER;CN=secret:mailto:secret@example.org", "ATTENDEE;CN=secret:mailto:secret@example.com"]
    alarm = ["BEGIN:VALARM", "SUMMARY:secret", "DESCRIPTION:secret", "END:VALARM"]
    data = calendar(event("DTSTART:20261122", *lines, *people, *alarm, "SUMMARY:m: Budget"))
    found = components(data, owner=ANNA)
    assert b"secret" in data
    assert "secret" not in repr(found)
    assert "m: Budget" in repr(found)


def test_of_the_people_only_the_owner_is_kept() -> None:
    others = [f"ATTENDEE;PARTSTAT=DECLINED:mailto:p{number}@example.org" for number in range(50)]
    mine = 'ATTENDEE;CN="Anna: A";PARTSTAT=ACCEPTED:MAILTO:Anna@Example.org'
    found = components(calendar(event(*others, mine)), owner=ANNA)
    assert b"ACCEPTED" in found[0].events[0].one["ATTENDEE"]


def test_the_owner_is_found_by_the_email_parameter_too() -> None:
    mine = "ATTENDEE;PARTSTAT=TENTATIVE;EMAIL=anna@example.org:/aMzU2/principal/"
    found = components(calendar(event(mine)), owner=ANNA)
    assert "ATTENDEE" in found[0].events[0].one


def test_names_are_read_in_any_case_and_the_first_value_counts() -> None:
    found = components(calendar("begin:vevent\r\nuid:1\r\nUid:2\r\nDtStart:20261122\r\nEnd:vEvent\r\n"))
    assert found[0].events[0].value("UID") == b"1"
    assert b"20261122" in found[0].events[0].one["DTSTART"]


def test_alarms_tasks_and_journals_are_skipped() -> None:
    todo = "BEGIN:VTODO\r\nUID:todo\r\nEND:VTODO\r\nBEGIN:VJOURNAL\r\nUID:journal\r\nEND:VJOURNAL\r\n"
    assert uids(components(calendar(todo, event("BEGIN:VALARM", "UID:alarm", "END:VALARM", uid="e")))) == [b"e"]


def test_calendars_may_follow_each_other() -> None:
    assert uids(components(calendar(event(uid="1")) + b"\r\n" + calendar(event(uid="2")))) == [b"1", b"2"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   \r\n",
        b"<!DOCTYPE html><html><body>BEGIN:VCALENDAR? Sign in</body></html>",
        b"{}",
        b"\0" * 100,
        calendar(event())[:-3],
        calendar(event())[:60],
        calendar(event()).replace(b"END:VCALENDAR\r\n", b""),
        b"BEGIN:VCALENDAR\r\n" + calendar(event()),
        b"BEGIN:VEVENT\r\nUID:1\r\n",
    ],
)
def test_what_is_no_whole_calendar_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(NotCalendar):
        components(data)


def test_an_empty_calendar_is_a_calendar() -> None:
    assert uids(components(calendar())) == []


def test_events_outside_a_calendar_are_taken() -> None:
    found = components(b"BEGIN:VEVENT\nUID:1\nX\nEND:VEVENT\nBEGIN:VEVENT\nUID:2\nEND:VEVENT\n")
    assert uids(found) == [b"1", b"2"]
    assert found[0].bare


def test_an_event_without_end_is_left_out_and_the_next_is_whole() -> None:
    broken = event(uid="1").replace("END:VEVENT\r\n", "BEGIN:VALARM\r\n")
    found = components(calendar(broken, event(uid="2")))
    assert uids(found) == [b"2"]
    assert [component.value("UID") for component in found[0].unclosed] == [b"1"]


def test_an_alarm_without_end_ends_with_its_event() -> None:
    found = components(calendar(event("BEGIN:VALARM", uid="1"), event(uid="2")))
    assert uids(found) == [b"1", b"2"]


def test_stray_ends_change_nothing() -> None:
    data = calendar(event(uid="1"), "END:VALARM\r\nEND:VEVENT\r\nEND:X\r\n", event(uid="2"))
    assert uids(components(data)) == [b"1", b"2"]


def test_deep_nesting_stays_shallow() -> None:
    assert uids(components(calendar(event(*["BEGIN:X"] * 50_000, uid="1")))) == [b"1"]


def test_too_many_events() -> None:
    with pytest.raises(TooMuch):
        components(calendar(*[event(uid=str(number)) for number in range(4)]), most=3)


def test_too_many_repeated_lines_are_marked_not_kept() -> None:
    found = components(calendar(event(*["RDATE:20261122"] * (REPEATED_LINES + 5))))
    component = found[0].events[0]
    assert component.overfull
    assert len(component.many["RDATE"]) == REPEATED_LINES
