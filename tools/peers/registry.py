"""Which peers there are, where they lie, and setting each up exactly once.

Layout of the home folder: ``NAME/`` is the peer, ``NAME.stamp`` the version of the recipe that made it whole,
``NAME.lock`` held while it is being made, ``NAME.failed`` the reason of the last attempt.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tools.peers.asterisk import RECIPE as ASTERISK
from tools.peers.caldav import RECIPE as CALDAV
from tools.peers.chromium import RECIPE as CHROMIUM
from tools.peers.espeak import RECIPE as ESPEAK
from tools.peers.exchangelib import RECIPE as EXCHANGELIB
from tools.peers.googleclient import RECIPE as GOOGLECLIENT
from tools.peers.kamailio import RECIPE as KAMAILIO
from tools.peers.ldap import RECIPE as LDAP
from tools.peers.node import RECIPE as NODE
from tools.peers.recipe import Absent, PeerError, Recipe, Say
from tools.peers.schemathesis import RECIPE as SCHEMATHESIS

RECIPES: list[Recipe] = [
    CALDAV, LDAP, SCHEMATHESIS, EXCHANGELIB, GOOGLECLIENT, NODE, ESPEAK, KAMAILIO, CHROMIUM, ASTERISK,
]  # fmt: skip


def peers_home(environ: Mapping[str, str] = os.environ) -> Path:
    """``$BACKSOON_PEERS``, or ``backsoon/peers`` in the user's cache folder."""
    if chosen := environ.get("BACKSOON_PEERS"):
        return Path(chosen).expanduser().absolute()
    cache = environ.get("XDG_CACHE_HOME")
    base = Path(cache) if cache else Path.home() / ".cache"
    return base / "backsoon" / "peers"


def recipe_of(name: str) -> Recipe:
    """The recipe of that name. Raises :class:`PeerError` where there is none."""
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise PeerError(f"no peer is called {name}; there are {', '.join(r.name for r in RECIPES)}")


def find_peer(name: str, home: Path | None = None) -> Path | Absent:
    """The folder of a peer that is set up and works, or why there is none. Sets nothing up."""
    home = home or peers_home()
    recipe = recipe_of(name)
    problem = _problem(recipe, home)
    if problem is None:
        return home / name
    return Absent(_read(home / f"{name}.failed") or problem)


def ensure_peer(recipe: Recipe, home: Path, say: Say) -> Path | Absent:
    """Set a peer up where it is missing, of an older recipe or broken; one process at a time does it."""
    home.mkdir(parents=True, exist_ok=True)
    with _locked(home / f"{recipe.name}.lock", say):
        if _problem(recipe, home) is None:
            return home / recipe.name
        return _install(recipe, home, say)


def _problem(recipe: Recipe, home: Path) -> str | None:
    made_by = _read(home / f"{recipe.name}.stamp")
    if made_by is None:
        return "not set up yet; `make peers` does it"
    if made_by != recipe.version:
        return f"set up by recipe {made_by}, wanted is {recipe.version}; `make peers` does it"
    return recipe.probe(home / recipe.name)


def _install(recipe: Recipe, home: Path, say: Say) -> Path | Absent:
    folder, stamp, failed = (home / f"{recipe.name}{suffix}" for suffix in ("", ".stamp", ".failed"))
    stamp.unlink(missing_ok=True)
    failed.unlink(missing_ok=True)
    try:
        _clear(folder)
        recipe.install(folder, say)
        problem = recipe.probe(folder)
    except (PeerError, OSError) as error:
        problem = str(error) or type(error).__name__
    if problem is not None:
        failed.write_text(problem, encoding="utf-8")
        return Absent(problem)
    stamp.write_text(recipe.version, encoding="utf-8")
    return folder


def _clear(folder: Path) -> None:
    """Make ``folder`` new and empty; refuse where something is mounted in it: it would be deleted too."""
    mounts = _read(Path("/proc/self/mounts")) or ""
    for mount in (line.split()[1] for line in mounts.splitlines()):
        if mount.startswith(f"{folder}/"):
            raise PeerError(f"{mount} is mounted; unmount it first")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


@contextmanager
def _locked(path: Path, say: Say) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is setting it up; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
