"""Times as Exchange writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from backsoon.domain.model import EARLIEST, LATEST, local_instant


def instant(text: str | None, *, bare_is_utc: bool = False) -> datetime | None:
    """An `xs:dateTime` in UTC, within `EARLIEST` and `LATEST`; None for what is none, or has no zone.

    `bare_is_utc`: a time without a zone is in UTC, for it was asked for so (availability, automatic replies).
    """
    try:
        at = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    if at.tzinfo is None:
        if not bare_is_utc:
            return None
        at = at.replace(tzinfo=UTC)
    if not EARLIEST.year < at.year < LATEST.year:
        return EARLIEST if at.year <= EARLIEST.year else LATEST
    return at.astimezone(UTC)


def day(at: datetime, zone: ZoneInfo) -> date:
    """The day that begins nearest to the instant in the zone.

    Exchange tells all-day entries as instants: midnight in the zone that they were made in, mostly the mailbox's, where
    this is exact. One that was made elsewhere means the day whose midnight is nearest.
    """
    clock = at.astimezone(zone)
    local = clock.date()
    if not (clock.hour or clock.minute or clock.second):
        return local
    following = local + timedelta(days=1)
    before = at - local_instant(datetime.combine(local, time()), zone)
    after = local_instant(datetime.combine(following, time()), zone) - at
    return local if before <= after else following
