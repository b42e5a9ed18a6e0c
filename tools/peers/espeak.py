"""espeak-ng, a speech program, unpacked from Debian's packages into the cache folder: some seconds and 20 MB."""

import platform
import shlex
import subprocess
from pathlib import Path

from tools.peers.debian import libraries, unpack
from tools.peers.recipe import Recipe, Say

PACKAGE = "espeak-ng"
PROGRAM = "usr/bin/espeak-ng"


def install(folder: Path, say: Say) -> None:
    """Fill ``folder`` with espeak-ng, its voices and the libraries that this machine lacks."""
    unpack(PACKAGE, folder, say)


def probe(folder: Path) -> str | None:
    """Whether it says something in Swedish."""
    if not (folder / PROGRAM).exists():
        return f"{PROGRAM} is missing in {folder}"
    done = subprocess.run([*command(folder), "-v", "sv", "--stdout", "hej"], capture_output=True, check=False)
    said = done.stderr.decode(errors="replace").strip()[-200:]
    return None if len(done.stdout) > 1000 else f"espeak-ng says nothing: {said}"


def command(folder: Path) -> list[str]:
    """How espeak-ng is started: with its libraries and its voices."""
    settings = [f"LD_LIBRARY_PATH={libraries(folder)}"]
    settings += [f"ESPEAK_DATA_PATH={data.parent}" for data in folder.glob("usr/lib/*/espeak-ng-data")]
    return ["env", *settings, str(folder / PROGRAM)]


def command_line(folder: Path) -> str:
    """The same as one line, for settings and options."""
    return shlex.join([*command(folder), "--stdin", "--stdout", "-b", "1", "-v", "{voice}", "-s", "{speed}"])


RECIPE = Recipe(
    name="espeak",
    version=f"1-{platform.machine()}",
    about="espeak-ng, a speech program",
    install=install,
    probe=probe,
)
