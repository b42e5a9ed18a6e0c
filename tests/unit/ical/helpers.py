"""What the tests of the iCalendar reader share."""

from __future__ import annotations

from datetime import UTC, datetime

from backsoon.domain.model import CalendarEntry, Days, Timed
from backsoon.sources.base import Window
from backsoon.sources.ical import Limits, Reading, read_calendar

ZONE = "Europe/Stockholm"
WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 12, 6, tzinfo=UTC))
"""400 days, as the engine asks for."""
YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def event(*lines: str, uid: str = "a") -> str:
    """A VEVENT."""
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT", ""])


def calendar(*components: str, lines: tuple[str, ...] = ()) -> bytes:
    """A VCALENDAR around the components."""
    head = "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, ""])
    return (head + "".join(components) + "END:VCALENDAR\r\n").encode()


def read(
    data: bytes,
    window: Window = YEAR,
    *,
    zone: str = ZONE,
    owner: frozenset[str] = frozenset(),
    limits: Limits | None = None,
) -> Reading:
    """Read a feed."""
    return read_calendar(
        [("", data)], window=window, zone=zone, owner=owner, limits=limits or Limits(), resource_is_uid=True
    )


def read_event(*lines: str, window: Window = YEAR, zone: str = ZONE) -> list[CalendarEntry]:
    """The entries of a calendar that holds this one event; nothing of it may be rejected."""
    reading = read(calendar(event(*lines)), window, zone=zone)
    assert reading.rejected == ()
    return list(reading.entries)


def starts(entries: list[CalendarEntry] | tuple[CalendarEntry, ...]) -> list[str]:
    """When the entries begin, in ascending order: `11-22 09:00` in UTC, or `11-22` for a day."""
    return sorted(
        f"{entry.when.first:%m-%d}" if isinstance(entry.when, Days) else f"{entry.when.start:%m-%d %H:%M}"
        for entry in entries
    )


def spans(entries: list[CalendarEntry] | tuple[CalendarEntry, ...]) -> list[str]:
    """Start and end of timed entries, in UTC."""
    return sorted(
        f"{entry.when.start:%m-%d %H:%M}/{entry.when.end:%m-%d %H:%M}"
        for entry in entries
        if isinstance(entry.when, Timed)
    )


def because(reading: Reading) -> list[str]:
    """Why items were rejected."""
    return [rejected.because for rejected in reading.rejected]
