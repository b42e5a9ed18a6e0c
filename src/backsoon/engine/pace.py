"""When a calendar is read next: pure rules, so that they can be tried without a calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """The bounds of the interval between two reads, in seconds.

    `jitter` spreads reads: each is moved by up to that share.
    """

    shortest: float = 120.0
    longest: float = 900.0
    growth: float = 1.5
    jitter: float = 0.1
    before_due: float = 60.0
    """How long before something begins or ends a calendar is looked at once more."""


def after_success(
    now: datetime,
    interval: timedelta | None,
    changed: bool,
    next_due: datetime | None,
    pace: Pace,
    chance: float,
) -> datetime:
    """The next read after one that went well.

    `interval` is the one that has just passed (None: the first read), `next_due` when something in the calendar begins
    or ends next, `chance` a random number in [0, 1). A calendar that changed is read again soon; one that rests is
    read less
    and less often; and each is looked at shortly before something is due.
    """
    seconds = pace.shortest if changed or interval is None else interval.total_seconds() * pace.growth
    seconds = min(max(seconds, pace.shortest), pace.longest) * (1 + pace.jitter * (2 * chance - 1))
    due = now + timedelta(seconds=seconds)
    if next_due is None:
        return due
    look = next_due - timedelta(seconds=pace.before_due * (1 + chance / 2))
    return min(due, look) if look > now + timedelta(seconds=pace.shortest / 4) else due


def after_failure(now: datetime, failures: int, retry_after: float | None, pace: Pace, chance: float) -> datetime:
    """The next try after the `failures`-th failure in a row (1 for the first). What the server asks for is honoured."""
    seconds = min(pace.shortest * 2 ** min(failures - 1, 10), pace.longest)
    wait = max(seconds, retry_after or 0.0)
    return now + timedelta(seconds=wait * (1 + pace.jitter * chance))
