"""The commands as processes, beside a running Backsoon and without one: the same words, the same answers."""

from __future__ import annotations

import io
import json
import os
import pty
import resource
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from backsoon.commands.board import drawn
from backsoon.commands.remote import answers
from tests.acceptance.commands import DEADLINE, PROGRAM, SETTINGS, Shell, now_event

PEOPLE = """extension,name,email,department,keywords,calendar
101,Anna Berg,anna@example.com,Sales,x=lunch,{folder}/anna.ics
102,Bo Ek,bo@example.com,Sales,,
103,Nobody,not an address,,,
1 4,Space,,,,
"""


@pytest.fixture
def shell() -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="backsoon-") as folder:  # the path of a socket must be short
        made = Shell(Path(folder))
        made.settings()
        yield made


@pytest.fixture(params=["running", "not running"])
def backsoon(shell: Shell, request: pytest.FixtureRequest) -> Iterator[Shell]:
    """A shell, beside a running Backsoon or none."""
    if request.param == "not running":
        shell("apply", "--yes")
    with shell.running() if request.param == "running" else nullcontext():
        yield shell


def test_a_day_at_the_switchboard(backsoon: Shell) -> None:
    shell = backsoon
    shell.feed("anna.ics", now_event("u1", "m: Secret handshake"))
    (shell.folder / "people.csv").write_text(PEOPLE.format(folder=shell.folder))

    dry = shell("people", "import", "people.csv", "--dry-run", status=1)
    assert "2 added, 0 changed, 0 unchanged, 2 rejected (nothing was stored)" in dry.out
    done = shell("people", "import", "people.csv", "--json", status=1)
    assert (done.json["added"], [r["row"] for r in done.json["rejected"]]) == (2, [4, 5])
    assert "line 4 (extension 103): email" in done.err
    assert "line 5 (extension 1 4): extension" in done.err
    assert [p["extension"] for p in shell("people", "list", "--json").json] == ["101", "102"]

    referred = shell(
        "refer", "bo@example.com", "lunch", "--for", "30m", "--note", "soup", "--divert", "101", "--json"
    ).json
    assert referred["availability"]["reason"] == "lunch"
    assert referred["override"]["through"] == "cli"
    assert "At lunch, back" in shell("show", "Bo Ek").out
    (anna, bo) = shell("board", "--json").json["rows"]
    assert (bo["availability"]["state"], bo["availability"]["by_hand"], bo["availability"]["note"]) == (
        "referred",
        True,
        "soup",
    )
    assert anna["calendars"] == 1
    assert "◆\t102\tBo Ek" in shell("board", "--once").out
    assert shell("back", "102", "--json").json["availability"]["state"] == "available"

    assert shell("people", "add", "102", "Bo Lind", "--rename", "--inactive", "--json").json["changed"] == 1
    assert [r["person"]["name"] for r in shell("board", "--json").json["rows"]] == ["Anna Berg"]


def test_a_calendar_refers_and_what_is_not_tagged_goes_nowhere(shell: Shell) -> None:
    shell.feed("anna.ics", now_event("u1", "m: Budget // Xylophone"), now_event("u2", "Quetzalcoatl m: x"))
    (shell.folder / "people.csv").write_text(PEOPLE.format(folder=shell.folder))
    with shell.running():
        shell("people", "import", "people.csv", status=1)
        shell("sync", "101", "--whole")
        shell.until(lambda: "In a meeting" in shell("show", "101").out)
        shown = shell("show", "101", "--json").json
        assert (shown["availability"]["note"], shown["entry"]["uid"]) == ("Budget", "u1")
        for audience in ("colleague", "caller", "administrator"):
            seen = shell("show", "101", "--as", audience).out
            assert "In a meeting, back" in seen
            assert "Budget" not in seen
        later = shell("show", "101", "--at", "2027-01-01T12:00", "--json").json
        assert (later["at"], later["availability"]["state"]) == ("2027-01-01T11:00:00Z", "available")
        assert shell("back", "101", "--json").json["override"]["until"] is not None
        assert shell("preview", "101", "--json").json
    kept = b"".join(path.read_bytes() for path in (shell.folder / "backsoon-data").iterdir())
    kept += (shell.folder / "run.log").read_bytes()
    assert b"Budget" in kept, "what is looked for could be found"
    assert b"Quetzalcoatl" not in kept
    assert b"Xylophone" not in kept


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["show", "nobody"], "nobody has the extension"),
        (["show", "Berg"], "may be Anna Berg (101), Bo Berg (102)"),
        (["show", "101", "--at", "soon"], "cannot be read as a time"),
        (["refer", "101", "gone-fishing"], "no reason 'gone-fishing'; known are"),
        (["refer", "101", "lunch", "--for", "ever"], "write 30m"),
        (["refer", "101", "lunch", "--until", "2020-01-01"], "must end after it starts"),
        (["refer", "101", "lunch", "--divert", "1\n2"], "is no number"),
        (["people", "import", "none.csv"], "No such file"),
        (["people", "list", "--config", "none.toml"], "no such settings file"),
        (["asterisk", "dialplan", "--extensions", "x; System(rm)"], "give a dialplan pattern"),
    ],
)
def test_what_cannot_be_done_says_why_on_stderr(backsoon: Shell, arguments: list[str], what: str) -> None:
    backsoon("people", "add", "101", "Anna Berg")
    backsoon("people", "add", "102", "Bo Berg")
    done = backsoon(*arguments, status=1)
    assert what in done.err
    assert done.out == ""


