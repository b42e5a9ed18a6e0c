"""schemathesis, which asks an API by its description."""

from tools.peers.environment import recipe_of_environment

RECIPE = recipe_of_environment(
    "schemathesis", "schemathesis, a tester of APIs by their description", "schemathesis", ("schemathesis",)
)
