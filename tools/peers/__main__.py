"""``python -m tools.peers ensure|status|path``."""

import argparse
import sys
import time
from functools import partial

from tools.peers.recipe import Absent, PeerError, Recipe
from tools.peers.registry import RECIPES, ensure_peer, find_peer, peers_home, recipe_of


def _say(recipe: Recipe, text: str) -> None:
    sys.stderr.write(f"peers: {recipe.name}: {text}\n")
    sys.stderr.flush()


def ensure(names: list[str]) -> int:
    """Set up the named peers, or all. One that cannot be had is told, and is no failure of this command."""
    for recipe in [recipe_of(name) for name in names] or RECIPES:
        began = time.monotonic()
        found = ensure_peer(recipe, peers_home(), partial(_say, recipe))
        took = time.monotonic() - began
        if isinstance(found, Absent):
            _say(recipe, f"NOT HERE, its tests will be skipped: {found.reason}")
        elif took > 1:
            _say(recipe, f"ready after {took:.0f} s")
    return 0


def status(names: list[str]) -> int:
    """One line for each peer; exit code 1 where one is missing."""
    missing = 0
    for recipe in [recipe_of(name) for name in names] or RECIPES:
        found = find_peer(recipe.name)
        missing += isinstance(found, Absent)
        where = f"missing: {found.reason}" if isinstance(found, Absent) else str(found)
        sys.stdout.write(f"{recipe.name:10} {recipe.about}: {where}\n")
    return 1 if missing else 0


def path(names: list[str]) -> int:
    """The folder of each named peer; exit code 1 where one is missing."""
    for name in names:
        found = find_peer(name)
        if isinstance(found, Absent):
            raise PeerError(f"{name}: {found.reason}")
        sys.stdout.write(f"{found}\n")
    return 0


def main(arguments: list[str]) -> int:
    """Run one command."""
    commands = {"ensure": ensure, "status": status, "path": path}
    parser = argparse.ArgumentParser(prog="python -m tools.peers", description=__doc__)
    parser.add_argument("command", choices=commands)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(r.name for r in RECIPES))
    chosen = parser.parse_args(arguments)
    try:
        return commands[chosen.command](chosen.names)
    except PeerError as error:
        sys.stderr.write(f"peers: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
