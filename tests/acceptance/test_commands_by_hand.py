"""Referring by hand as it is typed: again, refused with what to do, and what follows; running or not."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.commands import Shell, now_event


@pytest.fixture(params=["running", "not running"])
def shell(request: pytest.FixtureRequest) -> Iterator[Shell]:
    """Anna is in a meeting for two hours more, and it is known."""
    with tempfile.TemporaryDirectory(prefix="backsoon-") as folder:  # the path of a socket must be short
        shell = Shell(Path(folder))
        shell.settings()
        feed = shell.feed("anna.ics", now_event("u1", "m: Budget", 120))
        shell("apply", "--yes")
        with shell.running():
            shell("people", "add", "101", "Anna Berg", "--calendar", feed, "--connection", "feeds")
            shell.until(lambda: shell("show", "101", "--json").json["availability"]["reason"] == "meeting")
            if request.param == "running":
                yield shell
        if request.param == "not running":
            yield shell


def test_what_follows_is_told(shell: Shell) -> None:
    answer = shell("refer", "101", "lunch", "--for", "30m").out
    assert re.search(r"^  then +In a meeting (\w+ )?\d\d:\d\d-(\w+ )?\d\d:\d\d$", answer, re.MULTILINE), answer
    answer = shell("refer", "101", "lunch", "--for", "3h").out
    assert re.search(r"^  then +Available from (\w+ )?\d\d:\d\d$", answer, re.MULTILINE), answer
    assert "  then" not in shell("refer", "101", "sick").out
    assert shell("show", "101", "--json").json["follows"] is None


def test_the_same_again_changes_nothing(shell: Shell) -> None:
    first = shell("refer", "101", "lunch", "--for", "30m", "--note", "soup", "--json").json
    again = shell("refer", "101", "lunch", "--for", "30m", "--note", "soup", "--json").json
    assert again["override"] == first["override"]
    back = shell("back", "101", "--json").json
    assert back["availability"]["state"] == "available"
    assert shell("back", "101", "--json").json["override"] == back["override"]


def test_whoever_is_switched_off_is_not_referred_and_it_says_what_to_do(shell: Shell) -> None:
    shell("people", "off", "101")
    assert "switched off by name: nothing counts; `backsoon people on 101` ends that" in shell("show", "101").out
    refused = shell("refer", "101", "lunch", status=1)
    assert "Anna Berg (101) is switched off; switch them on first: backsoon people on 101" in refused.err
    shell("people", "on", "101")
    assert shell("refer", "101", "lunch", "--json").json["availability"]["reason"] == "lunch"
    assert "switched off" not in shell("show", "101").out


def test_an_end_that_is_past_is_refused_with_what_to_do(shell: Shell) -> None:
    refused = shell("refer", "101", "lunch", "--until", "2020-01-01", status=1)
    assert "a referral must end after it starts" in refused.err
    assert "name a time that is to come" in refused.err
    assert shell("show", "101", "--json").json["override"] is None
