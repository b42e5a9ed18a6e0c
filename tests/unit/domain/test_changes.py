"""What a read of a calendar changes, and whether it is believed at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backsoon.domain.changes import after_read, shrunk
from backsoon.domain.model import CalendarReferral, EntryKey, Span

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: int, uid: str = "u", resource: str = "") -> CalendarReferral:
    start = NOW + hours * HOUR
    return CalendarReferral(EntryKey(1, uid), Span(start, start + HOUR), "meeting", resource=resource)


def test_a_complete_read_replaces_all() -> None:
    assert after_read([at(1, "a", "a")], [at(2, "b", "b")], frozenset(), complete=True) == [at(2, "b", "b")]
    assert after_read([at(1, "a", "a")], [], frozenset(), complete=True) == []


def test_other_resources_stay_where_changes_are_read() -> None:
    stored = [at(1, "a", "a"), at(2, "a", "a"), at(3, "b", "b"), at(4, "c", "c")]
    read = [at(5, "a", "a")]
    assert after_read(stored, read, frozenset({"a", "c"}), complete=False) == [at(3, "b", "b"), at(5, "a", "a")]


def test_a_removed_resource_is_touched_and_brings_nothing() -> None:
    assert after_read([at(1, "a", "a")], [], frozenset({"a"}), complete=False) == []
    assert after_read([at(1, "a", "a")], [], frozenset({"b"}), complete=False) == [at(1, "a", "a")]


@pytest.mark.parametrize(
    ("had", "has", "expected"),
    [
        (0, 0, False),
        (1, 1, False),
        (1, 0, True),
        (2, 1, False),  # half is not more than half
        (3, 1, True),
        (10, 5, False),
        (10, 4, True),
        (1, 5, False),
    ],
)
def test_losing_more_than_half_at_once_is_not_believed(had: int, has: int, expected: bool) -> None:
    before, after = [at(n) for n in range(had)], [at(n) for n in range(has)]
    assert shrunk(before, after, NOW) is expected


def test_what_is_over_does_not_count_and_what_runs_does() -> None:
    over = [at(-n) for n in range(1, 9)]  # the last one ends now
    assert not shrunk(over, [], NOW)
    assert shrunk([at(0)], over, NOW)
    assert shrunk([later(at(-1), 30)], [], NOW)


def later(referral: CalendarReferral, minutes: int) -> CalendarReferral:
    by = timedelta(minutes=minutes)
    return CalendarReferral(referral.key, Span(referral.span.start + by, referral.span.end + by), "meeting")


def test_a_series_that_moves_is_no_loss() -> None:
    assert not shrunk([at(n, f"a{n}") for n in range(1, 9)], [at(n, f"b{n}") for n in range(1, 9)], NOW)
