"""google-api-python-client, Google's own client of its APIs, by their discovery documents."""

from tools.peers.environment import recipe_of_environment

RECIPE = recipe_of_environment(
    "googleclient", "google-api-python-client, Google's own client of Google Calendar", "googleclient", ()
)
