"""`backsoon run` killed at random moments while Microsoft 365 (simulated) tells of a hundred changes a second: what was
acknowledged is read after the restart, the lamps of a real Asterisk say what the calendars say, and nothing that was
ordered at the vendor is there twice or nobody's. `BACKSOON_SEED` repeats a run."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.commands.remote import answers
from backsoon.store.sqlite import SqliteStore
from tests.acceptance.test_killed import BACKSOON, lit
from tests.asterisk_server import ACCOUNT, Asterisk
from tests.simulators.graph import GraphSimulator
from tests.simulators.model import Mailbox, Meeting, World
from tools.ports import free_port

pytestmark = pytest.mark.xdist_group("asterisk")

SEED = int(os.environ.get("BACKSOON_SEED", "20261123"))
PEOPLE, RATE, DEATHS = 200, 100.0, 4
PUBLIC = "https://phone.example.com"
SOON = 40.0
"""Seconds within which what was acknowledged is read and shown; most of those who are read anyway come later."""
SETTINGS = """
[api]
public = "{public}"

[organisation]
id = "acme"
name = "Acme"
zone = "UTC"
working_hours = "around-the-clock"

[calendars.cloud]
kind = "graph"
people = "everybody"
tenant = "{sim.tenant}"
client_id = "{sim.client_id}"
client_secret = "file:{folder}/graph"
url = "{sim.url}"
sign_in_url = "{sim.sign_in_url}"
ca_file = "{sim.ca_file}"

[switchboards.pbx]
kind = "asterisk"
port = {port}
username = "{account}"
secret = "file:{folder}/ami"
"""


class Cloud:
    """The vendor, who keeps what was acknowledged: for each mailbox how many requests it had had when that was sent."""

    def __init__(self, sim: GraphSimulator, seed: int) -> None:
        self.sim = sim
        self.chance = random.Random(seed)
        self.acknowledged: dict[str, int] = {}
        self.changes = 0
        sim.subscriptions.retry_after = (0.2,) * 300
        self._post = sim.subscriptions._post
        sim.subscriptions._post = self._posted  # type: ignore[method-assign]

    async def _posted(self, url: str, notifications: list[dict[str, Any]]) -> bool:
        at = len(self.sim.requests)
        taken = await self._post(url, notifications)
        if taken:
            for each in notifications:
                mailbox = self.sim.subscriptions.by_id[each["subscriptionId"]].mailbox
                self.acknowledged[mailbox] = max(at, self.acknowledged.get(mailbox, 0))
        return taken

    async def change_for_ever(self) -> None:
        """Book a meeting that goes on now, or take it away, in one mailbox after the other at random."""
        mailboxes = list(self.sim.world.mailboxes.values())
        began = time.monotonic()
        while True:
            self.changes += 1
            await asyncio.sleep(max(0.0, began + self.changes / RATE - time.monotonic()))
            box = self.chance.choice(mailboxes)
            if box.items:
                box.remove("now")
            else:
                start = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(minutes=1)
                box.put(Meeting("now", start, start + timedelta(hours=2), "m: Now", "UTC"))

    def unread(self) -> set[str]:
        """Mailboxes of which something was acknowledged that no reading followed."""
        last = {
            mailbox: at for at, (_, path, mailbox) in enumerate(self.sim.requests) if "calendarview" in path.lower()
        }
        return {mailbox for mailbox, at in self.acknowledged.items() if last.get(mailbox, -1) < at}

    def away(self) -> set[str]:
        """The extensions of those whose calendar says that they are in a meeting."""
        return {address.partition("@")[0] for address, box in self.sim.world.mailboxes.items() if box.items}


class Program:
    """`backsoon` in a folder."""

    def __init__(self, folder: Path, sim: GraphSimulator, asterisk: Asterisk) -> None:
        self.folder, self.config = folder, folder / "backsoon.toml"
        self.data = folder / "backsoon-data"
        listen = free_port()
        sim.hooks[PUBLIC] = f"http://127.0.0.1:{listen}"
        self._environment = {**os.environ, "BACKSOON_API__LISTEN": f"127.0.0.1:{listen}"}
        (folder / "ami").write_text(ACCOUNT.secret)
        (folder / "graph").write_text(sim.client_secret)
        told = {"folder": folder, "sim": sim, "port": asterisk.ami_port, "account": ACCOUNT.username}
        self.config.write_text(SETTINGS.format(public=PUBLIC, **told))

    async def __call__(self, *arguments: str) -> None:
        """Run a command to its end."""
        pipe = asyncio.subprocess.PIPE
        command = [BACKSOON, *arguments, "--config", str(self.config)]
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=self._environment)
        out, err = await process.communicate()
        assert process.returncode == 0, f"{arguments}: {out.decode()} {err.decode()}"

    @asynccontextmanager
    async def running(self, end: signal.Signals) -> AsyncIterator[None]:
        """`backsoon run`, from when it answers."""
        with (self.folder / "log").open("ab") as log:
            command = [BACKSOON, "run", "--config", str(self.config)]
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=self._environment)
            try:
                await until(lambda: asyncio.to_thread(answers, self.data / "backsoon.sock"))
                yield
                process.send_signal(end)
                await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = SOON) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, "it never came to hold"
        await asyncio.sleep(0.05)


async def watched(cloud: Cloud, count: int) -> None:
    """Wait until so many mailboxes' changes are told."""

    async def are() -> bool:
        return len(cloud.sim.subscriptions.watched()) >= count

    await until(are)


