"""Packages with entry points, as if they were installed: their metadata in a folder on the path, nothing is fetched."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "docs/examples/backsoon-folder"


def install(site: Path, monkeypatch: pytest.MonkeyPatch, name: str, points: Mapping[str, Mapping[str, str]]) -> None:
    """A distribution of that name with these entry points, by group."""
    folder = site / f"{name.replace('-', '_')}-0.1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    text = "".join(
        f"[{group}]\n" + "".join(f"{entry} = {place}\n" for entry, place in entries.items())
        for group, entries in points.items()
    )
    (folder / "entry_points.txt").write_text(text)
    monkeypatch.syspath_prepend(str(site))


def install_example(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documentation's example."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    install(site, monkeypatch, project["name"], project["entry-points"])
    monkeypatch.syspath_prepend(str(EXAMPLE))
