"""What the bench of the page makes of what it saw: no change counts that was not seen."""

from datetime import UTC, datetime, timedelta

from bench.console_house import CHANGES, EVERY, Plan
from bench.console_page import lateness

FIRST = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_each_change_counts_from_its_instant() -> None:
    seen = [(10_050.0, [("1", True), ("2", True)]), (10_620.0, [("1", False)])]
    assert lateness("1", [(10.0, 10.5)], seen) == [50.0, 120.0]
    assert lateness("2", [(10.0, 10.5)], seen) == [50.0, None]
    assert lateness("3", [(10.0, 10.5)], seen) == [None, None]


def test_what_came_after_the_next_change_is_missed() -> None:
    assert lateness("1", [(10.0, 10.5)], [(10_700.0, [("1", True)]), (10_800.0, [("1", False)])]) == [None, 300.0]


def test_every_burst_has_as_many_changes_as_are_promised() -> None:
    for people in (5_000, 20_000):
        plan = Plan(people, 4, 0)
        at = sorted(moment for number in range(people) for span in plan.spans(number, FIRST) for moment in span)
        for burst in range(4):
            begin = FIRST + timedelta(seconds=burst * EVERY)
            assert sum(begin <= moment < begin + timedelta(seconds=1) for moment in at) == CHANGES
