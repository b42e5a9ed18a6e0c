"""The examples of docs/api.md, as whoever pastes them meets them."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.commands import PROGRAM, Shell
from tools.ports import free_port

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"^```sh ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROLES = {"": "administrator", "attendant": "attendant", "switchboard": "switchboard"}


def blocks() -> list[tuple[str, str]]:
    """Each block of examples with the role that may do it."""
    return BLOCK.findall(GUIDE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shell, dict[str, str]]]:
    """A Backsoon on the network, and what the guide's variables are there."""
    shell = Shell(tmp_path_factory.mktemp("guide"))
    shell.settings()
    shell("people", "add", "101", "Anna Berg", "--email", "anna@example.com", "--department", "Sales")
    port = free_port()
    shell.environment["BACKSOON_API__LISTEN"] = f"127.0.0.1:{port}"
    where = {"API": f"http://127.0.0.1:{port}/api/v1", "PATH": f"{shell.folder}:{os.environ['PATH']}"}
    program = shell.folder / "backsoon"
    program.write_text(f"#!/bin/sh\nexec {PROGRAM[0]} {PROGRAM[1]} '{PROGRAM[2]}' \"$@\"\n")
    program.chmod(0o755)
    with shell.running():
        yield shell, where


def test_there_are_examples() -> None:
    assert len([kind for kind, _ in blocks() if kind != "setup"]) >= 6
    assert {kind for kind, _ in blocks()} == {"setup", *ROLES}


@pytest.mark.parametrize(("kind", "text"), [block for block in blocks() if block[0] != "setup"])
def test_an_example_does_what_it_says(running: tuple[Shell, dict[str, str]], kind: str, text: str) -> None:
    shell, where = running
    token = shell("tokens", "add", kind or "example", "--role", ROLES[kind]).out.strip()
    script = 'curl() { command curl --fail-with-body --silent --show-error "$@"; }\n' + text
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        env={**os.environ, **where, "AUTH": f"Authorization: Bearer {token}"},
        cwd=shell.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_the_setup_makes_a_token(running: tuple[Shell, dict[str, str]]) -> None:
    shell, where = running
    (setup,) = (text for kind, text in blocks() if kind == "setup")
    done = subprocess.run(
        ["bash", "-eu", "-c", f'{setup}\nAPI={where["API"]}\ncurl -s --fail -H "$AUTH" $API/people/101'],
        env={**os.environ, **where},
        cwd=shell.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Anna Berg" in done.stdout, done.stderr
