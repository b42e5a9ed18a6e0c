"""How old the knowledge of calendars is, and how that is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.freshness import Age, age_of, age_words

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMIT = timedelta(minutes=30)
STOCKHOLM = ZoneInfo("Europe/Stockholm")


@pytest.mark.parametrize(
    ("calendars", "ago", "stale", "unread"),
    [
        (0, None, False, False),
        (0, 600, False, False),  # what was read of calendars that are gone says nothing
        (1, None, False, True),
        (2, 0, False, False),
        (2, 30, False, False),
        (2, 31, True, False),
        (1, -1, False, False),  # a clock that was set back
    ],
)
def test_what_is_too_old(calendars: int, ago: int | None, stale: bool, unread: bool) -> None:
    confirmed = None if ago is None else NOON - timedelta(minutes=ago)
    age = age_of(calendars, confirmed, NOON, LIMIT)
    assert age.unconfirmed_since == (confirmed if stale else None)
    assert age.unread is unread
    assert age.known is not (stale or unread)
    assert age.calendars == calendars


@pytest.mark.parametrize(
    ("age", "language", "words"),
    [
        (Age(1, NOON, None), "en", ""),
        (Age(), "en", ""),
        (Age(1, NOON, NOON - timedelta(hours=2, minutes=48)), "en", "not confirmed since 10:12"),
        (Age(1, NOON, NOON - timedelta(hours=2, minutes=48)), "sv-FI", "inte bekräftad sedan 10:12"),
        (Age(1, NOON, NOON - timedelta(days=3)), "en", "not confirmed since 20 Nov 13:00"),
        (Age(1), "en", "not read yet"),
        (Age(1), "sv", "inte läst än"),
    ],
)
def test_it_is_said_in_the_persons_language_and_zone(age: Age, language: str, words: str) -> None:
    assert age_words(age, NOON, STOCKHOLM, language) == words
