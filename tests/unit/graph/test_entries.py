"""Entries and tokens by themselves; and Microsoft's own samples, where they are at hand (BACKSOON_DATA)."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.model import CalendarEntry, Days, Timed
from backsoon.sources.account import Ordered
from backsoon.sources.base import Window
from backsoon.sources.graph.busy import _decoded, _of
from backsoon.sources.graph.client import Answer
from backsoon.sources.graph.entries import Unreadable, clean_uid, entry_of, nearest_day, overlaps, read_events
from backsoon.sources.graph.records import Items, read_event, read_page, read_setting
from backsoon.sources.graph.token import (
    MOST_KNOWN,
    VERSION,
    Token,
    after,
    all_known,
    load_token,
    pack,
    read_window,
    unpack,
)
from backsoon.sources.graph.webhooks import _ordered
from tests.unit.graph.scripted import event
from tests.unit.graph.tenant import WINDOW

ZONE = ZoneInfo("Europe/Stockholm")
GOID = "040000008200E00074C5B7101A82E008{}10C9AF0A1B2CD301000000000000000010000000AA"
names = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=12)


def entry(**more: Any) -> CalendarEntry:
    """What an event becomes."""
    return entry_of(read_event(msgspec.json.encode(event("a", **more))), ZONE)


# -- identity --------------------------------------------------------------------------------------------------------


def test_outlooks_uid_loses_its_day_and_no_other_uid_loses_anything() -> None:
    assert clean_uid(GOID.format("07EB0302")) == clean_uid(GOID.format("00000000")) == GOID.format("00000000")
    for other in ("", "abc@example.com", GOID.format("07EB0302")[:30], "x" + GOID.format("07EB0302")):
        assert clean_uid(other) == other


def test_an_occurrence_is_named_by_when_it_was_to_be() -> None:
    of_series = {"seriesMasterId": "S", "type": "exception", "originalStart": "2027-02-28T09:30:00Z"}
    assert (entry(**of_series).recurrence_id, entry(**of_series).resource) == ("20270228T093000Z", "S")
    midnights = {
        "start": {"dateTime": "2027-03-02T00:00:00.0000000", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-03T00:00:00.0000000", "timeZone": "UTC"},
    }
    for original in ("2027-03-01T00:00:00Z", "2027-02-28T23:00:00Z"):
        all_day = entry(isAllDay=True, **{**of_series, "originalStart": original}, **midnights)
        assert all_day.recurrence_id == "20270301"


def test_without_a_uid_the_id_serves() -> None:
    assert entry(iCalUId=None).uid == "a"


# -- time ------------------------------------------------------------------------------------------------------------


@given(
    day=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    zone=st.sampled_from(["Europe/Stockholm", "America/Los_Angeles", "Pacific/Kiritimati", "Asia/Kolkata", "UTC"]),
)
def test_the_midnight_of_a_day_is_that_day(day: date, zone: str) -> None:
    home = ZoneInfo(zone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=home).astimezone(UTC)
    assert nearest_day(midnight, home) == day
    if abs(midnight - datetime(day.year, day.month, day.day, tzinfo=UTC)) < timedelta(hours=12):
        assert nearest_day(midnight, ZoneInfo("UTC")) == day


@given(start=st.integers(-600, 600), length=st.integers(0, 300))
def test_what_overlaps_the_window_is_in_it(start: int, length: int) -> None:
    window = Window(datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 1, 5, tzinfo=UTC))
    begin = window.start + timedelta(minutes=start)
    end = begin + timedelta(minutes=length)
    minutes = {n for n in range(300)}
    touched = bool(minutes & set(range(start, start + length))) or (length == 0 and start in minutes)
    assert overlaps(CalendarEntry("a", Timed(begin, end)), window, ZONE) == touched


def test_days_at_the_end_of_time_do_no_harm() -> None:
    assert overlaps(CalendarEntry("a", Days(date(2027, 1, 1), date(9999, 12, 31))), WINDOW, ZoneInfo("Asia/Tokyo"))
    assert not overlaps(CalendarEntry("a", Days(date(1, 1, 1), date(1, 1, 2))), WINDOW, ZoneInfo("Asia/Tokyo"))
    assert not overlaps(CalendarEntry("a", Days(date(1, 1, 1), date(1, 1, 2))), WINDOW, ZoneInfo("Pacific/Apia"))


# -- tokens ----------------------------------------------------------------------------------------------------------


@given(before=st.sets(names), touched=st.sets(names), still=st.sets(names))
def test_what_is_known_is_what_was_read(before: set[str], touched: set[str], still: set[str]) -> None:
    there = touched & still
    known = after(pack(before), touched, there)
    assert unpack(known) == unpack(pack((before - touched) | there))
    assert all_known(known, there)
    assert not all_known(known, [*there, "never there at all"])


def test_too_much_to_know_is_nothing_known() -> None:
    known = pack(str(n) for n in range(MOST_KNOWN + 1))
    assert known is None
    assert not all_known(known, ["1"])
    assert after(known, ["1"], []) is None


def test_a_token_comes_back_as_it_was() -> None:
    read = read_window(WINDOW)
    reply = (datetime(2027, 3, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
    token = Token(VERSION, "s", read.start, read.end, "https://x/v1.0/y", pack(["a"]), True, reply)
    again = load_token(token.dump(), "s", WINDOW)
    assert again is not None
    assert (again.dump(), again.window, again.reply_span) == (token.dump(), read, reply)
    assert again.window.start.tzinfo is UTC
    assert load_token(token.dump(), "t", WINDOW) is None
    for spoiled in ("abc", "AAA=", "ä"):
        assert load_token(msgspec.structs.replace(token, known=spoiled).dump(), "s", WINDOW) is None
    assert load_token(msgspec.structs.replace(token, version=VERSION + 1).dump(), "s", WINDOW) is None
    naive = token.dump().replace('"start":"2027-02-28T00:00:00Z"', '"start":"2027-02-28T00:00:00"')
    assert load_token(naive, "s", WINDOW) is None


@given(days=st.integers(-40, 40))
def test_a_token_fits_while_what_it_read_holds_what_is_asked_for(days: int) -> None:
    read = read_window(WINDOW)
    token = Token(VERSION, "s", read.start, read.end, "x")
    asked = Window(WINDOW.start + timedelta(days=days), WINDOW.end + timedelta(days=days))
    assert token.fits("s", asked) == (0 <= days <= 30)


@given(st.text())
def test_any_text_is_a_token_or_none(text: str) -> None:
    assert load_token(text, "s", WINDOW) is None


# -- Microsoft's samples ---------------------------------------------------------------------------------------------


def _samples() -> list[dict[str, Any]]:
    folder = os.environ.get("BACKSOON_DATA")
    path = Path(folder) / "graph" / "official-samples.json" if folder else None
    if path is None or not path.exists():
        pytest.skip("BACKSOON_DATA does not name the folder with Microsoft's samples")
    return [mock for mock in json.loads(path.read_text())["mocks"] if isinstance(mock["response"].get("body"), dict)]


def test_events_in_microsofts_samples_are_read() -> None:
    read, refused = [], []
    for sample in _samples():
        body = sample["response"]["body"]
        value = body["value"] if isinstance(body.get("value"), list) else [body]
        found = [one for one in value if isinstance(one, dict) and {"start", "end", "id"} <= one.keys()]
        items = Items()
        items.add(read_page(json.dumps({"value": found}).encode()))
        assert not items.rejected
        for one in items:
            try:
                read.append(entry_of(one, ZONE))
            except Unreadable as problem:
                refused.append(str(problem))
    assert len(read) >= 10
    assert not refused
    assert all(one.uid and one.resource for one in read)


def test_settings_in_microsofts_samples_are_read() -> None:
    states = [
        read_setting(json.dumps(sample["response"]["body"]).encode()).status.lower()
        for sample in _samples()
        if "automaticRepliesSetting" in sample["response"]["body"] or "automaticReplies" in sample["request"]["url"]
    ]
    assert {"scheduled", "alwaysenabled"} <= set(states)


def test_subscriptions_and_schedules_in_microsofts_samples_are_read() -> None:
    window = Window(datetime(2019, 3, 15, tzinfo=UTC), datetime(2019, 3, 16, tzinfo=UTC))
    times, ordered = [], []
    for sample in _samples():
        url, said = sample["request"]["url"], sample["response"]
        answer = Answer(int(said["statusCode"]), {}, json.dumps(said["body"]).encode())
        if url.endswith("/getSchedule"):
            times += [_of(schedule, window) for schedule in _decoded(answer)]
        elif "/v1.0/subscriptions" in url and "clientState" in said["body"]:
            ordered.append(_ordered(answer, 7, "a@example.com"))
    assert len(times) == 2
    assert all(isinstance(one, tuple) and one for one in times)
    assert len(ordered) == 3
    assert all(isinstance(one, Ordered) and one.expires_at.tzinfo is UTC for one in ordered)


def test_an_empty_reading_is_empty() -> None:
    reading = read_events([], {}, WINDOW, ZONE)
    assert (reading.entries, reading.rejected) == ([], [])


def test_a_subject_is_in_no_repr() -> None:
    assert "CANARY" not in repr(read_event(b'{"id": "a", "subject": "ZQ-CANARY", "type": "occurrence"}'))
