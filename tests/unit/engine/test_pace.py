"""When a calendar is read next, and in which lane."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.engine.pace import (
    LOOK_FROM,
    LOOK_TO,
    PUSHED,
    NextRead,
    Pace,
    after_failure,
    after_success,
    beyond,
    hurried,
    looked_at_again,
)
from backsoon.store.base import Lane

QUARTER_PAST = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
PACES = st.sampled_from([Pace(), PUSHED, Pace(1200, 3600), Pace(2, 4)])
CHANCES = st.floats(0, 1, exclude_max=True)
INSTANTS = st.integers(0, 7200).map(lambda seconds: QUARTER_PAST + timedelta(seconds=seconds))


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_a_resting_calendar_is_read_less_often_up_to_the_longest_interval() -> None:
    pace, interval, seen = Pace(jitter=0), None, []
    for _ in range(8):
        following = after_success(QUARTER_PAST, interval, False, None, pace, 0.5)
        assert following.lane is Lane.RECONCILE
        interval = following.at - QUARTER_PAST
        seen.append(interval.total_seconds())
    assert seen == [120, 180, 270, 405, 607.5, 900, 900, 900]
    assert after_success(QUARTER_PAST, interval, True, None, pace, 0.5).at == QUARTER_PAST + minutes(2)


@pytest.mark.parametrize(("chance", "before"), [(0.0, 60), (0.5, 165), (1.0, 270)])
def test_a_calendar_is_looked_at_shortly_before_something_is_due(chance: float, before: int) -> None:
    due = QUARTER_PAST + minutes(10)
    following = after_success(QUARTER_PAST, minutes(15), False, due, Pace(jitter=0), chance)
    assert following == NextRead(due - timedelta(seconds=before), Lane.DUE)


def test_a_comparison_that_falls_into_that_time_is_that_look() -> None:
    due = QUARTER_PAST + minutes(18)
    following = after_success(QUARTER_PAST, minutes(15), False, due, Pace(jitter=0), 0.0)
    assert following == NextRead(QUARTER_PAST + minutes(15), Lane.DUE)
    sooner = after_success(QUARTER_PAST, minutes(15), False, due + minutes(5), Pace(jitter=0), 0.0)
    assert sooner == NextRead(QUARTER_PAST + minutes(15), Lane.RECONCILE)


@given(INSTANTS, PACES, st.integers(271, 7 * 86400), st.booleans(), CHANCES, st.none() | st.integers(1, 40 * 3600))
def test_whoever_is_read_when_it_says_has_seen_what_was_changed_five_minutes_before(
    now: datetime, pace: Pace, ahead: int, changed: bool, chance: float, rested: int | None
) -> None:
    due = now + timedelta(seconds=ahead)
    assert due > beyond(now)
    interval = None if rested is None else timedelta(seconds=rested)
    following = after_success(now, interval, changed, due, pace, chance)
    assert now < following.at <= due - minutes(1)
    assert (following.lane is Lane.DUE) == (due <= beyond(following.at) or following.at == due - minutes(4.5))


@given(INSTANTS, PACES, CHANCES, st.none() | st.integers(1, 40 * 3600))
def test_around_the_hour_nothing_is_read_that_can_wait(
    now: datetime, pace: Pace, chance: float, rested: int | None
) -> None:
    interval = None if rested is None else timedelta(seconds=rested)
    following = after_success(now, interval, False, None, pace, chance)
    past = (following.at - following.at.replace(minute=0, second=0, microsecond=0)).total_seconds()
    assert 30 <= past < 3590
    assert following.at > now
    if pace.longest >= 120:
        assert following.at <= now + timedelta(seconds=pace.longest)
        assert following.at >= now + timedelta(seconds=0.9 * pace.shortest - 100)


def test_looks_are_spread_evenly() -> None:
    due = QUARTER_PAST + minutes(14)
    looks = [after_success(QUARTER_PAST, minutes(15), False, due, Pace(), n / 210).at for n in range(210)]
    assert len(set(looks)) == 210
    assert (min(looks), max(looks)) == (due - minutes(4.5) + timedelta(seconds=1), due - minutes(1))


def test_what_is_told_is_read_seldom_but_for_what_is_due() -> None:
    following = after_success(QUARTER_PAST, None, True, None, PUSHED, 0.0)
    assert following == NextRead(QUARTER_PAST + timedelta(hours=36), Lane.RECONCILE)
    due = QUARTER_PAST + timedelta(hours=20)
    assert after_success(QUARTER_PAST, None, True, due, PUSHED, 0.0) == NextRead(due - minutes(1), Lane.DUE)


def test_a_hint_that_led_to_nothing_is_followed_once_more() -> None:
    later = NextRead(QUARTER_PAST + minutes(2), Lane.RECONCILE)
    assert looked_at_again(QUARTER_PAST, later) == NextRead(QUARTER_PAST + minutes(0.5), Lane.RECONCILE)
    sooner = NextRead(QUARTER_PAST + minutes(0.2), Lane.DUE)
    assert looked_at_again(QUARTER_PAST, sooner) == sooner


@pytest.mark.parametrize(
    ("pace", "waits"), [(Pace(), [120, 240, 480, 900, 900]), (PUSHED, [900, 1800, 3600, 3600]), (Pace(2, 4), [2, 4, 4])]
)
def test_failures_slow_down(pace: Pace, waits: list[int]) -> None:
    found = [after_failure(QUARTER_PAST, number, None, pace, 0.0) for number in range(1, len(waits) + 1)]
    assert found == [QUARTER_PAST + timedelta(seconds=each) for each in waits]
    assert after_failure(QUARTER_PAST, 30, None, pace, 0.0) == QUARTER_PAST + timedelta(seconds=waits[-1])


def test_what_is_due_or_was_told_is_tried_again_soon() -> None:
    waits = [
        (after_failure(QUARTER_PAST, number, None, PUSHED, 0.0, hurry=True) - QUARTER_PAST).total_seconds()
        for number in range(1, 6)
    ]
    assert waits == [30, 60, 120, 240, 480]
    assert sum(waits[:3]) <= (LOOK_FROM - LOOK_TO).total_seconds(), "three tries more before the start"
    quick = Pace(2, 4, jitter=0)
    assert after_failure(QUARTER_PAST, 1, None, quick, 0.0, hurry=True) == QUARTER_PAST + timedelta(seconds=2)
    asked = after_failure(QUARTER_PAST, 1, 600, PUSHED, 0.0, hurry=True)
    assert asked == QUARTER_PAST + timedelta(seconds=600), "what the server asks for is honoured"
    assert [hurried(lane, 1) for lane in Lane] == [True, True, False, False]
    assert not hurried(Lane.DUE, 6), "not for ever"


def test_what_the_server_asks_for_is_honoured() -> None:
    assert after_failure(QUARTER_PAST, 1, 3600, Pace(jitter=0), 0.5) == QUARTER_PAST + timedelta(hours=1)
    assert after_failure(QUARTER_PAST, 1, 3600, PUSHED, 0.5) > QUARTER_PAST + timedelta(hours=1)
