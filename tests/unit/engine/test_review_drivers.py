"""Drivers that ask for too much, cling to their session, or are slow at what is not urgent: nobody else suffers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from backsoon.engine.queued import Urgency
from backsoon.switchboards.base import Rendered, Session, SwitchboardError
from backsoon.testing import MemorySwitchboard
from tests.unit.engine.test_publisher import LAMP, Desk, Shows, many
from tests.unit.engine.test_several_switchboards import Company, company


class Clinging(MemorySwitchboard):
    """Does not let itself be cancelled while it opens a session, if it clings."""

    clings = False
    clung = False

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        while self.clings and not self.free.is_set():
            self.clung = True
            with suppress(asyncio.CancelledError):
                await self.free.wait()
        async with super().session() as session:
            yield session


@pytest.mark.parametrize(
    "asked", [float("inf"), 10**400, "60", None, float("nan"), -1.0], ids=["inf", "huge", "text", "none", "nan", "less"]
)
async def test_whatever_pause_a_driver_asks_for_it_is_tried_again(tmp_path: Path, asked: object) -> None:
    async with company(tmp_path, "desk", "other") as (c, _):
        error = SwitchboardError("leave me alone")
        error.retry_after = asked  # type: ignore[assignment]  # another's driver
        c.boards["other"].fail(error)
        await c.again()
        c.boards["other"].fail(None)
        anna = await c.w.person()
        await c.w.service.refer(anna, "lunch")
        await c.w.until(lambda: "1001" in c.shows("desk"))
        for _ in range(70):
            await c.w.move_to(c.w.clock.now() + timedelta(minutes=1))
            if c.publisher("other").health.connected:
                break
        assert c.publisher("other").health.connected


async def test_a_driver_that_clings_while_it_is_cleared_keeps_no_settings_from_being_taken_over(tmp_path: Path) -> None:
    async with company(tmp_path, "desk", "other") as (c, tasks):
        board = c.boards["other"] = Clinging()
        await c.employ(tasks, "desk")
        await c.employ(tasks, "desk", "other")
        await c.again()
        board.clings = True
        try:
            await c.employ(tasks, "desk")
            while not board.clung:
                await asyncio.sleep(0)
            async with asyncio.timeout(2):
                await c.employ(tasks, "desk", "other")
        finally:
            board.free.set()
        await c.again()
        assert c.publisher("other").health.connected


async def test_one_that_cannot_be_asked_is_cleared_as_well_when_it_goes(tmp_path: Path) -> None:
    async with company(tmp_path, "desk", "other") as (c, tasks):
        anna, bo = await c.w.person(), await c.w.person("1002", "Bo")
        await c.w.service.refer(anna, "lunch")
        await c.w.service.refer(bo, "lunch")
        await c.w.until(lambda: {"1001", "1002"} <= c.shows("other").keys())
        await c.w.service.back(bo)
        await c.w.until(lambda: "1002" not in c.shows("other"))
        await c.again()
        told = len(c.boards["other"].shown)
        await c.employ(tasks, "desk")
        await c.w.until(lambda: not c.shows("other"))
        assert [order.extension for order in c.boards["other"].shown[told:]] == ["1001"]
        assert "1001" in c.shows("desk")


class Messages(MemorySwitchboard):
    """Each order is a message of its own: what is written ahead takes as long as a lamp."""

    orders_at_once = 0

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        async with super().session() as session:
            session.orders_at_once = self.orders_at_once  # type: ignore[attr-defined]
            yield session


@pytest.mark.parametrize(("said", "sizes"), [(20, [20, 20, 10]), (5, [5] * 10), (0, [1] * 50)])
async def test_a_lamp_waits_for_few_of_what_is_told_ahead_where_each_is_a_message(said: int, sizes: list[int]) -> None:
    desk = Desk()
    board = desk.board = desk.publisher._driver = Messages()
    board.orders_at_once = said
    people, ahead = many(50), Rendered("lamp", "another plan")
    shows = Shows(board)
    async with desk.open():
        desk.offer(LAMP, *people)
        await desk.publisher.drained()
        del shows.sizes[:]
        desk.offer(ahead, *people, urgency=Urgency.AHEAD)
        await desk.publisher.drained()
    assert shows.sizes == sizes


async def test_one_that_cannot_be_asked_is_cleared_where_nothing_runs(tmp_path: Path) -> None:
    async with company(tmp_path, "other") as (c, _):
        await c.w.service.refer(await c.w.person(), "lunch")
        await c.w.until(lambda: "1001" in c.shows("other"))
        await c.again()
        c.employing.end()
        later = Company(c.w)
        later.boards = c.boards
        gone = await later.employing.recalled(await c.w.store.switchboards("acme"))
        await c.w.store.save_switchboards("acme", [])
        await later.employing.clear_gone(gone)
        assert c.shows("other") == {}
