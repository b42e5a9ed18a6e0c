"""Reads one table of settings field by field; what is wrong or unknown becomes a fault, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from backsoon.config.faults import Faults, suggestion
from backsoon.config.secrets import absolute_reference, is_reference

T = TypeVar("T")

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class FromEnvironment(str):
    """Text from an environment variable: it stands for numbers and switches as well."""


class Table:
    """A table at a dotted place. Fields that were asked for are known; `finish` reports all others."""

    def __init__(self, values: Mapping[str, object], where: str, faults: Faults, folder: Path) -> None:
        """`folder` is what relative paths in the table start from."""
        self.values = values
        self.where = where
        self.faults = faults
        self.folder = folder
        self._asked: set[str] = set()

    def place(self, key: str) -> str:
        """The dotted name of a field."""
        name = key if _BARE.fullmatch(key) else f'"{key}"'
        return f"{self.where}.{name}" if self.where else name

    def fault(self, key: str, what: str, remedy: str) -> None:
        """Note a fault of one field."""
        self.faults.add(self.place(key), what, remedy)

    def get(self, key: str) -> object:
        """The raw value; None where there is none."""
        self._asked.add(key)
        return self.values.get(key)

    def text(self, key: str, default: str = "", *, needed: str = "") -> str:
        """A text. `needed` says what to write where it is missing; without it the field may be missing."""
        value = self.get(key)
        if value is None and not needed:
            return default
        if isinstance(value, str) and value.strip():
            return str(value).strip()
        what = "is missing" if value is None else "must be a text that is not empty"
        self.fault(key, what, needed or "write it in quotes")
        return default

    def checked(self, key: str, default: str, pattern: re.Pattern[str], remedy: str) -> str:
        """A text that matches the whole pattern."""
        value = self.text(key, default)
        if value == default or pattern.fullmatch(value):
            return value
        self.fault(key, f"{value!r} cannot stand here", remedy)
        return default

    def flag(self, key: str, default: bool) -> bool:
        """`true` or `false`."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, FromEnvironment) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if isinstance(value, bool):
            return value
        self.fault(key, "must be true or false", "write it without quotes")
        return default

    def number(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number in `[least, most]`."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, FromEnvironment) and value.isdecimal():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.fault(key, "is not a number that can stand here", f"write a whole number from {least} to {most}")
        return default

    def choice(self, key: str, default: T, known: Mapping[str, T]) -> T:
        """One of the words in `known`; `-` and `_` are the same."""
        value = self.get(key)
        if value is None:
            return default
        word = value.strip().lower().replace("-", "_") if isinstance(value, str) else ""
        if word in known:
            return known[word]
        what = f"{value!r} is none of its values" if isinstance(value, str) else "must be a text"
        self.fault(key, what, suggestion(word, known))
        return default

    def reference(self, key: str, *, needed: str = "") -> str:
        """A reference to a secret; "" where there is none. The value is never quoted: it may be the secret itself."""
        value = self.get(key)
        if value is None and not needed:
            return ""
        if isinstance(value, str) and is_reference(value.strip()):
            return absolute_reference(value.strip(), self.folder)
        what = "is missing" if value is None else "must name where the secret is, never hold the secret"
        self.fault(key, what, needed or "write env:NAME, file:PATH or credential:NAME")
        return ""

    def path(self, key: str, default: Path | None = None) -> Path | None:
        """A path, absolute; relative ones start in the folder of the settings."""
        text = self.text(key)
        return self.folder / Path(text).expanduser() if text else default

    def table(self, key: str) -> Table:
        """A table in this table; empty where there is none."""
        value = self.get(key)
        if value is not None and not isinstance(value, Mapping):
            self.fault(key, "must be a table", f"write [{self.place(key)}] and its fields below")
            return Table({}, self.place(key), Faults(self.faults.file), self.folder)  # one fault is enough
        return Table(value or {}, self.place(key), self.faults, self.folder)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """The named tables in a table of tables."""
        outer = self.table(key)
        for name in outer.values:
            yield name, outer.table(name)

    def each(self, read: Callable[[str, object], None]) -> None:
        """Give every field to `read`, in the order of the file."""
        for key in self.values:
            read(key, self.get(key))

    def finish(self, also: Iterable[str] = ()) -> None:
        """Report the fields that nobody asked for. `also` are known fields beside those asked for."""
        known = self._asked | set(also)
        for key in self.values.keys() - known:
            self.fault(key, "is not a setting", suggestion(key, known))
