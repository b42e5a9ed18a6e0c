"""Fields that several kinds of connections have."""

from __future__ import annotations

import re
import string
from urllib.parse import SplitResult, urlsplit

from backsoon.config.faults import suggestion
from backsoon.config.model import Address
from backsoon.config.table import Table
from backsoon.domain.address import PLACEHOLDERS


def filled(**settings: object) -> dict[str, object]:
    """Those that say something."""
    return {key: value for key, value in settings.items() if value not in (None, "")}


def poll(table: Table) -> dict[str, object]:
    """How often a calendar is read, in minutes."""
    least = table.number("poll_min_minutes", 2, 1, 1440)
    most = table.number("poll_max_minutes", max(15, least), 1, 1440)
    if most < least:
        table.fault("poll_max_minutes", f"is less than poll_min_minutes ({least})", "make it the larger one")
    return {"poll_min_minutes": least, "poll_max_minutes": most}


def template(table: Table, key: str, default: str = "") -> str:
    """A text that may hold placeholders for what is each person's own."""
    text = table.text(key, default)
    for unknown in sorted(_names(text) - set(PLACEHOLDERS)):
        table.fault(key, f"{{{unknown}}} stands for nothing", suggestion(unknown, PLACEHOLDERS))
    return text


def _names(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return set(re.findall(r"\{([^{}]*)\}", text))


def secured(table: Table, key: str, remedy: str) -> str:
    """An address that secrets may be told to: https, or this machine itself. "" where there is none, or it is none."""
    text = table.text(key)
    if not text:
        return ""
    parts = split(text)
    if parts.username is not None or parts.password is not None:
        table.fault(key, "holds an account", "take it out of the address")
    elif parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        table.fault(key, "is no address that can stand here", remedy)
    elif parts.scheme == "http" and not Address(parts.hostname, 0).loopback:
        table.fault(key, "is not https: what is secret would be sent in the clear", remedy)
    else:
        return text
    return ""


def split(text: str) -> SplitResult:
    """The parts of an address; empty ones where it is none."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return urlsplit("")
    return parts
