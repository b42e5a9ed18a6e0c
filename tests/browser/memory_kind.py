"""The switchboard in memory as a kind that a settings file can name, for a `backsoon run` that tests start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.switchboards.base import Surroundings, Switchboard
from backsoon.testing import MemorySwitchboard

ENTRY = "[backsoon.switchboards]\nmemory = tests.browser.memory_kind:MemoryKind\n"


class MemoryKind:
    """See `backsoon.switchboards.plugin.SwitchboardKind`. It has no fields."""

    def read(self, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        """Nothing to keep."""
        return {}

    def make(self, settings: SwitchboardSettings, surroundings: Surroundings) -> Switchboard:
        """One that lives as long as the process."""
        return MemorySwitchboard()


def install(site: Path) -> None:
    """Its metadata in a folder, as if it were installed; the folder goes onto the path."""
    folder = site / "memory_kind-0.1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: memory-kind\nVersion: 0.1.0\n")
    (folder / "entry_points.txt").write_text(ENTRY)
