"""Speech programs are started without a shell, and what they do wrong is told and ends."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

import pytest

from backsoon.voice.language import languages
from backsoon.voice.speech import ESPEAK, MOST_BYTES, NoProgram, Program, SpeechFailed

ENGLISH = languages()["en"]


def python(code: str, *arguments: str) -> Program:
    return Program((sys.executable, "-c", code, *arguments))


async def test_the_text_is_on_its_input_and_nowhere_else() -> None:
    code = "import sys; sys.stdout.write(repr((sys.stdin.read(), sys.argv[1:])))"
    said = await python(code, "-v", "{voice}", "{language}-x", "{speed}").say("--help $(id) Åsa", ENGLISH)
    assert said.decode() == repr(("--help $(id) Åsa\n", ["-v", "en-gb", "en-x", "150"]))


def test_a_line_is_split_once() -> None:
    program = Program.of("piper --model '/my voices/{language}.onnx' ; touch x | $(id) {unknown}")
    assert program.command(ENGLISH) == [
        "piper", "--model", "/my voices/en.onnx", ";", "touch", "x", "|", "$(id)", "{unknown}",
    ]  # fmt: skip
    assert Program.of(ESPEAK).command(ENGLISH)[0] == "espeak-ng"


@pytest.mark.parametrize("line", ["", "   ", "''", "espeak 'x"])
def test_a_line_that_names_no_program(line: str) -> None:
    with pytest.raises(SpeechFailed, match="speech program") as raised:
        Program.of(line)
    assert raised.value.remedy


@pytest.mark.parametrize("name", ["/nowhere/espeak-ng", "/", "x\0y"])
async def test_a_program_that_is_not_there(name: str) -> None:
    with pytest.raises(NoProgram) as raised:
        await Program((name,)).say("x", ENGLISH)
    assert "apt install espeak-ng" in raised.value.remedy


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import sys; sys.exit('no such voice\\x1b[31m')", r"ended with 1: no such voice \[31m"),
        ("import sys; sys.exit(3)", "ended with 3 and said nothing"),
        ("pass", "ended with 0 and said nothing"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
        ("import sys; sys.stderr.write('x' * 9_000_000); sys.exit(1)", "ended with 1: x{200}$"),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", f"more than {MOST_BYTES // 1024 // 1024} MB"),
    ],
)
async def test_what_it_does_wrong_is_told(code: str, what: str) -> None:
    with pytest.raises(SpeechFailed, match=what):
        await python(code).say("x" * 100_000, ENGLISH)


async def test_a_program_that_does_not_read_may_answer() -> None:
    assert await python("print('RIFF', end='')").say("x" * 1_000_000, ENGLISH) == b"RIFF"


async def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)"
    )
    with pytest.raises(SpeechFailed, match="was not done within"):
        await python(code).say("x", ENGLISH, seconds=3)
    for pid in map(int, pids.read_text().split()):
        _until_gone(pid)


async def test_a_real_shell_sees_no_text() -> None:
    program = Program.of(shlex.join([sys.executable, "-c", "import sys; print(len(sys.argv), sys.stdin.read())"]))
    assert await program.say("x; exit 1", ENGLISH) == b"1 x; exit 1\n\n"


def _until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            os.kill(pid, 0)
        except (OSError, IndexError):
            return
        if state == "Z":  # ended; whoever inherited it has not asked yet
            return
        time.sleep(0.02)
    pytest.fail(f"{pid} still runs")
