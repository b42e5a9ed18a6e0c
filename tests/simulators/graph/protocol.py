"""What a request to Graph is and what its answer is, alone or as a part of a batch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

WINDOWS_ZONES: Final = {
    "W. Europe Standard Time": "Europe/Berlin",
    "Central Europe Standard Time": "Europe/Budapest",
    "Romance Standard Time": "Europe/Paris",
    "GMT Standard Time": "Europe/London",
    "FLE Standard Time": "Europe/Helsinki",
    "Pacific Standard Time": "America/Los_Angeles",
    "tzone://Microsoft/Utc": "UTC",
}


@dataclass(frozen=True)
class Asked:
    """One request. Names of `headers` are in lower case, those of `query` as they came."""

    method: str
    path: str
    """Below the version, with the slash, decoded."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None
    base: str = ""
    """What links in the answer begin with."""
    part: bool = False
    """Whether it came in a batch."""

    def option(self, name: str) -> str | None:
        """A query parameter; Graph takes their names without regard to case."""
        return next((value for key, value in self.query.items() if key.lower() == name.lower()), None)

    def preferences(self) -> dict[str, str]:
        """What the `Prefer` header asks for, names in lower case."""
        found = {}
        for each in re.findall(r'([\w.\-]+)\s*=\s*("[^"]*"|[^,;\s]+)', self.headers.get("prefer", "")):
            found[each[0].lower()] = each[1].strip('"')
        return found

    def zone(self) -> str:
        """The time zone that times are wanted in."""
        return self.preferences().get("outlook.timezone", "UTC")

    def immutable(self) -> bool:
        """Whether ids are wanted that do not change when an item is moved."""
        return self.preferences().get("idtype", "").lower() == "immutableid"


@dataclass(frozen=True)
class Answer:
    """What is answered; `body` is JSON, or text where it is a string, None where there is none."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def also(self, **headers: str) -> Answer:
        """With these headers too (underscores for hyphens)."""
        return replace(self, headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str = "", **headers: str) -> None:
        self.answer = Answer(status, error_body(code, message or code)).also(**headers)
        super().__init__(code)


def error_body(code: str, message: str) -> dict[str, Any]:
    """The body that errors have."""
    inner = {"date": "2026-11-22T12:00:00", "request-id": "simulated", "client-request-id": "simulated"}
    return {"error": {"code": code, "message": message, "innerError": inner}}


def zone_of(name: str) -> ZoneInfo:
    """The zone of a name, IANA's or one of Windows'."""
    try:
        return ZoneInfo(WINDOWS_ZONES.get(name, name))
    except (KeyError, ValueError, OSError) as error:
        raise Refused(400, "TimeZoneNotSupportedException", "no such time zone") from error


def instant_of(text: str, zone: str = "UTC") -> datetime:
    """The instant in UTC that a text names; without an offset it is in `zone`."""
    try:
        at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.replace(" ", "+")))
    except ValueError as error:
        raise Refused(400, "ErrorInvalidParameter", "a time that is none") from error
    return (at if at.tzinfo else at.replace(tzinfo=zone_of(zone))).astimezone(UTC)


@lru_cache(maxsize=100_000)
def stamp(at: datetime) -> str:
    """An instant as Graph writes a DateTimeOffset."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


@lru_cache(maxsize=100_000)
def _wall(at: datetime, zone: str) -> str:
    return at.astimezone(zone_of(zone)).replace(tzinfo=None).isoformat(timespec="microseconds") + "0"


def timed(at: datetime, zone: str) -> dict[str, str]:
    """An instant as Graph writes a dateTimeTimeZone."""
    return {"dateTime": _wall(at, zone), "timeZone": zone}
