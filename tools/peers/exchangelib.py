"""exchangelib, a client of Exchange."""

from tools.peers.environment import recipe_of_environment

RECIPE = recipe_of_environment("exchangelib", "exchangelib, a client of Exchange", "exchangelib", ())
