"""Programs unpacked from Debian's packages into the cache folder.

Nothing is installed: the packages that this machine lacks are fetched by its own apt and taken apart, so that what runs
here already is never met. Needs no root, where apt knows its packages.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.peers.recipe import PeerError, Say


def unpack(package: str, folder: Path, say: Say) -> None:
    """Fill ``folder`` with a package and what it needs beyond what is installed."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise PeerError(f"{package} is taken from Debian's packages, and this system has no apt-get")
    say(f"fetching {package} from Debian's packages")
    packages = folder / "packages"
    packages.mkdir()
    try:
        _fetch(package, packages)
    except PeerError:
        _run(["apt-get", "-qq", "update"], folder)
        _fetch(package, packages)
    for one in sorted(packages.glob("*.deb")):
        _run(["dpkg", "--extract", str(one), str(folder)], folder)
    shutil.rmtree(packages)


def libraries(folder: Path) -> str:
    """``LD_LIBRARY_PATH`` of what was unpacked."""
    return ":".join(str(path) for path in _libraries(folder))


def _libraries(folder: Path) -> Iterator[Path]:
    for pattern in ("usr/lib/*-linux-gnu*", "usr/lib/*-linux-gnu*/pulseaudio", "lib/*-linux-gnu*", "usr/lib", "lib"):
        yield from folder.glob(pattern)


def _fetch(package: str, folder: Path) -> None:
    """The package and what it needs beyond what is installed."""
    lacking = _run(["apt-get", "--simulate", "--no-install-recommends", "install", package], folder)
    # "Inst NAME (...": to be installed; "Inst NAME [...": only a newer one of what is there.
    names = {line.split()[1] for line in lacking.splitlines() if re.match(r"Inst \S+ \(", line)}
    _run(["apt-get", "-qq", "download", *sorted(names | {package})], folder)


def _run(command: Sequence[str], folder: Path) -> str:
    """Run a program to its end; its output. Raises :class:`PeerError` with the last line it said."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=600
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise PeerError(f"{command[0]} ended with {done.returncode}: {said}")
    return done.stdout
