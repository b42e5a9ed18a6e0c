"""Google Calendar, simulated, and a whole Backsoon: what is booked is shown; what is lost is found; nothing is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.pushed import Pushed, booked_and_taken_back, canaries, no_canary_anywhere, pushed
from tests.integration.pushed import right_at_its_start as right
from tests.simulators.google import GoogleSimulator
from tests.simulators.model import Mailbox, World


@asynccontextmanager
async def at_google(
    folder: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[World], None] = lambda _world: None
) -> AsyncIterator[tuple[Pushed, GoogleSimulator]]:
    world = World([Mailbox("anna@example.com", zone="UTC"), Mailbox("bo@example.com", zone="UTC")])
    prepare(world)
    async with GoogleSimulator(world) as sim:
        credentials = folder / "credentials.json"
        credentials.write_text(sim.service_account())
        settings: dict[str, object] = {"credentials": str(credentials), "url": sim.url}

        def deliver_to(local: str) -> None:
            sim.channels.deliver_to = local

        async with pushed(folder, "google", world, settings, deliver_to) as p:
            yield p, sim


async def test_what_is_booked_shows_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_google(tmp_path, monkeypatch) as (p, _):
        await booked_and_taken_back(p)
        assert p.backsoon.meters.notices["good"] >= 2


async def test_what_is_moved_five_minutes_before_its_start_is_right_though_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_google(tmp_path, monkeypatch) as (p, sim):
        await right(p, lambda: sim.faults.add("drop", times=None))


async def test_no_untagged_word_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def prepare(world: World) -> None:
        canaries(world["anna@example.com"], datetime.now(UTC))

    async with at_google(tmp_path, monkeypatch, prepare) as (p, _):
        await no_canary_anywhere(p, lambda: caplog.text)
