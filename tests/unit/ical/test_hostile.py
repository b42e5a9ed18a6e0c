"""Whatever the bytes: an answer or one of our errors, at a bounded cost, with nothing of the text but subjects."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.sources.base import SourceBroken, SourceTooLarge
from backsoon.sources.ical import Limits, Reading
from bench.ics_sample import sample
from tests.unit.ical.helpers import WINDOW, calendar, event, read

LIMITS = Limits(bytes=1_000_000, events=200, occurrences=500, steps_per_rule=20_000, steps=100_000, cpu_seconds=60.0)
SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parents[2] / "data" / "ics").glob("*.ics"))]
WORDS = [
    b"BEGIN:VEVENT\r\n", b"END:VEVENT\r\n", b"BEGIN:VTIMEZONE\r\n", b"END:VTIMEZONE\r\n", b"BEGIN:STANDARD\r\n",
    b"END:VCALENDAR\r\n", b"RRULE:FREQ=SECONDLY\r\n", b"RRULE:FREQ=YEARLY;BYWEEKNO=53\r\n",
    b"DTSTART:99991231T235959Z\r\n",
    b"DTSTART:00010101\r\n", b"DTSTART;TZID=X:20261122T090000\r\n", b"RECURRENCE-ID;RANGE=THISANDFUTURE:20261122\r\n",
    b"DTEND;VALUE=DATE:20261122\r\n", b"DURATION:P9999999W\r\n", b"EXDATE:,,,20261122\r\n", b"UID:a\r\n", b"\r\n ",
    b"RDATE;VALUE=PERIOD:20261122T090000Z/PT1H,20261122/20250101\r\n", b"TZOFFSETTO:+9999\r\n", b"\xff\xfe\x00",
    b"X-MICROSOFT-CDO-ALLDAYEVENT:TRUE\r\n", b"TZID:X\r\n", b"TZOFFSETFROM:-2359\r\n", b'DTSTART;TZID="\r\n',
    b"SEQUENCE:9\r\n",
]  # fmt: skip


def read_or_refuse(data: bytes) -> Reading | None:
    try:
        reading = read(data, WINDOW, limits=LIMITS)
    except (SourceBroken, SourceTooLarge):
        return None
    per_event: dict[tuple[str, str], int] = {}
    for entry in reading.entries:
        key = (entry.uid, entry.recurrence_id)
        per_event[key] = per_event.get(key, 0) + 1
    assert set(per_event.values()) <= {1}, "the key of an entry must be its own"
    return reading


@given(st.binary(max_size=500))
def test_any_bytes(data: bytes) -> None:
    read_or_refuse(data)


@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=8), max_size=60))
def test_any_order_of_what_calendars_are_made_of(words: list[bytes]) -> None:
    read_or_refuse(b"BEGIN:VCALENDAR\r\n" + b"".join(words) + b"END:VCALENDAR\r\n")


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_any_damage_to_a_calendar(seed: int, wounds: int) -> None:
    rng = random.Random(seed)
    data = bytearray(rng.choice([sample(12, seed % 5), *SAMPLES]))
    for _ in range(wounds):
        at = rng.randrange(max(1, len(data)))
        match rng.randrange(4):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + rng.randrange(40)]
            case 2:
                data[at:at] = rng.choice(WORDS)
            case _:
                data[at:at] = data[at : at + rng.randrange(200)]
    read_or_refuse(bytes(data))


@pytest.mark.parametrize("end", ["", "\r\n"])
def test_a_calendar_cut_anywhere_is_never_believed(end: str) -> None:
    data = calendar(
        event("DTSTART:20261102", "SUMMARY:m: x", "DESCRIPTION:END:VCALENDAR"), event("DTSTART:20261103", uid="b")
    )
    for length in range(len(data) - 2):
        assert read_or_refuse(data[:length] + end.encode()) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\n" * 900_000,
        b"A:\n" * 300_000,
        b" " * 900_000,
        b"\r\n " * 300_000,
        b"BEGIN:VCALENDAR\n" + b"BEGIN:X\n" * 100_000,
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:" + b"x" * 900_000 + b"\nEND:VEVENT\nEND:VCALENDAR",
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART" + b';TZID="' * 100_000 + b"\nEND:VEVENT\nEND:VCALENDAR",
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY" + b';"' * 300_000 + b":" * 100_000 + b"\nEND:VEVENT\nEND:VCALENDAR",
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nATTENDEE" + b";EMAIL=" * 100_000 + b":x\nEND:VEVENT\nEND:VCALENDAR",
        b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\n" * 190 + b"END:VCALENDAR",
        b"BEGIN:VCALENDAR\n" + b"BEGIN:VTIMEZONE\nTZID:X\n" * 30_000 + b"END:VCALENDAR",
    ],
    ids=range(11),
)
def test_large_nonsense_is_read_in_one_go(data: bytes) -> None:
    read_or_refuse(data)
