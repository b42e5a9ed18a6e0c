"""A simulated vendor as a process of its own, whose processor time is not the reader's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Served:
    """A simulator at work: its port, and what it says about itself (`python -m tests.simulators.NAME`)."""

    process: subprocess.Popen[str]
    port: int
    told: dict[str, Any]

    def order(self, what: dict[str, Any]) -> None:
        """Have it do something that it answers nothing to."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def ask(self, what: dict[str, Any]) -> Any:
        """Have it do something, and what it answers."""
        assert self.process.stdout is not None
        self.order(what)
        return json.loads(self.process.stdout.readline())


@contextmanager
def served(name: str, arguments: Sequence[str]) -> Iterator[Served]:
    """The simulator of that name; its first line is its port, the second JSON. It ends with its stdin."""
    command = [sys.executable, "-m", f"tests.simulators.{name}", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            yield Served(process, port, json.loads(process.stdout.readline()))
        finally:
            process.terminate()
