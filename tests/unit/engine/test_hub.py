"""The ring of announcements and the cursors into it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.model import AVAILABLE
from backsoon.domain.organisation import Person
from backsoon.engine.hub import Hub, Lagged, News
from backsoon.store.base import AvailabilityChange, Trigger

ANNA = Person("acme", "101", "Anna", id=1)
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
CHANGE = AvailabilityChange(1, NINE, NINE, AVAILABLE, Trigger.CLOCK)


def announce(hub: Hub, count: int) -> None:
    hub.announce([(ANNA, CHANGE)] * count)


def unmade() -> Iterator[tuple[Person, AvailabilityChange]]:
    """Changes that must not be asked for."""

    def made(_: int) -> tuple[Person, AvailabilityChange]:
        raise AssertionError("they were made")

    return map(made, range(1))


async def test_listeners_hear_everything_in_order_and_share_it() -> None:
    hub = Hub()
    with hub.listening() as one, hub.listening() as other:
        announce(hub, 3)
        heard = await one.batch()
        assert [each.number for each in heard] == [1, 2, 3]
        assert all(a is b for a, b in zip(heard, await other.batch(), strict=True))
        announce(hub, 2)
        assert [each.number for each in await one.batch()] == [4, 5]


async def test_what_comes_within_a_tick_is_one_batch() -> None:
    hub = Hub()
    with hub.listening() as listener:
        waiting = asyncio.ensure_future(listener.batch())
        for _ in range(5):
            announce(hub, 1)
            await asyncio.sleep(0)
        assert len(await waiting) == 5


async def test_an_announcement_of_people_says_what_is_new() -> None:
    hub = Hub()
    with hub.listening() as listener:
        hub.announce_people([ANNA])
        hub.announce_people([ANNA], News.REMOVED)
        heard = await listener.batch()
    assert [(each.news, each.change) for each in heard] == [(News.ANEW, None), (News.REMOVED, None)]


async def test_where_nobody_has_listened_nothing_is_made() -> None:
    hub = Hub()
    hub.announce_lazily(5, unmade())
    assert hub.number == 5
    with hub.listening() as listener:
        assert (listener.after, listener.resumed) == (5, True)


async def test_of_more_than_the_ring_holds_only_the_gap_is_kept() -> None:
    hub = Hub(ring=10)
    with hub.listening() as listener:
        hub.announce_lazily(11, unmade())
        with pytest.raises(Lagged):
            await listener.batch()
        announce(hub, 1)
        assert [each.number for each in await listener.batch()] == [12], "it goes on at the present"


async def test_who_is_overtaken_by_the_ring_is_told_once() -> None:
    hub = Hub(ring=10)
    with hub.listening() as slow:
        for _ in range(3):
            announce(hub, 4)
        with pytest.raises(Lagged):
            slow.take()
        assert slow.take() == []


async def test_whoever_was_cut_off_takes_up_where_they_were() -> None:
    hub = Hub(ring=10)
    with hub.listening() as listener:
        announce(hub, 2)
        await listener.batch()
    announce(hub, 8)
    with hub.listening(hub.id_of(2)) as again:
        assert again.resumed
        assert [each.number for each in await again.batch()] == list(range(3, 11))


async def test_recording_ends_when_nobody_could_take_it_up_any_more() -> None:
    hub = Hub(ring=10)
    with hub.listening():
        pass
    announce(hub, 10)
    hub.announce_lazily(1, unmade())
    with hub.listening(hub.id_of(0)) as listener:
        assert not listener.resumed
    announce(hub, 1)
    with hub.listening(hub.id_of(11)) as listener:
        assert listener.resumed


async def test_who_asks_for_the_position_can_listen_from_there() -> None:
    hub = Hub(ring=10)
    announce(hub, 3)
    position = hub.position()
    announce(hub, 4)
    with hub.listening(position) as listener:
        assert [each.number for each in await listener.batch()] == [4, 5, 6, 7]


@pytest.mark.parametrize(
    "after", ["", "7", "other-0", "e-", "e-4", "e--1", "E-0", "e-0 ", "e-٣", "e-99999999999999999999"]
)
async def test_an_id_that_is_not_ours_is_not_taken_up(after: str) -> None:
    hub = Hub(epoch="e")
    hub.position()
    announce(hub, 3)
    with hub.listening(after) as listener:
        assert (listener.resumed, listener.after) == (False, 3)


async def test_each_hub_has_an_epoch_of_its_own() -> None:
    assert len({Hub().epoch for _ in range(100)}) == 100


async def test_a_pause_ends_by_waking_by_time_and_by_news() -> None:
    hub = Hub()
    with hub.listening() as listener:
        await asyncio.wait_for(listener.pause(0.001), 5)
        listener.wake()
        await asyncio.wait_for(listener.pause(None), 5)
        waiting = asyncio.ensure_future(listener.pause(None))
        await asyncio.sleep(0)
        assert not waiting.done()
        announce(hub, 1)
        await asyncio.wait_for(waiting, 5)
        assert listener.behind


STEPS = st.lists(st.tuples(st.sampled_from(["announce", "listen", "leave", "take"]), st.integers(0, 12)), max_size=40)


@given(STEPS)
def test_nobody_misses_anything_without_being_told(steps: list[tuple[str, int]]) -> None:
    """Against a model: the whole history, and where each listener is in it."""

    async def play() -> None:
        hub = Hub(ring=8)
        left = hub.position()
        heard, open_ = 0, False
        for what, size in steps:
            if what == "announce":
                announce(hub, size)
                hub._wake_for_news()
            elif what == "listen" and not open_:
                listening = hub.listening(left)
                listener = listening.__enter__()
                open_ = True
                if not listener.resumed:
                    assert hub.number - heard > 8, "it could have been taken up"
                    heard = hub.number
            elif what == "take" and open_:
                try:
                    numbers = [each.number for each in listener.take(size)]
                except Lagged:
                    assert hub.number - heard > 8
                    heard = hub.number
                else:
                    assert numbers == list(range(heard + 1, min(heard + size, hub.number) + 1))
                    heard += len(numbers)
            elif what == "leave" and open_:
                listening.__exit__(None, None, None)
                open_, left = False, hub.id_of(heard)

    asyncio.run(play())
