"""How many at once, and how long nothing: from what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backsoon.switchboards.webhook.pace import Pace
from backsoon.switchboards.webhook.patience import LONGEST, Patience

NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)


class TestPace:
    """At least one, fewer where it is slow, more where it is quick."""

    def test_it_begins_with_what_is_sent_together(self) -> None:
        assert Pace(8).at_once == 8

    def test_a_receiver_that_becomes_slow_and_quick_again(self) -> None:
        pace = Pace(8)
        for _ in range(10):
            pace.took(pace.at_once, 10.0)
        assert pace.at_once == 1
        for _ in range(10):
            pace.took(pace.at_once, pace.at_once / 2000)
        assert pace.at_once > 400

    def test_a_single_message_says_little(self) -> None:
        pace = Pace(8)
        pace.took(1, 10.0)
        assert pace.at_once == 8

    @given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 100))))
    def test_it_never_stops(self, took: list[tuple[int, float]]) -> None:
        pace = Pace(8)
        for count, seconds in took:
            pace.took(count, seconds)
            assert pace.at_once >= 1


class TestPatience:
    """Longer each time, never for good."""

    def test_it_doubles_up_to_a_quarter_of_an_hour(self) -> None:
        patience = Patience(lambda: NINE)
        waits = [patience.failed() for _ in range(2000)]
        assert waits[:5] == [1, 2, 4, 8, 16]
        assert set(waits[10:]) == {LONGEST}
        patience.well()
        assert patience.failed() == 1

    def test_it_says_since_when(self) -> None:
        at = NINE
        patience = Patience(lambda: at)
        patience.failed()
        assert patience.told == ""
        at += timedelta(hours=1)
        patience.failed()
        assert "2027-03-01 09:00:00 UTC" in patience.told
        patience.well()
        assert patience.told == ""

    def test_that_somebody_is_there_mends_only_that_nobody_was(self) -> None:
        gone, broken = Patience(lambda: NINE), Patience(lambda: NINE)
        for _ in range(3):
            gone.failed(answered=False)
            broken.failed(answered=True)
            broken.failed(answered=False)
        gone.reached()
        broken.reached()
        assert gone.failed() == 1
        assert broken.failed() == 64
