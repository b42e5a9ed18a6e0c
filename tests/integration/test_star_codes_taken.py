"""Star codes dialled at a real Asterisk and taken over by a whole Backsoon: running, stopped, and killed in between."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backsoon.commands.remote import answers
from backsoon.config import Config, load
from backsoon.domain.model import Override
from backsoon.domain.organisation import Person
from backsoon.store.base import Claims
from backsoon.wire.ami_client import open_ami
from backsoon.wiring import Backsoon, open_store
from tests.asterisk_server import ACCOUNT, OPERATOR, PHONES, Asterisk

pytestmark = pytest.mark.xdist_group("asterisk")

BACKSOON = str(Path(sys.executable).parent / "backsoon")
SETTINGS = """
[api]
listen = ""

[organisation]
id = "acme"
name = "Acme"
zone = "UTC"

[switchboards.pbx]
kind = "asterisk"
port = {port}
username = "{account}"
secret = "file:{folder}/ami"
"""


def settings(folder: Path, port: int) -> Config:
    """The settings file of a company whose switchboard is at that port."""
    (folder / "ami").write_text(ACCOUNT.secret)
    (folder / "backsoon.toml").write_text(SETTINGS.format(folder=folder, port=port, account=ACCOUNT.username))
    return load(folder / "backsoon.toml", {})


class Company:
    """A Backsoon with a person for each telephone, and what a test asks of it."""

    def __init__(self, backsoon: Backsoon, people: dict[str, Person], asterisk: Asterisk) -> None:
        self.backsoon = backsoon
        self.people = people
        self.asterisk = asterisk

    async def override(self, extension: str = "1001") -> Override | None:
        """What is set by hand of somebody."""
        person = self.people[extension].id
        return (await self.backsoon.store.claims([person], datetime.now(UTC))).get(person, Claims()).override

    async def taken(self) -> None:
        """Wait until nothing that was dialled is left in Asterisk."""
        await eventually(lambda: not self.asterisk.hands())

    async def dial(self, digits: str, extension: str = "1001") -> int:
        """Dial on somebody's telephone; how the call ended."""
        return (await asyncio.to_thread(self.asterisk.dial, digits, extension)).status

    async def call(self, extension: str = "1001") -> int:
        """Call somebody; 486 where they are referred, 200 where it rings."""
        return (await asyncio.to_thread(self.asterisk.place_call, extension)).status


async def prepared(backsoon: Backsoon) -> dict[str, Person]:
    """Take over the settings and have a person for each telephone."""
    store = backsoon.store
    for one in backsoon.config.organisations:
        await store.save_organisation(one.organisation)
        await store.save_switchboards(one.organisation.id, one.switchboards)
    if not await store.page_people("acme"):
        await store.save_people([Person("acme", extension, f"Person {extension}") for extension in PHONES])
    return {person.extension: person for person in await store.page_people("acme")}


@asynccontextmanager
async def running(folder: Path, asterisk: Asterisk, port: int = 0) -> AsyncIterator[Company]:
    """Backsoon at work."""
    config = settings(folder, port or asterisk.ami_port)
    store = await open_store(config)
    stop, started = asyncio.Event(), asyncio.Event()
    try:
        backsoon = Backsoon(config, store)
        people = await prepared(backsoon)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(backsoon.run(stop, started.set))
            await started.wait()
            publisher = backsoon.publishers["acme"][0]
            await eventually(lambda: publisher.health.connected and publisher.settled)
            try:
                yield Company(backsoon, people, asterisk)
            finally:
                stop.set()
    finally:
        await store.close()


async def eventually(holds: Callable[[], bool], within: float = 20.0) -> None:
    """Wait until something holds; fails past the deadline."""
    deadline = asyncio.get_running_loop().time() + within
    while not await asyncio.to_thread(holds):
        assert asyncio.get_running_loop().time() < deadline, "it never came to hold"
        await asyncio.sleep(0.02)


async def known(folder: Path, asterisk: Asterisk, port: int = 0) -> None:
    """Have the people, and nothing running. `port` is where Backsoon thinks that Asterisk is."""
    async with running(folder, asterisk, port):
        pass


def is_of_now(override: Override | None, reason: str | None) -> Override:
    """It was dialled just now, by telephone, by 1001."""
    assert override is not None
    assert (override.reason, override.by, override.through) == (reason, "1001", "phone")
    assert timedelta(0) <= datetime.now(UTC) - override.start < timedelta(minutes=1)
    return override


REASONS = [
    ("0", "back_at"),
    ("1", "meeting"),
    ("2", "course"),
    ("3", "not_available"),
    ("4", "business_travel"),
    ("5", "part_time"),
    ("6", "holiday"),
    ("7", "leave"),
    ("8", "gone_for_the_day"),
    ("9", "sick"),
]


