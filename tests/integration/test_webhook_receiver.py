"""The receiver of the guide, run as it stands there, told by a whole Backsoon: processes, restarted and killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.commands import SETTINGS, Shell, now_event
from tests.webhook_receiver import SECRET
from tools.ports import free_port

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "webhooks.md"


def code_of_the_guide() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return str(code)


class Company:
    """People with calendars in files, and the receiver of the guide."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.shell = Shell(folder, {"WEBHOOK_SECRET": SECRET})
        (folder / "receiver.py").write_text(code_of_the_guide())
        desk = f'[switchboards.desk]\nkind = "webhook"\nurl = "http://127.0.0.1:{self.port}/"\n'
        desk += 'secret = "env:WEBHOOK_SECRET"\ninternal_hosts = ["127.0.0.1"]\n'
        self.shell.settings(SETTINGS + desk)
        rows = [f"{n},Person {n},p{n}@example.com,{folder}/{n}.ics" for n in (1001, 1002, 1003)]
        (folder / "people.csv").write_text("\n".join(["extension,name,email,calendar", *rows]) + "\n")
        for n in (1001, 1002, 1003):
            self.shell.feed(f"{n}.ics")

    @contextmanager
    def receiver(self) -> Iterator[subprocess.Popen[bytes]]:
        """The receiver, until the context ends."""
        environment = {**os.environ, "WEBHOOK_SECRET": SECRET}
        with (self.folder / "receiver.log").open("ab") as log:
            command = [sys.executable, "receiver.py", str(self.port)]
            process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
            try:
                self.shell.until(self.listens)
                yield process
            finally:
                process.kill()
                process.wait()

    def listens(self) -> bool:
        """Whether somebody does at the receiver's port."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def people(self) -> dict[str, Any]:
        """What the receiver knows."""
        path = self.folder / "people.json"
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return known

    def knows(self, **states: str) -> None:
        """Wait until the receiver knows these states or reasons (`p1001="meeting"`)."""

        def it_does() -> bool:
            known = self.people()
            said = {f"p{e}": data["reason"] or data["state"] for e, data in known.items()}
            return all(said.get(who) == state for who, state in states.items())

        self.shell.until(it_does)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


def test_it_is_20_lines() -> None:
    lines = [line for line in code_of_the_guide().splitlines() if line.strip()]
    imports = [line for line in lines if line.startswith(("import", "from"))]
    assert len(lines) - len(imports) <= 20


def test_it_knows_what_holds_through_restarts_of_either_side(company: Company) -> None:
    """Calendars, referrals by hand, the receiver killed, Backsoon killed, changes while either is away."""
    shell = company.shell
    shell.feed("1001.ics", now_event("u1", "m: Budget // Zqhidden"), now_event("u2", "Zqprivate dinner"))
    shell("apply", "--yes")
    shell("people", "import", "people.csv")
    with company.receiver():
        assert "took a signed test message" in shell("check").out
        with shell.running():
            company.knows(p1001="meeting")
            anna = company.people()["1001"]
            assert (anna["state"], anna["name"], anna["email"]) == ("referred", "Person 1001", "p1001@example.com")
            shell("refer", "1002", "lunch")
            company.knows(p1002="lunch")
            shell("back", "1002")
            company.knows(p1002="available")
        versions = {e: data["version"] for e, data in company.people().items()}
        with shell.running() as process:  # stopped and started
            shell("refer", "1002", "lunch")
            company.knows(p1001="meeting", p1002="lunch")
            assert company.people()["1002"]["version"] > versions["1002"]
            assert company.people()["1001"]["version"] >= versions["1001"]
            process.send_signal(signal.SIGKILL)
            process.wait()
    with shell.running():  # the receiver is away, and much changes
        shell("back", "1002")
        shell("refer", "1003", "sick")
        shell("refer", "1003", "lunch")
        with company.receiver() as receiver:
            company.knows(p1001="meeting", p1002="available", p1003="lunch")
            receiver.kill()
            receiver.wait()
            shell("back", "1003")
            with company.receiver():
                company.knows(p1001="meeting", p1002="available", p1003="available")
    for path in company.folder.glob("*.json"):
        assert "Zq" not in path.read_text()
    assert "Zq" not in (company.folder / "run.log").read_text()


def test_it_believes_nobody_else(company: Company) -> None:
    shell = company.shell
    shell("apply", "--yes")
    shell("people", "import", "people.csv")
    with company.receiver():
        shell.environment["WEBHOOK_SECRET"] = "another secret than the receiver's"
        assert "401" in shell("check", status=1).out
        with shell.running():
            shell("refer", "1001", "lunch")
            shell.until(lambda: "401" in shell("health", status=1).out)
        assert company.people() == {}
        shell.environment["WEBHOOK_SECRET"] = SECRET
        with shell.running():
            company.knows(p1001="lunch")
