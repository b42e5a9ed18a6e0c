"""OpenLDAP's slapd, unpacked from Debian's packages into the cache folder: some seconds and 40 MB."""

import platform
import subprocess
from pathlib import Path

from tools.peers.debian import libraries, unpack
from tools.peers.recipe import Recipe, Say

PACKAGE = "slapd"
PROGRAM = "usr/sbin/slapd"


def install(folder: Path, say: Say) -> None:
    """Fill ``folder`` with slapd and the libraries that this machine lacks."""
    unpack(PACKAGE, folder, say)


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
    return {"LD_LIBRARY_PATH": libraries(folder), "LDAPNOINIT": "1", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


RECIPE = Recipe(
    name="ldap",
    version=f"1-{platform.machine()}",
    about="slapd, an LDAP directory",
    install=install,
    probe=probe,
)
