"""Subject, show-as, response, privacy."""

from __future__ import annotations

import pytest

from backsoon.domain.model import CalendarEntry, Response, ShowAs
from tests.unit.ical.helpers import calendar, event, read

OWNER = frozenset({"Anna@Example.org"})
WHEN = "DTSTART:20261122T090000Z"


def entry(*lines: str, calendar_lines: tuple[str, ...] = ()) -> CalendarEntry:
    reading = read(calendar(event(WHEN, *lines), lines=calendar_lines), owner=OWNER)
    assert len(reading.entries) == 1
    return reading.entries[0]


def test_of_a_bare_event() -> None:
    found = entry()
    assert (found.subject, found.show_as, found.response) == ("", ShowAs.BUSY, Response.ORGANIZER)
    assert (found.cancelled, found.private) == (False, False)


@pytest.mark.parametrize(
    ("lines", "show_as"),
    [
        (("TRANSP:OPAQUE",), ShowAs.BUSY),
        (("TRANSP:TRANSPARENT",), ShowAs.FREE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:FREE",), ShowAs.FREE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:OOF",), ShowAs.OUT_OF_OFFICE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE",), ShowAs.TENTATIVE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE",), ShowAs.WORKING_ELSEWHERE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE", "TRANSP:TRANSPARENT"), ShowAs.WORKING_ELSEWHERE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:BUSY", "TRANSP:TRANSPARENT"), ShowAs.FREE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:BUSY", "STATUS:TENTATIVE"), ShowAs.TENTATIVE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:OOF", "STATUS:TENTATIVE"), ShowAs.OUT_OF_OFFICE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:nonsense", "X-MICROSOFT-CDO-INTENDEDSTATUS:oof"), ShowAs.OUT_OF_OFFICE),
        (("X-MICROSOFT-CDO-INTENDEDSTATUS:FREE",), ShowAs.FREE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:BUSY", "X-MICROSOFT-CDO-INTENDEDSTATUS:OOF"), ShowAs.BUSY),
        (("STATUS:TENTATIVE",), ShowAs.TENTATIVE),
        (("STATUS:tentative", "TRANSP:TRANSPARENT"), ShowAs.FREE),
    ],
)
def test_show_as(lines: tuple[str, ...], show_as: ShowAs) -> None:
    assert entry(*lines).show_as is show_as


@pytest.mark.parametrize(
    ("lines", "response"),
    [
        (("ATTENDEE;PARTSTAT=ACCEPTED:mailto:anna@example.org",), Response.ACCEPTED),
        (("ATTENDEE;PARTSTAT=declined:MAILTO:ANNA@example.org",), Response.DECLINED),
        (("ATTENDEE;PARTSTAT=TENTATIVE:mailto:anna@example.org",), Response.TENTATIVE),
        (("ATTENDEE;PARTSTAT=DELEGATED:mailto:anna@example.org",), Response.DECLINED),
        (("ATTENDEE;PARTSTAT=X-WHAT:mailto:anna@example.org",), Response.NEEDS_ACTION),
        (("ATTENDEE:mailto:anna@example.org",), Response.NEEDS_ACTION),
        (("ATTENDEE;PARTSTAT=DECLINED:mailto:bo@example.org",), Response.ORGANIZER),
        (("ATTENDEE;PARTSTAT=DECLINED:mailto:notanna@example.org",), Response.ORGANIZER),
        (
            ("ORGANIZER:mailto:anna@example.org", "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:anna@example.org"),
            Response.ORGANIZER,
        ),
        (
            ("ORGANIZER:mailto:anna@example.org", "ATTENDEE;PARTSTAT=DECLINED:mailto:anna@example.org"),
            Response.DECLINED,
        ),
        (
            ("ORGANIZER:mailto:bo@example.org", "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:anna@example.org"),
            Response.NEEDS_ACTION,
        ),
    ],
)
def test_response(lines: tuple[str, ...], response: Response) -> None:
    assert entry(*lines).response is response


@pytest.mark.parametrize(
    ("value", "private"), [("PUBLIC", False), ("PRIVATE", True), ("confidential", True), ("", False)]
)
def test_private(value: str, private: bool) -> None:
    assert entry(f"CLASS:{value}").private is private


def test_cancelled_by_its_status_or_its_calendar() -> None:
    assert entry("STATUS:CANCELLED").cancelled
    assert entry(calendar_lines=("METHOD:CANCEL",)).cancelled
    assert not entry(calendar_lines=("METHOD:REQUEST",)).cancelled


def test_the_subject_is_unescaped_and_bounded() -> None:
    assert entry(r"SUMMARY;LANGUAGE=sv:m: Ada\, Bo").subject == "m: Ada, Bo"
    assert len(entry("SUMMARY:" + "å" * 1_000_000).subject) == 2_000
