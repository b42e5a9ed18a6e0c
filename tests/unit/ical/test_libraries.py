"""Made-up calendars: the same occurrences as icalendar with recurring-ical-events finds."""

from __future__ import annotations

from datetime import UTC, datetime

import icalendar
import pytest
import recurring_ical_events

from backsoon.sources.base import Window
from bench.ics_sample import WINDOW, sample
from tests.unit.ical.helpers import read, spans, starts


@pytest.mark.parametrize("seed", range(4))
def test_the_same_occurrences(seed: int) -> None:
    data = sample(120, seed)
    window = Window(WINDOW[0].replace(tzinfo=UTC), WINDOW[1].replace(tzinfo=UTC))
    reading = read(data, window)
    assert reading.rejected == ()
    assert reading.warnings == ()
    timed, days = [], []
    for event in recurring_ical_events.of(icalendar.Calendar.from_ical(data)).between(window.start, window.end):
        start, end = event["DTSTART"].dt, event["DTEND"].dt
        if isinstance(start, datetime):
            timed.append(f"{start.astimezone(UTC):%m-%d %H:%M}/{end.astimezone(UTC):%m-%d %H:%M}")
        else:
            days.append(f"{start:%m-%d}")
    assert spans(reading.entries) == sorted(timed)
    assert [start for start in starts(reading.entries) if len(start) == 5] == sorted(days)
