"""Values of properties (RFC 5545 section 3.3): dates, date-times, durations, offsets, periods."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple, Protocol

from backsoon.sources.ical.faults import BadItem
from backsoon.sources.ical.lines import parameters, split_moment

_DURATION = re.compile(
    rb"([+-]?)P(?:(\d{1,7})W)?(?:(\d{1,7})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?", re.IGNORECASE
)
_OFFSET = re.compile(rb"([+-])(\d\d):?(\d\d):?(\d\d)?")


class Moment(NamedTuple):
    """A DATE or DATE-TIME as it was written: what clocks show, and where. `zone` None: floating."""

    wall: datetime
    """Naive; midnight for a DATE."""
    zone: tzinfo | None
    is_day: bool


class ZoneFinder(Protocol):
    """What knows the time zones of a calendar by their TZID."""

    def find(self, tzid: str) -> tzinfo:
        """The zone of that name. Raises `BadItem` where its definition is too costly."""
        ...


def moment(line: bytes, zones: ZoneFinder) -> Moment:
    """The one value of a property such as DTSTART. Raises `BadItem`."""
    head, value = split_moment(line)
    return _moment(head, value, zones)


def moments(line: bytes, zones: ZoneFinder) -> list[tuple[Moment, timedelta | None]]:
    """The values of an RDATE or EXDATE line; with each the length of its PERIOD, or None."""
    head, values = split_moment(line)
    return [_period(head, value, zones) for value in values.split(b",") if value.strip()]


def _period(head: bytes, value: bytes, zones: ZoneFinder) -> tuple[Moment, timedelta | None]:
    start_text, slash, end_text = value.strip().partition(b"/")
    start = _moment(head, start_text, zones)
    if not slash:
        return start, None
    if end_text[:1] in b"Pp+-":
        return start, duration(end_text)
    return start, _moment(head, end_text, zones).wall - start.wall


def _moment(head: bytes, value: bytes, zones: ZoneFinder) -> Moment:
    wall = _wall(head, value)
    if len(value) == 8:
        return Moment(wall, None, True)
    if wall.tzinfo is not None:
        return Moment(wall.astimezone(UTC).replace(tzinfo=None), UTC, False)
    if b";" in head:
        given = parameters(head)
        tzid = given.get("TZID")
        if given.get("VALUE", "").upper() == "DATE":
            return Moment(wall.replace(hour=0, minute=0, second=0), None, True)
        if tzid:
            return Moment(wall, zones.find(tzid), False)
    return Moment(wall, None, False)


def _wall(head: bytes, value: bytes) -> datetime:
    if not (value[:8].isdigit() and (len(value) == 8 or (value[8:9] in b"Tt" and value[9:13].isdigit()))):
        raise BadItem(f"{_name(head)} is not a date or date-time")
    if value[13:15] == b"60":  # a leap second has no place in datetime: its minute's last second stands for it
        value = value[:13] + b"59" + value[15:]
    try:
        return datetime.fromisoformat(value.decode("ascii", "replace"))
    except ValueError:
        raise BadItem(f"{_name(head)} is not a date or date-time") from None


def _name(head: bytes) -> str:
    """The property's name for a message: one of those that we keep, never more."""
    name = head.partition(b";")[0].strip().upper()
    return name.decode() if name in (b"DTSTART", b"DTEND", b"RDATE", b"EXDATE", b"RECURRENCE-ID") else "a value"


def duration(value: bytes) -> timedelta:
    """A DURATION (section 3.3.6). Raises `BadItem`, also for a negative one."""
    found = _DURATION.fullmatch(value.strip())
    if found is None or not any(found.groups()[1:]):
        raise BadItem("DURATION is not a duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    if found[1] == b"-" and length:
        raise BadItem("DURATION is negative")
    return length


def offset(value: bytes) -> timedelta:
    """A UTC-OFFSET (section 3.3.14), east positive; under 24 hours. Raises `BadItem`."""
    found = _OFFSET.fullmatch(value.strip())
    if found is None:
        raise BadItem("an offset of a time zone is not an offset")
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    # Google has written +5328 for the hours and minutes of a mean local time: minutes past 59 are capped.
    length = timedelta(hours=min(hours, 23), minutes=min(minutes, 59), seconds=min(seconds, 59))
    return -length if found[1] == b"-" else length


def fixed(length: timedelta) -> tzinfo:
    """A zone of one offset."""
    return timezone(length) if length else UTC
