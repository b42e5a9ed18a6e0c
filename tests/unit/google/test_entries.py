"""Items as hostile as can be: whatever JSON comes, an item is an entry, nothing, or rejected; nothing else happens."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.model import CalendarEntry, Days, Timed
from backsoon.sources.base import Window
from backsoon.sources.google.entries import Item, overlaps, read_item
from backsoon.sources.google.token import load_token, new_token

ZONE = ZoneInfo("Europe/Stockholm")
WINDOW = Window(datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC))
WHOLE = {
    "id": "one",
    "status": "confirmed",
    "iCalUID": "uid@example.com",
    "summary": "m: Budget",
    "start": {"dateTime": "2027-03-02T09:00:00+01:00", "timeZone": "Europe/Stockholm"},
    "end": {"dateTime": "2027-03-02T10:00:00+01:00"},
    "originalStartTime": {"dateTime": "2027-03-02T09:00:00+01:00"},
    "recurringEventId": "series",
    "attendees": [{"self": True, "responseStatus": "accepted"}],
    "organizer": {"self": False},
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str) | st.dates().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
TIMES = st.datetimes(timezones=st.timezones() | st.none()).map(
    lambda at: {"dateTime": at.isoformat()}
) | st.dates().map(lambda day: {"date": day.isoformat()})


def raw(item: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(item, ensure_ascii=True).encode())


@given(st.dictionaries(st.sampled_from(sorted(WHOLE)), VALUES))
def test_any_item(other: dict[str, Any]) -> None:
    read = read_item(raw(WHOLE | other), WINDOW, ZONE)
    assert read.entry is None or read.rejected is None
    assert read.resource.isprintable()
    if read.rejected is not None:
        assert "Budget" not in read.rejected.because
        assert read.rejected.uid == ""


@given(VALUES)
def test_what_is_no_item_at_all(value: Any) -> None:
    read = read_item(raw(value), WINDOW, ZONE)
    assert read.entry is None


@given(TIMES, TIMES)
def test_any_times(start: dict[str, str], end: dict[str, str]) -> None:
    """Of all times that Google could say, none gives an entry outside the window, or a naive one."""
    read = read_item(raw(WHOLE | {"start": start, "end": end}), WINDOW, ZONE)
    if read.entry is not None:
        assert overlaps(read.entry, WINDOW, ZONE)
        if isinstance(read.entry.when, Timed):
            assert read.entry.when.start.tzinfo is UTC


@pytest.mark.parametrize(
    ("first", "end", "inside"),
    [
        (date(2027, 2, 28), date(2027, 3, 1), False),
        (date(2027, 3, 1), date(2027, 3, 2), True),
        (date(2027, 3, 31), date(2027, 4, 1), True),
        (date(2027, 4, 1), date(2027, 4, 2), True),  # in Stockholm it begins two hours before the window ends
        (date(2027, 4, 2), date(2027, 4, 3), False),
        (date(1, 1, 1), date(9999, 12, 31), True),
    ],
)
def test_days_are_the_owners(first: date, end: date, inside: bool) -> None:
    assert overlaps(CalendarEntry("x", Days(first, end)), WINDOW, ZONE) is inside


@given(st.text() | VALUES.map(lambda value: json.dumps(value, default=str)))
def test_any_token(text: str) -> None:
    assert load_token(text, "settings", WINDOW) is None


def test_a_token_is_for_one_calendar_and_one_span() -> None:
    token = new_token(WINDOW, "settings", "google's")
    assert load_token(token.dump(), "settings", WINDOW) == token
    assert token.window == WINDOW
    assert load_token(token.dump(), "others", WINDOW) is None
    hour = timedelta(hours=1)
    assert load_token(token.dump(), "settings", Window(WINDOW.start + hour, WINDOW.end)) == token
    assert load_token(token.dump(), "settings", Window(WINDOW.start - hour, WINDOW.end)) is None
    assert load_token(token.dump(), "settings", Window(WINDOW.start, WINDOW.end + hour)) is None
    assert load_token("x" * 10_000, "settings", WINDOW) is None


def test_a_title_is_in_no_repr() -> None:
    assert "CANARY" not in repr(Item("a", summary="ZQ-CANARY"))
