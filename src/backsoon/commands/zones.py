"""Which zone this machine is in."""

from __future__ import annotations

import os
from pathlib import Path

from backsoon.domain.naming import known_zone

UTC_NAME = "UTC"


def machine_zone() -> tuple[str, str]:
    """The IANA name of the machine's zone, and where that was found; UTC where nothing tells."""
    for name, source in ((_from_variable(), "$TZ"), (_from_link(), "this machine"), (_from_file(), "this machine")):
        if name and known_zone(name):
            return name, source
    return UTC_NAME, "nothing tells this machine's zone"


def _from_variable() -> str:
    return os.environ.get("TZ", "").removeprefix(":")


def _from_link() -> str:
    path = os.path.realpath("/etc/localtime")
    _, found, name = path.partition("zoneinfo/")
    return name.removeprefix("posix/") if found else ""


def _from_file() -> str:
    try:
        return Path("/etc/timezone").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
