"""OpenLDAP's slapd, unpacked from Debian's packages into the cache folder.

Nothing is installed: the packages that this machine lacks are fetched by its own apt and taken apart, so that a slapd
that runs here already is never met. Needs no root, where apt knows its packages.
"""

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.peers.recipe import PeerError, Recipe, Say

PACKAGE = "slapd"
PROGRAM = "usr/sbin/slapd"


def install(folder: Path, say: Say) -> None:
    """Fill ``folder`` with slapd and the libraries that this machine lacks; some seconds and 40 MB."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise PeerError("slapd is taken from Debian's packages, and this system has no apt-get")
    say("fetching slapd from Debian's packages")
    packages = folder / "packages"
    packages.mkdir()
    try:
        _fetch(packages)
    except PeerError:
        _run(["apt-get", "-qq", "update"], folder)
        _fetch(packages)
    for package in sorted(packages.glob("*.deb")):
        _run(["dpkg", "--extract", str(package), str(folder)], folder)
    shutil.rmtree(packages)


def probe(folder: Path) -> str | None:
    """Whether it finds all its libraries."""
    if not (folder / PROGRAM).exists():
        return f"{PROGRAM} is missing in {folder}"
    done = subprocess.run(
        [str(folder / PROGRAM), "-VV"], env=environment(folder), capture_output=True, text=True, check=False
    )
    return None if "OpenLDAP" in done.stderr else f"slapd does not start: {done.stderr.strip()[-200:]}"


def environment(folder: Path) -> dict[str, str]:
    """What slapd is started with: its libraries, and no settings of this machine."""
    libraries = ":".join(str(path) for path in _libraries(folder))
    return {"LD_LIBRARY_PATH": libraries, "LDAPNOINIT": "1", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def _libraries(folder: Path) -> Iterator[Path]:
    for pattern in ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib", "lib"):
        yield from folder.glob(pattern)


def _fetch(folder: Path) -> None:
    """The package and what it needs beyond what is installed."""
    lacking = _run(["apt-get", "--simulate", "--no-install-recommends", "install", PACKAGE], folder)
    # "Inst NAME (...": to be installed; "Inst NAME [...": only a newer one of what is there.
    names = {line.split()[1] for line in lacking.splitlines() if re.match(r"Inst \S+ \(", line)}
    _run(["apt-get", "-qq", "download", *sorted(names | {PACKAGE})], folder)


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


RECIPE = Recipe(
    name="ldap",
    version=f"1-{platform.machine()}",
    about="slapd, an LDAP directory",
    install=install,
    probe=probe,
)