async def test_each_code_while_it_runs(tmp_path: Path, asterisk: Asterisk) -> None:
    async with running(tmp_path, asterisk) as company:
        for code, reason in REASONS:
            assert await company.dial(f"*23*{code}#") == 200
            await company.taken()
            override = is_of_now(await company.override(), reason)
            assert (override.end is None) == (code == "9")
            assert await company.call() == 486
            assert "CustomDevstate/backsoon-1001" in str(asterisk.database())
        assert await company.dial("#23#") == 200
        await company.taken()
        assert await company.override() is None
        assert await company.call() == 200
        await eventually(lambda: "1001" not in str(asterisk.database()))


async def test_times_and_dates_while_it_runs(tmp_path: Path, asterisk: Asterisk) -> None:
    async with running(tmp_path, asterisk) as company:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        for dialled, ends in (("*23*1*2359#", "23:59"), ("*23*3*0000", "00:00"), (f"*23*6*{tomorrow:%m%d}#", "08:00")):
            assert await company.dial(dialled) == 200
            await company.taken()
            override = await company.override()
            assert override is not None
            assert override.end is not None
            assert f"{override.end:%H:%M}" == ends
            assert await company.call() == 486


async def test_nonsense_while_it_runs_changes_nothing(tmp_path: Path, asterisk: Asterisk) -> None:
    async with running(tmp_path, asterisk) as company:
        await company.dial("*23*1*2359#")
        await company.taken()
        before = await company.override()
        assert await company.dial("*23*1*2561#") == 484
        assert await company.dial("*23*6*0231#") == 484
        assert await company.override() == before
        assert await company.call() == 486


async def test_two_in_quick_succession(tmp_path: Path, asterisk: Asterisk) -> None:
    async with running(tmp_path, asterisk) as company:
        for _ in range(5):
            assert await company.dial("*23*1#") == 200
            assert await company.dial("*23*0#") == 200
            await company.taken()
            is_of_now(await company.override(), "back_at")
            assert await company.dial("*23*9#") == 200
            assert await company.dial("#23#") == 200
            await company.taken()
            assert await company.override() is None


async def test_everybody_at_once(tmp_path: Path, asterisk: Asterisk) -> None:
    async with running(tmp_path, asterisk) as company:
        await asyncio.gather(*(company.dial("*23*1#", extension) for extension in PHONES))
        await company.taken()
        for extension in PHONES:
            override = await company.override(extension)
            assert override is not None
            assert (override.reason, override.by) == ("meeting", extension)


@pytest.mark.parametrize("restart", [False, True], ids=["", "asterisk restarted meanwhile"])
@pytest.mark.parametrize(
    ("dialled", "reason"), [("*23*1*2359#", "meeting"), ("*23*9#", "sick"), ("*23*6*0101#", "holiday")]
)
async def test_dialled_while_it_is_stopped(
    tmp_path: Path, own_asterisk: Asterisk, dialled: str, reason: str, restart: bool
) -> None:
    await known(tmp_path, own_asterisk)
    before = datetime.now(UTC)
    assert (await asyncio.to_thread(own_asterisk.dial, dialled)).status == 200
    assert (await asyncio.to_thread(own_asterisk.place_call, "1001")).status == 486
    if restart:
        own_asterisk.server.stop()
        own_asterisk.server.start()
        assert (await asyncio.to_thread(own_asterisk.place_call, "1001")).status == 486
    async with running(tmp_path, own_asterisk) as company:
        await company.taken()
        override = is_of_now(await company.override(), reason)
        assert abs(override.start - before) < timedelta(seconds=10)
        assert await company.call() == 486


async def test_taken_back_while_it_is_stopped(tmp_path: Path, asterisk: Asterisk) -> None:
    async with running(tmp_path, asterisk) as company:
        await company.backsoon.service.refer(company.people["1001"], "sick", by="bo", through="console")
        assert await company.call() == 486
    assert (await asyncio.to_thread(asterisk.dial, "#23#")).status == 200
    assert (await asyncio.to_thread(asterisk.place_call, "1001")).status == 200
    async with running(tmp_path, asterisk) as company:
        await company.taken()
        assert await company.override() is None
        assert await company.call() == 200


async def test_what_was_said_after_it_was_dialled_stands(tmp_path: Path, asterisk: Asterisk) -> None:
    await known(tmp_path, asterisk)
    assert (await asyncio.to_thread(asterisk.dial, "*23*9#")).status == 200
    config = settings(tmp_path, asterisk.ami_port)
    store = await open_store(config)
    try:
        backsoon = Backsoon(config, store)
        people = await prepared(backsoon)
        await backsoon.directory.refresh()
        await backsoon.service.refer(people["1001"], "lunch", by="anna", through="cli")
    finally:
        await store.close()
    async with running(tmp_path, asterisk) as company:
        await company.taken()
        override = await company.override()
        assert override is not None
        assert (override.reason, override.through) == ("lunch", "cli")


