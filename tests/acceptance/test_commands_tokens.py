"""`backsoon tokens`, with Backsoon stopped and running, and what a token is worth on the network."""

import getpass
import http.client
import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.commands import Shell
from tools.ports import free_port


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shell.settings()
    return shell


def ask(port: int, path: str, token: str) -> tuple[int, Any]:
    """One request on the network."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def test_made_while_nothing_runs_good_when_it_does(shell: Shell) -> None:
    shell("people", "add", "101", "Anna Berg", "--email", "anna@example.com")
    made = shell("tokens", "add", "console", "--role", "attendant", "--expires-in", "365d")
    token = made.out.strip()
    assert re.fullmatch(r"bsn_[A-Za-z0-9_-]{43}", token), "alone on stdout, for scripts"
    assert "not shown again" in made.err
    assert token not in made.err
    own = shell("tokens", "add", "app", "--role", "person", "--person", "101", "--json").json
    assert own["person"]["name"] == "Anna Berg"
    assert own["created_by"] == getpass.getuser()
    port = free_port()
    shell.environment["BACKSOON_API__LISTEN"] = f"127.0.0.1:{port}"
    with shell.running():
        shell.until(lambda: f"listening on http://127.0.0.1:{port}" in (shell.folder / "run.log").read_text())
        assert ask(port, "/people/101", token)[1]["person"]["name"] == "Anna Berg"
        assert ask(port, "/people/101", own["token"])[0] == 200
        assert ask(port, "/tokens", token)[0] == 403
        shell("tokens", "revoke", "console")
        assert ask(port, "/people/101", token)[0] == 401, "at once"
        another = shell("tokens", "add", "console", "--role", "administrator").out.strip()
        listed = ask(port, "/tokens", another)[1]["tokens"]
        assert [(t["name"], t["created_by"]) for t in listed] == [(n, getpass.getuser()) for n in ("app", "console")]
    assert [t["name"] for t in shell("tokens", "list", "--json").json] == ["app", "console"]
    log = (shell.folder / "run.log").read_text()
    assert not [text for text in (token, own["token"], another) if text in log]


def test_listed_without_what_they_are(shell: Shell) -> None:
    token = shell("tokens", "add", "pbx", "--role", "switchboard").out.strip()
    listed = shell("tokens", "list")
    assert "pbx" in listed.out
    assert "never" in listed.out
    assert re.search(r"\t20\d\d-\d\d-\d\d \d\d:\d\d UTC\t" + getpass.getuser(), listed.out), "when, and by whom"
    assert token not in listed.out + shell("tokens", "list", "--json").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", "x", "--role", "person"], "needs the person"),
        (["add", "x", "--role", "attendant", "--person", "101"], "take the person out"),
        (["add", "x", "--role", "person", "--person", "nobody"], "nobody has"),
        (["add", "x", "--role", "attendant", "--expires-in", "soon"], "cannot be read"),
        (["add", "x", "--role", "attendant", "--expires-in", "99999d"], "cannot be read"),
        (["add", "", "--role", "attendant"], "1 to 64"),
        (["revoke", "7"], "there is no token"),
        (["revoke", "twice"], "2 tokens are called"),
    ],
)
def test_what_is_wrong_is_told(shell: Shell, arguments: list[str], told: str) -> None:
    shell("people", "add", "101", "Anna Berg")
    for _ in range(2):
        shell("tokens", "add", "twice", "--role", "attendant")
    done = shell("tokens", *arguments, status=1)
    assert told in done.err
    with shell.running():
        assert told in shell("tokens", *arguments, status=1).err
