"""Run uv with the package index, the proxy and the certificates that pip is configured with.

uv does not read pip's configuration, so behind a company's mirror it would ask the wrong server.
The values pass through the environment of the one process and are never written to a file.
Usage: ``python -m tools.uv pip sync ...``
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping

# pip's option -> uv's variable
VARIABLES: Mapping[str, str] = {
    "index-url": "UV_DEFAULT_INDEX",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}
# What a later level says wins, as in pip.
LEVELS = ("global", "install", ":env:")


def parse_pip_config(text: str) -> dict[str, str]:
    """Read ``pip config list`` (lines of ``level.option='value'``) to option -> value."""
    found: dict[str, tuple[int, str]] = {}
    for line in text.splitlines():
        name, equals, quoted = line.partition("=")
        level, dot, option = name.rpartition(".")
        if not (equals and dot and level in LEVELS):
            continue
        rank = LEVELS.index(level)
        if rank >= found.get(option, (-1, ""))[0]:
            found[option] = (rank, str(ast.literal_eval(quoted)))
    return {option: value for option, (_, value) in found.items()}


def uv_environment(pip_options: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: the caller's own, and what pip knows where the caller says nothing."""
    wanted = {VARIABLES[o]: v for o, v in pip_options.items() if o in VARIABLES and v}
    return {**wanted, **environ}


def pip_options() -> dict[str, str]:
    """What this interpreter's pip is configured with; nothing where there is no pip."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return parse_pip_config(done.stdout) if done.returncode == 0 else {}


def run_uv(*arguments: str) -> None:
    """Run uv to its end. Raises :class:`subprocess.CalledProcessError` where it fails."""
    environment = uv_environment(pip_options(), os.environ)
    subprocess.run([sys.executable, "-m", "uv", *arguments], env=environment, check=True)


if __name__ == "__main__":
    try:
        run_uv(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
