"""The process of its own that answers look-ups: right, let in by tokens, begun again, and gone with its parent."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from backsoon.api.lookup_process import LookupProcess
from backsoon.api.views import shown_view
from backsoon.config.model import Address, ApiConfig, Config
from backsoon.domain.access import Role
from backsoon.domain.model import CalendarReferral, EntryKey, Span
from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.domain.phrase import Audience
from backsoon.engine.settling import Cause
from backsoon.store.base import CalendarHealth, ReferralChanges, Trigger
from backsoon.store.sqlite import SqliteStore
from backsoon.testing import MemorySwitchboard
from backsoon.wiring import Backsoon, SystemClock, answering_lookups
from tests.unit.engine.world import acme
from tools.ports import free_port

SLOW = 30.0
"""Seconds in which anything must have happened on a slow machine."""


@dataclass
class Beside:
    """A Backsoon with its process for look-ups."""

    backsoon: Backsoon
    process: LookupProcess
    token: str

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self.process._process is not None
        return self.process._process.pid

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.backsoon.config.api.lookup}"

    async def ask(self, extension: str, *, seconds: float = SLOW, token: str | None = None) -> tuple[int, Any]:
        """Status and answer; `TimeoutError` past the caller's own limit."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        timeout = aiohttp.ClientTimeout(seconds)
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.get(f"{self.url}/api/v1/lookup/{extension}") as response,
        ):
            return response.status, json.loads(await response.read())

    async def person(self, extension: str) -> Person:
        """A new one, with a calendar."""
        (person,) = await self.backsoon.service.save_people([Person("acme", extension, f"Person {extension}")])
        await self.backsoon.store.save_calendars([Calendar(person.id, "acme", "memory", extension)])
        return person

    async def meet(self, person: Person, spans: list[tuple[datetime, datetime]]) -> None:
        """Have read that somebody meets then."""
        store = self.backsoon.store
        (read,) = await store.calendars(person=person.id)
        id = read.calendar.id
        referrals = tuple(CalendarReferral(EntryKey(id, str(s)), Span(s, e), "meeting", resource="r") for s, e in spans)
        now = datetime.now(UTC)
        health = CalendarHealth("t", now, now + timedelta(days=1))
        people = await store.save_read(id, ReferralChanges(referrals, complete=True), health)
        await self.backsoon.settler.settle(people, Cause(Trigger.CALENDAR))


def begun_again(there: Beside, begun: int) -> bool:
    return there.process.begun > begun


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(SLOW):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def beside(folder: Path) -> AsyncIterator[Beside]:
    store = await SqliteStore.open(folder / "backsoon.db")
    try:
        await store.save_organisation(acme())
        await store.save_connections("acme", [Connection("acme", "memory", "memory")])
        api = ApiConfig(None, Address("127.0.0.1", free_port()))
        config = Config(folder / "b.toml", folder, "sqlite:backsoon.db", folder / "b.sock", (), api=api)
        backsoon = Backsoon(config, store, SystemClock(), make_switchboard=lambda _: MemorySwitchboard())
        await backsoon.directory.refresh()
        token = (await backsoon.tokens.issue("acme", "pbx", Role.SWITCHBOARD)).text
        async with answering_lookups(backsoon):
            assert backsoon.lookup_process is not None
            async with asyncio.timeout(SLOW):
                await backsoon.lookup_process.caught_up()
            yield Beside(backsoon, backsoon.lookup_process, token)
    finally:
        await store.close()


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Beside]:
    async with beside(tmp_path) as one:
        yield one


async def same_as_shown(there: Beside, person: Person) -> None:
    """What it says must be what callers are shown, before or after the question."""

    async def shown() -> tuple[Any, ...]:
        view = shown_view(await there.backsoon.service.show(person), there.backsoon.directory, Audience.CALLER)
        availability = view["availability"]
        return availability["reason"], availability["words"], availability["back_at"]

    before = await shown()
    status, found = await there.ask(person.extension)
    assert status == 200
    assert (found["reason"] or None, found["words"], found["back_at"]) in (before, await shown())


@pytest.mark.parametrize("seed", range(3))
async def test_it_says_what_callers_are_shown(there: Beside, seed: int) -> None:
    """Random histories, by hand and by calendars, with transitions within them; asked once each was settled."""
    chance = random.Random(seed)
    people = [await there.person(f"10{n}") for n in range(4)]
    service = there.backsoon.service
    for _ in range(40):
        person = chance.choice(people)
        now = datetime.now(UTC)
        match chance.randrange(5):
            case 0:
                until_then = now + timedelta(seconds=chance.choice([0.05, 0.3, 3000]))
                await service.refer(person, chance.choice(["lunch", "sick"]), until=until_then)
            case 1:
                await service.back(person)
            case 2 | 3:
                start = now + timedelta(seconds=chance.choice([-5, 0.05, 0.2]))
                await there.meet(person, [(start, start + timedelta(seconds=chance.choice([5.1, 0.1, 900])))])
            case 4:
                await there.meet(person, [])
        await there.process.caught_up()
        for each in people:
            await same_as_shown(there, each)