def test_settings_are_shown_before_they_are_applied(backsoon: Shell) -> None:
    shell = backsoon
    assert "nothing differs" in shell("apply", "--yes").err
    shell.settings(SETTINGS.replace('name = "Acme"', 'name = "Acme & Sons"\nmode = "all-busy"'))
    done = shell("apply", "--dry-run")
    assert "~ organisations.main.name: Acme -> Acme & Sons" in done.out
    assert "~ organisations.main.rules.mode: keywords -> all_busy" in done.out
    assert "nobody is there to be asked" in shell("apply", status=1).err
    assert len(shell("apply", "--yes", "--json").json["differences"]) == 2
    assert shell("apply", "--dry-run", "--json").json["differences"] == []
    assert "dialplan" not in done.err
    shell.settings(SETTINGS + '[organisation.reasons.sick]\ndigit = "19"\n')
    assert "print the dialplan again" in shell("apply", "--yes").err
    shell.settings(SETTINGS.replace("Europe/Oslo", "Oslo") + "colour = 3\n")
    done = shell("apply", "--yes", status=1)
    assert "there is no time zone 'Oslo'" in done.err
    assert "colour: is not a setting" in done.err
    shell.settings(SETTINGS.replace('name = "Acme"', 'name = "Acme"\ncountry = "XX"'))
    assert "public holidays of 'XX' are not known" in shell("apply", "--yes", status=1).err


@pytest.mark.parametrize("command", ["run", "check", "board", "apply"])
def test_a_data_folder_that_cannot_be_made_is_told(shell: Shell, command: str) -> None:
    (shell.folder / "file").write_text("")
    shell.settings('data_folder = "file/data"\n' + SETTINGS)
    done = shell(command, status=1)
    assert "file/data: Not a directory; make it writable" in done.err


def test_only_one_runs_and_it_ends_when_told(shell: Shell) -> None:
    data = shell.folder / "backsoon-data"
    data.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(shell.socket))
    assert shell("people", "list", "--json").json == [], "a dead one's socket is no Backsoon"
    with shell.running() as process:
        assert "another Backsoon uses" in shell("run", status=1).err
        assert shell("people", "list", "--json").json == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    assert not shell.socket.exists()
    assert shell("people", "list", "--json").json == []


def test_more_files_may_be_open_than_most_systems_give_at_first(shell: Shell) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    try:
        with shell.running() as process:
            found = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == (min(hard, 65_536), hard)


def test_what_was_set_while_none_ran_counts_at_the_start(shell: Shell) -> None:
    shell("people", "add", "101", "Anna")
    shell("refer", "101", "Sick")
    assert "nothing differs" in shell("apply", "--dry-run").err, "the first command of all applied the settings"
    with shell.running():
        shown = shell("show", "101", "--as", "person", "--json").json
        assert (shown["availability"]["reason"], shown["availability"]["back_at"]) == ("sick", None)
        shell("back", "101")
    assert shell("show", "101", "--json").json["availability"]["state"] == "available"


def test_commands_at_the_same_time_wait_for_each_other(shell: Shell) -> None:
    shell("apply", "--yes")
    several = [
        subprocess.Popen(
            [*PROGRAM, "people", "add", str(number), f"P{number}"], cwd=shell.folder, stdout=subprocess.DEVNULL
        )
        for number in range(101, 105)
    ]
    assert [process.wait(DEADLINE) for process in several] == [0, 0, 0, 0]
    assert len(shell("people", "list", "--json").json) == 4


