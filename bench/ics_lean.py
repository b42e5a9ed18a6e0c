"""The yardstick: the least that could read a well-behaved calendar, without bounds, zones of its own or tolerance.

A line splitter, `dateutil.rrule` on naive times and `zoneinfo`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

_WINDOWS = {"W. Europe Standard Time": "Europe/Berlin", "GTB Standard Time": "Europe/Bucharest"}
_DAY = timedelta(days=1)


def lean_parse(data: bytes) -> list[dict[str, Any]]:
    """The VEVENTs as dictionaries of property to (parameters, value)."""
    events: list[dict[str, Any]] = []
    event: dict[str, Any] | None = None
    nested = 0
    for line in data.decode().replace("\r\n ", "").split("\r\n"):
        name, _, value = line.partition(":")
        name, _, parameters = name.partition(";")
        if name == "BEGIN":
            if value == "VEVENT":
                event = {}
            elif event is not None:
                nested += 1
        elif name == "END":
            if value == "VEVENT" and event is not None:
                events.append(event)
                event = None
            elif nested:
                nested -= 1
        elif event is not None and not nested:
            event[name] = (parameters, value)
    return events


def lean_expand(events: list[dict[str, Any]], low: datetime, high: datetime) -> list[tuple[str, datetime, datetime]]:
    """The occurrences between two naive times that begin there: (uid, start, end) in UTC."""
    replaced = {(e["UID"][1], _when(*e["RECURRENCE-ID"])) for e in events if "RECURRENCE-ID" in e}
    found = []
    for event in events:
        start, end = _when(*event["DTSTART"]), _when(*event["DTEND"])
        zone = _zone(event["DTSTART"][0])
        uid = event["UID"][1]
        for wall in _walls(event, start, low - _DAY, high + _DAY):
            if "RECURRENCE-ID" in event or (uid, wall) not in replaced:
                begins = wall.replace(tzinfo=zone).astimezone(UTC)
                found.append((uid, begins, (wall + (end - start)).replace(tzinfo=zone).astimezone(UTC)))
    return found


def _walls(event: dict[str, Any], start: datetime, low: datetime, high: datetime) -> list[datetime]:
    if "RRULE" not in event:
        return [start] if low <= start < high else []
    rule = rrulestr(event["RRULE"][1].replace("Z", ""), dtstart=start)
    gone = {_when(*event["EXDATE"])} if "EXDATE" in event else set()
    return [wall for wall in rule.between(low, high, inc=True) if wall not in gone]


def _when(parameters: str, value: str) -> datetime:
    if "VALUE=DATE" in parameters:
        return datetime.combine(date.fromisoformat(value), datetime.min.time())
    return datetime.fromisoformat(value)


def _zone(parameters: str) -> ZoneInfo:
    name = parameters.partition("TZID=")[2] or "Europe/Stockholm"
    return ZoneInfo(_WINDOWS.get(name, name))
