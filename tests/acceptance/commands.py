"""The commands as their user types them: processes, with a settings file in a folder of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backsoon.commands.remote import answers

PROGRAM = [sys.executable, "-c", "from backsoon.cli import main; main()"]
DEADLINE = 60.0
NO_NETWORK = {"BACKSOON_API__LISTEN": ""}
"""Tests that run at the same time must not meet: only the socket, in a folder of their own."""
SETTINGS = """
log_level = "debug"
[organisation]
name = "Acme"
zone = "Europe/Oslo"
working_hours = "around the clock"
[calendars.feeds]
kind = "ics"
"""


@dataclass
class Done:
    """What came of a command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@dataclass
class Shell:
    """A folder in which commands are typed."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path, status: int = 0, given: str = "") -> Done:
        """Run a command to its end; its exit status must be `status`."""
        done = subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            cwd=self.folder,
            env=self._environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Done(done.returncode, done.stdout, done.stderr)

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("BACKSOON_")}
        return {**kept, "TZ": "UTC", "COLUMNS": "200", **NO_NETWORK, **self.environment}

    def settings(self, text: str = SETTINGS) -> None:
        """Write the settings file."""
        (self.folder / "backsoon.toml").write_text(text)

    def feed(self, name: str, *events: str) -> Path:
        """Write a calendar file."""
        path = self.folder / name
        path.write_bytes(calendar(*events))
        return path

    @property
    def socket(self) -> Path:
        """Where a Backsoon of these settings answers."""
        return self.folder / "backsoon-data" / "backsoon.sock"

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """`backsoon run`, until the context ends; its log is in `run.log`."""
        with (self.folder / "run.log").open("a") as log:
            process = subprocess.Popen(
                [*PROGRAM, "run"], cwd=self.folder, env=self._environment(), stdout=log, stderr=log, text=True
            )
            try:
                self.until(lambda: answers(self.socket) or process.poll() is not None)
                assert process.poll() is None, (self.folder / "run.log").read_text()
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(DEADLINE)
                finally:
                    process.kill()

    def until(self, holds: Any) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + DEADLINE
        while not holds():
            assert time.monotonic() < deadline, "it never came to hold"
            time.sleep(0.05)


def event(uid: str, start: str, end: str, subject: str, *more: str) -> str:
    """A VEVENT; times as RFC 5545 has them."""
    lines = [f"UID:{uid}", "DTSTAMP:20260101T000000Z", f"DTSTART{start}", f"DTEND{end}", f"SUMMARY:{subject}", *more]
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def now_event(uid: str, subject: str, minutes: int = 60) -> str:
    """A VEVENT that began an hour ago and ends so many minutes from now."""
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=1), now + timedelta(minutes=minutes)
    return event(uid, f":{start:%Y%m%dT%H%M%SZ}", f":{end:%Y%m%dT%H%M%SZ}", subject)


def calendar(*events: str) -> bytes:
    """An iCalendar file."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Test//Test//EN"]
    return ("\r\n".join([*head, *events, "END:VCALENDAR"]) + "\r\n").encode()
