"""A switchboard that is taken out of the settings shows nothing of ours any more; one that is only renamed goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from backsoon.commands.port import Offline
from backsoon.config import Config, load
from backsoon.domain.organisation import Person, SwitchboardSettings
from backsoon.drivers import Unusable
from backsoon.switchboards.base import Session, SwitchboardError
from backsoon.testing import MemorySwitchboard
from backsoon.wiring import Backsoon, open_store

SETTINGS = """
[organisation]
id = "acme"
name = "Acme"
zone = "UTC"
working_hours = "around-the-clock"
"""
PBX = """
[switchboards.{name}]
kind = "asterisk"
host = "{host}"
username = "backsoon"
secret = "env:SECRET"
lamps_per_second = {pace}
"""


def pbx(name: str = "pbx", host: str = "pbx.example.com", pace: int = 1000) -> str:
    return PBX.format(name=name, host=host, pace=pace)


class Company:
    """A Backsoon whose switchboards are in memory, one at each host."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "backsoon.toml"
        self.boards: dict[str, MemorySwitchboard] = {}

    def settings(self, *switchboards: str) -> Config:
        """Write the settings file."""
        self.path.write_text(SETTINGS + "".join(switchboards))
        return load(self.path, {})

    def board(self, settings: SwitchboardSettings) -> MemorySwitchboard:
        """The one at that host."""
        return self.boards.setdefault(str(settings.settings["host"]), MemorySwitchboard())

    @asynccontextmanager
    async def running(self, *switchboards: str) -> AsyncIterator[Backsoon]:
        """With these switchboards in the settings, and Anna at lunch."""
        async with self._backsoon(*switchboards) as backsoon:
            stop = asyncio.Event()
            running = asyncio.create_task(backsoon.run(stop))
            try:
                anna = await self.anna(backsoon)
                await backsoon.service.refer(anna, "lunch")
                yield backsoon
            finally:
                stop.set()
                await running

    @asynccontextmanager
    async def _backsoon(self, *switchboards: str) -> AsyncIterator[Backsoon]:
        config = self.settings(*switchboards)
        store = await open_store(config)
        try:
            backsoon = Backsoon(config, store, make_switchboard=self.board)
            await Offline(backsoon).apply(dry_run=False)
            yield backsoon
        finally:
            await store.close()

    async def anna(self, backsoon: Backsoon) -> Person:
        """She, new where she is not there yet."""
        known = await backsoon.store.page_people("acme")
        return known[0] if known else (await backsoon.service.save_people([Person("acme", "1001", "Anna Berg")]))[0]

    async def apply(self, backsoon: Backsoon, *switchboards: str) -> None:
        """Take over other settings."""
        self.settings(*switchboards)
        await backsoon.apply(dry_run=False)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def test_one_that_is_taken_out_is_cleared_and_the_others_are_not(tmp_path: Path) -> None:
    company = Company(tmp_path)
    async with company.running(pbx(), pbx("other", "other.example.com")) as backsoon:
        gone, other = company.boards["pbx.example.com"], company.boards["other.example.com"]
        await until(lambda: "1001" in gone.held and "1001" in other.held)
        await company.apply(backsoon, pbx("other", "other.example.com"))
        await until(lambda: not gone.held)
        assert "1001" in other.held
        await backsoon.service.back(await company.anna(backsoon))
        await until(lambda: not other.held)
        sessions = gone.sessions
        await backsoon.service.refer(await company.anna(backsoon), "lunch")
        await until(lambda: "1001" in other.held)
        assert (gone.held, gone.sessions) == ({}, sessions)


async def test_one_at_another_address_leaves_nothing_at_the_old_one(tmp_path: Path) -> None:
    company = Company(tmp_path)
    async with company.running(pbx()) as backsoon:
        old = company.boards["pbx.example.com"]
        await until(lambda: "1001" in old.held)
        await company.apply(backsoon, pbx(host="new.example.com"))
        await until(lambda: not old.held and "1001" in company.boards["new.example.com"].held)


def down(_board: MemorySwitchboard) -> AbstractAsyncContextManager[Session]:
    return Unusable(SwitchboardError("it cannot be reached")).session()


@pytest.mark.parametrize(
    ("after", "known"), [(pbx(pace=500), {"1001"}), (pbx(host="new.example.com"), set())], ids=["slowed", "moved"]
)
async def test_what_was_told_just_before_is_known_where_it_is_the_same_one(
    tmp_path: Path, after: str, known: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backsoon.engine.shown.SAVE_AFTER", 3600.0)
    company = Company(tmp_path)
    async with company.running(pbx()) as backsoon:
        await until(lambda: "1001" in company.boards["pbx.example.com"].held)
        assert not await backsoon.store.told("acme", "pbx")
        monkeypatch.setattr(MemorySwitchboard, "session", down)  # nobody is told anything from now on
        await company.apply(backsoon, after)
    store = await open_store(load(company.path, {}))
    try:
        assert set(await store.told("acme", "pbx")) == known
    finally:
        await store.close()


@pytest.mark.parametrize("after", [pbx("main"), pbx(pace=500)])
async def test_one_that_is_only_renamed_or_slowed_is_not_cleared(tmp_path: Path, after: str) -> None:
    company = Company(tmp_path)
    async with company.running(pbx()) as backsoon:
        board = company.boards["pbx.example.com"]
        await until(lambda: "1001" in board.held)
        told = len(board.shown)
        await company.apply(backsoon, after)
        await until(lambda: backsoon.publishers["acme"][0].settled and board.sessions == 2)
        await backsoon.publishers["acme"][0].drained()
        assert "1001" in board.held
        assert len(board.shown) == told


async def test_one_that_comes_back_while_it_is_cleared_shows_what_is_wanted(tmp_path: Path) -> None:
    company = Company(tmp_path)
    async with company.running(pbx()) as backsoon:
        board = company.boards["pbx.example.com"]
        await until(lambda: "1001" in board.held)
        board.pause()
        await company.apply(backsoon)
        await until(lambda: board.sessions == 2)
        await company.apply(backsoon, pbx())
        board.resume()
        await until(lambda: board.sessions == 3 and backsoon.publishers["acme"][0].settled)
        await backsoon.publishers["acme"][0].drained()
        assert "1001" in board.held


async def test_one_that_cannot_be_reached_is_told_of_and_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    company = Company(tmp_path)
    async with company.running(pbx()) as backsoon:
        board = company.boards["pbx.example.com"]
        await until(lambda: "1001" in board.held)
        board.fail(SwitchboardError("pbx.example.com: no route to host"))
        with caplog.at_level(logging.WARNING):
            await company.apply(backsoon)
            await until(lambda: "gone from the settings" in caplog.text)
        assert "no route to host" in caplog.text
        assert "1001" in board.held


async def test_one_that_is_being_cleared_keeps_nobody_from_stopping(tmp_path: Path) -> None:
    company = Company(tmp_path)
    async with company.running(pbx()) as backsoon:
        board = company.boards["pbx.example.com"]
        await until(lambda: "1001" in board.held)
        board.pause()
        await company.apply(backsoon)
        await until(lambda: board.sessions == 2)
    assert "1001" in board.held


async def test_one_that_is_taken_out_while_nothing_runs_is_cleared_as_well(tmp_path: Path) -> None:
    company = Company(tmp_path)
    async with company.running(pbx()):
        await until(lambda: bool(company.boards["pbx.example.com"].held))
    async with company._backsoon():
        assert company.boards["pbx.example.com"].held == {}
