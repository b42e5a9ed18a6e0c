"""Faults in the settings, all of them gathered before anybody complains."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backsoon.domain.errors import BacksoonError


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. `file` is a path or the name of an environment variable; `field` is dotted, as in the file.

    It never quotes a value that may be a secret.
    """

    file: str
    field: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.field, f"{self.what}; {self.remedy}") if part)


class ConfigError(BacksoonError):
    """The settings cannot be used. `problems` are all the faults that were found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(slots=True)
class Faults:
    """Gathers problems of one file. `origins` names the environment variable that a field was taken from."""

    file: str
    origins: Mapping[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, where: str, what: str, remedy: str) -> None:
        """Note a fault of the dotted field `where`."""
        self.problems.append(Problem(self.origins.get(where, self.file), where, what, remedy))

    def complain(self) -> None:
        """Raise `ConfigError` if there are any."""
        if self.problems:
            raise ConfigError(self.problems)


def suggestion(word: str, known: Iterable[str]) -> str:
    """What may have been meant: `did you mean 'zone'?`, else the list of what is known."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
