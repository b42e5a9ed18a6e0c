"""The programs that the tests run against, set up once in a cache folder of the user's.

``python -m tools.peers ensure`` sets up what is missing, ``status`` tells what is there, ``path NAME`` prints
a peer's folder. A recipe is a module of this package with a ``RECIPE``; ``registry.RECIPES`` lists them.
"""

from tools.peers.recipe import Absent, PeerError, Recipe, Say
from tools.peers.registry import RECIPES, ensure_peer, find_peer, peers_home

__all__ = ["RECIPES", "Absent", "PeerError", "Recipe", "Say", "ensure_peer", "find_peer", "peers_home"]
