"""Time zone names as calendars write them, to a `tzinfo`. Pure: a name alone decides, no calendar teaches another.

Only names that zoneinfo lists are ever opened, so that a TZID cannot name a file.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from backsoon.sources.ical.windows import WINDOWS_ZONES

_UTC_NAMES = frozenset(
    ("utc", "z", "gmt", "etc/utc", "etc/gmt", "etc/zulu", "zulu", "tzone://microsoft/utc", "utc/gmt",
     "coordinated universal time", "(utc) coordinated universal time", "greenwich mean time")
)  # fmt: skip
_NUMBERED = re.compile(r"(?<=[a-z]) \d{1,2}$", re.IGNORECASE)
_FIXED = re.compile(r"\(?(?:utc|gmt)?\s*([+-])(\d{1,2})(?::?(\d\d))?\)?", re.IGNORECASE)
_DISPLAY = re.compile(r"\((?:utc|gmt)\s*(?:([+-])(\d\d):?(\d\d))?\)\s*(.+)", re.IGNORECASE)
_DISPLAYED = {
    "pacific time (us & canada)": "America/Los_Angeles",
    "mountain time (us & canada)": "America/Denver",
    "central time (us & canada)": "America/Chicago",
    "eastern time (us & canada)": "America/New_York",
    "atlantic time (canada)": "America/Halifax",
    "indiana (east)": "America/Indiana/Indianapolis",
}


@lru_cache(maxsize=4096)
def known_zone(tzid: str) -> tzinfo | None:
    """The zone of a name that stands for itself: IANA (any case, any prefix), Windows, UTC. None otherwise.

    A definition of it that a calendar brings along is not needed.
    """
    name = tidy(tzid)
    for candidate in (name, _NUMBERED.sub("", name)):
        zone = _plain(candidate)
        if zone is not None:
            return zone
    return _prefixed(name)


@lru_cache(maxsize=4096)
def guessed_zone(tzid: str) -> tzinfo | None:
    """The zone of a name that only describes it: `GMT+0100`, `(UTC+01:00) Amsterdam, Berlin`. None otherwise.

    To be asked where the calendar brings no definition along.
    """
    name = tidy(tzid)
    fixed = _FIXED.fullmatch(name)
    if fixed is not None:
        return _offset(fixed[1], fixed[2], fixed[3])
    shown = _DISPLAY.fullmatch(name)
    if shown is not None:
        return _described(shown)
    return None


def tidy(tzid: str) -> str:
    """The name without quotes and outer spaces, at most 128 characters."""
    return tzid.strip().strip("\"'").strip()[:128]


def _plain(name: str) -> tzinfo | None:
    folded = name.casefold()
    if folded in _UTC_NAMES:
        return UTC
    iana = _iana().get(folded) or _windows().get(folded) or _iana().get(folded.replace(" ", "_"))
    return None if iana is None else ZoneInfo(iana)


def _prefixed(name: str) -> tzinfo | None:
    """`/mozilla.org/20070129_1/Europe/Oslo`: the IANA name at the end."""
    parts = name.split("/")
    for length in (3, 2, 1):
        if len(parts) > length and (length > 1 or name.startswith("/")):
            zone = _plain("/".join(parts[-length:]))
            if zone is not None:
                return zone
    return None


def _offset(sign: str | None, hours: str | None, minutes: str | None) -> tzinfo | None:
    """East of Greenwich is positive here, as everywhere but in the POSIX names under `Etc/`."""
    length = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if length >= timedelta(hours=24):
        return None
    return timezone(-length if sign == "-" else length) if length else UTC


def _described(shown: re.Match[str]) -> tzinfo | None:
    """What Windows shows in its list of zones: the first of the cities that is a zone with that standard time."""
    sign, hours, minutes, words = shown.groups()
    meant = _offset(sign, hours, minutes)
    if words.casefold() in _DISPLAYED:
        return ZoneInfo(_DISPLAYED[words.casefold()])
    for city in words.split(","):
        iana = _cities().get(city.strip().casefold().replace(" ", "_"))
        if iana is not None and _standard(ZoneInfo(iana)) == _standard(meant):
            return ZoneInfo(iana)
    return None


def _standard(zone: tzinfo | None) -> timedelta | None:
    """The zone's offset outside daylight saving time: the lesser of January's and July's."""
    if zone is None:
        return None
    offsets = [zone.utcoffset(datetime(2024, month, 1)) for month in (1, 7)]  # noqa: DTZ001
    return min(offset for offset in offsets if offset is not None)


def learn_zones() -> None:
    """Read the list of zones from the disk now, some ten milliseconds; otherwise the first look-up does."""
    _windows()
    _cities()


@cache
def _iana() -> dict[str, str]:
    """IANA names by their folded form."""
    return {name.casefold(): name for name in available_timezones() if name not in ("localtime", "Factory")}


@cache
def _windows() -> dict[str, str]:
    return {name.casefold(): iana for name, iana in WINDOWS_ZONES.items() if iana.casefold() in _iana()}


@cache
def _cities() -> dict[str, str]:
    """IANA names by their last part, folded; the shortest and first in the alphabet where several end so."""
    names = sorted((name for name in _iana().values() if "/" in name), key=lambda name: (len(name), name))
    return {name.rpartition("/")[2].casefold(): name for name in reversed(names)}
