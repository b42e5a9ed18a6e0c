"""Sets the demonstration up, plays it and tells what happened."""

from __future__ import annotations

import asyncio
import getpass
import json
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from backsoon.commands import output
from backsoon.commands.demoing import radicale
from backsoon.commands.demoing.company import PEOPLE, Booking, day
from backsoon.commands.demoing.watching import Acknowledged, Watched
from backsoon.commands.remote import Remote
from backsoon.config import load
from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Person, SwitchboardSettings

if TYPE_CHECKING:
    from backsoon.store.base import AvailabilityChange
    from backsoon.switchboards.base import Switchboard
    from backsoon.wiring import Backsoon

GUEST = "anna"
"""Whose calendar is left to whoever tries."""
PATIENCE = timedelta(seconds=3)
"""How long after the end of the entry booked by itself the release is waited for."""

SETTINGS = """[organisation]
id = "demo"
name = "The demonstration"
zone = "{zone}"
working_hours = "around-the-clock"

[calendars.radicale]
kind = "caldav"
url = "{url}/{{user}}/"
username = "{service}"
password = "file:{folder}/password"
"""
SWITCHBOARD = """
[switchboards.asterisk]
kind = "asterisk"
host = "{host}"
port = {port}
username = "{account}"
secret = "{secret}"
"""


class Nobody(BacksoonError):
    """The demonstration has nobody of that name."""

    remedy = f"name one of {', '.join(PEOPLE)}"


