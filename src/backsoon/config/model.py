"""The settings as the rest of Backsoon gets them: frozen, checked, secrets by reference only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from backsoon.domain.address import this_machine
from backsoon.domain.organisation import Connection, DirectorySettings, Organisation, SwitchboardSettings
from backsoon.domain.signin import SignIn


@dataclass(frozen=True, slots=True)
class OrganisationConfig:
    """One organisation with how its calendars, switchboards and directories are reached."""

    organisation: Organisation
    connections: tuple[Connection, ...] = ()
    switchboards: tuple[SwitchboardSettings, ...] = ()
    directories: tuple[DirectorySettings, ...] = ()
    """Not in the store: they are read when somebody imports."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address to listen at. Port 0: any that is free."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return this_machine(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """Where the API is on the network; None: nowhere. `certificate` and `key` (PEM, absolute; None: in one file).

    `lookup` is where a process of its own answers look-ups of calls. `behind_proxy`: a proxy of theirs has TLS, and
    says who asks. `public` is the address at which vendors reach `/hooks/` from outside, without a / at its end; "" for
    none. `pages` is where browsers have the pages; "" where that is not known.
    """

    listen: Address | None = None
    lookup: Address | None = None
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
    public: str = ""
    pages: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything in the settings file.

    `path`, `data`, `socket` are absolute. `store` is `sqlite:` and an absolute path. `log_level` is one of `debug`,
    `info`, `warning`, `error`. `speech` is the command line of the speech program ("": the usual one).
    """

    path: Path
    data: Path
    store: str
    socket: Path
    organisations: tuple[OrganisationConfig, ...]
    log_level: str = "info"
    api: ApiConfig = ApiConfig()
    speech: str = ""
    sign_in: SignIn = field(default_factory=SignIn)
