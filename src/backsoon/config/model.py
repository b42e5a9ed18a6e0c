"""The settings as the rest of Backsoon gets them: frozen, checked, secrets by reference only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backsoon.domain.organisation import Connection, Organisation, SwitchboardSettings


@dataclass(frozen=True, slots=True)
class OrganisationConfig:
    """One organisation with how its calendars and switchboards are reached."""

    organisation: Organisation
    connections: tuple[Connection, ...] = ()
    switchboards: tuple[SwitchboardSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Everything in the settings file.

    `path`, `data`, `socket` are absolute. `store` is `sqlite:` and an absolute path. `log_level` is one of `debug`,
    `info`, `warning`, `error`.
    """

    path: Path
    data: Path
    store: str
    socket: Path
    organisations: tuple[OrganisationConfig, ...]
    log_level: str = "info"
