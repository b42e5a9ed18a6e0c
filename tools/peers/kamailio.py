"""Kamailio with its presence and TLS modules, unpacked from Debian's packages into the cache folder."""

import platform
import subprocess
from pathlib import Path

from tools.peers.debian import libraries, unpack
from tools.peers.recipe import PeerError, Recipe, Say

PACKAGES = ("kamailio-presence-modules", "kamailio-tls-modules")
"""Each brings Kamailio itself."""
PROGRAM = "usr/sbin/kamailio"


def install(folder: Path, say: Say) -> None:
    """Fill ``folder`` with Kamailio; some seconds and 40 MB."""
    for package in PACKAGES:
        unpack(package, folder, say)


def probe(folder: Path) -> str | None:
    """Whether it is there with its modules, and starts."""
    if not (folder / PROGRAM).exists():
        return f"{PROGRAM} is missing in {folder}"
    try:
        modules = modules_folder(folder)
    except PeerError as error:
        return str(error)
    if missing := [name for name in ("presence", "presence_xml", "tls") if not (modules / f"{name}.so").exists()]:
        return f"Kamailio's module {missing[0]} is missing in {modules}"
    done = subprocess.run(
        [str(folder / PROGRAM), "-v"], env=environment(folder), capture_output=True, text=True, check=False
    )
    return None if "kamailio" in done.stdout else f"Kamailio does not start: {done.stderr.strip()[-200:]}"


def environment(folder: Path) -> dict[str, str]:
    """What Kamailio is started with: its libraries, and no settings of this machine."""
    own = modules_folder(folder).parent
    return {"LD_LIBRARY_PATH": f"{libraries(folder)}:{own}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def modules_folder(folder: Path) -> Path:
    """Where its modules are. Raises :class:`PeerError`."""
    for pattern in ("usr/lib/*/kamailio/modules", "usr/lib/kamailio/modules"):
        if found := list(folder.glob(pattern)):
            return found[0]
    raise PeerError(f"no modules of Kamailio in {folder}")


RECIPE = Recipe(
    name="kamailio",
    version=f"1-{platform.machine()}",
    about="Kamailio, a SIP presence server",
    install=install,
    probe=probe,
)
