"""The statements and migrations of the store: named SQL in files, shared by every database behind the contract.

What a few marks in the files mean is said by each database; all else is SQL that SQLite and PostgreSQL both read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

_NAME = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)
_MARK = re.compile(r"\{(\w+)(?: (\$\d+))?\}")
_MIGRATION = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema. Numbers rise by one; a step that has shipped never changes."""

    number: int
    name: str
    script: str


def load_queries(marks: Mapping[str, str]) -> dict[str, str]:
    """The statements of `queries.sql` by name. `marks` has the text for each mark, with `$n` for its parameter."""
    text = files(__name__).joinpath("queries.sql").read_text("utf-8")
    _, *parts = _NAME.split(text)
    return {
        name: apply_marks(body.split("\n-- ---")[0].strip().rstrip(";"), marks)
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


def load_migrations(marks: Mapping[str, str]) -> tuple[Migration, ...]:
    """The migrations in order of their numbers."""
    found = (_MIGRATION.fullmatch(entry.name) for entry in files(__name__).joinpath("migrations").iterdir())
    steps = sorted((int(match[1]), match[2], match[0]) for match in found if match)
    folder = files(__name__).joinpath("migrations")
    return tuple(
        Migration(number, name, apply_marks(folder.joinpath(file).read_text("utf-8"), marks))
        for number, name, file in steps
    )


def apply_marks(sql: str, marks: Mapping[str, str]) -> str:
    """Put each mark's text in its place; a mark that the dialect does not know stays (it may be JSON's `{}`)."""

    def put(match: re.Match[str]) -> str:
        text = marks.get(match[1])
        return match[0] if text is None else text.replace("$n", match[2] or "")

    return _MARK.sub(put, sql)
