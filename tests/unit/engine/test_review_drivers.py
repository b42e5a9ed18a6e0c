"""Drivers that ask for too much, cling to their session, or are slow at what is not urgent: nobody else suffers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from backsoon.switchboards.base import Session, SwitchboardError
from backsoon.testing import MemorySwitchboard
from tests.unit.engine.test_several_switchboards import company


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
