"""Who is in sight: whose it is, how long it is kept, and that there is an end to how many."""

from contextlib import ExitStack
from datetime import timedelta

import pytest

from backsoon.api import sights
from backsoon.api.sights import BadSight, Sights, TooManySights
from backsoon.domain.access import Identity, Role
from backsoon.testing import FakeClock
from tests.unit.engine.world import NINE

ANNA = Identity(Role.ATTENDANT, "acme", name="Anna")
BO = Identity(Role.ATTENDANT, "acme", name="Bo")


def held(made: Sights, who: Identity, name: str) -> list[int]:
    with made.held(who, name) as sight:
        return list(sight.people)


def test_a_sight_belongs_to_whoever_asks() -> None:
    made = Sights(FakeClock(NINE))
    made.look(ANNA, "desk", [3, 1, 3])
    made.look(BO, "desk", [9])
    assert held(made, ANNA, "desk") == [3, 1]
    assert held(made, BO, "desk") == [9]
    assert held(made, Identity(Role.ATTENDANT, "other", name="Anna"), "desk") == []


def test_a_stream_sees_at_once_who_comes_in_sight() -> None:
    made = Sights(FakeClock(NINE))
    with made.held(ANNA, "desk") as one, made.held(ANNA, "desk") as other:
        made.look(ANNA, "desk", [1, 2])
        assert list(one.people) == list(other.people) == [1, 2]
        made.look(ANNA, "desk", [])
        assert list(one.people) == []


async def test_it_is_kept_for_a_minute_after_its_last_stream() -> None:
    clock = FakeClock(NINE)
    made = Sights(clock)
    made.look(ANNA, "early", [1])
    with made.held(ANNA, "desk"), ExitStack() as second:
        second.enter_context(made.held(ANNA, "desk"))
        made.look(ANNA, "desk", [1])
        await clock.move_to(NINE + timedelta(minutes=5))
        assert held(made, ANNA, "early") == [], "nobody came for it"
    await clock.move_to(clock.now() + timedelta(seconds=59))
    assert held(made, ANNA, "desk") == [1]
    await clock.move_to(clock.now() + timedelta(seconds=60))
    assert held(made, ANNA, "desk") == []


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "ä", "a/b", "a\n"])
def test_what_is_no_name(name: str) -> None:
    made = Sights(FakeClock(NINE))
    with pytest.raises(BadSight):
        made.look(ANNA, name, [])
    with pytest.raises(BadSight), made.held(ANNA, name):
        raise AssertionError
    assert len(made) == 0


@pytest.mark.parametrize("limit", ["MOST_OF_ONE", "MOST"])
async def test_there_is_an_end_to_them(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(sights, limit, 3)
    clock = FakeClock(NINE)
    made = Sights(clock)
    with made.held(ANNA, "a"), made.held(ANNA, "b") as b:
        for name in ("c", "d", "e"):
            made.look(ANNA, name, [1])
            await clock.move_to(clock.now() + timedelta(seconds=1))
        assert len(made) == 3, "of those that no stream has the oldest went"
        assert held(made, ANNA, "e") == [1]
        with made.held(ANNA, "e"):
            with pytest.raises(TooManySights):
                made.look(ANNA, "f", [1])
            made.look(ANNA, "b", [7])
            assert list(b.people) == [7], "one that is there may be used again"
