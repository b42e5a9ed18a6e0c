"""A peer made of Python programs: an environment of its own, pinned with hashes.

Apart from ours because such programs bring versions of shared libraries that the product does not choose.
"""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.peers.recipe import PeerError, Recipe, Say
from tools.uv import run_uv

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"


def recipe_of_environment(name: str, about: str, requirements: str, programs: Sequence[str]) -> Recipe:
    """How an environment with these programs is made from ``requirements/REQUIREMENTS.txt``."""
    pinned = REQUIREMENTS / f"{requirements}.txt"

    def install(folder: Path, say: Say) -> None:
        say(f"installing {', '.join(programs) or name} into an environment of their own")
        python = folder / "bin" / "python"
        try:
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
            run_uv("pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(pinned))
        except subprocess.CalledProcessError as error:
            raise PeerError(f"could not install {pinned.name}: exit code {error.returncode}") from error

    def probe(folder: Path) -> str | None:
        missing = [each for each in ("python", *programs) if not (folder / "bin" / each).exists()]
        return f"{missing[0]} is missing in {folder}" if missing else None

    return Recipe(name=name, version=_version(pinned), about=about, install=install, probe=probe)


def _version(pinned: Path) -> str:
    digest = hashlib.sha256(pinned.read_bytes()).hexdigest()[:12]
    return f"1-py{sys.version_info.major}.{sys.version_info.minor}-{digest}"