async def test_new_people_and_settings_are_heard_of(there: Beside) -> None:
    assert (await there.ask("101"))[1]["language"] == "en"
    anna = await there.person("101")
    await there.backsoon.service.refer(anna, "sick")
    await there.process.caught_up()
    assert (await there.ask("101"))[1]["words"] == "Not available, until further notice"
    await there.backsoon.store.save_organisation(replace(acme(), language="sv"))
    await there.backsoon.directory.refresh()
    there.process.settings_changed()
    await there.process.caught_up()
    assert (await there.ask("101"))[1]["language"] == "sv"


async def test_only_switchboards_of_the_organisation_are_let_in(there: Beside) -> None:
    tokens = there.backsoon.tokens
    for role in (Role.ATTENDANT, Role.ADMINISTRATOR):
        assert (await there.ask("101", token=(await tokens.issue("acme", role, role)).text))[0] == 403
    for wrong in ("", "bsn_" + "x" * 43, "nonsense"):
        assert (await there.ask("101", token=wrong))[0] == 401
    await there.backsoon.store.save_organisation(acme_named("other"))
    there.process.settings_changed()
    await there.backsoon.directory.refresh()
    olof = (await there.backsoon.service.save_people([Person("other", "101", "Olof")]))[0]
    await there.backsoon.service.refer(olof, "lunch")
    await there.process.caught_up()
    assert (await there.ask("101"))[1]["phone"] == "", "ours has nobody of that extension"
    theirs = (await tokens.issue("other", "pbx", Role.SWITCHBOARD)).text
    assert (await there.ask("101", token=theirs))[1]["phone"] == "closed"
    assert (await there.ask("101?organisation=acme", token=theirs))[0] == 404


def acme_named(name: str) -> Any:
    return replace(acme(), id=name, name=name)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/people", 404),
        ("GET", "/api/v1/lookup/", 404),
        ("GET", "/api/v1/lookup/1/2", 404),
        ("DELETE", "/api/v1/lookup/1", 405),
        ("HEAD", "/api/v1/lookup/1", 200),
        ("GET", "/healthz", 200),
    ],
)
async def test_there_is_nothing_else(there: Beside, method: str, path: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {there.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, there.url + path) as response,
    ):
        assert response.status == status
        assert (await response.read() == b"") == (method == "HEAD")


async def test_it_is_begun_again_when_it_dies(there: Beside) -> None:
    await there.person("101")
    for _ in range(2):
        before, begun = there.pid, there.process.begun
        os.kill(before, signal.SIGKILL)
        await until(partial(begun_again, there, begun))
        assert (await there.ask("101"))[0] == 200, "a call that waits at the socket is answered by the next one"
        assert there.pid != before
    anna = await there.backsoon.service.find("101")
    await there.backsoon.service.refer(anna, "lunch")
    await there.process.caught_up()
    assert (await there.ask("101"))[1]["phone"] == "closed"


async def test_one_that_hangs_fails_fast_and_is_begun_again(there: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks has a limit of their own, and lets the call ring; we end what does not answer."""
    monkeypatch.setattr("backsoon.api.lookup_process.PATIENCE", 2.0)
    monkeypatch.setattr("backsoon.api.lookup_process.BEAT", 0.1)
    begun = there.process.begun
    os.kill(there.pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        await there.ask("101", seconds=0.15)
    await until(lambda: there.process.begun > begun)
    assert (await there.ask("101"))[0] == 200


async def test_news_that_pile_up_end_it(there: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backsoon.api.lookup_process.PILE", 200_000)
    begun = there.process.begun
    os.kill(there.pid, signal.SIGSTOP)
    for _ in range(40):
        there.process.touched(range(5000))
    await until(lambda: there.process.begun > begun)
    assert (await there.ask("101"))[0] == 200


async def test_what_it_counts_is_ours_too(there: Beside) -> None:
    for _ in range(5):
        await there.ask("101")
    await there.process.caught_up()
    seconds = there.backsoon.meters.lookups_beside
    assert seconds.total == 5
    os.kill(there.pid, signal.SIGKILL)
    await there.ask("101")
    await there.process.caught_up()
    assert seconds.total == 6, "nothing is forgotten with it"


PARENT = """
import asyncio, sys
from pathlib import Path
from tests.contract.lookup.test_process import beside

async def main():
    async with beside(Path(sys.argv[1])) as there:
        await there.person("101")
        print(there.pid, there.backsoon.config.api.lookup, there.token, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_it_goes_with_its_parent_however_that_ends(tmp_path: Path, sign: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, address, _ = parent.stdout.readline().split()
        parent.send_signal(sign)
        parent.wait(SLOW)
    asyncio.run(until(lambda: not alive(int(pid))))
    assert refused(address)


def test_while_its_parent_is_stopped_it_answers(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            _, address, token = parent.stdout.readline().split()
            parent.send_signal(signal.SIGSTOP)

            async def ask() -> int:
                headers = {"Authorization": f"Bearer {token}"}
                async with (
                    aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(SLOW), headers=headers) as session,
                    session.get(f"http://{address}/api/v1/lookup/101") as response,
                ):
                    return response.status

            assert asyncio.run(ask()) == 200
        finally:
            parent.kill()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def refused(address: str) -> bool:
    """Whether nobody listens there."""
    host, _, port = address.rpartition(":")
    with socket.socket() as trying:
        trying.settimeout(5)
        return trying.connect_ex((host, int(port))) != 0
