"""Every switchboard of ours keeps the contract that is shipped for those of others."""

from backsoon.testing.switchboards import SwitchboardContract


class TestOurs(SwitchboardContract):
    """Over each `board` of conftest."""
