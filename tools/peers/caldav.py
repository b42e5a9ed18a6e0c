"""The CalDAV servers Radicale and xandikos, in an environment of their own, pinned with hashes.

Apart from ours because the two bring versions of shared libraries that the product does not choose.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from tools.peers.recipe import PeerError, Recipe, Say
from tools.uv import run_uv

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements" / "peers.txt"
PROGRAMS = ("radicale", "xandikos")


def install(folder: Path, say: Say) -> None:
    """Make ``folder`` a virtual environment with the two servers."""
    say("installing Radicale and xandikos into an environment of their own")
    python = folder / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        run_uv("pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(REQUIREMENTS))
    except subprocess.CalledProcessError as error:
        raise PeerError(f"could not install {REQUIREMENTS.name}: exit code {error.returncode}") from error


def probe(folder: Path) -> str | None:
    """Whether both programs and the interpreter that runs them are there."""
    for name in ("python", *PROGRAMS):
        if not (folder / "bin" / name).exists():
            return f"{name} is missing in {folder}"
    return None


def _version() -> str:
    pinned = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    return f"1-py{sys.version_info.major}.{sys.version_info.minor}-{pinned}"


RECIPE = Recipe(
    name="caldav",
    version=_version(),
    about="Radicale and xandikos, CalDAV servers",
    install=install,
    probe=probe,
)