async def test_killed_while_changes_are_told_it_loses_nothing_that_it_acknowledged(
    tmp_path: Path, asterisk: Asterisk
) -> None:
    world = World([Mailbox(f"{4000 + n}@example.com", zone="UTC") for n in range(PEOPLE)])
    async with GraphSimulator(world) as sim:
        cloud, program = Cloud(sim, SEED), Program(tmp_path, sim, asterisk)
        rows = "".join(f"{4000 + n},Person {n},{4000 + n}@example.com\n" for n in range(PEOPLE))
        (tmp_path / "people.csv").write_text(f"extension,name,email\n{rows}")
        await program("apply", "--yes")
        await program("people", "import", str(tmp_path / "people.csv"))
        async with program.running(signal.SIGKILL):  # it dies while it orders
            await watched(cloud, cloud.chance.randrange(1, PEOPLE))
        async with program.running(signal.SIGKILL):
            await watched(cloud, PEOPLE)
            changing = asyncio.create_task(cloud.change_for_ever())
            await asyncio.sleep(cloud.chance.uniform(0.1, 2))
        for _ in range(DEATHS - 2):
            async with program.running(signal.SIGKILL):
                await asyncio.sleep(cloud.chance.uniform(0.1, 2))
        async with program.running(signal.SIGTERM):
            changing.cancel()
            await sim.settled()
            await converged(cloud, asterisk)
        await ordered_once(cloud, program)


async def converged(cloud: Cloud, asterisk: Asterisk) -> None:
    """All that was acknowledged was read, and the lamps show it."""
    assert cloud.changes > 2 * RATE
    assert len(cloud.acknowledged) > PEOPLE / 2
    assert not cloud.sim.subscriptions.sent["given up"]

    async def is_read() -> bool:
        return not cloud.unread()

    async def is_shown() -> bool:
        shown = await asyncio.to_thread(lit, asterisk)
        return {e for e in shown if e.startswith("4")} == cloud.away()

    await until(is_read)
    await until(is_shown)


async def ordered_once(cloud: Cloud, program: Program) -> None:
    """What is ordered at the vendor is one for each mailbox, and all of it is known."""
    there = list(cloud.sim.subscriptions.by_id.values())
    assert sorted(each.mailbox for each in there) == sorted(cloud.sim.world.mailboxes)
    store = await SqliteStore.open(next(program.data.glob("*.db")))
    try:
        rows = await store.page_subscriptions("acme", "cloud")
        assert {row.id for row in rows if not row.replaced} == {each.id for each in there}
    finally:
        await store.close()
