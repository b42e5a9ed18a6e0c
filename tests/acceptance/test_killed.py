"""`backsoon run` killed at random moments, with a real Asterisk: nothing that was set by hand is lost, and it heals."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backsoon.commands.remote import Refused, Remote, Unanswered, answers
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


BY_HAND = [str(number) for number in range(3101, 3107)]
DEATHS = 8


class Hand(threading.Thread):
    """Somebody who refers a person and takes it back, over and over, until nobody answers any more.

    `said` is what was acknowledged last: the note of a referral, "" for available; `asking` what was not answered yet.
    """

    def __init__(self, company: Company, extension: str, seed: int, said: str, *, by_command: bool) -> None:
        super().__init__()
        self._company, self._extension, self._by_command = company, extension, by_command
        self._chance = random.Random(seed)
        self.said, self.asking = said, said
        self.acknowledged = 0

    def run(self) -> None:
        """Until Backsoon dies."""
        while True:
            back = self._chance.random() < 0.3
            self.asking = "" if back else f"{self._extension} {self._chance.random()}"
            try:
                self._by_cli() if self._by_command else asyncio.run(self._by_api())
            except (Unanswered, Refused):
                return
            self.said = self.asking
            self.acknowledged += 1

    async def _by_api(self) -> None:
        remote = Remote(self._company.socket)
        if not self.asking:
            await remote.back(self._extension, "acme")
        else:
            reason = self._chance.choice(["lunch", "sick", "gone_for_the_day"])
            await remote.refer(self._extension, "acme", reason, note=self.asking)

    def _by_cli(self) -> None:
        command = (
            ["refer", self._extension, "lunch", "--note", self.asking] if self.asking else ["back", self._extension]
        )
        done = self._company.backsoon(*command)
        if done.returncode != 0 or "is not running" in done.stderr:
            # Nobody answered, or it set it itself, in the store, once nothing ran any more: then it counts.
            self.said = self.asking if done.returncode == 0 else self.said
            raise Unanswered("it is dead")


def test_killed_while_six_people_are_referred_by_hand_it_keeps_all_that_was_acknowledged(
    tmp_path: Path, asterisk: Asterisk
) -> None:
    chance = random.Random(20261123)
    company = Company(tmp_path, asterisk)
    rows = "".join(f"{e},Person {e}\n" for e in BY_HAND)
    (tmp_path / "people.csv").write_text(f"extension,name\n{rows}")
    assert company.backsoon("apply", "--yes").returncode == 0
    assert company.backsoon("people", "import", str(tmp_path / "people.csv")).returncode == 0

    said = dict.fromkeys(BY_HAND, "")
    acknowledged = 0
    for death in range(DEATHS):
        hands = [
            Hand(company, extension, 100 * death + n, said[extension], by_command=n == 0)
            for n, extension in enumerate(BY_HAND)
        ]
        with company.running():
            for hand in hands:
                hand.start()
            time.sleep(chance.uniform(0.1, 1.2))
        for hand in hands:
            hand.join()
            acknowledged += hand.acknowledged
        with company.running():
            for extension, hand in zip(BY_HAND, hands, strict=True):
                found = asyncio.run(Remote(company.socket).show(extension, "acme"))["availability"]
                assert (found["note"] or "") in {hand.said, hand.asking}, f"death {death}: {found}"
                assert (found["state"] == "referred") == bool(found["note"])
                said[extension] = found["note"] or ""
    assert acknowledged > 10 * DEATHS

    with company.running():
        wait_until(lambda: lit(asterisk) & set(BY_HAND) == {e for e, note in said.items() if note}, 20)
