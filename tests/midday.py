"""A time zone in which it is about midday.

What is said of an instant names the day when that is another day. Companies of tests whose words are compared live in
such a zone, so that a test reads the same at whatever hour it runs; midnight has tests with instants of their own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def midday(now: datetime) -> ZoneInfo:
    """The zone without summer time, whole hours from UTC, whose clock is nearest to half past eleven.

    Its name counts to the west ("Etc/GMT-3" is three hours ahead of UTC), as POSIX does; IANA, file `etcetera`.
    """
    ahead = 11 - now.astimezone(UTC).hour
    return ZoneInfo(f"Etc/GMT{-ahead:+d}")


HERE = midday(datetime.now(UTC))
"""Where the companies of this run of the tests are: from 11:00 on, at its start."""
