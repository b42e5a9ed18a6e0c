"""What a plug-in offers that brings another kind of calendar: entry points of the group `backsoon.sources`.

The entry point's name is the `kind` that stands in the settings file. It names an object that keeps `SourceKind`, or a
class that makes one when it is called without arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from backsoon.domain.errors import BadSetting
from backsoon.domain.organisation import Connection, Person
from backsoon.sources.base import CalendarSource

GROUP = "backsoon.sources"

__all__ = ["GROUP", "BadSetting", "SourceKind", "SourceSurroundings"]


@dataclass(frozen=True, slots=True)
class SourceSurroundings:
    """What a source is given beside its settings.

    `person` is whose calendar it is, `zone` the IANA name of their zone (where all-day entries and floating times
    lie), `owner` their addresses in lower case. `now` is the instant in UTC; `secret` turns a reference (`env:NAME`,
    `file:PATH`) into the secret and raises `BacksoonError` where it cannot be had.
    """

    person: Person
    zone: str
    owner: frozenset[str]
    now: Callable[[], datetime]
    secret: Callable[[str], str]


@runtime_checkable
class SourceKind(Protocol):
    """A kind of calendar: how the settings of a connection are read, and how a source is made of them."""

    def read(self, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        """The settings to keep, of those that stand in `[calendars.NAME]`.

        As `SwitchboardKind.read`. Backsoon itself reads `kind`, `people`, `poll_min_minutes`, `poll_max_minutes`, and
        `url`, which may hold `{email}`, `{user}` and `{extension}`; of these only `url` is given. Raises `BadSetting`.
        """
        ...

    def make(self, connection: Connection, address: str, surroundings: SourceSurroundings) -> CalendarSource:
        """The source of one person's calendar.

        `address` is the one that was named for the person, else the connection's `url` with the person's values, else
        "". Called for each read; the source is closed after it. Raises `SourceError`, `BacksoonError`:
        this calendar cannot be read then, for that reason. Of whatever else is raised no text is told.
        """
        ...
