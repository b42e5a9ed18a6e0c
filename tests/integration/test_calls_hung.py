"""Calls while Backsoon is hung (SIGSTOP) or killed: the switchboard knows what it needs, and all heals afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backsoon.domain.spoken import name_key
from tests.acceptance.commands import Shell, calendar, event
from tests.asterisk_server import ACCOUNT
from tests.midday import HERE
from tests.spoken_server import ANNA, Spoken

pytestmark = pytest.mark.xdist_group("spoken")

SETTINGS = """
log_level = "debug"
[organisation]
id = "acme"
name = "Acme"
zone = "{zone}"
working_hours = "around-the-clock"

[calendars.files]
kind = "ics"
url = "{folder}/{{extension}}.ics"

[switchboards.pbx]
kind = "asterisk"
port = {port}
username = "{account}"
secret = "file:{folder}/ami"
"""
ENDING, AVAILABLE, DIALLING, LONG = "1001", "1002", "1003", "1004"
TOLD = [f"en/name/{name_key(ANNA)}", "en/outside/meeting", "en/back/today"]


class Company(Shell):
    """Four people with a calendar file each, and the switchboard."""

    def __init__(self, folder: Path, spoken: Spoken) -> None:
        super().__init__(folder)
        self.spoken = spoken
        port = spoken.server.ami_port
        (folder / "ami").write_text(ACCOUNT.secret)
        self.settings(SETTINGS.format(zone=HERE, folder=folder, port=port, account=ACCOUNT.username))
        people = "".join(f"{one},{ANNA},{one}@example.com\n" for one in (ENDING, AVAILABLE, DIALLING, LONG))
        (folder / "people.csv").write_text(f"extension,name,email\n{people}")
        now = datetime.now(UTC)
        for one in (ENDING, AVAILABLE, DIALLING):
            self.meeting(one, now + timedelta(hours=2), now + timedelta(hours=3))
        self.meeting(LONG, now - timedelta(hours=1), now + timedelta(hours=1))
        self("apply", "--yes")
        self("people", "import", "people.csv")

    def meeting(self, extension: str, start: datetime, end: datetime, subject: str = "m: Budget") -> None:
        """The one meeting in somebody's calendar."""
        text = event(f"m-{extension}", f":{start:%Y%m%dT%H%M%SZ}", f":{end:%Y%m%dT%H%M%SZ}", subject)
        (self.folder / f"{extension}.ics").write_bytes(calendar(text))

    def referred(self, extension: str) -> str:
        """The reason that Backsoon knows, "" where they are available."""
        shown = self("show", extension, "--json").json["availability"]
        return str(shown.get("reason") or "")

    def lit(self) -> set[str]:
        """Whose lamp is lit."""
        before = "/CustomDevstate/backsoon-"
        return {key.removeprefix(before) for key in self.spoken.database() if key.startswith(before)}

    def written(self, extension: str) -> str:
        """The plan that the switchboard holds of somebody."""
        return self.spoken.database().get(f"/backsoon/{extension}", "")


@pytest.fixture
def company(spoken: Spoken) -> Iterator[Company]:
    with tempfile.TemporaryDirectory(prefix="backsoon-") as folder:  # the path of a socket must be short
        yield Company(Path(folder), spoken)


async def until(holds: Callable[[], bool], within: float = 20) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(within):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.05)


async def rings(spoken: Spoken, extension: str) -> None:
    """A call lets the telephone ring, and nothing is said."""
    async with spoken.phones() as phones:
        assert await spoken.heard(extension) == []
        assert phones.rung == [extension]


async def is_told(spoken: Spoken, extension: str, *told: str) -> None:
    """A call is answered, and the caller hears that."""
    async with spoken.phones() as phones, spoken.call(extension) as call:
        heard = await call.ended()
        assert (call.status, heard[: len(told)], heard[-1]) == (200, list(told), "en/goodbye")
        assert phones.rung == []


def stopped(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@asynccontextmanager
async def gone(company: Company, how: str) -> AsyncIterator[datetime]:
    """A Backsoon that has told of a meeting which ends soon, and is hung or dead then; it goes on in the end."""
    with ExitStack() as after:
        process = await asyncio.to_thread(after.enter_context, company.running())
        await until(lambda: company.lit() == {LONG} and bool(company.written(DIALLING)))
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=6)
        company.meeting(ENDING, end - timedelta(hours=1), end)
        await asyncio.to_thread(company, "sync", ENDING)
        await until(lambda: company.lit() == {LONG, ENDING} and f":{int(end.timestamp())}:" in company.written(ENDING))
        if how == "hung":
            after.callback(process.send_signal, signal.SIGCONT)
            process.send_signal(signal.SIGSTOP)
            await until(lambda: stopped(process.pid))
        else:
            process.kill()
            await asyncio.to_thread(process.wait)
        yield end
        if how == "hung":
            assert stopped(process.pid)
            os.kill(process.pid, signal.SIGCONT)
        else:
            await asyncio.to_thread(after.enter_context, company.running())
        await until(lambda: company.lit() == {LONG, DIALLING})
        await until(lambda: not any(key.startswith("/backsoon-hand/") for key in company.spoken.database()))
        assert await asyncio.to_thread(company.referred, DIALLING) == "not_available"  # to colleagues
        assert await asyncio.to_thread(company.referred, ENDING) == ""


@pytest.mark.parametrize("how", ["hung", "killed"])
async def test_calls_are_right_and_what_is_dialled_is_taken_over_later(
    spoken: Spoken, company: Company, how: str
) -> None:
    async with gone(company, how) as end:
        await is_told(spoken, LONG, *TOLD)
        await rings(spoken, AVAILABLE)

        async with spoken.call("*23*9%23", DIALLING) as call:
            assert await call.ended() == ["en/own/sick", "en/own/until-further-notice"]
        await is_told(spoken, DIALLING, TOLD[0], "en/unavailable-today")

        await until(lambda: datetime.now(UTC) > end)
        await rings(spoken, ENDING)
        assert company.lit() == {LONG, ENDING}, "somebody told the switchboard"
        assert spoken.database()[f"/backsoon-hand/{DIALLING}"].split("~")[6] == "not_available"
    assert f":{int(end.timestamp())}:" not in company.written(ENDING)
    await rings(spoken, ENDING)
    await rings(spoken, AVAILABLE)
    await is_told(spoken, LONG, *TOLD)
    await is_told(spoken, DIALLING, TOLD[0], "en/unavailable-today")


async def test_the_number_in_an_entry_rings(company: Company, spoken: Spoken) -> None:
    now = datetime.now(UTC)
    company.meeting(ENDING, now - timedelta(hours=1), now + timedelta(hours=1), f"m: >{AVAILABLE} Budget")
    with ExitStack() as after:
        await asyncio.to_thread(after.enter_context, company.running())
        await until(lambda: f":{AVAILABLE}" in company.written(ENDING))
    async with spoken.phones() as phones:
        heard = await spoken.heard(ENDING)
        assert phones.rung == [AVAILABLE], heard