def test_check_tries_everything_and_says_so_in_a_line_each(shell: Shell) -> None:
    feed = shell.feed("anna.ics", now_event("u1", "m: x"))
    shell("apply", "--yes")
    assert "no person has a calendar there yet" in shell("check").out
    shell("people", "add", "101", "Anna", "--calendar", str(feed))
    lines = shell("check").out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "ok"]
    assert "Anna (101) at feeds: read; 1 entry in the" in lines[1]
    feed.write_text("<html>")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        pbx = f'[switchboards.pbx]\nkind = "asterisk"\nusername = "u"\nsecret = "env:AMI"\nport = {port}\n'
        shell.settings(SETTINGS + pbx)
        assert "AMI" in shell("check", status=1).out, "a secret that is not there is named"
        shell.environment["AMI"] = "hunter2"
        done = shell("check", "--json", status=1)
    found = {one["what"]: one["level"] for one in done.json}
    assert found["calendar of Anna (101) at feeds"] == "error"
    assert found["switchboard pbx"] == "error"
    assert all(one["remedy"] for one in done.json if one["level"] == "error")
    assert "hunter2" not in done.out + done.err


# -- init ------------------------------------------------------------------------------------------------------------


def test_init_without_questions(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.feed("rota.ics", now_event("u1", "m: x"))
    done = shell(
        "init", "--yes", "--name", 'The "Acme" \\ Co', "--zone", "Europe/Oslo", "--country", "NO", "--mode", "all-busy",
        "--busy-phone", "open", "--calendar-kind", "ics", "--calendar-url", "rota.ics", "--json",
    )  # fmt: skip
    assert [one["level"] for one in done.json["tried"]] == ["ok"]
    written = tomllib.loads((tmp_path / "backsoon.toml").read_text())
    assert written["organisation"]["name"] == 'The "Acme" \\ Co'
    assert (written["organisation"]["mode"], written["organisation"]["busy_phone"]) == ("all-busy", "open")
    assert written["calendars"]["main"] == {"kind": "ics", "url": "rota.ics"}
    assert "already" in shell("init", "--yes", status=1).err
    shell("init", "--yes", "--force", "--name", "Other")
    assert shell("apply", "--yes").status == 0


ID = "11111111-2222-3333-4444-555555555555"
GRAPH = ["--calendar-kind", "graph", "--calendar-tenant", "acme.example.com", "--calendar-client-id", ID]


@pytest.mark.parametrize(
    ("options", "table"),
    [
        (
            ["--calendar-kind", "exchange", "--calendar-username", "svc@example.com", "--calendar-password", "env:P"],
            {"kind": "ews", "username": "svc@example.com", "password": "env:P", "access": "impersonation"},
        ),
        (
            [*GRAPH, "--calendar-outside", "ceo@example.com", "--public", "https://backsoon.example.com"],
            {
                "kind": "graph",
                "tenant": "acme.example.com",
                "client_id": ID,
                "certificate": "backsoon.pem",
                "outside": "ceo@example.com",
            },
        ),
        (
            [*GRAPH, "--calendar-client-secret", "credential:graph"],
            {"kind": "graph", "tenant": "acme.example.com", "client_id": ID, "client_secret": "credential:graph"},
        ),
        (
            ["--calendar-kind", "google", "--calendar-access", "delegation"],
            {"kind": "google", "credentials": "google.json", "access": "delegation"},
        ),
    ],
)
def test_init_of_an_account_that_reads_everybody(tmp_path: Path, options: list[str], table: dict[str, str]) -> None:
    shell = Shell(tmp_path, {"BACKSOON_API__LISTEN": "127.0.0.1:0"})
    shell("init", "--yes", "--no-try", *options)
    text = (tmp_path / "backsoon.toml").read_text()
    written = tomllib.loads(text)
    assert written["calendars"]["main"] == table
    assert written.get("api", {}).get("public", "") == ("https://backsoon.example.com" if "--public" in options else "")
    assert "docs/guides/" in text
    shell("apply", "--yes")
    shell("people", "add", "101", "Anna", "--email", "anna@example.com")
    (row,) = shell("board", "--json").json["rows"]
    assert row["calendars"] == 1


def test_init_tries_an_account_and_says_what_is_missing(tmp_path: Path) -> None:
    options = ("--calendar-kind", "google", "--try-email", "anna@example.com")
    done = Shell(tmp_path)("init", "--yes", *options, status=1)
    assert "error   calendars main: " in done.err
    assert "file" in done.err


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--calendar-kind", "graph"], "a tenant is needed"),
        (["--calendar-kind", "ews"], "an account is needed"),
        (["--calendar-kind", "google", "--calendar-access", "all"], "shared, delegation"),
        ([*GRAPH, "--public", "http://backsoon.example.com"], "in the clear"),
        ([*GRAPH, "--calendar-client-secret", "hunter2"], "write env:NAME"),
        (["--zone", "Oslo"], "no time zone 'Oslo'"),
        (["--country", "XX"], "public holidays of 'XX'"),
        (["--mode", "some"], "keywords, all-busy"),
        (["--calendar-kind", "ics"], "an address is needed"),
        (["--calendar-kind", "caldav", "--calendar-url", "https://x/", "--calendar-username", "u",
          "--calendar-password", "hunter2"], "write env:NAME"),
        (["--asterisk-host", "127.0.0.1", "--asterisk-port", "many"], "a port is a number"),
    ],
)  # fmt: skip
def test_init_refuses_what_cannot_be(tmp_path: Path, options: list[str], what: str) -> None:
    done = Shell(tmp_path)("init", "--yes", "--no-try", *options, status=1)
    assert what in done.err
    assert "hunter2" not in done.err
    assert not (tmp_path / "backsoon.toml").exists()


