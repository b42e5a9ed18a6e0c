"""`backsoon run` killed at random moments, with a real Asterisk: nothing that was set by hand is lost, and it heals."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backsoon.commands.remote import answers
from tests.asterisk_server import ACCOUNT, Asterisk

pytestmark = pytest.mark.xdist_group("asterisk")

BACKSOON = str(Path(sys.executable).parent / "backsoon")
EXTENSIONS = [str(number) for number in range(2001, 2021)]
ROUNDS = 6

SETTINGS = """
[api]
listen = ""

[organisation]
id = "acme"
name = "Acme"
zone = "UTC"
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


class Company:
    """Twenty people, each with a meeting every few seconds, in files."""

    def __init__(self, folder: Path, asterisk: Asterisk) -> None:
        self.folder = folder
        self.config = folder / "backsoon.toml"
        self.socket = folder / "backsoon-data" / "backsoon.sock"
        (folder / "ami").write_text(ACCOUNT.secret)
        port = asterisk.ami_port
        self.config.write_text(SETTINGS.format(folder=folder, port=port, account=ACCOUNT.username))
        self.meetings = {extension: self._book(extension) for extension in EXTENSIONS}

    def _book(self, extension: str) -> list[tuple[datetime, datetime]]:
        begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5 + int(extension) % 7)
        meetings = [
            (start, start + timedelta(seconds=4 + n % 3))
            for n in range(12)
            for start in [begin + timedelta(seconds=8 * n)]
        ]
        events = "".join(
            f"BEGIN:VEVENT\r\nUID:{extension}-{n}\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:m: Round {n}\r\n"
            f"DTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDTEND:{end:%Y%m%dT%H%M%SZ}\r\nEND:VEVENT\r\n"
            for n, (start, end) in enumerate(meetings)
        )
        text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{events}END:VCALENDAR\r\n"
        (self.folder / f"{extension}.ics").write_text(text)
        return meetings

    def backsoon(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [BACKSOON, *arguments, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """`backsoon run`, from when it answers."""
        log = (self.folder / "log").open("ab")
        process = subprocess.Popen([BACKSOON, "run", "--config", str(self.config)], stdout=log, stderr=log)
        try:
            wait_until(lambda: answers(self.socket), 30)
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            log.close()

    def away(self, at: datetime) -> set[str]:
        """Whose calendar says that they are in a meeting at the instant."""
        return {e for e, spans in self.meetings.items() if any(start <= at < end for start, end in spans)}


def wait_until(holds: object, seconds: float) -> None:
    """Wait until something holds; fails past the deadline."""
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


def lit(asterisk: Asterisk) -> set[str]:
    """The extensions whose lamp is lit."""
    prefix = "CustomDevstate/backsoon-"
    return {key.split(prefix)[1] for key in asterisk.database() if prefix in key}


def test_killed_at_random_moments_it_heals_and_keeps_what_was_set_by_hand(tmp_path: Path, asterisk: Asterisk) -> None:
    chance = random.Random(20261122)
    company = Company(tmp_path, asterisk)
    rows = "".join(f"{e},Person {e}\n" for e in [*EXTENSIONS, "3001", "3002"])
    (tmp_path / "people.csv").write_text(f"extension,name\n{rows}")
    assert company.backsoon("apply", "--yes").returncode == 0
    assert company.backsoon("people", "import", str(tmp_path / "people.csv")).returncode == 0

    by_hand = None
    for round_ in range(ROUNDS):
        with company.running():
            referred = company.backsoon("refer", "3001", ["lunch", "sick"][round_ % 2], "--note", f"round {round_}")
            assert referred.returncode == 0, referred.stderr
            by_hand = f"round {round_}"
            time.sleep(chance.uniform(0, 1.5))
        shown = company.backsoon("show", "3001", "--json")
        assert by_hand in shown.stdout, shown.stderr

    with company.running():
        for _ in range(3):  # at instants when nobody's state changes within the second
            wait_until(lambda: quiet(company), 30)
            now = datetime.now(UTC)
            wait_until(lambda: lit(asterisk) == company.away(datetime.now(UTC)) | {"3001"}, 10)
            wait_until(lambda now=now: datetime.now(UTC) > now + timedelta(seconds=1), 5)
        assert company.backsoon("back", "3001").returncode == 0
        wait_until(lambda: "3001" not in lit(asterisk), 10)


def quiet(company: Company) -> bool:
    """Whether nobody's meeting begins or ends within half a second."""
    now = datetime.now(UTC)
    return company.away(now) == company.away(now + timedelta(seconds=0.5))
