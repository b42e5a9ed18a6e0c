"""`backsoon why` beside a real Asterisk: what it was told, and when, in words."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.commands import SETTINGS, Shell, event, now_event
from tests.asterisk_server import ACCOUNT, Asterisk


@pytest.fixture
def shell(asterisk: Asterisk) -> Iterator[Shell]:
    asterisk.forget()
    with tempfile.TemporaryDirectory(prefix="backsoon-") as folder:  # the path of a socket must be short
        made = Shell(Path(folder))
        (made.folder / "secret").write_text(ACCOUNT.secret)
        pbx = (
            f'kind = "asterisk"\nport = {asterisk.ami_port}\nusername = "{ACCOUNT.username}"\nsecret = "file:secret"\n'
        )
        made.settings(f"{SETTINGS}[switchboards.pbx]\n{pbx}")
        yield made
    asterisk.forget()


def tomorrow_event(uid: str, subject: str) -> str:
    """A VEVENT of an hour, a day from now."""
    start = datetime.now(UTC) + timedelta(days=1)
    return event(uid, f":{start:%Y%m%dT%H%M%SZ}", f":{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}", subject)


def test_what_asterisk_was_told_is_said_in_words(shell: Shell) -> None:
    shell.feed("anna.ics", now_event("u1", "m: Budget"), tomorrow_event("u2", "c: Course"))
    with shell.running():
        shell("people", "add", "1001", "Anna Berg", "--calendar", shell.folder / "anna.ics")
        shell.until(lambda: shell("why", "1001", "--json").json["told"][0]["shows"] == "lamp")
        why = shell("why", "1001")
        said = r'pbx was told \d\d:\d\d:\d\d: "In a meeting, back (\w+ )?\d\d:\d\d"\.'
        assert re.search(said, why.out), why.out
        assert re.search(r"pbx has it written ahead: In a meeting, ", why.out), why.out
        later = (datetime.now(UTC) + timedelta(days=1, minutes=30)).isoformat()
        coming = shell("why", "1001", "--at", later)
        assert "pbx has it written ahead: On a course, " in coming.out, coming.out
        assert shell("health").out.endswith("1 switchboard\n")
        before = datetime.now(UTC)
        shell("back", "1001")
        shell.until(lambda: shell("why", "1001", "--json").json["told"][0]["shows"] == "out")
        assert re.search(r"pbx was told \d\d:\d\d:\d\d to show nothing\.", shell("why", "1001").out)
        past = shell("why", "1001", "--at", before.isoformat(), "--json").json
        assert (past["tense"], past["agrees"], past["winner"]["uid"]) == ("past", True, "u1")
        assert past["told"][0]["text"].startswith("In a meeting, back ")
