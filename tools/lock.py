"""Pin the requirements: versions and hashes for every platform, and no index address (``make lock``)."""

import sys
from collections.abc import Sequence

from tools.uv import run_uv

COMMON = (
    "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes",
    "--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock",
)  # fmt: skip
# Later files are held to the versions of earlier ones.
LOCKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("dev", ("pyproject.toml", "--group", "dev")),
    ("run", ("pyproject.toml", "--constraint", "requirements/dev.txt")),
    ("bootstrap", ("requirements/bootstrap.in", "--constraint", "requirements/dev.txt")),
    ("peers", ("requirements/peers.in", "--constraint", "requirements/dev.txt")),
    ("schemathesis", ("requirements/schemathesis.in",)),
    ("exchangelib", ("requirements/exchangelib.in",)),
    ("googleclient", ("requirements/googleclient.in",)),
    ("node", ("requirements/node.in",)),
)


def main(arguments: Sequence[str]) -> None:
    """Compile each of requirements/NAME.txt; what is said further goes to uv (``--upgrade``)."""
    for name, sources in LOCKS:
        run_uv(*COMMON, *sources, *arguments, "--output-file", f"requirements/{name}.txt")


if __name__ == "__main__":
    main(sys.argv[1:])
