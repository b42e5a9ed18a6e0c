"""Which fields of the settings file are whose, which hold secrets, and which are not for a page to change. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from backsoon.config.accounts import ACCOUNTS
from backsoon.config.dotted import Path, at
from backsoon.config.secrets import is_reference
from backsoon.domain.address import has_placeholder
from backsoon.domain.settingserrors import NotInTheFile

PARTS = ("calendars", "switchboards", "directories")
ON_THE_MACHINE = ("data_folder", "store", "socket", "speech", "sign_in", "api")
"""Of the machine itself: a command line, where files are, who may reach it, and who vouches for whoever signs in."""
SECRETS = frozenset({"password", "secret", "secret_before", "client_secret"})
FILES = frozenset({"certificate", "credentials"})
"""Fields that name a file whose whole is a secret."""
PATHS = frozenset({"certificate", "credentials", "ca_file", "key"})
_SOUNDS_SECRET = re.compile(r"pass|secret|token|credential|api_?key|private", re.IGNORECASE)
KINDS = frozenset({"caldav", "ics", "asterisk", "sip_presence", "webhook", "ldap", *ACCOUNTS})
WHERE = frozenset(
    {"url", "host", "port", "tls", "transport", "ca_file", "sign_in_url", "start_tls", "internal_hosts", "domain"}
    | {"sign_in", "cloud", "tenant", "kind", "username"}
)
"""Fields that decide to whom a secret is told, and how openly."""
NOWHERE = frozenset({"people", "poll_min_minutes", "poll_max_minutes"})
"""Fields that every kind of calendar has and that decide nothing of that."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What of a file belongs to one organisation. `several`: its tables stand below `organisations.ID`."""

    organisation: str
    several: bool

    @property
    def own(self) -> Path:
        """Where the organisation itself stands."""
        return ("organisations", self.organisation) if self.several else ("organisation",)

    def parts(self, kind: str) -> Path:
        """Where its calendars, switchboards or directories stand."""
        return (*self.own, kind) if self.several else (kind,)

    def holds(self, path: Path) -> bool:
        """Whether a field may be seen there."""
        return path[:2] == self.own if self.several else path[0] != "organisations"

    def within(self, path: Path) -> Path:
        """The path as it would be of a single organisation: `calendars.main.url`."""
        if not self.several:
            return path
        inner = path[2:]
        return inner if inner[:1] and inner[0] in PARTS else ("organisation", *inner)

    def part(self, path: Path) -> Path | None:
        """The calendar, switchboard or directory to which a field belongs."""
        place = self.within(path)
        if len(place) < 2 or place[0] not in PARTS:
            return None
        return path[: len(path) - len(place) + 2]


def ground_of(values: Mapping[str, object], organisation: str) -> Ground:
    """What belongs to the organisation in these values. Raises `NotInTheFile`."""
    several = values.get("organisations")
    known = set(several) if isinstance(several, Mapping) else {at(values, ("organisation", "id")) or "main"}
    if organisation not in known:
        raise NotInTheFile(f"the settings file says nothing of the organisation {organisation!r}")
    return Ground(organisation, isinstance(several, Mapping))


def is_secret(ground: Ground, path: Path, values: Mapping[str, object]) -> bool:
    """Whether a field holds a secret, or where one is."""
    part = ground.part(path)
    if part is None or len(path) <= len(part):
        return path[-1] in SECRETS and path[0] == "sign_in"
    last = path[len(part)]
    if last in SECRETS:
        return True
    kind = at(values, (*part, "kind"))
    return kind not in KINDS and last not in PATHS and _SOUNDS_SECRET.search(last) is not None


def is_hidden(ground: Ground, path: Path, value: object, values: Mapping[str, object]) -> bool:
    """Whether a value is not told though it is no secret by its name: an address that may be its own password."""
    if is_secret(ground, path, values):
        return True
    if not isinstance(value, str) or ground.part(path) is None:
        return False
    if is_reference(value):
        return True
    if path[-1] == "url" and at(values, (*path[:-1], "kind")) in ("ics", "webhook"):
        return "://" in value and not has_placeholder(value) and bool(urlsplit(value).path.strip("/"))
    return False


def fixed(ground: Ground, path: Path) -> str:
    """Why a page does not change a field; "" where it may."""
    place = ground.within(path)
    if place[0] in ON_THE_MACHINE:
        return "is of the machine itself"
    if place == ("organisation", "id"):
        return "is what everything of the organisation is stored by"
    if len(place) == 1 and place[0] != "log_level":
        return "is a whole table"
    if len(place) == 2 and place[0] == "organisation" and ground.several and len(path) < 3:
        return "is a whole table"
    return ""
