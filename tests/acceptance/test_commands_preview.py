"""`backsoon preview` as its user types it: without any settings, over good calendars and hostile ones."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.commands import SETTINGS, Shell, calendar, event

KEYS = {
    *("uid", "recurrence_id", "start", "end", "all_day", "show_as"),
    *("outcome", "reason", "phone", "divert_to", "note", "because"),
}
SPAN = ("--from", "2026-11-01", "--to", "2026-12-31")
EVENTS = (
    event("meeting", ";TZID=Europe/Oslo:20261124T090000", ";TZID=Europe/Oslo:20261124T100000", "m:>1234 Budget // pay",
          "RRULE:FREQ=WEEKLY;COUNT=2"),
    event("day", ";VALUE=DATE:20261125", ";VALUE=DATE:20261126", "h: Away"),
    event("floating", ":20261126T090000", ":20261126T093000", "x; Gym"),
    event("late", ":20261127T090000Z", ":20261127T093000Z", "Secret plan m: x"),
    event("empty", ":20261128T090000Z", ":20261128T090000Z", "m: x"),
    event("backwards", ":20261129T090000Z", ":20261129T080000Z", "m: x"),
    event("bomb", ":20261101T000000Z", ":20261101T000001Z", "m: x", "RRULE:FREQ=SECONDLY"),
)  # fmt: skip


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def preview(shell: Shell, *options: str | Path) -> dict[str, dict[str, object]]:
    done = shell("preview", *options, "--json", "--zone", "Europe/Oslo", *SPAN)
    assert done.out.count("\n") == 1, "one document"
    rows = json.loads(done.out)
    starts = [row["start"] for row in rows if row["start"]]
    assert starts == sorted(starts)
    return {f"{row['uid']}{row['recurrence_id'] or ''}": row for row in rows}


def test_a_file_without_any_settings(shell: Shell) -> None:
    rows = preview(shell, shell.feed("a.ics", *EVENTS))
    assert all(row.keys() == KEYS for row in rows.values())
    told = {name: (row["outcome"], row["reason"], row["phone"], row["because"]) for name, row in rows.items()}
    assert told == {
        "meeting20261124T080000Z": ("referral", "meeting", "closed", "keyword `m`"),
        "meeting20261201T080000Z": ("referral", "meeting", "closed", "keyword `m`"),
        "day": ("referral", "holiday", "closed", "keyword `h`"),
        "floating": ("ignored", None, None, "no keyword"),
        "late": ("ignored", None, None, "keyword `m` is not first"),
        "empty": ("ignored", None, None, "has no length"),
        "backwards": ("rejected", None, None, "ends before it starts"),
        "bomb": ("rejected", None, None, rows["bomb"]["because"]),
    }
    first = rows["meeting20261124T080000Z"]
    assert (first["start"], first["end"]) == ("2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z")
    assert (first["divert_to"], first["note"]) == ("1234", "Budget")
    assert (rows["day"]["start"], rows["day"]["all_day"]) == ("2026-11-24T23:00:00Z", True)
    assert rows["floating"]["start"] == "2026-11-26T08:00:00Z"
    assert (rows["bomb"]["start"], rows["bomb"]["end"]) == (None, None)
    assert "Secret" not in str(rows)
    assert "pay" not in str(rows)


def test_other_rules(shell: Shell) -> None:
    feed = shell.feed("a.ics", *EVENTS)
    rows = preview(shell, feed, "--mode", "all-busy")
    assert rows["late"]["reason"] == "busy"
    assert "Secret" not in str(rows)
    (shell.folder / "k.toml").write_text('x = "lunch"\n')
    rows = preview(shell, feed, "--keywords", "k.toml")
    assert (rows["floating"]["reason"], rows["floating"]["phone"], rows["floating"]["note"]) == ("lunch", "open", "Gym")
    assert rows["day"]["outcome"] == "ignored", "a table of one's own replaces the usual one"


def test_subjects_only_where_asked_for(shell: Shell) -> None:
    rows = preview(shell, shell.feed("a.ics", *EVENTS), "--subjects")
    assert rows["late"]["subject"] == "Secret plan m: x"
    assert "pay" not in str(rows)


def test_without_json_a_line_each_and_a_summary(shell: Shell) -> None:
    done = shell("preview", shell.feed("a.ics", *EVENTS), *SPAN)
    assert len(done.out.splitlines()) == 8
    assert "8 occurrences" in done.err
    assert "zone UTC ($TZ)" in done.err, "it says whose zone was taken"
    assert "Secret" not in done.out + done.err


def test_the_settings_count_where_there_are_some(shell: Shell) -> None:
    shell.settings(SETTINGS + '[organisation.keywords]\nx = "lunch"\n')
    done = shell("preview", shell.feed("a.ics", *EVENTS), "--json", *SPAN)
    (row,) = [row for row in done.json if row["uid"] == "floating"]
    assert (row["reason"], row["start"]) == ("lunch", "2026-11-26T08:00:00Z")
    assert done.err == ""


def test_a_persons_calendars_with_their_keywords(shell: Shell) -> None:
    shell.settings()
    feed = shell.feed("a.ics", *EVENTS)
    shell("apply", "--yes")
    shell("people", "add", "101", "Anna", "--calendar", str(feed), "--keywords", "x=lunch", "--zone", "Asia/Tokyo")
    rows = {row["uid"]: row for row in shell("preview", "Anna", "--json", *SPAN).json}
    assert (rows["floating"]["reason"], rows["floating"]["start"]) == ("lunch", "2026-11-26T00:00:00Z")
    shell("people", "add", "102", "Bo")
    assert "has no calendar" in shell("preview", "Bo", status=1).err


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (None, "no such file"),
        (b"", ""),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", ""),
        (calendar(*EVENTS)[:-40], ""),
        (b"\x00" * 4096, ""),
    ],
)
def test_what_is_no_calendar_is_an_error_and_never_an_empty_list(shell: Shell, data: bytes | None, what: str) -> None:
    path = shell.folder / "a.ics"
    if data is not None:
        path.write_bytes(data)
    done = shell("preview", path, "--json", status=1)
    assert done.out == ""
    assert done.err.startswith("backsoon: ")
    assert what in done.err
    assert "Secret" not in done.err


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--zone", "Oslo"], "no time zone 'Oslo'"),
        (["--from", "whenever"], "cannot be read as a time"),
        (["--from", "2026-12-01", "--to", "2026-11-01"], "later than --from"),
        (["--keywords", "none.toml"], "No such file"),
        (["--config", "none.toml"], "no such settings file"),
    ],
)
def test_options_that_make_no_sense(shell: Shell, options: list[str], what: str) -> None:
    done = shell("preview", shell.feed("a.ics"), *options, status=1)
    assert what in done.err
    assert done.out == ""


class Feed(http.server.BaseHTTPRequestHandler):
    """A calendar at /a.ics for whoever signs in at /private.ics too; nothing anywhere else."""

    def do_GET(self) -> None:
        signed = self.headers.get("Authorization", "").startswith("Basic ")
        status = {"/a.ics": 200, "/private.ics": 200 if signed else 401}.get(self.path, 404)
        body = calendar(*EVENTS) if status == 200 else b"no"
        self.send_response(status)
        self.send_header("Content-Type", "text/calendar")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Feed) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def test_an_address(shell: Shell, server: str) -> None:
    assert len(preview(shell, f"{server}/a.ics")) == 8
    assert "check the calendar's address" in shell("preview", f"{server}/none.ics", status=1).err
    assert shell("preview", f"{server}/private.ics", "--json", status=1).out == ""
    shell.environment["SECRET"] = "hunter2"
    account = ("--username", "svc", "--password", "env:SECRET")
    assert len(preview(shell, f"{server}/private.ics", *account)) == 8
    done = shell("preview", f"{server}/private.ics", "--username", "svc", "--password", "hunter2", status=1)
    assert "hunter2" not in done.err
