"""Dotted names of fields, as the settings file and its faults have them: `calendars.main.url`, `keywords."å"`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Path = tuple[str, ...]
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PART = re.compile(r'([A-Za-z0-9_-]+)|"([^"\\\x00-\x1f\x7f\ud800-\udfff]+)"')
LONGEST = 400
DEEPEST = 8


def path_of(name: str) -> Path | None:
    """The keys of a dotted name; None where it is none. Quotes and controls in a key cannot be written."""
    if len(name) > LONGEST:
        return None
    keys: list[str] = []
    place = 0
    while (match := _PART.match(name, place)) is not None:
        keys.append(match[1] or match[2])
        place = match.end()
        if place == len(name):
            return tuple(keys) if len(keys) <= DEEPEST else None
        if name[place] != ".":
            return None
        place += 1
    return None


def name_of(path: Path) -> str:
    """The dotted name of keys."""
    return ".".join(key if _BARE.fullmatch(key) else f'"{key}"' for key in path)


def leaves(values: Mapping[str, object], above: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every field with its value; tables are gone through, lists are values. A table that is empty is no field."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key), value


def at(values: Mapping[str, object], path: Path) -> object:
    """What stands there; None where nothing does."""
    found: object = values
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found
