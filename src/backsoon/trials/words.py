"""Small words of what is told."""

from __future__ import annotations

from datetime import UTC, datetime


def counted(number: int, one: str, several: str = "") -> str:
    """`1 calendar`, `2 calendars`."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def in_utc(at: datetime) -> str:
    """ISO 8601 in UTC, ending in Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
