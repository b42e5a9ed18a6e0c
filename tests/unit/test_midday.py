"""The zone in which the companies of tests live."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from tests.midday import midday


@pytest.mark.parametrize("hour", range(24))
def test_it_is_between_eleven_and_twelve_there(hour: int) -> None:
    for minute in (0, 59):
        now = datetime(2026, 3, 29, hour, minute, tzinfo=UTC)
        assert time(11) <= now.astimezone(midday(now)).time() < time(12)
