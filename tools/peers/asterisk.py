"""Asterisk 22 and SIPp in a Debian chroot of their own: a private telephone exchange and what places calls to it.

Debian sid carries Asterisk 22 and SIPp; where sid cannot be had, bullseye carries Asterisk 16. The mirror is
asked of the machine's own apt when this runs. Nothing is installed on the machine itself but debootstrap, and that
only where it is missing. The chroot needs neither /proc nor /dev; programs in it are started with ``chroot``.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.peers.recipe import PeerError, Recipe, Say

SUITES = ("sid", "bullseye")
PROGRAMS = ("usr/sbin/asterisk", "usr/bin/sipp")
PACKAGES = ("asterisk", "asterisk-core-sounds-en-gsm", "sip-tester")
QUIET = "set -e; export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin"

# The packages must start no daemon, and a cache that can be made again needs no fsync for each file.
POLICY = "#!/bin/sh\nexit 101\n"
DPKG = (
    "force-unsafe-io\npath-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n"
)


def install(folder: Path, say: Say) -> None:
    """Fill ``folder`` with a Debian that has Asterisk and SIPp; one to two minutes and 0.6 GB."""
    if os.geteuid() != 0:
        raise PeerError("Asterisk is set up in a chroot, which needs root (run `make peers` as root once)")
    _need_debootstrap(say)
    mirror = _mirror()
    failures: list[str] = []
    for suite in SUITES:
        try:
            _build(folder, suite, mirror, say)
        except PeerError as error:
            say(f"{suite} failed: {error}")
            failures.append(f"{suite}: {error}")
            _empty(folder)
        else:
            return
    raise PeerError("; ".join(failures))


def probe(folder: Path) -> str | None:
    """Whether the programs are there and may be started: entering a chroot needs root."""
    for program in PROGRAMS:
        if not (folder / program).exists():
            return f"{program} is missing in {folder}"
    return None if os.geteuid() == 0 else "Asterisk runs in a chroot, which only root may enter"


def _need_debootstrap(say: Say) -> None:
    if shutil.which("debootstrap"):
        return
    if not shutil.which("apt-get"):
        raise PeerError("debootstrap is needed, and this system has no apt-get to bring it")
    say("installing debootstrap with apt-get")
    install_it = ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", "debootstrap"]
    try:
        _run(install_it)
    except PeerError:
        _run(["apt-get", "-qq", "update"])
        _run(install_it)


def _mirror() -> list[str]:
    """The Debian mirror that this machine's apt uses; nothing (debootstrap's own default) where there is none."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    try:
        lines = _run(command).split()
    except PeerError:
        return []
    usable = [line for line in lines if line.startswith(("http:", "https:", "file:")) and "security" not in line]
    return usable[:1]


def _build(folder: Path, suite: str, mirror: Sequence[str], say: Say) -> None:
    say(f"fetching Debian {suite} into a chroot (0.6 GB when done)")
    with _unmounted(folder):
        _run(["debootstrap", "--variant=minbase", suite, str(folder), *mirror])
    (folder / "usr/sbin/policy-rc.d").write_text(POLICY, encoding="ascii")
    (folder / "usr/sbin/policy-rc.d").chmod(0o755)
    (folder / "etc/dpkg/dpkg.cfg.d/backsoon").write_text(DPKG, encoding="ascii")
    say("installing Asterisk and SIPp in it")
    apt = f"{QUIET}; apt-get -qq install --yes --no-install-recommends {' '.join(PACKAGES)}; apt-get -qq clean"
    _run(["chroot", str(folder), "/bin/sh", "-c", apt])
    say(_run(["chroot", str(folder), "/usr/sbin/asterisk", "-V"]).strip())


@contextmanager
def _unmounted(folder: Path) -> Iterator[None]:
    """Leave nothing mounted in the folder, however debootstrap ends: the folder may be deleted later."""
    try:
        yield
    finally:
        for inner in ("proc", "sys", "dev/pts", "dev"):
            if (folder / inner).is_mount():
                subprocess.run(["umount", "--lazy", str(folder / inner)], check=False, capture_output=True)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _run(command: Sequence[str]) -> str:
    """Run a program to its end; its output. Raises :class:`PeerError` with the last line it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=1200)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise PeerError(f"{command[0]} ended with {done.returncode}: {said}")
    return done.stdout


RECIPE = Recipe(name="asterisk", version="22-1", about="Asterisk and SIPp", install=install, probe=probe)