class NoDemonstration(BacksoonError):
    """No demonstration runs."""

    remedy = "start it in another terminal by `make demo`"


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What is asked for. `lasting` zero: until Ctrl-C. `watched`: somebody looks at the terminal."""

    radicale: Path | None
    asterisk: str
    account: str
    secret: str
    lasting: timedelta
    watched: bool
    as_json: bool


@dataclass
class Play:
    """A demonstration under way."""

    backsoon: Backsoon
    address: str
    asked: Demonstration
    acknowledged: Acknowledged = field(default_factory=Acknowledged)
    pages: str = ""
    """Where a browser opens it signed in, once."""

    async def book(self, booking: Booking) -> None:
        """Book an entry and have its calendar read."""
        await asyncio.to_thread(radicale.book, self.address, booking, f"demo-{uuid4()}")
        await self.backsoon.service.read_now()
        self.backsoon.wake_sync()


async def perform(asked: Demonstration) -> bool:
    """Play it; whether the entry that was booked referred and released the person (True where somebody watches)."""
    program = radicale.find(asked.radicale)
    _end_when_told()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="backsoon-demo-")))
        output.say("Starting a calendar server with twelve people's day ...")
        address = await stack.enter_async_context(radicale.running(program, folder / "radicale"))
        play = await stack.enter_async_context(_running(asked, folder, address))
        where = json.dumps({"address": address, "socket": str(play.backsoon.config.socket)})
        stack.callback(_forget, where)
        _where().write_text(where)
        return await (_watched(play) if asked.watched else _by_itself(play))


def _end_when_told() -> None:
    """SIGTERM, and a terminal that is closed, cancel it: nothing of it is left running or lying about."""
    if task := asyncio.current_task():
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


@asynccontextmanager
async def _running(asked: Demonstration, folder: Path, address: str) -> AsyncIterator[Play]:
    from backsoon.api import serve
    from backsoon.api.server import Listening
    from backsoon.config import applying
    from backsoon.wiring import Backsoon, open_store

    config = load(_settings(asked, folder, address), {})
    store = await open_store(config)
    stop = asyncio.Event()
    try:
        backsoon = Backsoon(config, store)
        play = Play(backsoon, address, asked)
        backsoon.make_switchboard = _maker(play)
        await applying.apply(store, config)
        if not asked.asterisk:
            await store.save_switchboards("demo", [SwitchboardSettings("demo", "memory", "memory")])
        await _fill(play)
        port = _free_port()
        play.pages = f"http://127.0.0.1:{port}/sign-in/demo/{await _code(backsoon)}"
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(backsoon, config.socket, stop, Listening("127.0.0.1", port)))
            started = asyncio.Event()
            tasks.create_task(backsoon.run(stop, started.set))
            try:
                await started.wait()
                yield play
            finally:
                stop.set()
    finally:
        await store.close()


def _free_port() -> int:
    """The usual one, where it is free; else any: another Backsoon may run beside."""
    for port in (8623, 0):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)) as trying:
            return int(trying.getsockname()[1])
    return 0


async def _code(backsoon: Backsoon) -> str:
    """What signs a browser in once, as an attendant, as Anna and as the administrator."""
    from backsoon.domain.access import Role
    from backsoon.engine.signingin import OneTimeCodes
    from backsoon.store.base import Account

    store, clock = backsoon.store, backsoon.clock
    (anna,) = await store.find_people("demo", PEOPLE[GUEST][0], 1)
    roles = frozenset({Role.ATTENDANT, Role.PERSON, Role.ADMINISTRATOR})
    account = await store.save_account(Account("demo", anna.name, roles, clock.now(), person=anna.id, user=GUEST))
    backsoon.one_time_codes = OneTimeCodes(clock)
    return backsoon.one_time_codes.make(account)


def _settings(asked: Demonstration, folder: Path, address: str) -> Path:
    path = folder / "backsoon.toml"
    (folder / "password").write_text("demo")
    text = SETTINGS.format(zone=_zone(), url=address, service=radicale.SERVICE, folder=folder)
    if asked.asterisk:
        host, _, port = asked.asterisk.rpartition(":")
        text += SWITCHBOARD.format(host=host, port=port, account=asked.account, secret=asked.secret)
    path.write_text(text)
    return path


def _zone() -> str:
    from backsoon.commands.zones import machine_zone

    return machine_zone()[0]


def _maker(play: Play) -> Callable[[SwitchboardSettings], Switchboard]:
    from backsoon.testing import MemorySwitchboard

    def make(settings: SwitchboardSettings) -> Switchboard:
        driver: Switchboard = MemorySwitchboard() if settings.kind == "memory" else play.backsoon.driver_of(settings)
        return Watched(driver, play.backsoon.clock, play.acknowledged)

    return make


async def _fill(play: Play) -> None:
    from backsoon.engine.importing import reassign

    store = play.backsoon.store
    people = [
        Person("demo", extension, name, f"{user}@example.com", department=department)
        for user, (extension, name, department) in PEOPLE.items()
    ]
    await store.save_people(people)
    await reassign(store, "demo")
    for user in PEOPLE:
        await asyncio.to_thread(radicale.make_calendar, play.address, user)
    for number, booking in enumerate(day(play.backsoon.clock.now())):
        await asyncio.to_thread(radicale.book, play.address, booking, f"day-{number}")


# -- somebody watches ------------------------------------------------------------------------------------------------


async def _watched(play: Play) -> bool:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from backsoon.api import Verbs
    from backsoon.commands.board import drawn, whole_board

    verbs = Verbs(play.backsoon)
    hint = Text(
        f"\nIn a browser, once:    {play.pages}"
        '\nIn a second terminal:  .venv/bin/backsoon demo book anna "m: Budget" --in 1m --for 2m'
        f"\nThe settings are in    {play.backsoon.config.path}"
        "\n● by the calendar  ◆ by hand  ◐ inform only  ○ available        Ctrl-C ends it\n",
        "dim",
    )
    end = play.backsoon.clock.now() + play.asked.lasting if play.asked.lasting else None
    with play.backsoon.hub.listening() as news, Live(console=output.console(), auto_refresh=False) as live:
        while end is None or play.backsoon.clock.now() < end:
            live.update(Group(drawn(await whole_board(verbs, "demo")), hint), refresh=True)
            try:
                async with asyncio.timeout(1):
                    await news.batch()
            except TimeoutError:
                continue
    return True


# -- by itself -------------------------------------------------------------------------------------------------------


async def _by_itself(play: Play) -> bool:
    clock = play.backsoon.clock
    begun = clock.now()
    total = play.asked.lasting.total_seconds()
    lead, length = min(max(total * 0.25, 3), 15), min(max(total * 0.3, 2), 20)
    start = (begun + timedelta(seconds=lead)).replace(microsecond=0) + timedelta(seconds=1)
    end = start + timedelta(seconds=round(length))
    seen: list[tuple[Person, AvailabilityChange]] = []
    output.say(f"In a browser, once: {play.pages}")
    with play.backsoon.hub.listening() as news:
        await play.book(Booking(GUEST, "m: Budget", start, end))
        output.say(f"Booked `m: Budget` for Anna Berg, {start:%H:%M:%S} to {end:%H:%M:%S} UTC.")
        try:
            async with asyncio.timeout(max(total, (end + PATIENCE - begun).total_seconds())):
                while True:
                    heard = [(a.person, a.change) for a in await news.batch() if a.change is not None]
                    seen += heard
                    for person, change in heard:
                        await _tell(play, person, change)
        except TimeoutError:
            pass
    done = _referred_and_released(seen, start, end)
    output.say("Anna was referred and released at the second." if done else "Anna was not referred and released.")
    return done


async def _tell(play: Play, person: Person, change: AvailabilityChange) -> None:
    from backsoon.api.views import change_view
    from backsoon.domain.phrase import Audience

    shown_at = await _shown_at(play, person.extension, change)
    late = (shown_at - change.at).total_seconds() * 1000
    line = change_view(person, change, play.backsoon.directory, Audience.ATTENDANT) | {"lateness_ms": round(late, 1)}
    if play.asked.as_json:
        output.tell_json(line)
    else:
        output.say(f"{line['at']} {person.name}: {line['availability']['words']} ({line['lateness_ms']} ms late)")


async def _shown_at(play: Play, extension: str, change: AvailabilityChange) -> datetime:
    """When the switchboard acknowledged the change; for one that changes no lamp, when it was decided."""
    try:
        async with asyncio.timeout(0.5):
            while (shown := play.acknowledged.lamps.get(extension)) is None or shown < change.at:
                play.acknowledged.news.clear()
                await play.acknowledged.news.wait()
            return shown
    except TimeoutError:
        return change.recorded_at


def _referred_and_released(seen: list[tuple[Person, AvailabilityChange]], start: datetime, end: datetime) -> bool:
    extension = PEOPLE[GUEST][0]
    mine = [change for person, change in seen if person.extension == extension]
    referred = any(c.at == start and c.availability.reason == "meeting" for c in mine)
    released = any(c.at == end and not c.availability.referred for c in mine)
    return referred and released


# -- from another terminal -------------------------------------------------------------------------------------------


def _where() -> Path:
    """The file that tells other terminals where the demonstration is."""
    return Path(tempfile.gettempdir()) / f"backsoon-demo-{getpass.getuser()}.json"


def _forget(where: str) -> None:
    """Take that file away, unless another demonstration has written its own meanwhile."""
    with suppress(OSError):
        if _where().read_text() == where:
            _where().unlink()


def book_in_running(user: str, subject: str, begin: timedelta, length: timedelta) -> None:
    """Book in the demonstration that runs. Raises `NoDemonstration`, `NoRadicale`."""
    from backsoon.wiring import SystemClock

    if user not in PEOPLE:
        raise Nobody(f"nobody there is called {user!r}")
    try:
        where = json.loads(_where().read_text())
    except (OSError, ValueError):
        raise NoDemonstration("no demonstration runs") from None
    start = SystemClock().now().replace(microsecond=0) + begin
    radicale.book(where["address"], Booking(user, subject, start, start + length), f"demo-{uuid4()}")
    asyncio.run(Remote(Path(where["socket"])).sync(PEOPLE[user][0], None, whole=False))
    output.say(
        f"Booked for {PEOPLE[user][1]}: {start.astimezone():%H:%M:%S} to {(start + length).astimezone():%H:%M:%S}."
    )
