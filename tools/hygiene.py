"""Nothing that belongs to one machine goes into the repository (``python -m tools.hygiene``).

Looked for in every tracked file: hosts of package registries and mirrors (asked of pip, npm and apt when this
runs, so that this file names none), paths of this machine, the folder beside the checkout, and lock files
that carry download addresses.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

ADDRESSED_LOCKS = {"uv.lock", "pylock.toml", "poetry.lock", "pdm.lock", "Pipfile.lock", "yarn.lock"}
EVERYWHERE = ("home", "mnt", "opt", "srv", "tmp", "usr", "var")
BESIDE = "../" + "shared"
# Addresses that pip falls back to; asked of pip itself.
PIP_HOSTS = "from pip._internal.models.index import PyPI as index; print(index.url); print(index.file_storage_domain)"
URL = re.compile(r"[a-z]+://[^\s'\"]+")


def _output(*command: str) -> str:
    """What a program prints; nothing where there is no such program or it fails."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _apt_sources() -> Iterator[str]:
    folder = Path("/etc/apt")
    for path in (folder / "sources.list", *folder.glob("sources.list.d/*")):
        if path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace")


def hosts_in(text: str) -> set[str]:
    """The host names in URLs, and lines that are a bare host name; names without a dot are left out."""
    found = {urlsplit(url).hostname or "" for url in URL.findall(text)}
    found |= {line.strip() for line in text.splitlines() if re.fullmatch(r"[\w-]+(\.[\w-]+)+", line.strip())}
    return {host for host in found if "." in host}


def registry_hosts() -> set[str]:
    """The hosts of the package registries that this machine uses."""
    return hosts_in(
        "\n".join(
            (
                _output(sys.executable, "-m", "pip", "config", "list"),
                _output(sys.executable, "-c", PIP_HOSTS),
                _output("npm", "config", "get", "registry"),
                *_apt_sources(),
            )
        )
    )


def machine_paths(top: Path, home: Path) -> set[str]:
    """Beginnings of paths that exist on this machine only: checkout, its parent, the home."""
    general = {Path(tempfile.gettempdir()), Path("/"), *(Path("/") / name for name in EVERYWHERE)}
    return {f"{path}/" for path in {top, top.parent, home} - general}


def forbidden(needles: Iterable[str]) -> re.Pattern[str]:
    """One pattern for all, which does not match within a longer host name or path."""
    return re.compile("|".join(rf"(?<![\w.-]){re.escape(needle)}" for needle in sorted(needles)))


def faults(name: str, text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    """What is wrong with one tracked file, a line each."""
    if Path(name).name in ADDRESSED_LOCKS:
        yield f"{name}: a lock file with download addresses"
    if Path(name).name == "package-lock.json" and '"resolved"' in text:
        yield f"{name}: has `resolved` addresses; npm config set omit-lockfile-registry-resolved true"
    for number, line in enumerate(text.splitlines(), 1):
        if match := pattern.search(line):
            yield f"{name}:{number}: names {match.group()}, which belongs to this machine"


def tracked_files(top: Path) -> Sequence[str]:
    """What git tracks, or would with the next ``git add``."""
    command = ["git", "-C", str(top), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name]


def main() -> int:
    """Look through the checkout; exit code 1 where something was found."""
    top = Path(__file__).resolve().parents[1]
    pattern = forbidden({*registry_hosts(), *machine_paths(top, Path.home()), BESIDE})
    found = 0
    for name in tracked_files(top):
        path = top / name
        if not path.is_file():
            continue
        for fault in faults(name, path.read_text(encoding="utf-8", errors="replace"), pattern):
            found += 1
            sys.stdout.write(f"{fault}\n")
    sys.stdout.write(f"hygiene: {found or 'nothing'} found\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
