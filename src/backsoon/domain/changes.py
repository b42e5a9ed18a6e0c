"""What a read of a calendar changes, and whether it is to be believed at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from backsoon.domain.model import CalendarReferral


def after_read(
    stored: Iterable[CalendarReferral],
    read: Iterable[CalendarReferral],
    touched: frozenset[str],
    *,
    complete: bool,
) -> list[CalendarReferral]:
    """A calendar's referrals once a read is taken over: those of untouched resources stay, unless the read is
    complete."""
    kept = [] if complete else [r for r in stored if r.resource not in touched]
    return [*kept, *read]


def shrunk(before: Iterable[CalendarReferral], after: Iterable[CalendarReferral], now: datetime) -> bool:
    """Whether more than half of the referrals still to come (or running) would be lost at once.

    Counted, not compared by key: a weekly meeting that moves to another day has new keys throughout.
    """
    had = sum(1 for r in before if r.span.end > now)
    has = sum(1 for r in after if r.span.end > now)
    return has * 2 < had
