"""Changes a settings file as its writer would: what was not meant stays as it is, comments and order too.

A change is made twice, to the text and to the plain values; where the two then differ the text is not used.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, MutableMapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, time

from backsoon.config.dotted import Path
from backsoon.domain.errors import BacksoonError

LONGEST = 20_000
"""Characters of a text."""
MOST = 1000
"""Items of a list, or fields of a table."""
DEEPEST = 4
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_COMMENTED = r"^[ \t]*#[ \t]*{key}[ \t]*=.*$"


@dataclass(frozen=True, slots=True)
class Change:
    """A field and what shall stand there: text, number, truth, a list or table of these; None: nothing."""

    path: Path
    value: object


class CannotEdit(BacksoonError):
    """The file is written in a way that cannot be changed here without harm."""

    remedy = "change this field in the file itself, then run `backsoon apply`"


class NoValue(BacksoonError):
    """Something cannot stand in a settings file. The value is not quoted."""

    remedy = "write a text, a whole number, true or false, or a list of these"


def checked(value: object, depth: int = 0) -> object:
    """The value, if it can stand in a file. Raises `NoValue`."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Mapping | list) and len(value) <= MOST and depth < DEEPEST:
        return _several(value, depth)
    raise NoValue("is no value that can stand here")


def _several(value: Mapping[str, object] | list[object], depth: int) -> object:
    several = list(value.values()) if isinstance(value, Mapping) else value
    if any(one is None for one in several):
        raise NoValue("holds nothing in one place")
    if isinstance(value, Mapping):
        if any(not key or not key.isprintable() or '"' in key or "\\" in key for key in value):
            raise NoValue("has a name that cannot be written")
        return {_text(key): checked(one, depth + 1) for key, one in value.items()}
    return [checked(one, depth + 1) for one in several]


def _text(value: str) -> str:
    if len(value) > LONGEST:
        raise NoValue(f"is longer than {LONGEST} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NoValue("is no text that can be written as UTF-8") from None
    return value


def edited(text: str, changes: Iterable[Change]) -> str:
    """The text of the file with the changes. Raises `CannotEdit`; nothing else of the file is touched."""
    for change in changes:
        values = tomllib.loads(text)
        wanted = deepcopy(values)
        put(wanted, change)
        if wanted != values:
            text = _edited(text, change, wanted)
    return text


def put(values: MutableMapping[str, object], change: Change) -> None:
    """Make a change to plain values; what is in the way of a table goes."""
    table = values
    for key in change.path[:-1]:
        inner = table.get(key)
        if not isinstance(inner, dict):
            if change.value is None:
                return
            inner = table[key] = {}
        table = inner
    if change.value is None:
        table.pop(change.path[-1], None)
    else:
        table[change.path[-1]] = change.value


def _edited(text: str, change: Change, wanted: Mapping[str, object]) -> str:
    for way in (_beside_its_comment, _by_tomlkit):
        try:
            made = way(text, change)
            if made is not None and _same(tomllib.loads(made), wanted):
                return made
        except Exception:  # noqa: S112 - whatever a way cannot do, it does not do; the next one may
            continue
    raise CannotEdit(f"{'.'.join(change.path)} is written in a way that is not changed here")


def _same(found: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    """Whether two files say the same; a table that is empty says nothing."""
    return _said(found) == _said(wanted)


def _said(value: object) -> object:
    if isinstance(value, Mapping):
        said = {key: _said(one) for key, one in value.items()}
        return {key: one for key, one in said.items() if one != {}}
    if isinstance(value, list):
        return [_said(one) for one in value]
    return str(value) if isinstance(value, datetime | date | time) else (type(value).__name__, value)


def _beside_its_comment(text: str, change: Change) -> str | None:
    """A new field beneath the line that has it as a comment, in its own table; None where there is no such line."""
    if change.value is None:
        return None
    header = re.escape(".".join(change.path[:-1]))
    start = re.search(rf"^[ \t]*\[{header}\][ \t]*(#.*)?$", text, re.MULTILINE) if header else re.match("", text)
    if start is None:
        return None
    end = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, start.end())
    within = text[start.end() : end.start() if end else len(text)]
    line = re.search(_COMMENTED.format(key=re.escape(change.path[-1])), within, re.MULTILINE)
    if line is None:
        return None
    place = start.end() + line.end()
    return f"{text[:place]}\n{change.path[-1]} = {_written(change.value)}{text[place:]}"


def _written(value: object) -> str:
    """A TOML value on one line; JSON's texts and numbers are TOML's as well (the delete character apart)."""
    if isinstance(value, Mapping):
        inner = ", ".join(
            f"{key if _BARE.fullmatch(key) else _written(key)} = {_written(one)}" for key, one in value.items()
        )
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _by_tomlkit(text: str, change: Change) -> str:
    import tomlkit
    from tomlkit.items import AbstractTable, InlineTable

    document = tomlkit.parse(text)
    table: MutableMapping[str, object] = document
    for depth, key in enumerate(change.path[:-1]):
        inner = table.get(key)
        if not isinstance(inner, MutableMapping):
            if change.value is None:
                return text
            inner = tomlkit.inline_table() if isinstance(table, InlineTable) else _table(change, depth)
            table[key] = inner
            inner = table[key]
        table = inner  # type: ignore[assignment]
    last = change.path[-1]
    if change.value is None:
        table.pop(last, None)
        return tomlkit.dumps(document)
    present = table.get(last)
    made = _item(change.value)
    if present is not None and not isinstance(present, AbstractTable) and hasattr(made, "trivia"):
        made.trivia.comment_ws = present.trivia.comment_ws  # type: ignore[attr-defined]
        made.trivia.comment = present.trivia.comment  # type: ignore[attr-defined]
    if isinstance(present, AbstractTable) and not isinstance(present, InlineTable):
        table.pop(last)
    table[last] = made
    return tomlkit.dumps(document)


def _table(change: Change, depth: int) -> object:
    """A new table on the way to the field; one that only holds tables needs no header of its own."""
    import tomlkit

    return tomlkit.table(is_super_table=depth < len(change.path) - 2)


def _item(value: object) -> object:
    import tomlkit

    return tomlkit.parse(f"x = {_written(value)}")["x"]
