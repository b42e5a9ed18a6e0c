"""Exchange, simulated, and a whole Backsoon: what is booked is shown; what is lost is found; nothing is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.pushed import Pushed, booked_and_taken_back, canaries, no_canary_anywhere, pushed
from tests.integration.pushed import right_at_its_start as right
from tests.simulators.ews import EwsSimulator
from tests.simulators.model import Mailbox, World


@asynccontextmanager
async def at_exchange(
    folder: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[World], None] = lambda _world: None
) -> AsyncIterator[tuple[Pushed, EwsSimulator]]:
    world = World([Mailbox("anna@example.com", zone="UTC"), Mailbox("bo@example.com", zone="UTC")])
    prepare(world)
    async with EwsSimulator(world) as sim:
        monkeypatch.setenv("EWS_PASSWORD", sim.password)
        settings: dict[str, object] = {"url": sim.url, "username": sim.account, "password": "env:EWS_PASSWORD"}

        async with pushed(folder, "ews", world, settings, lambda _local: None) as p:
            yield p, sim


async def test_what_is_booked_shows_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_exchange(tmp_path, monkeypatch) as (p, _):
        await booked_and_taken_back(p)


async def test_what_is_moved_five_minutes_before_its_start_is_right_though_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_exchange(tmp_path, monkeypatch) as (p, sim):
        await right(p, lambda: sim.faults.add("drop", times=None))


async def test_no_untagged_word_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def prepare(world: World) -> None:
        canaries(world["anna@example.com"], datetime.now(UTC))

    async with at_exchange(tmp_path, monkeypatch, prepare) as (p, _):
        await no_canary_anywhere(p, lambda: caplog.text)
