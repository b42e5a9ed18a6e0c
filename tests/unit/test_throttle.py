"""Keeping a vendor's limits: at most so many at once, so many a second, and none while it asks us to wait."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.wire.throttle import Blocked, Throttle


class Time:
    """Seconds that pass when somebody sleeps and nobody else can go on."""

    def __init__(self) -> None:
        self.now = 0.0
        self._count = 0
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        self._sleeping.append((self.now + seconds, self._count, woken))
        await woken

    async def pass_until(self, tasks: list[asyncio.Task[None]]) -> None:
        """Let time pass until all have ended."""
        while not all(task.done() for task in tasks):
            for _ in range(20):
                await asyncio.sleep(0)
            self._sleeping.sort()
            if self._sleeping:
                at, _, woken = self._sleeping.pop(0)
                self.now = max(self.now, at)
                if not woken.done():
                    woken.set_result(None)


async def _begun(throttle: Throttle, time: Time, costs: list[float], each: float = 1.0) -> list[tuple[float, float]]:
    """When requests of these costs began, and their costs; each takes that long."""
    begun: list[tuple[float, float]] = []

    async def one(cost: float) -> None:
        async with throttle.turn(cost, longest_wait=1e9) as at:
            begun.append((at, cost))
            await time.sleep(each)

    tasks = [asyncio.create_task(one(cost)) for cost in costs]
    await time.pass_until(tasks)
    for task in tasks:
        task.result()
    return begun


def _throttle(time: Time, most: int = 4, **more: float) -> Throttle:
    return Throttle(most, now=time, sleep=time.sleep, **more)  # type: ignore[arg-type]


@given(st.integers(1, 5), st.integers(1, 30), st.floats(0.1, 3))
async def test_no_more_than_that_are_under_way_together(most: int, requests: int, each: float) -> None:
    time = Time()
    throttle = _throttle(time, most)
    begun = await _begun(throttle, time, [1.0] * requests, each)
    for at, _ in begun:
        assert sum(1 for other, _ in begun if other <= at < other + each - 1e-9) <= most
    assert throttle.running == 0


@given(
    st.floats(0.5, 20),
    st.floats(1, 10),
    st.lists(st.floats(0.1, 5), min_size=1, max_size=40),
)
async def test_no_more_begin_in_any_span_than_the_rate_and_one_burst(
    rate: float, burst: float, costs: list[float]
) -> None:
    time = Time()
    begun = await _begun(_throttle(time, 1000, per_second=rate, burst=burst), time, costs, 0.01)
    for first, _ in begun:
        for last in (at for at, _ in begun if at >= first):
            cost = sum(c for at, c in begun if first <= at <= last)
            assert cost <= burst + rate * (last - first) + max(costs) + 1e-6


async def test_the_rate_is_used() -> None:
    time = Time()
    await _begun(_throttle(time, 100, per_second=10, burst=10), time, [1.0] * 110, 0.01)
    assert time.now == pytest.approx(10, abs=0.2)


async def test_nothing_begins_while_the_vendor_asks_to_wait() -> None:
    time = Time()
    throttle = _throttle(time)
    throttle.slow_down(30, begun_at=0)
    assert throttle.blocked_for() == 30
    begun = await _begun(throttle, time, [1.0] * 6)
    assert min(at for at, _ in begun) >= 30


async def test_who_waits_for_a_place_waits_for_a_pause_that_began_meanwhile() -> None:
    time = Time()
    throttle = _throttle(time, 1)
    at: list[float] = []

    async def throttled() -> None:
        async with throttle.turn() as begun:
            await time.sleep(1)
            throttle.slow_down(4, begun)

    async def waiting() -> None:
        async with throttle.turn() as begun:
            at.append(begun)

    await time.pass_until([asyncio.create_task(throttled()), asyncio.create_task(waiting())])
    assert at == [5.0]


async def test_a_pause_that_is_too_long_is_told_at_once_and_the_place_given_back() -> None:
    time = Time()
    throttle = _throttle(time, 1)
    throttle.slow_down(600, begun_at=0)
    for _ in range(3):
        with pytest.raises(Blocked) as blocked:
            async with throttle.turn():
                pytest.fail("it began")
        assert blocked.value.seconds == 600
    assert throttle.running == 0


async def test_whoever_waits_for_the_rate_through_a_long_pause_is_told_too() -> None:
    time = Time()
    throttle = _throttle(time, 10, per_second=1, burst=1)
    ended: list[str] = []

    async def one() -> None:
        try:
            async with throttle.turn():
                ended.append("began")
        except Blocked:
            ended.append("blocked")

    tasks = [asyncio.create_task(one()) for _ in range(4)]
    for _ in range(20):
        await asyncio.sleep(0)
    throttle.slow_down(100, begun_at=0)
    await time.pass_until(tasks)
    assert ended.count("blocked") >= 2
    assert throttle.running == 0


async def test_the_turns_of_those_who_did_not_begin_are_not_waited_for() -> None:
    time = Time()
    throttle = _throttle(time, 100, per_second=1, burst=1)
    tasks = [asyncio.create_task(_hold(throttle)) for _ in range(50)]
    for _ in range(20):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert throttle.running == 0
    begun = await _begun(throttle, time, [1.0])
    assert begun[0][0] <= 3.0


async def _hold(throttle: Throttle) -> None:
    async with throttle.turn(longest_wait=1e9):
        await asyncio.sleep(0)


async def test_requests_throttled_together_lower_the_limit_once_and_success_raises_it_again() -> None:
    time = Time()
    throttle = _throttle(time, 16)
    for _ in range(5):
        throttle.slow_down(1, begun_at=0)
    assert throttle.limit == 8
    time.now = 10
    throttle.slow_down(1, begun_at=9)
    assert throttle.limit == 4
    for _ in range(400):
        throttle.went_well()
    assert throttle.limit == 16


async def test_requests_that_began_before_the_limit_fell_do_not_lower_it_again_later() -> None:
    time = Time()
    throttle = _throttle(time, 16)
    time.now = 5
    throttle.slow_down(1, begun_at=4)
    time.now = 9
    throttle.slow_down(1, begun_at=4.5)
    assert throttle.limit == 8


async def test_the_limit_stays_between_its_bounds() -> None:
    time = Time()
    throttle = _throttle(time, 8, least=2)
    for _ in range(20):
        time.now += 10
        throttle.slow_down(0, begun_at=time.now)
    assert throttle.limit == 2
    for _ in range(500):
        throttle.went_well()
    assert throttle.limit == 8


@given(st.data())
async def test_whoever_is_cancelled_leaves_no_place_taken(data: st.DataObject) -> None:
    time = Time()
    throttle = _throttle(time, data.draw(st.integers(1, 3)))
    tasks = [asyncio.create_task(_briefly(throttle, time)) for _ in range(data.draw(st.integers(1, 12)))]
    for task in tasks:
        for _ in range(data.draw(st.integers(0, 3))):
            await asyncio.sleep(0)
        if data.draw(st.booleans()):
            task.cancel()
    await time.pass_until(tasks)
    assert throttle.running == 0
    async with throttle.turn():
        assert throttle.running == 1


async def _briefly(throttle: Throttle, time: Time) -> None:
    async with throttle.turn():
        await time.sleep(1)
