"""From a file and the environment to frozen settings; every fault at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from backsoon.config.api import read_api
from backsoon.config.connections import read_connections, read_switchboards
from backsoon.config.directories import read_directories
from backsoon.config.environment import overridden
from backsoon.config.faults import ConfigError, Faults, Problem
from backsoon.config.model import Config, OrganisationConfig
from backsoon.config.organisation import read_organisation
from backsoon.config.signin import read_sign_in
from backsoon.config.table import Table
from backsoon.domain.naming import NAME, NAME_REMEDY

NAME_OF_FILE = "backsoon.toml"
SYSTEM = Path("/etc/backsoon") / NAME_OF_FILE
FIELDS = (
    "data_folder",
    "store",
    "socket",
    "log_level",
    "speech",
    "api",
    "organisation",
    "organisations",
    "calendars",
    "switchboards",
    "directories",
    "sign_in",
)
_OF_ONE = ("organisation", "calendars", "switchboards", "directories")
"""Tables of a single organisation."""
_LEVELS = {level: level for level in ("debug", "info", "warning", "error")}
_SOCKET_BYTES = 103
"""The longest path of a Unix socket that every system takes (sun_path has 104 to 108 bytes)."""


def find(given: Path | None = None, environment: Mapping[str, str] | None = None) -> Path:
    """The settings file: the one given, `$BACKSOON_CONFIG`, `./backsoon.toml`, `/etc/backsoon/backsoon.toml`.

    Where there is none it is the second to last, which is where `init` writes it.
    """
    environment = os.environ if environment is None else environment
    if given is not None:
        return given
    if environment.get("BACKSOON_CONFIG"):
        return Path(environment["BACKSOON_CONFIG"])
    here = Path(NAME_OF_FILE)
    return SYSTEM if not here.exists() and SYSTEM.exists() else here


def load(given: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Read and check the settings. Raises `ConfigError` with all the faults."""
    environment = os.environ if environment is None else environment
    path = find(given, environment).expanduser().absolute()
    return parse(_read(path), path, environment)


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        remedy = "make one with `backsoon init`, or name one by --config"
        raise ConfigError([Problem(str(path), "", "there is no such settings file", remedy)]) from None
    except OSError as error:
        what = error.strerror or "it cannot be read"
        raise ConfigError([Problem(str(path), "", what, "make it readable for this account")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(str(path), "", "it is not UTF-8", "save it as UTF-8")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(str(path), "", f"it is not TOML: {error}", "mend that line")]) from None


def parse(values: Mapping[str, object], path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Check settings that were read already; `path` (absolute) is where they are from. Raises `ConfigError`."""
    environment = {} if environment is None else environment
    merged, origins = overridden(values, environment, FIELDS)
    faults = Faults(str(path), origins)
    table = Table(merged, "", faults, path.parent)
    config = _config(table, path, environment)
    table.finish()
    faults.complain()
    return config


def _config(table: Table, path: Path, environment: Mapping[str, str]) -> Config:
    data = table.path("data_folder") or _usual_data(path, environment)
    organisations, api = _apart(table, _organisations(table)), read_api(table.table("api"))
    return Config(
        path=path,
        data=data,
        store=_store(table, data),
        socket=_socket(table, data),
        organisations=organisations,
        log_level=table.choice("log_level", "info", _LEVELS),
        api=api,
        speech=table.text("speech", ""),
        sign_in=read_sign_in(table.table("sign_in"), [one.organisation.id for one in organisations], api.pages),
    )


def _usual_data(path: Path, environment: Mapping[str, str]) -> Path:
    if environment.get("STATE_DIRECTORY"):  # systemd.exec: StateDirectory=
        return Path(environment["STATE_DIRECTORY"].split(":")[0])
    return Path("/var/lib/backsoon") if path == SYSTEM else path.parent / "backsoon-data"


def _store(table: Table, data: Path) -> str:
    text = table.text("store", "sqlite:backsoon.db")
    kind, _, place = text.partition(":")
    if kind != "sqlite" or not place:
        table.fault("store", f"{kind!r} is no store", "write sqlite:PATH; relative paths start in data_folder")
    return f"sqlite:{data / Path(place).expanduser()}"


def _socket(table: Table, data: Path) -> Path:
    path = table.path("socket") or data / "backsoon.sock"
    if len(os.fsencode(path)) > _SOCKET_BYTES:
        what = f"the path of the socket is longer than {_SOCKET_BYTES} bytes"
        table.fault("socket", what, "write a shorter one, such as /run/backsoon/backsoon.sock")
    return path


def _organisations(table: Table) -> tuple[OrganisationConfig, ...]:
    several = list(table.tables("organisations"))
    if several and any(
        [table.get(key) is not None for key in ("organisation", "calendars", "switchboards", "directories")]
    ):
        what = "stands beside tables of a single organisation"
        table.fault("organisations", what, "write [organisations.ID] and [organisations.ID.calendars.NAME] throughout")
    if several:
        return tuple(_organisation(one, one, name) for name, one in several)
    one = table.table("organisation")
    if "organisation" not in table.values:
        table.fault("organisation", "is missing", "write [organisation] with its name and zone")
        return ()
    return (_organisation(one, table, one.text("id", "main")),)


def _apart(table: Table, organisations: tuple[OrganisationConfig, ...]) -> tuple[OrganisationConfig, ...]:
    """The same; two switchboards that are one would each take away what the other shows."""
    first: dict[tuple[str, ...], str] = {}
    for switchboard in (s for one in organisations for s in one.switchboards):
        within = f"organisations.{switchboard.organisation}." if "organisations" in table.values else ""
        where = f"{within}switchboards.{switchboard.name}"
        other = first.setdefault(switchboard.place, where)
        if other != where:
            what = f"has the host and port of {other}: the two would take away what the other shows"
            table.faults.add(where, what, "write each switchboard once, for one organisation")
    return organisations


def _organisation(table: Table, reached: Table, name: str) -> OrganisationConfig:
    """`reached` is the table that holds its calendars and switchboards."""
    if not NAME.fullmatch(name):
        table.fault("id", f"{name!r} cannot be used", NAME_REMEDY)
    connections, switchboards = read_connections(reached, name), read_switchboards(reached, name)
    directories = read_directories(reached, name)
    return OrganisationConfig(read_organisation(table, name, connections), connections, switchboards, directories)