async def test_an_extension_that_passed_on_meanwhile_inherits_nothing(tmp_path: Path, asterisk: Asterisk) -> None:
    async with running(tmp_path, asterisk) as company:
        await company.backsoon.service.remove_people([company.people["1001"]])
    assert (await asyncio.to_thread(asterisk.dial, "*23*9#")).status == 200
    async with running(tmp_path, asterisk) as company:
        await company.taken()
        (new,) = await company.backsoon.service.save_people([Person("acme", "1001", "Somebody Else")])
        company.people["1001"] = new
        assert await company.override() is None
        assert await company.call() == 200


async def test_entries_that_make_no_sense_are_deleted(
    tmp_path: Path, asterisk: Asterisk, caplog: pytest.LogCaptureFixture
) -> None:
    for key, value in (("1001", "1~x~y~z"), ("1002", "2~1~1~-"), ("1003", "1~99999999999999~1~-"), ("a/b", "private")):
        asterisk.cli(f'database put backsoon-hand {key} "{value}"')
    async with running(tmp_path, asterisk) as company:
        await company.taken()
        assert await company.override() is None
    assert "4 entries of backsoon-hand" in caplog.text
    assert "private" not in caplog.text


@contextmanager
def relay(port: int) -> Iterator[tuple[int, threading.Event]]:
    """A relay to the manager interface that holds everything back from the first deletion of what was dialled on.

    Its port, and an event that is set then.
    """
    held = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=_accept, args=(server, port, held), daemon=True)
        accepting.start()
        try:
            yield int(server.getsockname()[1]), held
        finally:
            server.shutdown(socket.SHUT_RDWR)
            accepting.join(5)


def _accept(server: socket.socket, port: int, held: threading.Event) -> None:
    with suppress(OSError):
        while True:
            client = server.accept()[0]
            upstream = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=_pump, args=(client, upstream, held), daemon=True).start()
            threading.Thread(target=_pump, args=(upstream, client, None), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, held: threading.Event | None) -> None:
    with suppress(OSError), source, target:
        while data := source.recv(65536):
            if held is not None and b"Action: DBDel" in data and b"Family: backsoon-hand" in data:
                held.set()
                while source.recv(65536):
                    pass
                return
            target.sendall(data)


async def test_killed_between_storing_and_deleting(tmp_path: Path, asterisk: Asterisk) -> None:
    with relay(asterisk.ami_port) as (port, held):
        await known(tmp_path, asterisk, port)
        config = settings(tmp_path, port)
        command = [BACKSOON, "run", "--config", str(config.path)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                await eventually(lambda: answers(config.socket), 30)
                assert (await asyncio.to_thread(asterisk.dial, "*23*1*2359#")).status == 200
                await eventually(held.is_set)
            finally:
                process.send_signal(signal.SIGKILL)
    assert set(asterisk.hands()) == {"1001"}
    async with running(tmp_path, asterisk) as company:
        await company.taken()
        override = is_of_now(await company.override(), "meeting")
        since = datetime.now(UTC) - timedelta(hours=1)
        ever = await company.backsoon.store.overrides_since(company.people["1001"].id, since)
        assert [each.override for each in ever] == [override]
        assert await company.call() == 486


async def test_dialled_again_between_looking_and_deleting(asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """AstDB loses the second one by that; Asterisk has told of it."""
    await asyncio.to_thread(asterisk.dial, "*23*1#", "1002")
    async with asterisk.switchboard().session() as session:
        (first,) = await session.by_hand()
        values = session._database.values

        async def between(family: str, keys: Sequence[str]) -> list[str | None]:
            held = await values(family, keys)
            monkeypatch.undo()
            await asyncio.to_thread(asterisk.dial, "*23*9#", "1002")
            return held

        monkeypatch.setattr(session._database, "values", between)
        await session.done([first])
        assert asterisk.hands() == {}
        (second,) = await session.by_hand()
        assert (second.extension, second.code) == ("1002", "9")
        await session.done([second])
        assert await session.by_hand() == ()


async def test_an_event_alone_refers_nobody(tmp_path: Path, asterisk: Asterisk) -> None:
    """Whoever may send user events may not refer others by that."""
    async with running(tmp_path, asterisk) as company, open_ami(asterisk.address, OPERATOR) as client:
        forged = f"1~{int(datetime.now(UTC).timestamp())}.000~9~-~0~0~not_available"
        headers = [("UserEvent", "BacksoonHand"), ("Extension", "1001"), ("Hand", forged)]
        await client.request("UserEvent", headers)
        await company.dial("*23*1#", "1002")
        await eventually(lambda: "CustomDevstate/backsoon-1002" in str(asterisk.database()))
        await company.taken()
        assert await company.override() is None
