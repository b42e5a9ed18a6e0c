"""The CalDAV servers Radicale and xandikos."""

from tools.peers.environment import recipe_of_environment

RECIPE = recipe_of_environment("caldav", "Radicale and xandikos, CalDAV servers", "peers", ("radicale", "xandikos"))