def test_init_writes_and_says_what_failed(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"AMI": "hunter2"})
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = str(nobody.getsockname()[1])
        options = ("--asterisk-host", "127.0.0.1", "--asterisk-port", port, "--asterisk-secret", "env:AMI")
        done = shell("init", "--yes", *options, status=1)
    assert "error   switchboard main" in done.err
    assert "hunter2" not in (tmp_path / "backsoon.toml").read_text() + done.err


def test_init_asks_and_keeps_a_typed_password_out_of_the_settings(tmp_path: Path) -> None:
    calendar = ["ics", "https://127.0.0.1:1/x.ics", "svc", "hunter2", "n"]
    said, status = typed(tmp_path, ["Acme", "Oslo", "Europe/Oslo", "none", "", "keywords", *calendar, "none"])
    assert status == 1, said
    assert "there is no time zone 'Oslo'" in said
    assert "error" in said
    assert "hunter2" not in said
    text = (tmp_path / "backsoon.toml").read_text()
    assert "hunter2" not in text
    kept = tmp_path / "calendar.secret"
    assert kept.read_text() == "hunter2\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert tomllib.loads(text)["calendars"]["main"]["password"] == "file:calendar.secret"


def test_init_asked_again_proposes_what_was_answered(tmp_path: Path) -> None:
    first = ["ics", str(tmp_path / "nowhere.ics"), "none", "y"]
    again = ["", "", "", "n"]
    said, _ = typed(tmp_path, ["Acme", "Europe/Oslo", "none", "", "keywords", *first, *again, "none"])
    assert f"[{tmp_path / 'nowhere.ics'}]" in said
    assert "nowhere.ics" in tomllib.loads((tmp_path / "backsoon.toml").read_text())["calendars"]["main"]["url"]


