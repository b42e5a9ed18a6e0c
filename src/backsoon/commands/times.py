"""Times as people type them: `14:30`, `2026-12-24`, `2026-12-24T09:00`, `30m`, `2h`, `1d`.

A time without a zone is read in the zone given. All answers are in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from backsoon.domain.errors import BacksoonError
from backsoon.domain.model import local_instant

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])(?:[:.]([0-5][0-9]))?")
_SPANS = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m(?:in)?)?(?:(\d{1,7})s)?")
_FIRST, _LAST = 1900, 9000


class BadTime(BacksoonError):
    """What was typed is no time that can be read."""

    def __init__(self, text: str, remedy: str, wanted: str = "a time") -> None:
        self.text = text
        self.remedy = remedy
        super().__init__(f"{text!r} cannot be read as {wanted}")


def read_instant(text: str, now: datetime, zone: tzinfo, *, past: bool = False) -> datetime:
    """The instant meant. A time of day is today's, or tomorrow's where it is over (unless `past` times are wanted).

    Raises `BadTime`.
    """
    typed = text.strip()
    today = now.astimezone(zone).date()
    if typed.lower() == "now":
        return now
    if typed.lower() in ("today", "tomorrow"):
        return midnight(today + timedelta(days=typed.lower() == "tomorrow"), zone)
    if clock := _CLOCK.fullmatch(typed):
        wall = time(int(clock[1]), int(clock[2]), int(clock[3] or 0))
        at = local_instant(datetime.combine(today, wall), zone)
        return at if past or at > now else local_instant(datetime.combine(today + timedelta(days=1), wall), zone)
    return _iso(typed, zone)


def _iso(typed: str, zone: tzinfo) -> datetime:
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        raise BadTime(typed, "write 14:30, 2026-12-24 or 2026-12-24T14:30") from None
    if not _FIRST <= at.year <= _LAST:
        raise BadTime(typed, f"write a year from {_FIRST} to {_LAST}")
    return local_instant(at, zone) if at.tzinfo is None else at.astimezone(UTC)


def midnight(day: date, zone: tzinfo) -> datetime:
    """The beginning of a day in the zone."""
    return local_instant(datetime.combine(day, time()), zone)


def read_duration(text: str) -> timedelta:
    """A length of time: `30m`, `2h`, `1h30m`, `1d`; a number alone is minutes. Raises `BadTime`."""
    typed = text.strip().lower().replace(" ", "")
    match = _SPANS.fullmatch(f"{typed}m" if typed.isdecimal() else typed)
    days, hours, minutes, seconds = (int(n or 0) for n in match.groups()) if match else (0, 0, 0, 0)
    lasting = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not lasting:
        raise BadTime(text, "write 30m, 2h, 1h30m or 1d", "a length of time")
    return lasting
