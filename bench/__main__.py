"""`python -m bench [NAME ...] [-- OPTION ...]`: runs all benches or those named, each in a process of its own.

Each writes `bench/results/NAME.json` and prints it as one line on stdout, the last of it last; what goes on is told on
stderr. Keys are flat names with their unit (`lateness_ms.p50`), and the same nested for readers that part names at the
dot (`lateness_ms: {p50}`). Options are passed on to the benches named.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.targets import judged

BENCHES = (
    "timeline",
    "ics",
    "lateness",
    "storm",
    "restart",
    "memory",
    "store",
    "lookup",
    "fanout",
    "sight",
    "people",
    "asterisk",
    "presence",
    "calls",
    "calendars",
    "console",
)
HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"


def main(argv: Sequence[str]) -> int:
    """Run what is named; 0 if all ran, whatever the figures are, else 1; 2 for a name that is no bench."""
    if argv[:1] == ["--inside"]:
        return _inside(argv[1], Path(argv[2]), list(argv[3:]))
    split = argv.index("--") if "--" in argv else len(argv)
    names, options = argv[:split] or _there(), argv[split + 1 :]
    unknown = [name for name in names if name not in _there()]
    if unknown:
        print(f"bench: there is no bench {', '.join(unknown)}; there are {', '.join(_there())}", file=sys.stderr)
        return 2
    return 0 if all([_run(name, options) for name in names]) else 1


def _there() -> tuple[str, ...]:
    return tuple(name for name in BENCHES if (HERE / f"{name}.py").exists() or (HERE / name).is_dir())


def _inside(name: str, target: Path, options: list[str]) -> int:
    """In the bench's own process: its figures into a file."""
    figures = importlib.import_module(f"bench.{name}").run(options)
    target.write_text(json.dumps(figures))
    return 0


def _run(name: str, options: Sequence[str]) -> bool:
    print(f"bench {name}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="backsoon-bench-") as folder:
        target = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "bench", "--inside", name, str(target), *options]
        code = subprocess.run(command, cwd=HERE.parent, stdout=sys.stderr).returncode
        if code or not target.exists():
            print(f"bench {name}: failed with code {code}", file=sys.stderr, flush=True)
            return False
        figures = json.loads(target.read_text())
    _report(name, figures)
    return True


def _report(name: str, figures: Mapping[str, object]) -> None:
    targets = judged(name, figures)
    about = {"bench": name, "date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": _commit()}
    result = {**about, "machine": machine(), **_nested(figures), **figures, "targets": targets}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    for key, value in figures.items():
        judgement = targets.get(key)
        met = "" if judgement is None else f"   {judgement['target']} {'met' if judgement['met'] else 'MISSED'}"
        print(f"  {key:<28}{value!s:>14}{met}", file=sys.stderr, flush=True)
    print(json.dumps(result), flush=True)


def _nested(figures: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """The figures whose names have a dot, by what stands before it."""
    nested: dict[str, dict[str, object]] = {}
    for key, value in figures.items():
        before, dot, after = key.rpartition(".")
        if dot:
            nested.setdefault(before, {})[after] = value
    return nested


def _commit() -> str:
    """The commit that is checked out, `+` where files differ from it; "" outside a checkout."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "load_1_min": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
