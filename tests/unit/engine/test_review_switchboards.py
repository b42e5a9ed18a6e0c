"""Switchboards that fail in ways nobody foresaw, and what was told while something else was looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.publisher import Publisher
from backsoon.engine.queued import Urgency
from backsoon.store.base import Told
from backsoon.switchboards.base import NOTHING, Presentation, Rendered, Session, SwitchboardDenied
from backsoon.testing import MemorySwitchboard
from tests.unit.engine.world import World, at, entry, world


class Defective(MemorySwitchboard):
    """A driver with a defect."""

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        async with super().session() as session:
            if self.sessions:
                raise UnicodeError("ZQ-CANARY: label too long")
            yield session


def another(w: World, driver: MemorySwitchboard) -> Publisher:
    """A second switchboard of the organisation."""
    settings = SwitchboardSettings("acme", "other", "memory")
    publisher = Publisher(settings, driver, w.store, w.clock, w.settler.settle_everybody)
    w.publishers["acme"].append(publisher)
    return publisher


async def test_a_defect_in_one_driver_harms_no_other_switchboard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        defective = another(w, Defective())
        async with w.running():
            telling = asyncio.create_task(defective.run())
            await w.until(lambda: bool(defective.health.problem))
            await w.service.refer(anna, "lunch")
            await w.shows("1001", "lunch")
            assert defective.health.problem == "internal error (UnicodeError)"
            telling.cancel()
    assert "ZQ-CANARY" not in caplog.text


async def test_a_switchboard_that_throws_us_out_each_time_is_tried_less_and_less_often(tmp_path: Path) -> None:
    class NoRight(MemorySwitchboard):
        def render(self, presentation: Presentation) -> Rendered:
            return Rendered("always something", "")

        @asynccontextmanager
        async def session(self) -> AsyncIterator[Session]:
            async with super().session() as session:
                session.show = self.deny  # type: ignore[assignment, method-assign]
                yield session

        async def deny(self, _orders: object) -> None:
            raise SwitchboardDenied("no right to write")

    async with world(tmp_path) as w:
        await w.person()
        driver = NoRight()
        refusing = another(w, driver)
        await w.store.save_switchboards("acme", [w.publisher.settings, refusing.settings])
        async with w.running():
            telling = asyncio.create_task(refusing.run())
            for second in range(1, 60):
                await w.until(lambda: not refusing.health.connected)
                await w.move_to(at(9, 0, second))
            telling.cancel()
        assert 3 <= driver.sessions <= 8


async def test_what_is_told_while_it_is_being_pinned_counts(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first, second = Rendered("first", ""), Rendered("second", "")
        async with w.running():
            await w.until(lambda: w.publisher.health.connected)
            tell(w.publisher, "1001", first)
            await w.until(lambda: w.switchboard.held.get("1001") == first)
            looking = Looking(w)
            pinning = asyncio.create_task(w.publisher.pin(["1001", "1002"]))
            await looking.begun.wait()
            tell(w.publisher, "1001", second)
            await w.until(lambda: w.switchboard.held.get("1001") == second)
            looking.go.set()
            await pinning
            tell(w.publisher, "1001", first)
            await w.until(lambda: w.switchboard.held.get("1001") == first)


def tell(publisher: Publisher, extension: str, wanted: Rendered) -> None:
    """Want something shown."""
    publisher.offer({extension: publisher.prepare(extension, wanted)}, Urgency.TRANSITION)


class Looking:
    """Holds back the store's answer about what was told."""

    def __init__(self, w: World) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self._told = w.store.told
        w.store.told = self.told  # type: ignore[assignment, method-assign]

    async def told(self, organisation: str, name: str, extensions: Sequence[str] | None = None) -> Mapping[str, Told]:
        found = await self._told(organisation, name, extensions)
        self.begun.set()
        await self.go.wait()
        return found


async def test_an_extension_taken_over_while_strangers_are_looked_for_is_none(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        (await w.calendar_of(anna)).put("a", entry("a", "m: x", at(8), at(10)))
        await w.read(anna)
        w.switchboard.held["1999"] = Rendered("somebody's", "")
        everybody = w.publisher._resettle

        async def meanwhile(organisation: str) -> frozenset[str]:
            known = await everybody(organisation)
            await w.service.save_people([replace(anna, extension="1999")])
            return known

        w.publisher._resettle = meanwhile
        async with w.running():
            await w.until(lambda: w.publisher.health.connected)
            await w.shows("1999", "meeting")
            await w.publisher.drained()
            assert w.lamp("1999") == "meeting"
            assert w.switchboard.held.get("1001", NOTHING) == NOTHING


async def test_what_is_being_stored_as_a_session_ends_is_stored_before_the_next_is_compared(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        order, going = Noted(w), asyncio.Event()
        going.set()
        order.going = going
        async with w.running():
            await w.until(lambda: w.publisher.health.connected)
            going.clear()
            await w.service.refer(anna, "lunch")
            await w.shows("1001", "lunch")
            await w.move_to(at(9, 0, 1))
            await w.until(lambda: order.seen[-1] == "begun")
            w.switchboard.held.clear()
            w.switchboard.cut()
            await w.move_to(at(9, 0, 5))
            await w.until(lambda: True)
            going.set()
            await w.until(lambda: order.seen[-1] == "stored")
            await w.move_to(at(9, 0, 10))
            await w.shows("1001", "lunch")
    first = order.seen.index("begun")
    assert order.seen[first : first + 3] == ["begun", "stored", "compared"]


class Noted:
    """Notes when what was told is stored and compared, and holds back storing while it may not go on."""

    def __init__(self, w: World) -> None:
        self.seen: list[str] = []
        self.going = asyncio.Event()
        self._extensions, self._save = w.store.extensions_told, w.store.save_told
        w.store.extensions_told = self.extensions_told  # type: ignore[method-assign]
        w.store.save_told = self.save_told  # type: ignore[method-assign]

    async def extensions_told(self, organisation: str, switchboard: str) -> frozenset[str]:
        self.seen.append("compared")
        return await self._extensions(organisation, switchboard)

    async def save_told(self, organisation: str, switchboard: str, told: Sequence[Told]) -> None:
        self.seen.append("begun")
        await self.going.wait()
        await self._save(organisation, switchboard, told)
        self.seen.append("stored")


async def test_what_was_overtaken_as_the_session_ended_is_not_told_after_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        before, after = Rendered("before", ""), Rendered("after", "")
        async with w.running():
            await w.until(lambda: w.publisher.health.connected)
            w.switchboard.pause()
            tell(w.publisher, "1001", before)
            await w.until(lambda: True)
            w.publisher.offer({"1001": w.publisher.prepare("1001", after)}, Urgency.BY_HAND)
            w.switchboard.cut()
            await w.until(lambda: not w.publisher.health.connected)
            w.switchboard.resume()
            await w.move_to(at(9, 0, 5))
            await w.publisher.drained()
            assert w.switchboard.held.get("1001") == after
