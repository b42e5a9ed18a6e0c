"""A whole Backsoon, as `run` builds it, whose people have their calendars at a simulated vendor."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp

from backsoon.api.server import Listening, serve_app
from backsoon.config import Address, ApiConfig, Config
from backsoon.domain.organisation import Calendar, Connection, Person, SwitchboardSettings
from backsoon.store.sqlite import SqliteStore
from backsoon.switchboards.base import NOTHING
from backsoon.testing import MemorySwitchboard
from backsoon.wiring import Backsoon, SystemClock
from tests.simulators.model import Mailbox, Meeting, World
from tests.unit.engine.world import acme
from tools.ports import free_port

PUBLIC = "https://phone.example.com"
SLOW = 20.0
CANARY = "zqcanary"


class StepClock(SystemClock):
    """The machine's clock, set forward by as much as a test likes."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        """See `Clock`."""
        return super().now() + self.ahead

    def step_to(self, at: datetime) -> None:
        """Set it to an instant."""
        self.ahead += at - self.now()


@dataclass
class Pushed:
    """Backsoon at work, its switchboard, and the vendor's mailboxes."""

    backsoon: Backsoon
    board: MemorySwitchboard
    clock: StepClock
    world: World
    people: Sequence[Person]
    port: int
    folder: Path
    name: str
    lamps: list[str] = field(default_factory=list)

    def lamp(self, person: Person) -> str:
        """The reason that somebody's lamp shows; "" for none."""
        lamp = self.board.held.get(person.extension, NOTHING).lamp
        return str(json.loads(lamp)[1]) if lamp else ""

    def box(self, person: Person) -> Mailbox:
        """Somebody's mailbox."""
        return self.world[person.email]

    def meeting(self, uid: str, start: datetime, minutes: float = 60, subject: str = "m: Budget") -> Meeting:
        """A meeting."""
        end = start + timedelta(minutes=minutes)
        return Meeting(uid, start.replace(tzinfo=None), end.replace(tzinfo=None), subject, zone="UTC")

    async def until(self, holds: Callable[[], bool], seconds: float = SLOW) -> None:
        """Wait until something holds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not holds():
            assert loop.time() < deadline, "it never came to hold"
            await asyncio.sleep(0.02)

    async def told(self) -> None:
        """Wait until changes of everybody are told, and everybody was read."""

        def all_are() -> bool:
            telling = self.backsoon.pushing.telling("acme", self.name)
            return telling is not None and telling.told == len(self.people)

        await self.until(all_are)
        await self.read_since(self.clock.now() - timedelta(days=1))
        await self.at_rest()

    async def read_since(self, at: datetime) -> None:
        """Wait until everybody was read at or after an instant."""
        async with asyncio.timeout(SLOW):
            while not all(
                read.health.confirmed_at is not None and read.health.confirmed_at >= at
                for read in await self.backsoon.store.calendars()
            ):
                await asyncio.sleep(0.05)

    async def at_rest(self) -> None:
        """Wait until nothing is due for reading just now."""
        async with asyncio.timeout(SLOW):
            while True:
                due = await self.backsoon.store.next_read()
                if due is None or due > self.clock.now() + timedelta(seconds=2):
                    return
                await asyncio.sleep(0.1)

    async def notices(self) -> dict[str, int]:
        """What became of notifications."""
        return dict(self.backsoon.meters.notices)

    async def metrics(self) -> str:
        """What Prometheus would read."""
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return await answer.text()


@asynccontextmanager
async def pushed(
    folder: Path,
    kind: str,
    world: World,
    settings: dict[str, object],
    deliver_to: Callable[[str], None],
    clock: StepClock | None = None,
) -> AsyncIterator[Pushed]:
    """Backsoon with the people of these mailboxes; `deliver_to` is told where notifications arrive in truth."""
    store, port = await SqliteStore.open(folder / "backsoon.db"), free_port()
    deliver_to(f"http://127.0.0.1:{port}")
    board, clock, stop = MemorySwitchboard(), clock or StepClock(), asyncio.Event()
    await store.save_organisation(acme())
    await store.save_connections("acme", [Connection("acme", kind, kind, {"people": "everybody", **settings})])
    await store.save_switchboards("acme", [SwitchboardSettings("acme", "pbx", "memory")])
    people = await store.save_people(
        [Person("acme", str(1001 + n), f"P {n}", box.address) for n, box in enumerate(world.mailboxes.values())]
    )
    await store.save_calendars([Calendar(person.id, "acme", kind, "") for person in people])
    with tempfile.TemporaryDirectory(prefix="backsoon-") as short:
        api = ApiConfig(listen=Address("127.0.0.1", port), public=PUBLIC)
        config = Config(folder / "b.toml", folder, "sqlite:backsoon.db", Path(short) / "b.sock", (), api=api)
        backsoon = Backsoon(config, store, clock, lambda _: board)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(serve_app(backsoon, config.socket, stop, Listening("127.0.0.1", port)))
                started = asyncio.Event()
                tasks.create_task(backsoon.run(stop, started.set))
                await started.wait()
                try:
                    yield Pushed(backsoon, board, clock, world, people, port, folder, kind)
                finally:
                    stop.set()
        finally:
            await store.close()
            gc.unfreeze()


async def booked_and_taken_back(p: Pushed) -> None:
    """What is booked shows within seconds, and so does that it is taken back."""
    await p.told()
    anna = p.people[0]
    p.box(anna).put(p.meeting("a", p.clock.now() - timedelta(minutes=5)))
    await p.until(lambda: p.lamp(anna) == "meeting")
    p.box(anna).remove("a")
    await p.until(lambda: p.lamp(anna) == "")
    assert not p.backsoon.meters.notices["forged"]


async def right_at_its_start(p: Pushed, lose: Callable[[], None]) -> None:
    """All notifications are lost, and an entry is moved five minutes before its start: it is right at its start."""
    anna, bo = p.people
    start = (p.clock.now() + timedelta(minutes=20)).replace(microsecond=0)
    for person in (anna, bo):
        p.box(person).put(p.meeting("a", start))
    await p.told()
    p.clock.step_to(start - timedelta(minutes=5, seconds=20))
    lose()
    p.box(anna).put(p.meeting("a", start + timedelta(minutes=30)))
    before = p.clock.now()
    p.clock.step_to(start - timedelta(seconds=58))
    await p.read_since(before)
    p.clock.step_to(start)
    await p.until(lambda: p.lamp(bo) == "meeting")
    assert p.lamp(anna) == ""


def canaries(mailbox: Mailbox, at: datetime, count: int = 1000) -> None:
    """Untagged entries full of words that must be nowhere."""
    for n in range(count):
        start = (at + timedelta(hours=1 + n % 300, minutes=n % 60)).replace(tzinfo=None, microsecond=0)
        subject = f"{CANARY} subject {n}" if n % 3 else f"{CANARY} m: {n}"
        mailbox.put(
            Meeting(
                f"c{n}", start, start + timedelta(minutes=30), subject, zone="UTC", body=f"{CANARY} body",
                location=f"{CANARY} place", categories=(f"{CANARY} category",),
                attendees=(f"{CANARY}@example.com",), sensitivity="private" if n % 7 == 0 else "normal",
            )
        )  # fmt: skip


async def no_canary_anywhere(p: Pushed, log: Callable[[], str]) -> None:
    """Words of untagged entries are not in the database, its journal, the log or the metrics."""
    logging.getLogger("backsoon").setLevel(logging.DEBUG)
    await p.told()
    anna = p.people[0]
    canaries(p.box(anna), p.clock.now(), 10)  # once more, as changes
    p.box(anna).put(p.meeting("tagged", p.clock.now() - timedelta(minutes=1), subject=f"m: seen // {CANARY} hidden"))
    await p.until(lambda: p.lamp(anna) == "meeting")
    for path in p.folder.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path
    assert CANARY not in await p.metrics()
    assert CANARY not in log()
