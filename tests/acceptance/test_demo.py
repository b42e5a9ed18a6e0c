"""The demonstration as a process: it says whether it did its work, and leaves nothing behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.commands import DEADLINE, PROGRAM, Shell
from tests.peers import require_peer


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="backsoon-") as folder:
        yield Path(folder)


@contextmanager
def demonstration(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """One with a folder of its own for what is temporary, and the peers' Radicale."""
    radicale = require_peer("caldav") / "bin" / "radicale"
    command = [*PROGRAM, "demo", "--radicale", str(radicale), *options]
    process = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(folder), "TZ": "UTC"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listening_to_ctrl_c,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(DEADLINE)


def listening_to_ctrl_c() -> None:
    """A shell has what it runs in the background ignore it, and what that runs as well."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_it_books_an_entry_and_tells_whether_it_referred_and_released(short: Path) -> None:
    with demonstration(short, "--seconds", "5", "--json") as process:
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    changes = [json.loads(line) for line in out.splitlines()]
    mine = [c["availability"]["state"] for c in changes if c["person"]["name"] == "Anna Berg"]
    assert mine[-2:] == ["referred", "available"]
    assert all(c["lateness_ms"] >= 0 for c in changes)
    assert list(short.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_when_it_is_ended(short: Path, number: signal.Signals) -> None:
    with demonstration(short, "--seconds", "600", "--json") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        radicale = children(process.pid)
        assert radicale
        process.send_signal(number)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert list(short.iterdir()) == []
    assert not [pid for pid in radicale if Path(f"/proc/{pid}").exists()]


def test_two_at_once_do_not_forget_each_other(short: Path) -> None:
    with demonstration(short, "--seconds", "600", "--json") as first:
        assert first.stdout is not None
        assert first.stdout.readline()
        with demonstration(short, "--seconds", "600", "--json") as second:
            assert second.stdout is not None
            assert second.stdout.readline()
            first.terminate()
            first.communicate(timeout=DEADLINE)
            shell = Shell(short, {"TMPDIR": str(short)})
            assert "Booked for Bo Ek" in shell("demo", "book", "bo", "l: Soup", "--in", "1h").err
            assert "name one of anna" in shell("demo", "book", "nobody", "l: Soup", status=1).err
            second.terminate()
            second.communicate(timeout=DEADLINE)
    assert "no demonstration runs" in Shell(short, {"TMPDIR": str(short)})("demo", "book", "bo", "x", status=1).err


def children(parent: int) -> list[int]:
    """The processes that it started."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        if text.strip():
            return [int(pid) for pid in text.split()]
        time.sleep(0.05)
    return []