def typed(folder: Path, answers: list[str]) -> tuple[str, int]:
    """What `init` says on a terminal where these answers are typed, one a question; and its exit status."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "init"], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said = unread = ""
    waiting = iter(answers)
    try:
        while data := read_terminal(ours):
            said, unread = said + data, unread + data
            if unread.endswith(": "):  # not before: a password's echo is off by then
                os.write(ours, f"{next(waiting)}\n".encode())
                unread = ""
        return said, process.wait(DEADLINE)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_terminal(terminal: int) -> str:
    """What a terminal shows next; "" where the other end is closed."""
    ready, _, _ = select.select([terminal], [], [], DEADLINE)
    assert ready, "nothing more is said"
    try:
        return os.read(terminal, 65536).decode(errors="ignore")
    except OSError:  # Linux's word for the end
        return ""


def test_the_dialplan_goes_to_stdout_alone(tmp_path: Path) -> None:
    done = Shell(tmp_path)("asterisk", "dialplan", "--extensions", "_1XXX")
    assert "exten => _1XXX,hint," in done.out
    assert done.err == ""
    assert json.loads(Shell(tmp_path)("asterisk", "dialplan", "--json").out)["dialplan"].startswith(";")


def test_the_dialplan_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    shell, file = Shell(tmp_path), tmp_path / "backsoon.conf"
    dialplan = ("asterisk", "dialplan", "--to", str(file))
    assert shell(*dialplan).out == ""
    printed = shell("asterisk", "dialplan").out
    assert (file.read_text(), file.stat().st_mode & 0o777) == (printed, 0o644)

    file.chmod(0o640)
    (tmp_path / "faulty.toml").write_text("[organisation]\n")
    shell(*dialplan, "--config", str(tmp_path / "faulty.toml"), status=1)
    assert file.read_text() == printed
    shell(*dialplan, "--extensions", "_1XXX")
    assert "exten => _1XXX,hint," in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    nowhere = shell(*dialplan[:3], str(tmp_path / "nowhere" / "backsoon.conf"), status=1)
    assert "No such file or directory; run as an account that may write there" in nowhere.err
    assert {path.name for path in tmp_path.iterdir()} == {"backsoon.conf", "faulty.toml"}


def test_the_dialplan_has_the_star_codes_of_the_organisation(tmp_path: Path) -> None:
    one = tmp_path / "one.toml"
    one.write_text('[organisation]\nname = "A"\nzone = "UTC"\n[organisation.phone]\nprefix = "*7"\n')
    two = tmp_path / "two.toml"
    two.write_text(
        '[organisations.a]\nname = "A"\nzone = "UTC"\n[organisations.b]\nname = "B"\nzone = "UTC"\n'
        '[organisations.b.phone]\ncancel = "*8"\n'
    )
    shell = Shell(tmp_path)
    assert "exten => _*23*.,1," in shell("asterisk", "dialplan").out  # no settings: the usual ones
    assert "exten => _*7.,1," in shell("asterisk", "dialplan", "--config", str(one)).out
    which = shell("asterisk", "dialplan", "--config", str(two), status=1)
    assert "several organisations: name one with --organisation: a, b" in which.err
    assert "exten => *8,1," in shell("asterisk", "dialplan", "--config", str(two), "--organisation", "b").out
    assert (
        "no organisation 'c'"
        in shell("asterisk", "dialplan", "--config", str(two), "--organisation", "c", status=1).err
    )


def test_a_live_board_shows_a_change_by_itself(shell: Shell) -> None:
    with shell.running():
        shell("people", "add", "101", "Anna")
        ours, theirs = pty.openpty()
        board = subprocess.Popen([*PROGRAM, "board"], cwd=shell.folder, stdin=theirs, stdout=theirs, stderr=theirs,
                                 env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"})  # fmt: skip
        os.close(theirs)
        try:
            assert "Available" in seen_until(ours, "Available")
            shell("refer", "101", "lunch")
            assert "◆" in seen_until(ours, "At lunch")
        finally:
            board.terminate()
            board.wait(DEADLINE)
            os.close(ours)


def seen_until(terminal: int, text: str) -> str:
    """What a terminal shows until the text is there."""
    seen = ""
    while text not in seen:
        seen += read_terminal(terminal)
    return seen


def test_the_board_keeps_extensions_whole_where_there_is_little_room() -> None:
    console = Console(width=60, file=io.StringIO())
    shown = {"state": "referred", "words": "In a meeting, back 10:00", "note": "A long note" * 9, "by_hand": False}
    shown |= {"back_at": "2026-11-23T10:00:00Z", "upcoming": None, "informing": []}
    row = {"person": {"extension": "+46812345678", "name": "Anna" * 9, "zone": "UTC"}, "availability": shown}
    row |= {"calendars": 0, "confirmed_at": None, "unconfirmed": None, "problem": None}
    console.print(drawn({"at": "2026-11-23T09:00:00Z", "rows": [row]}))
    said = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    assert "+46812345678" in said
    assert "10:00" in said
    assert len(said.splitlines()) == 3


def test_by_hand_without_a_running_backsoon_it_says_when_switchboards_are_told(backsoon: Shell) -> None:
    backsoon("people", "add", "101", "Anna")
    assert backsoon("people", "add", "1 1", "Bo", status=1).err.startswith("1 1: extension")
    for command in (("refer", "101", "lunch", "--json"), ("back", "101", "--json")):
        done = backsoon(*command)
        assert done.json["person"]["extension"] == "101"
        assert ("told when it starts" in done.err) is not answers(backsoon.socket)


def test_help_names_every_command(tmp_path: Path) -> None:
    said = Shell(tmp_path)("--help").out
    for command in (
        "init",
        "check",
        "run",
        "apply",
        "sync",
        "people",
        "show",
        "why",
        "health",
        "refer",
        "back",
        "board",
        "calendars",
        "asterisk",
        "demo",
    ):
        assert f"\n  {command} " in said
    assert sys.version_info >= (3, 11)
