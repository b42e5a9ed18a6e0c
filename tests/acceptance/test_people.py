"""Taking people in and out as its user does: from a file, a directory, a switchboard; Backsoon running or stopped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest

from tests.acceptance.commands import Shell
from tests.asterisk_server import ACCOUNT
from tests.peers import require_peer
from tools.peers.asterisk_server import AsteriskSettings as ServerSettings
from tools.peers.asterisk_server import ManagerAccount, PrivateAsterisk
from tools.peers.slapd import PEOPLE, READER, READER_PASSWORD, PrivateSlapd, person

SETTINGS = """
[organisation]
name = "Acme"
zone = "Europe/Oslo"
working_hours = "around the clock"
[calendars.main]
kind = "ics"
url = "/nowhere/{user}.ics"
"""
DIRECTORY = """
[directories.staff]
kind = "ldap"
url = "ldap://127.0.0.1:@PORT@"
start_tls = true
ca_file = "@CA@"
username = "@READER@"
password = "file:ldap.secret"
base = "@BASE@"
page_size = 10
"""
SWITCHBOARD = """
[switchboards.@NAME@]
kind = "asterisk"
host = "127.0.0.1"
port = @PORT@
username = "backsoon"
secret = "env:ASTERISK_SECRET"
extensions = "1[0-9]{3}"
"""
STAFF = [
    person(f"p{n}", f"Person {n}", displayName=f"Person {n}", telephoneNumber=str(1000 + n), mail=f"p{n}@example.com")
    for n in range(30)
]
PHONE = """[@N@]
type = endpoint
context = unused
aors = @N@
callerid = "Phone @N@" <@N@>
[@N@]
type = aor
max_contacts = 1
"""
VOICEMAIL = "[general]\nformat = wav\n[default]\n1001 => 1234,Anna Berg,anna@example.com\n"


def filled(text: str, **values: object) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


@pytest.fixture
def shell() -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="backsoon-") as folder:  # the path of a socket must be short
        made = Shell(Path(folder), {"ASTERISK_SECRET": ACCOUNT.secret})
        made.settings(SETTINGS)
        yield made


@pytest.fixture(params=["running", "not running"])
def backsoon(shell: Shell, request: pytest.FixtureRequest) -> Iterator[Shell]:
    """A shell, beside a running Backsoon or none."""
    shell("apply", "--yes")
    with shell.running() if request.param == "running" else nullcontext():
        yield shell


def add_directory(shell: Shell, server: PrivateSlapd, name: str = "staff") -> None:
    """Into the settings; nobody applies it."""
    values = {"PORT": server.port, "CA": server.ca_file, "READER": READER, "BASE": PEOPLE}
    text = (shell.folder / "backsoon.toml").read_text() + filled(DIRECTORY, **values).replace("staff", name)
    shell.settings(text)
    (shell.folder / "ldap.secret").write_text(READER_PASSWORD)


def names(shell: Shell) -> dict[str, str]:
    return {p["extension"]: p["name"] for p in shell("people", "list", "--json").json}


def test_everybody_in_a_directory(backsoon: Shell) -> None:
    shell = backsoon
    nobody = shell("people", "import", "--from", "ldap", status=1)
    assert "there is no 'ldap' to list people; known are none" in nobody.err
    with PrivateSlapd(
        require_peer("ldap"), [*STAFF, person("fax", "Fax Machine", telephoneNumber="+46 8 1")]
    ) as server:
        add_directory(shell, server)
        dry = shell("people", "import", "--from", "ldap", "--dry-run")
        assert dry.out == "30 added, 0 changed, 0 unchanged, 1 left out (nothing was stored)\n"
        assert "left out: uid=fax,ou=people,dc=example,dc=com: telephoneNumber '+46 8 1' is no extension" in dry.err
        assert "ok      directory staff: read; 30 people, 1 left out\n" in shell("check").out
        assert names(shell) == {}
        assert shell("people", "import", "--from", "ldap:staff", "--json").json["added"] == 30
        assert shell("people", "import", "--from", "ldap").out.startswith("0 added, 0 changed, 30 unchanged")
        assert shell("show", "p7@example.com", "--json").json["calendars"] == 1  # everybody's, from the start
        shell("people", "off", "p7@example.com")
        shell("people", "add", "2000", "Not In The Directory")
        again = shell("people", "import", "--from", "ldap", "--prune")
        assert "30 unchanged, 1 removed, 1 kept switched off" in again.out
        assert "removed: Not In The Directory (2000)" in again.out
        (shell.folder / "ldap.secret").write_text("wrong")
        refused = shell("people", "import", "--from", "ldap", "--prune", "--force", status=1)
        assert "ldap:staff: 127.0.0.1 refused the account" in refused.err
        (shell.folder / "ldap.secret").write_text(READER_PASSWORD)
        server.kill()
        down = shell("people", "import", "--from", "ldap", "--prune", "--force", status=1)
        assert "ldap:staff: 127.0.0.1: " in down.err
        assert "see whether the directory answers" in down.err
    assert len(names(shell)) == 30
    with PrivateSlapd(require_peer("ldap"), STAFF[:9]) as fewer:
        shell.settings(SETTINGS)
        add_directory(shell, fewer)
        doubtful = shell("people", "import", "--from", "ldap", "--prune", status=1)
        assert "9 people are listed where there were 30" in doubtful.err
        assert "--force" in doubtful.err
        assert len(names(shell)) == 30
        forced = shell("people", "import", "--from", "ldap", "--prune", "--force", "--json").json
        assert (forced["removed"], len(forced["gone"])) == (21, 21)
    assert len(names(shell)) == 9
    left = shell("people", "list", "--json").json
    assert [p["extension"] for p in left if not p["active"]] == ["1007"]


def test_everybody_at_two_switchboards(backsoon: Shell) -> None:
    shell = backsoon
    accounts = {ACCOUNT.username: ManagerAccount(ACCOUNT.secret)}
    first = "".join(filled(PHONE, N=n) for n in ("1001", "1002", "trunk"))
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(
                PrivateAsterisk(
                    require_peer("asterisk"), ServerSettings("", accounts, pjsip=pjsip, voicemail=VOICEMAIL)
                )
            )
            for pjsip in (first, filled(PHONE, N="1003"))
        )
        boards = filled(SWITCHBOARD, NAME="a", PORT=one.ami_port) + filled(SWITCHBOARD, NAME="b", PORT=other.ami_port)
        shell.settings(SETTINGS + boards)
        done = shell("people", "import", "--from", "asterisk")
        assert done.out == "3 added, 0 changed, 0 unchanged, 1 left out\n"
        assert names(shell) == {"1001": "Anna Berg", "1002": "Phone 1002", "1003": "Phone 1003"}
        assert shell("show", "1001", "--json").json["person"]["email"] == "anna@example.com"
        part = shell("people", "import", "--from", "asterisk:a", "--prune", status=1)
        assert "1 people would be taken out, but who is at b is not listed" in part.err
        other.kill()
        down = shell("people", "import", "--from", "asterisk", "--prune", status=1)
        assert "asterisk:b: 127.0.0.1 port" in down.err
        assert len(names(shell)) == 3


def test_an_extension_that_passes_on(backsoon: Shell) -> None:
    shell = backsoon
    shell("people", "add", "1001", "Anna Berg", "--email", "anna@example.com", "--keywords", "x=lunch")
    shell("refer", "1001", "lunch", "--for", "30m", "--note", "with Bo")
    before = shell("show", "1001", "--json").json["person"]
    done = shell("people", "add", "1001", "Eva Falk", "--email", "eva@example.com")
    assert done.out == "1 added, 0 changed, 0 unchanged, 1 replaced\nreplaced: Anna Berg (1001) by Eva Falk\n"
    after = shell("show", "1001", "--json").json
    assert after["availability"]["state"] == "available"
    assert after["person"]["id"] != before["id"]
    assert not after["person"]["keywords"]
    assert "Eva Falk" not in shell("show", "anna@example.com", status=1).out
    shell("people", "add", "1001", "Eva Larsson", "--email", "eva@example.com")
    shell("people", "add", "1001", "Eva Larsson Falk", "--rename")
    assert shell("show", "1001", "--json").json["person"]["id"] == after["person"]["id"]


def test_somebody_is_switched_off_and_on_and_taken_out(backsoon: Shell) -> None:
    shell = backsoon
    (shell.folder / "people.csv").write_text("extension,name,active\n1001,Anna Berg,\n1002,Bo Ek,\n")
    shell("people", "import", "people.csv")
    assert shell("people", "off", "Anna Berg").out == "Anna Berg (1001) is switched off\n"
    assert shell("people", "import", "people.csv").out == "0 added, 0 changed, 2 unchanged, 1 kept switched off\n"
    assert shell("people", "list").out.splitlines()[0].endswith("no")
    assert shell("people", "on", "1001", "--json").json == {"extension": "1001", "name": "Anna Berg", "active": True}
    assert shell("people", "list").out.splitlines()[0].endswith("yes")
    assert shell("people", "remove", "Bo").out == "removed Bo Ek (1002)\n"
    assert names(shell) == {"1001": "Anna Berg"}
    assert "nobody has" in shell("people", "remove", "Bo", status=1).err
    (shell.folder / "broken.csv").write_text("extension,name\n1001,Anna,too,many\n")
    assert "nobody knows whom they mean" in shell("people", "import", "broken.csv", "--prune", status=1).err
    assert names(shell) == {"1001": "Anna Berg"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["people", "import"], "--from asterisk"),
        (["people", "import", "people.csv", "--from", "ldap"], "reads no file"),
    ],
)
def test_what_makes_no_sense(shell: Shell, arguments: list[str], said: str) -> None:
    assert said in shell(*arguments, status=2).err
