"""`backsoon voice` as its user types it, with espeak-ng, beside a running Backsoon and without one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from backsoon.domain.spoken import name_key
from tests.acceptance.commands import SETTINGS, Shell
from tests.peers import require_peer
from tests.unit.voice.made_up import tone
from tools.peers.espeak import command_line

PEOPLE = """extension,name,email,language
101,Anna Berg,anna@example.com,
102,Åsa Öberg,asa@example.com,sv
103,--help,help@example.com,
104,../../x,x@example.com,
105,$(id); touch x,id@example.com,
106,<speak>Eve</speak>,eve@example.com,
"""


@pytest.fixture
def shell() -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="backsoon-") as folder:  # the path of a socket must be short
        made = Shell(Path(folder))
        made.settings()
        (made.folder / "people.csv").write_text(PEOPLE)
        (made.folder / "tone.wav").write_bytes(tone())
        yield made


def quick(shell: Shell) -> str:
    """A speech program that takes no time."""
    return f"cat {shell.folder / 'tone.wav'}"


def name(shell: Shell, who: str, language: str = "en", ending: str = ".wav") -> Path:
    return shell.folder / "sounds" / language / "backsoon" / "name" / f"{name_key(who)}{ending}"


@pytest.mark.parametrize("running", [True, False], ids=["running", "not running"])
def test_prompts_are_made_listed_replaced_and_removed(shell: Shell, running: bool) -> None:
    espeak = command_line(require_peer("espeak"))
    shell.settings(f"speech = '''{espeak}'''\n{SETTINGS}")
    shell("apply", "--yes")
    with shell.running() if running else nullcontext():
        shell("people", "import", "people.csv")

        built = shell("voice", "build", "--to", "sounds", "--json").json
        assert built.keys() == {"en", "sv"}
        assert all(not one["failed"] and one["made"] == one["prompts"] > 200 for one in built.values())
        assert name(shell, "Anna Berg").stat().st_size > 8000
        assert name(shell, "Åsa Öberg", "sv").exists()
        assert not name(shell, "Åsa Öberg").exists()  # her line is told of in Swedish only
        assert len(list(name(shell, "x").parent.glob("*.wav"))) == 5
        assert sorted(path.name for path in shell.folder.iterdir() if path.name.startswith(("x", "-"))) == []

        name(shell, "Anna Berg").write_bytes(tone(rate=8000))
        shell("people", "remove", "102")
        done = shell("voice", "build", "--to", "sounds")
        assert "0 made, 0 replaced" in done.out
        assert f"en: recordings kept: name/{name_key('Anna Berg')}\n" in done.out
        assert "1 removed" in done.out
        assert not name(shell, "Åsa Öberg", "sv").exists()
        assert name(shell, "Anna Berg").read_bytes() == tone(rate=8000)

        rows = {row["key"]: row for row in shell("voice", "list", "--to", "sounds", "--language", "en", "--json").json}
        assert rows[f"name/{name_key('Anna Berg')}"]["state"] == "recorded"
        assert rows["reason/meeting"] == {
            "language": "en", "key": "reason/meeting", "text": "is in a meeting", "state": "made",
        }  # fmt: skip
        assert rows[f"name/{name_key('../../x')}"]["text"] == "x"
        assert "reason/sick" not in rows
    assert not (shell.folder / "x").exists()


def test_what_is_missing_is_listed(shell: Shell) -> None:
    lines = shell("voice", "list", "--to", "sounds", "--language", "sv").out.splitlines()
    assert "sv\tgoodbye\thej då\tmissing" in lines
    shell("voice", "build", "--to", "sounds", "--speech", quick(shell), "--language", "sv")
    listed = shell("voice", "list", "--to", "sounds", "--speech", quick(shell), "--language", "sv").out
    assert "sv\tgoodbye\thej då\tmade" in listed.splitlines()
    assert "missing" not in listed
    other = shell("voice", "list", "--to", "sounds", "--speech", "flite", "--language", "sv").out
    assert "sv\tgoodbye\thej då\toutdated" in other.splitlines()


def test_what_cannot_be_is_told_with_its_remedy(shell: Shell) -> None:
    build = ("voice", "build", "--to", "sounds")
    nobody = shell(*build, "--speech", "/nowhere/speech", status=1)
    assert "backsoon: /nowhere/speech: No such file or directory; install it" in nobody.err
    assert "known are en, sv" in shell(*build, "--language", "fi", status=1).err
    assert "there is no organisation 'other'" in shell(*build, "--organisation", "other", status=1).err
    assert "close its quotes" in shell(*build, "--speech", "espeak 'x", status=1).err
    assert "false: ended with 1" in shell(*build, "--speech", "false", status=1).err
    (shell.folder / "sounds").write_text("a file")
    assert "name another folder with --to" in shell(*build, "--speech", quick(shell), status=1).err


def test_one_folder_is_one_organisations(shell: Shell) -> None:
    two = "[organisations.a]\nname = 'A'\nzone = 'UTC'\n[organisations.b]\nname = 'B'\nzone = 'UTC'\n"
    shell.settings(two)
    build = ("voice", "build", "--to", "sounds", "--speech", quick(shell))
    assert "name one with --organisation: a, b" in shell(*build, status=1).err
    shell(*build, "--organisation", "a")
    assert "give each organisation a folder of its own" in shell(*build, "--organisation", "b", status=1).err


def test_what_fails_is_named_and_the_rest_made(shell: Shell) -> None:
    script = shell.folder / "speech"
    tone_file = shell.folder / "tone.wav"
    script.write_text(f"#!/bin/sh\nread text\n[ \"$text\" = goodbye ] && exit 7\nexec cat '{tone_file}'\n")
    script.chmod(0o755)
    done = shell("voice", "build", "--to", "sounds", "--speech", str(script), status=1)
    assert f"en: goodbye could not be made: {script}: ended with 7" in done.err
    assert (shell.folder / "sounds/en/backsoon/at.wav16").exists()
    assert not (shell.folder / "sounds/en/backsoon/goodbye.wav").exists()


def test_a_recording_that_asterisk_does_not_play_is_told(shell: Shell) -> None:
    build = ("voice", "build", "--to", "sounds", "--speech", quick(shell))
    shell(*build)
    (shell.folder / "sounds/en/backsoon/goodbye.wav").write_bytes(tone(rate=44100))
    told = "en: the recording goodbye.wav is not played by Asterisk: it has 44100 samples a second, and not 8000"
    assert told in shell(*build, status=1).err
    assert shell(*build, "--json", status=1).json["en"]["unplayable"].keys() == {"goodbye.wav"}
    (shell.folder / "sounds/en/backsoon/goodbye.wav").write_bytes(tone(rate=8000))
    assert shell(*build).err == ""


def test_names_are_in_the_language_in_which_somebody_is_told_of(shell: Shell) -> None:
    """Swedish where the organisation is: nobody has made phrases for the person's own language."""
    shell.settings(SETTINGS.replace("zone = ", 'language = "sv"\nzone = ', 1))
    shell("apply", "--yes")
    (shell.folder / "people.csv").write_text("extension,name,email,language\n101,Aino Berg,aino@example.com,fi\n")
    shell("people", "import", "people.csv")
    shell("voice", "build", "--to", "sounds", "--speech", quick(shell))
    assert name(shell, "Aino Berg", "sv").exists()
    assert not (shell.folder / "sounds/en").exists()


def test_most_names_are_removed_by_force_only(shell: Shell) -> None:
    shell("apply", "--yes")
    shell("people", "import", "people.csv")
    build = ("voice", "build", "--to", "sounds", "--speech", quick(shell))
    shell(*build)
    for extension in range(101, 107):
        shell("people", "remove", str(extension))
    refused = shell(*build, status=1).err
    assert "6 of 6 names would be removed" in refused
    assert "--force" in refused
    assert name(shell, "Anna Berg").exists()
    assert name(shell, "Åsa Öberg", "sv").exists()
    shell(*build, "--force")
    assert list(name(shell, "x").parent.glob("*")) == []
