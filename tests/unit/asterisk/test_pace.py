"""The pace: never above its rate, slower where answers are slow, and back again."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.switchboards.asterisk.driver import AsteriskSession, AsteriskSettings
from backsoon.switchboards.asterisk.pace import Pace, PaceSettings
from backsoon.wire.ami_client import AmiAccount, AmiAddress, AmiClient

SETTINGS = PaceSettings(limit=1000, least=25, slow=0.1, chunk=0.05)


def test_a_chunk_is_a_twentieth_of_a_second() -> None:
    assert Pace(SETTINGS).chunk == 50
    assert Pace(PaceSettings(limit=1)).chunk == 1


def test_a_chunk_is_never_more_than_a_switchboard_queues_well() -> None:
    assert Pace(PaceSettings(limit=100_000)).chunk == 50


def test_the_first_chunk_goes_at_once_and_the_next_waits() -> None:
    pace = Pace(SETTINGS)
    assert pace.delay(100.0, 50) == 0
    assert pace.delay(100.0, 50) == pytest.approx(0.05)
    assert pace.delay(100.02, 50) == pytest.approx(0.08)


def test_nothing_is_saved_up_while_it_is_quiet() -> None:
    pace = Pace(SETTINGS)
    pace.delay(100.0, 50)
    assert pace.delay(200.0, 50) == 0
    assert pace.delay(200.0, 50) == pytest.approx(0.05)


def test_slow_answers_slow_it_down_to_the_least() -> None:
    pace = Pace(SETTINGS)
    rates = []
    for _ in range(20):
        pace.answered(0.2)
        rates.append(pace.rate)
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(666.67, abs=0.01)
    assert rates[-1] == 25


def test_quick_answers_bring_it_back_to_the_limit() -> None:
    pace = Pace(SETTINGS)
    for _ in range(20):
        pace.answered(0.2)
    pace.answered(0.01)
    assert pace.rate == 75
    for _ in range(20):
        pace.answered(0.01)
    assert pace.rate == 1000


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.3)), max_size=100))
def test_in_no_second_are_more_told_than_the_limit_and_a_chunk(turns: list[tuple[float, float]]) -> None:
    pace, now, told = Pace(SETTINGS), 0.0, list[tuple[float, int]]()
    for idle, took in turns:
        people = pace.chunk
        now += pace.delay(now, people)
        told.append((now, people))
        pace.answered(took)
        assert SETTINGS.least <= pace.rate <= SETTINGS.limit
        now += idle / 10
    for start, _ in told:
        assert sum(people for at, people in told if start <= at < start + 1 - 1e-6) <= 1000 + 50


def test_a_session_takes_as_many_at_once_as_its_pace_of_now_bears() -> None:
    settings = AsteriskSettings(AmiAddress("127.0.0.1", 5038), AmiAccount("backsoon", "x"), SETTINGS)
    session = AsteriskSession(cast(AmiClient, None), settings)
    assert session.at_once == 250
    for _ in range(20):
        session.pace.answered(1.0)
    assert session.at_once == 6
    slowest = AsteriskSettings(AmiAddress("127.0.0.1", 5038), AmiAccount("backsoon", "x"), PaceSettings(limit=1))
    assert AsteriskSession(cast(AmiClient, None), slowest).at_once == 1
