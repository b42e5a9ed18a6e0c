"""`backsoon why` and `health` as processes, beside a running Backsoon and without one."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.commands import SETTINGS, Shell, now_event

PEOPLE = """extension,name,email,calendar
101,Anna Berg,anna@example.com,{folder}/anna.ics
102,Bo Ek,bo@example.com,{folder}/bo.ics
"""


@pytest.fixture
def shell() -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="backsoon-") as folder:  # the path of a socket must be short
        made = Shell(Path(folder))
        made.settings()
        made.feed("anna.ics", now_event("u1", "Zebra m: x"), now_event("u2", "l; soup"))
        made.feed("bo.ics", now_event("u3", "m: Budget"))
        (made.folder / "people.csv").write_text(PEOPLE.format(folder=made.folder))
        yield made


@pytest.fixture
def read(shell: Shell) -> Shell:
    """A shell whose calendars were read by a Backsoon that has ended."""
    with shell.running():
        shell("people", "import", "people.csv")
        shell.until(lambda: shell("why", "102", "--json").json["winner"] is not None)
        shell.until(lambda: shell("why", "101", "--json").json["passed_over"])
    return shell


@pytest.mark.parametrize("running", [True, False])
def test_why_somebody_is_available_with_a_keyword_in_second_place(read: Shell, running: bool) -> None:
    with read.running() if running else nullcontext():
        why = read("why", "anna@example.com")
        lines = why.out.splitlines()
        assert lines[0] == "Anna Berg (101) now: Available (At lunch)."
        assert any("has keyword m, but further on: it must be the first word." in line for line in lines)
        assert any("(At lunch) informs only" in line for line in lines)
        assert all(line.startswith("  ") for line in lines[1:])
        bo = read("why", "102", "--json").json
        assert (bo["winner"]["uid"], bo["winner"]["keyword"], bo["tense"]) == ("u3", "m", "present")
    assert "Zebra" not in why.out + (read.folder / "run.log").read_text()


def test_why_at_other_times(read: Shell) -> None:
    with read.running():
        read("refer", "102", "lunch", "--for", "1h")
        read("back", "102")
        now = datetime.now(UTC)
        tomorrow = read("why", "102", "--at", (now + timedelta(days=1)).isoformat(), "--json").json
        assert (tomorrow["tense"], tomorrow["winner"]) == ("coming", None)
        past = read("why", "102", "--at", (now - timedelta(days=20)).isoformat()).out
        assert "as recorded: Available." in past.splitlines()[0]
        gone = read("why", "102", "--at", (now - timedelta(days=31)).isoformat(), status=1)
        assert "is not kept any more; ask about an instant of the last 30 days" in gone.err
        assert "cannot be read as a time" in read("why", "102", "--at", "soon", status=1).err
        assert "nobody has the extension" in read("why", "nobody", status=1).err


def test_health_says_what_is_wrong_by_its_exit_status(shell: Shell) -> None:
    stopped = shell("health", status=2)
    assert stopped.out.startswith("error: Backsoon is not running: nothing answers at ")
    assert "see whether `backsoon run` is running" in stopped.out
    down = shell("health", "--json", status=2).json
    assert (down["running"], down["well"]) == (False, False)
    assert "no such settings file" in shell("health", "--config", "none.toml", status=3).out
    with shell.running():
        shell("people", "import", "people.csv")
        shell.until(lambda: shell("show", "102", "--json").json["confirmed_at"])
        shell.until(lambda: shell("show", "101", "--json").json["confirmed_at"])
        assert shell("health").out == "well: 2 people, 2 calendars, 0 switchboards\n"
        assert shell("health", "--json").json["well"] is True
        (shell.folder / "bo.ics").unlink()
        shell("sync", "102")
        shell.until(lambda: shell("show", "102", "--json").json["problems"])
        sick = shell("health", status=1)
        (line,) = sick.out.splitlines()
        assert line.startswith("error: the calendar of 102 at feeds cannot be read since ")
        assert line.endswith("; check the calendar's address")
        assert "Bo" not in sick.out
        found = shell("health", "--json", status=1).json
        assert (found["running"], found["findings"][0]["count"]) == (True, 1)
        nowhere = shell("health", "--organisation", "nowhere", status=3).out
        assert nowhere.startswith("error: there is no organisation 'nowhere'; the settings have its id")


def test_a_switchboard_that_does_not_answer_is_told_with_its_remedy(shell: Shell) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    (shell.folder / "secret").write_text("x")
    shell.settings(
        f'{SETTINGS}\n[switchboards.pbx]\nkind = "asterisk"\nport = {port}\nusername = "u"\nsecret = "file:secret"\n'
    )
    with shell.running():
        shell.until(lambda: shell("health", status=1).out.count(": ") > 1)  # it tried, and knows why
        (line,) = shell("health", status=1).out.splitlines()
    assert line.startswith("error: switchboard pbx is not connected since ")
    assert ";" in line


def test_of_several_organisations_each_line_says_whose_it_is(shell: Shell) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    (shell.folder / "secret").write_text("x")
    one = '[organisations.{0}]\nname = "{0}"\nzone = "UTC"\n[organisations.{0}.calendars.feeds]\nkind = "ics"\n'
    pbx = f'kind = "asterisk"\nport = {port}\nusername = "u"\nsecret = "file:secret"\n'
    shell.settings(one.format("acme") + one.format("bolt") + f"[organisations.bolt.switchboards.pbx]\n{pbx}")
    lines = shell("check", status=1).out.splitlines()
    assert any(line.startswith("error   switchboard pbx of bolt: ") for line in lines), lines
    for name in ("acme", "bolt"):
        assert f"warning calendars feeds of {name}: no person has a calendar" in "\n".join(lines)
    with shell.running():
        shell.until(lambda: shell("health", status=1).out.count(": ") > 2)
        (line,) = shell("health", status=1).out.splitlines()
    assert line.startswith("error: bolt: switchboard pbx is not connected since ")


def test_one_that_hangs_is_down(shell: Shell) -> None:
    with shell.running() as process:
        process.send_signal(signal.SIGSTOP)
        try:
            hung = shell("health", "--patience", "0.5", "--json", status=2)
        finally:
            process.send_signal(signal.SIGCONT)
    assert "no answer" in json.loads(hung.out)["problem"]


def test_what_is_not_confirmed_is_said_by_every_face(read: Shell) -> None:
    with sqlite3.connect(read.folder / "backsoon-data" / "backsoon.db") as database:
        database.execute("update calendar set confirmed_at = confirmed_at - 3600 * 1000000")
    database.close()
    said = "not confirmed since "
    assert said in read("show", "102").out
    assert read("board", "--once").out.count(said) == 2
    assert "The calendar is not confirmed since " in read("why", "102").out
    row = read("board", "--json").json["rows"][0]
    assert row["unconfirmed_since"] == row["confirmed_at"]
