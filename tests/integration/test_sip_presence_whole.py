"""A whole Backsoon and a real Kamailio: who watches sees referrals by hand, through restarts of either side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from backsoon.config import Config, load
from backsoon.domain.organisation import Person
from backsoon.wiring import Backsoon, open_store
from tests.kamailio_server import ACCOUNT
from tests.sip_watcher import Seen, watching
from tools.peers.kamailio_server import PrivateKamailio


def settings(folder: Path, server: PrivateKamailio, more: str = "") -> Config:
    (folder / "presence").write_text(ACCOUNT.password)
    (folder / "backsoon.toml").write_text(f"""
[organisation]
id = "acme"
name = "Acme"
zone = "UTC"
language = "sv"
working_hours = "around-the-clock"

[switchboards.presence]
kind = "sip_presence"
port = {server.port}
username = "{ACCOUNT.username}"
password = "file:presence"
{more}
""")
    return load(folder / "backsoon.toml", {})


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[tuple[Backsoon, Person]]:
    """Backsoon at work, with Anna."""
    store = await open_store(config)
    stop, started = asyncio.Event(), asyncio.Event()
    try:
        (one,) = config.organisations
        await store.save_organisation(one.organisation)
        await store.save_switchboards("acme", one.switchboards)
        found = await store.find_people("acme", "1001")
        (anna,) = found or await store.save_people([Person("acme", "1001", "Anna Berg", "anna@example.com")])
        backsoon = Backsoon(config, store)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(backsoon.run(stop, started.set))
            await started.wait()
            try:
                yield backsoon, anna
            finally:
                stop.set()
    finally:
        await store.close()


def tuples(seen: Seen) -> int:
    return sum(etree.QName(element).localname == "tuple" for element in etree.fromstring(seen.body).iter())


async def test_one_publication_goes_on_through_all(own_kamailio: PrivateKamailio, tmp_path: Path) -> None:
    config = settings(tmp_path, own_kamailio)
    async with running(config) as (backsoon, anna), watching(own_kamailio.port, "1001", "watcher") as watcher:
        await watcher.until("open")
        await backsoon.service.refer(anna, "lunch")
        assert "På lunch" in str((await watcher.until("closed", tag="meal")).texts)
        await backsoon.service.back(anna)
        await watcher.until("open", without="lunch")
        await backsoon.service.refer(anna, "meeting", lasting=timedelta(hours=1))
        await watcher.until("I möte", tag="meeting")
    async with running(config) as (backsoon, anna), watching(own_kamailio.port, "1001", "another") as watcher:
        assert tuples(await watcher.until("I möte", tag="meeting")) == 1
        await backsoon.service.refer(anna, "holiday")
        assert tuples(await watcher.until("På semester", tag="vacation")) == 1
        await asyncio.to_thread(own_kamailio.restart)
        async with asyncio.timeout(60):  # nobody touches anything: Backsoon finds out by itself
            while not await shown(own_kamailio):
                await asyncio.sleep(0.1)


async def shown(server: PrivateKamailio) -> bool:
    """Whether somebody who begins to watch now is told that Anna is away."""
    async with watching(server.port, "1001", "third") as watcher:
        told = await asyncio.wait_for(watcher.next(), 10)
        return told is not None and "vacation" in told.tags and tuples(told) == 1


@pytest.mark.parametrize("more", ["", 'available = "withdraw"'])
async def test_it_ends_at_its_instant(own_kamailio: PrivateKamailio, tmp_path: Path, more: str) -> None:
    async with (
        running(settings(tmp_path, own_kamailio, more)) as (backsoon, anna),
        watching(own_kamailio.port, "1001", "watcher") as watcher,
    ):
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
        await backsoon.service.refer(anna, "meeting", until=end)
        seen = await watcher.until("I möte", tag="meeting")
        assert f"{end:%Y-%m-%dT%H:%M:%SZ}".encode() in seen.body
        while not watcher.empty.empty():  # what it was told at the beginning
            watcher.empty.get_nowait()
        while "meeting" in seen.tags:
            told = await asyncio.wait_for(watcher.next(), 20)
            seen = told or Seen(b"", (), ())
        assert datetime.now(UTC) >= end


async def test_one_that_is_taken_out_shows_nothing_of_ours(own_kamailio: PrivateKamailio, tmp_path: Path) -> None:
    async with (
        running(settings(tmp_path, own_kamailio)) as (backsoon, anna),
        watching(own_kamailio.port, "1001", "watcher") as watcher,
    ):
        await backsoon.service.refer(anna, "lunch")
        await watcher.until("På lunch", tag="meal")
        while not watcher.empty.empty():  # what it was told at the beginning
            watcher.empty.get_nowait()
        await backsoon.store.save_switchboards("acme", [])
        await backsoon.reload()
        told = await asyncio.wait_for(watcher.next(), 20)
        assert told is None or told.tags == ("presence", "tuple", "status", "basic")  # Kamailio's "not there"
