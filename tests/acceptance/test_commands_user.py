"""`backsoon user`, with Backsoon stopped and running, and what an account is worth on the network."""

from __future__ import annotations

import getpass
import http.client
import json
import os
import pty
import re
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.commands import PROGRAM, Shell
from tools.ports import free_port

PASSWORD = "correct horse battery"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shell.settings()
    return shell


def ask(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, str]:
    """One request of a page, and the session's cookie that the answer set."""
    said = {"Sec-Fetch-Site": "same-origin", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body is not None:
        said["Content-Type"] = "application/json"
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), said)
        response = connection.getresponse()
        cookies = response.msg.get_all("Set-Cookie") or []
        session = next((each.split(";")[0] for each in cookies if each.startswith("__Host-backsoon=")), "")
        return response.status, json.loads(response.read()), session


def test_there_is_no_account_before_somebody_makes_one(shell: Shell) -> None:
    assert shell("user", "list", "--json").json == []


def test_made_while_nothing_runs_good_when_it_does(shell: Shell) -> None:
    shell("people", "add", "101", "Anna Berg", "--email", "anna@example.com")
    (shell.folder / "password").write_text(f"{PASSWORD}\n")
    made = shell(
        "user", "add", "anna", "--role", "administrator", "--role", "person", "--person", "101",
        "--password", "file:password", "--json",
    ).json  # fmt: skip
    assert (made["password"], made["created_by"], made["name"]) == (None, getpass.getuser(), "Anna Berg")
    port = free_port()
    shell.environment["BACKSOON_API__LISTEN"] = f"127.0.0.1:{port}"
    with shell.running():
        shell.until(lambda: f"listening on http://127.0.0.1:{port}" in (shell.folder / "run.log").read_text())
        status, said, cookie = ask(port, "POST", "/session", {"user": "anna", "password": PASSWORD})
        assert (status, said["roles"]) == (200, ["administrator", "person"])
        listed = ask(port, "GET", "/users", Cookie=cookie, Backsoon_Role="administrator")
        assert (listed[0], [user["user"] for user in listed[1]["users"]]) == (200, ["anna"])
        text = shell("user", "password", "anna").out.strip()
        assert re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", text), "alone on stdout"
        assert ask(port, "GET", "/session", Cookie=cookie)[0] == 401, "signed out everywhere"
        assert ask(port, "POST", "/session", {"user": "anna", "password": PASSWORD})[0] == 401
        status, _, cookie = ask(port, "POST", "/session", {"user": "anna", "password": text})
        assert status == 200
        shell("user", "remove", "anna")
        assert ask(port, "GET", "/session", Cookie=cookie)[0] == 401, "at once"
    log = (shell.folder / "run.log").read_text()
    assert "refused, from 127.0.0.1" in log
    assert not [secret for secret in (PASSWORD, text, cookie.partition("=")[2]) if secret in log]
    assert shell("user", "list", "--json").json == []


def test_one_that_is_made_up_is_alone_on_stdout(shell: Shell) -> None:
    made = shell("user", "add", "bo", "--role", "attendant", "--name", "Bo Ek")
    assert re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}\n", made.out)
    assert "not shown again" in made.err
    assert made.out.strip() not in made.err + shell("user", "list").out
    assert "\tbo\tBo Ek\tactive\tattendant\t" in shell("user", "list").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "x"), "not said what they may be"),
        (("add", "x", "--role", "switchboard"), "tokens add"),
        (("add", "x", "--role", "person"), "needs the person"),
        (("add", "a b", "--role", "attendant"), "without blanks"),
        (("add", "x", "--person", "999"), "999"),
        (("add", "x", "--role", "attendant", "--password", "env:NOWHERE"), "NOWHERE"),
        (("add", "x", "--role", "attendant", "--password", "hunter2"), "no reference"),
        (("remove", "nobody"), "no account 'nobody'"),
        (("approve", "nobody", "--role", "attendant"), "no account 'nobody'"),
    ],
)
def test_what_cannot_be_is_said(shell: Shell, arguments: tuple[str, ...], told: str) -> None:
    done = shell("user", *arguments, status=1)
    assert told in done.err
    assert "hunter2" not in done.err
    assert "Traceback" not in done.err


def test_a_short_password_is_refused(shell: Shell) -> None:
    shell.environment["SHORT"] = "hunter2"
    done = shell("user", "add", "x", "--role", "attendant", "--password", "env:SHORT", status=1)
    assert "10 to 256" in done.err
    assert "hunter2" not in done.err


@pytest.mark.parametrize(("again", "status"), [(PASSWORD, 0), ("another one entirely", 1)])
def test_typed_twice_and_not_shown(shell: Shell, again: str, status: int) -> None:
    leader, follower = pty.openpty()
    command = [*PROGRAM, "user", "add", "anna", "--role", "attendant"]
    environment = {**os.environ, **shell.environment, "BACKSOON_API__LISTEN": ""}
    process = subprocess.Popen(
        command, cwd=shell.folder, stdin=follower, stdout=follower, stderr=follower, env=environment,
        start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    said = ""
    deadline = time.monotonic() + 60
    answers = [("Password: ", PASSWORD), ("Again: ", again)]
    while time.monotonic() < deadline:
        try:
            said += os.read(leader, 4096).decode()
        except OSError:  # its end was closed
            break
        if answers and said.endswith(answers[0][0]):
            os.write(leader, f"{answers.pop(0)[1]}\n".encode())
    os.close(leader)
    assert process.wait(20) == status, said
    assert PASSWORD not in said
    assert ("differ" in said) == bool(status)
