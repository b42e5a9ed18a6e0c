"""Kinds of switchboards and calendars that plug-ins bring, found by entry points and loaded when one is named.

A settings file without kinds of others loads none of them, nor looks for any. A plug-in that is broken harms nothing
but what is set to its kind: its settings are kept as unread, with why, and stand for something that is down.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from backsoon.config.fields import filled, poll, template
from backsoon.config.secrets import absolute_reference, is_reference
from backsoon.config.table import Table
from backsoon.domain.address import EVERYBODY, NAMED, has_placeholder
from backsoon.domain.errors import BacksoonError, BadSetting
from backsoon.sources.plugin import GROUP as SOURCES
from backsoon.sources.plugin import SourceKind
from backsoon.switchboards.plugin import GROUP as SWITCHBOARDS
from backsoon.switchboards.plugin import SwitchboardKind

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "PLACE",
    "SOURCES",
    "SWITCHBOARDS",
    "BrokenPlugin",
    "described",
    "failure",
    "names",
    "source_kind",
    "source_reader",
    "switchboard_kind",
    "switchboard_reader",
    "unread",
]

UNREAD = "unread"
"""In the settings of something whose plug-in is broken: why."""
PLACE = "place"
OURS = ("kind", "people", "poll_min_minutes", "poll_max_minutes")
"""Fields of a connection that a plug-in is not given."""


class BrokenPlugin(BacksoonError):
    """A plug-in that cannot be used. The text names the distribution that brings it."""

    remedy = "mend, update or remove that package, then start Backsoon again"


def names(group: str) -> frozenset[str]:
    """The kinds that plug-ins of a group bring. None of them is loaded."""
    return frozenset(one.name for one in _entries(group))


def switchboard_kind(name: str) -> SwitchboardKind | None:
    """The kind of switchboard that a plug-in brings; None where none does. Raises `BrokenPlugin`."""
    return cast("SwitchboardKind | None", _kind(SWITCHBOARDS, name))


def source_kind(name: str) -> SourceKind | None:
    """The kind of calendar that a plug-in brings; None where none does. Raises `BrokenPlugin`."""
    return cast("SourceKind | None", _kind(SOURCES, name))


def described(group: str, name: str) -> str:
    """The plug-in, for a sentence: which kind, and of which distribution."""
    return ", ".join(_of(one) for one in _entries(group) if one.name == name) or f"plug-in {name!r}"


def unread(settings: Mapping[str, object]) -> BrokenPlugin | None:
    """Why the settings could not be read, where their plug-in is broken."""
    why = settings.get(UNREAD)
    return BrokenPlugin(str(why)) if why else None


def _entries(group: str) -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # only where a kind is named that is none of ours

    return tuple(entry_points(group=group))


def _of(entry: EntryPoint) -> str:
    dist = entry.dist
    return f"plug-in {entry.name!r} of {f'{dist.name} {dist.version}' if dist else 'an unknown package'}"


def _kind(group: str, name: str) -> object | None:
    found = _loaded(group, name, tuple(sys.path))
    if isinstance(found, str):
        raise BrokenPlugin(found)
    return found


@lru_cache(maxsize=64)
def _loaded(group: str, name: str, path: tuple[str, ...]) -> object | None:
    """The object, None where there is none, or why it cannot be used. `path` is where packages are looked for."""
    entries = [one for one in _entries(group) if one.name == name]
    if len(entries) > 1:
        return f"kind {name!r} is brought by several: {described(group, name)}"
    for entry in entries:
        return _load(entry)
    return None


def _load(entry: EntryPoint) -> object:
    try:
        found = entry.load()
        kind = found() if isinstance(found, type) else found
    except ImportError as error:  # an import names modules, nothing of anybody
        return f"{_of(entry)} cannot be loaded: {_line(str(error))}"
    except (Exception, SystemExit) as error:  # a script without a guard ends itself, not us
        return f"{_of(entry)} cannot be loaded: {failure(error)}"
    missing = [name for name in ("read", "make") if not callable(getattr(kind, name, None))]
    if missing:
        return f"{_of(entry)} has no {' and no '.join(missing)}: it is made for another version, or no such plug-in"
    return kind


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def failure(error: BaseException) -> str:
    """An error of a plug-in, without its text: that may quote anything, a secret too (`int(secret)`)."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{os.strerror(error.errno)} ({type(error).__name__})"
    return f"internal error ({type(error).__name__})"


# -- reading settings ------------------------------------------------------------------------------------------------


def switchboard_reader(kind: str) -> Callable[[Table], dict[str, object]] | None:
    """What reads the table of a switchboard of that kind; None where no plug-in brings it."""
    if kind not in names(SWITCHBOARDS):
        return None

    def read(table: Table) -> dict[str, object]:
        return _read(table, SWITCHBOARDS, kind, lambda given, folder: _switchboard(kind).read(given, folder), ("kind",))

    return read


def source_reader(kind: str) -> Callable[[Table], dict[str, object]] | None:
    """What reads the table of a connection of that kind; None where no plug-in brings it."""
    if kind not in names(SOURCES):
        return None

    def read(table: Table) -> dict[str, object]:
        common = _common(table)
        theirs = _read(table, SOURCES, kind, lambda given, folder: _source(kind).read(given, folder), OURS)
        return {**theirs, **common}

    return read


def _switchboard(kind: str) -> SwitchboardKind:
    found = switchboard_kind(kind)
    assert found is not None  # noqa: S101 - its name is there
    return found


def _source(kind: str) -> SourceKind:
    found = source_kind(kind)
    assert found is not None  # noqa: S101 - its name is there
    return found


def _common(table: Table) -> dict[str, object]:
    url = template(table, "url")
    usual = EVERYBODY if has_placeholder(url) else NAMED
    people = table.choice("people", usual, {EVERYBODY: EVERYBODY, NAMED: NAMED})
    return filled(url=url, people=people, **poll(table))


def _read(
    table: Table,
    group: str,
    kind: str,
    read: Callable[[Mapping[str, object], Path], Mapping[str, object]],
    ours: tuple[str, ...],
) -> dict[str, object]:
    given: dict[str, object] = {}
    for key in table.values:  # all are known to somebody: whoever does not know one says so
        value = _absolute(table.get(key), table.folder)
        if key not in ours:
            given[key] = value
    try:
        return _plain(read(given, table.folder))
    except BadSetting as wrong:
        where = table.place(wrong.field) if wrong.field else table.where
        table.faults.add(where, wrong.what, wrong.remedy)
    except BrokenPlugin as broken:
        return {UNREAD: str(broken)}
    except Exception as error:
        return {UNREAD: f"{described(group, kind)} failed at these settings: {failure(error)}"}
    return {}


def _absolute(value: object, folder: Path) -> object:
    """The value with references to secrets in files made absolute, wherever they are in it."""
    if isinstance(value, str):
        return absolute_reference(value, folder) if is_reference(value) else value
    if isinstance(value, Mapping):
        return {key: _absolute(one, folder) for key, one in value.items()}
    return [_absolute(one, folder) for one in value] if isinstance(value, list) else value


def _plain(settings: Mapping[str, object]) -> dict[str, object]:
    """What was read, as it will come out of the store. Raises `TypeError`, `ValueError` where it cannot be stored."""
    if UNREAD in settings:
        raise ValueError(UNREAD)
    plain = json.loads(json.dumps(dict(settings), allow_nan=False))
    return {str(key): value for key, value in plain.items() if value is not None}
