"""What a plug-in offers that brings another kind of switchboard: entry points of the group `backsoon.switchboards`.

The entry point's name is the `kind` that stands in the settings file. It names an object that keeps `SwitchboardKind`,
or a class that makes one when it is called without arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from backsoon.domain.errors import BadSetting
from backsoon.domain.organisation import SwitchboardSettings
from backsoon.switchboards.base import Surroundings, Switchboard

GROUP = "backsoon.switchboards"

__all__ = ["GROUP", "BadSetting", "SwitchboardKind"]


@runtime_checkable
class SwitchboardKind(Protocol):
    """A kind of switchboard: how its settings are read, and how a driver is made of them."""

    def read(self, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        """The settings to keep, of those that stand in `[switchboards.NAME]` without `kind`.

        Both are plain JSON values. Relative paths start from `folder`, the one of the settings file. A reference to a
        secret (`env:NAME`, `file:PATH`, `credential:NAME`) stays a reference; those with a path are absolute already.
        `place` among what is returned says which switchboard it is: one that moves to another place is cleared at the
        old one, one that is only called otherwise is not. Without it each name is a switchboard of its own.
        Raises `BadSetting`, also for a field that it does not know. Nothing is connected to here.
        """
        ...

    def make(self, settings: SwitchboardSettings, surroundings: Surroundings) -> Switchboard:
        """The driver, of `settings.settings` as `read` returned them (read anew from the store).

        Raises `BacksoonError` (secrets that cannot be had; its text is told): this switchboard is down then, for that
        reason, and no other. So it is whatever else is raised, but of that no text is told: it may quote a secret.
        """
        ...
