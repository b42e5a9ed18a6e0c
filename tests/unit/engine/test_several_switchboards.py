"""Several switchboards of one organisation: each with its own queue, pace, health and shown state, whatever befalls
the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.deadlines import Patience
from backsoon.engine.employing import Employing
from backsoon.engine.publisher import Publisher
from backsoon.switchboards.base import NOTHING, Presentation, Rendered, Session, SwitchboardError
from backsoon.testing import MemorySwitchboard
from tests.unit.engine.world import World, at, entry, world

SHORT = Patience(0.2, 0.2, 0.2, 0.0, 0.2, 0.2, 0.2)


class Another(MemorySwitchboard):
    """Speaks in other words than the one beside it, and cannot be asked."""

    def render(self, presentation: Presentation) -> Rendered:
        lamp = presentation.lamp
        return Rendered(f"{presentation.extension} is at {lamp.reason}" if lamp else "", "")

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        async with super().session() as session:
            session.read_back = self._nothing  # type: ignore[method-assign]
            yield session

    async def _nothing(self) -> None:
        return None


class Company:
    """An engine whose switchboards come and go as the settings say."""

    def __init__(self, w: World) -> None:
        self.w = w
        self.boards: dict[str, MemorySwitchboard] = {"desk": MemorySwitchboard(), "other": Another()}
        self.employing = Employing(w.store, self._publisher)
        self.employing.publishers = w.publishers

    def _publisher(self, settings: SwitchboardSettings) -> Publisher:
        w, driver = self.w, self.boards[settings.name]
        return Publisher(settings, driver, w.store, w.clock, w.settler.settle_everybody, SHORT)

    async def employ(self, tasks: asyncio.TaskGroup, *names: str) -> None:
        """Have these in the settings, beside the world's own."""
        others = [SwitchboardSettings("acme", name, "memory", {"host": name}) for name in names]
        await self.w.store.save_switchboards("acme", others)
        await self.employing.employ(tasks)
        await self.w.settler.settle_everybody("acme")

    def publisher(self, name: str) -> Publisher:
        """The one that tells it."""
        return next(p for p in self.w.publishers["acme"] if p.settings.name == name)

    def shows(self, name: str) -> dict[str, Rendered]:
        """What it shows."""
        return self.boards[name].held

    async def again(self, seconds: int = 60) -> None:
        """Let time between sessions pass."""
        for _ in range(seconds // 10):
            await self.w.move_to(self.w.clock.now() + timedelta(seconds=10))


@asynccontextmanager
async def company(path: Path, *names: str) -> AsyncIterator[tuple[Company, asyncio.TaskGroup]]:
    async with world(path) as w:
        w.publishers["acme"] = []  # the settings say who there is
        made = Company(w)
        await w.directory.refresh()
        await w.stage.fill()
        async with asyncio.TaskGroup() as tasks:
            clockwork = tasks.create_task(w.clockwork.run())
            await made.employ(tasks, *names)
            yield made, tasks
            made.employing.end()
            clockwork.cancel()
        await w.stage.write_back()


async def all_show(made: Company, extension: str, names: Sequence[str]) -> None:
    await made.w.until(lambda: all(extension in made.shows(name) for name in names))


def fault(board: MemorySwitchboard, how: str) -> None:
    """Down, hung while it is told, refusing, or hung while a session is opened."""
    if how == "down":
        board.fail(SwitchboardError("it is switched off"))
    elif how == "hung":
        board.pause()
    elif how == "refusing":
        board.refuse = {"1001": "not here"}


def mend(board: MemorySwitchboard) -> None:
    board.fail(None)
    board.resume()
    board.refuse = {}


@pytest.mark.parametrize("how", ["down", "hung", "refusing"])
async def test_a_fault_of_one_touches_none_of_the_others(tmp_path: Path, how: str) -> None:
    async with company(tmp_path, "desk", "other") as (made, tasks):
        anna, bo = await made.w.person(), await made.w.person("1002", "Bo Dahl")
        made.boards["third"] = MemorySwitchboard()
        await made.employ(tasks, "desk", "other", "third")
        await made.w.until(lambda: all(p.settled for p in made.w.publishers["acme"]))
        fault(made.boards["third"], how)
        await made.w.service.refer(anna, "lunch")
        await made.w.service.refer(bo, "meeting")
        for extension in ("1001", "1002"):
            await all_show(made, extension, ["desk", "other"])
        assert made.shows("other")["1001"].lamp == "1001 is at lunch"
        third = made.publisher("third").health
        told_of = {"down": "switched off", "hung": "took more than", "refusing": ""}[how]
        await made.w.until(lambda: told_of in made.publisher("third").health.problem)
        if how == "refusing":
            await made.w.until(lambda: third.refused == {"1001": "not here"} and "1002" in made.shows("third"))
        for name in ("desk", "other"):
            health = made.publisher(name).health
            assert (health.connected, health.problem, health.refused) == (True, "", {})
            assert made.boards[name].sessions == 1
        mend(made.boards["third"])
        if how == "refusing":
            made.boards["third"].cut()
        await made.again()
        await made.w.until(lambda: made.shows("third") == made.shows("desk"))


async def test_a_transition_is_told_to_the_others_at_its_instant_while_one_hangs(tmp_path: Path) -> None:
    async with company(tmp_path) as (made, tasks):
        anna = await made.w.person()
        made.boards["third"] = MemorySwitchboard()
        await made.employ(tasks, "desk", "other", "third")
        (await made.w.calendar_of(anna)).put("m", entry("m", "m: Budget", at(9, 30), at(10)))
        await made.w.read(anna)
        await made.w.until(lambda: all("1001" in made.shows(n) for n in ("desk", "third")))
        made.boards["third"].pause()
        await made.w.move_to(at(9, 30))
        await made.w.until(lambda: made.shows("desk")["1001"].lamp != "" and "1001" in made.shows("other"))
        assert made.shows("third")["1001"].lamp == ""
        await made.w.move_to(at(10))
        await made.w.until(lambda: "1001" not in made.shows("desk") and "1001" not in made.shows("other"))
        made.boards["third"].resume()
        await made.again()
        await made.w.until(lambda: made.shows("third") == {})


async def test_one_that_comes_is_told_all_and_one_that_goes_is_cleared_while_the_others_go_on(tmp_path: Path) -> None:
    async with company(tmp_path, "desk") as (made, tasks):
        anna, bo = await made.w.person(), await made.w.person("1002", "Bo Dahl")
        await made.w.service.refer(anna, "lunch")
        await all_show(made, "1001", ["desk"])
        await made.employ(tasks, "desk", "other")
        await all_show(made, "1001", ["desk", "other"])
        await made.employ(tasks, "other")
        await made.w.until(lambda: made.shows("desk") == {})
        await made.w.service.refer(bo, "meeting")
        await all_show(made, "1002", ["other"])
        assert [p.settings.name for p in made.w.publishers["acme"]] == ["other"]
        assert made.boards["other"].sessions == 1


async def test_one_that_hangs_and_goes_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with company(tmp_path, "desk", "other") as (made, tasks):
        anna = await made.w.person()
        made.boards["desk"].pause()
        await made.w.service.refer(anna, "lunch")
        await all_show(made, "1001", ["other"])
        await made.employ(tasks, "other")
        await made.w.service.back(anna)
        await made.w.until(lambda: made.shows("other") == {})
        assert [p.settings.name for p in made.w.publishers["acme"]] == ["other"]


async def test_what_was_told_is_known_of_each_apart_after_a_restart(tmp_path: Path) -> None:
    """The one that cannot be asked was down when the day went on: it is told what differs from what it was told."""
    board = Another()
    async with company(tmp_path) as (made, tasks):
        made.boards["other"] = board
        await made.employ(tasks, "desk", "other")
        anna = await made.w.person()
        await made.w.service.refer(anna, "lunch")
        await all_show(made, "1001", ["desk", "other"])
        await made.again(10)
        board.fail(SwitchboardError("it is switched off"))
        await made.w.service.refer(anna, "meeting")
        await made.w.until(lambda: "meeting" in made.shows("desk")["1001"].lamp)
        assert board.held["1001"].lamp == "1001 is at lunch"
        made.employing.end()
        board.fail(None)
        told = len(board.shown)
        made.w.publishers["acme"] = []
        restarted = Company(made.w)
        restarted.boards = made.boards
        await restarted.employ(tasks, "desk", "other")
        await made.w.until(lambda: board.held["1001"].lamp == "1001 is at meeting")
        (order,) = board.shown[told:]
        assert order.before.lamp == "1001 is at lunch"
        assert order.after != NOTHING
        restarted.employing.end()
