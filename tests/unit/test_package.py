"""The package says one version, ships its types and depends on what the requirements pin."""

import tomllib
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import backsoon

ROOT = Path(__file__).resolve().parents[2]


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert backsoon.__version__ == project["version"] == version("backsoon")
    assert f"## {backsoon.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_types_are_shipped() -> None:
    assert files("backsoon").joinpath("py.typed").is_file()


def test_every_pin_has_hashes_and_no_address() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        blocks = path.read_text().replace(" \\\n", " ").splitlines()
        pins = [line for line in blocks if line and not line.lstrip().startswith("#")]
        assert pins, path
        assert all("==" in pin and "--hash=sha256:" in pin for pin in pins), path
        assert "://" not in path.read_text(), path
