"""A whole Backsoon by a settings file that names kinds of plug-ins: an entry in a CSV file refers in a folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backsoon.config import applying, load
from backsoon.domain.organisation import Calendar, Person
from backsoon.wiring import Backsoon, open_store
from tests.unit.plugins.installing import install, install_example

SETTINGS = """
data_folder = "data"
[organisation]
id = "acme"
name = "Acme"
zone = "Europe/Stockholm"
[calendars.rota]
kind = "csv"
file = "rota.csv"
people = "everybody"
[switchboards.shown]
kind = "folder"
path = "shown"
[switchboards.broken]
kind = "gone"
path = "elsewhere"
[switchboards.absent]
kind = "folder"
path = "no such folder"
"""
HEAD = "email,uid,recurrence,start,end,subject\n"


async def until(holds: Callable[[], bool]) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 20
    while not holds():
        assert loop.time() < deadline, "it never came to hold"
        await asyncio.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, an empty calendar and a switchboard."""
    install_example(tmp_path / "site", monkeypatch)
    points = {"backsoon.switchboards": {"gone": "zq_no_such_module:Kind"}}
    install(tmp_path / "site", monkeypatch, "zq-gone", points)
    (tmp_path / "backsoon.toml").write_text(SETTINGS)
    (tmp_path / "rota.csv").write_text(HEAD)
    (tmp_path / "shown").mkdir()
    return tmp_path


async def test_an_entry_refers_and_the_broken_ones_say_why(folder: Path) -> None:
    config = load(folder / "backsoon.toml")
    store = await open_store(config)
    try:
        await applying.apply(store, config)
        (anna,) = await store.save_people([Person("acme", "1001", "Anna Berg", "anna@example.com")])
        await store.save_calendars([Calendar(anna.id, "acme", "rota", "")])
        backsoon, stop = Backsoon(config, store), asyncio.Event()
        running = asyncio.create_task(backsoon.run(stop))
        try:
            await _tell(folder, backsoon)
        finally:
            stop.set()
            await running
    finally:
        await store.close()


async def _tell(folder: Path, backsoon: Backsoon) -> None:
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=1), now + timedelta(hours=1)
    entry = f"anna@example.com,1,,{start.isoformat()},{end.isoformat()}"
    file = folder / "shown/1001.json"
    await until(lambda: {p.settings.name for p in backsoon.publishers.get("acme", [])} == {"shown", "broken", "absent"})
    (folder / "rota.csv").write_text(f"{HEAD}{entry},m: Budget\n")
    await backsoon.service.read_now()
    backsoon.wake_sync()
    await until(file.exists)
    lamp, plan = (json.loads(text) for text in json.loads(file.read_text()))
    assert lamp[0] == plan[0][3] == "meeting"
    health = {p.settings.name: p.health for p in backsoon.publishers["acme"]}
    await until(lambda: all(h.connected or h.problem for h in health.values()))
    assert health["shown"].connected
    assert "plug-in 'gone' of zq-gone 0.1.0 cannot be loaded" in health["broken"].problem
    assert "folder cannot be used" in health["absent"].problem
    (folder / "rota.csv").write_text(HEAD)
    await backsoon.service.read_now()
    backsoon.wake_sync()
    await until(lambda: not file.exists())
