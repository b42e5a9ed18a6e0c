"""Settings: a TOML file and the environment to frozen values, secrets by reference, every fault at once."""

from backsoon.config.differences import Difference, Settings, describe, settings_of
from backsoon.config.faults import ConfigError, Problem
from backsoon.config.load import find, load, parse
from backsoon.config.model import Address, ApiConfig, Config, OrganisationConfig
from backsoon.config.secrets import SecretError, secret

__all__ = [
    "Address",
    "ApiConfig",
    "Config",
    "ConfigError",
    "Difference",
    "OrganisationConfig",
    "Problem",
    "SecretError",
    "Settings",
    "describe",
    "find",
    "load",
    "parse",
    "secret",
    "settings_of",
]
