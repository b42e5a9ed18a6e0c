"""Referrals by hand: how long one lasts, and what taking it back means. Manual always wins."""

from __future__ import annotations

from datetime import datetime, timedelta

from backsoon.domain.errors import BadOverride
from backsoon.domain.hours import WorkingTime
from backsoon.domain.keyword import clean
from backsoon.domain.model import LATEST, Lifetime, Override, Reason, utc
from backsoon.domain.timeline import Timeline


def refer(
    at: datetime,
    reason: Reason,
    working: WorkingTime,
    *,
    until: datetime | None = None,
    note: str = "",
    divert_to: str = "",
    by: str = "",
    through: str = "",
) -> Override:
    """The override that refers a person from `at` on, until `until` or for the reason's own lifetime.

    Raises `BadOverride` if it would end before it starts or after `LATEST`, `NaiveTime` for an end without a zone.
    """
    end = default_end(at, reason, working) if until is None else utc(until, "until")
    if end is not None and end <= at:
        raise BadOverride(f"a referral must end after it starts: it would end at {end.isoformat()}")
    if end is not None and end > LATEST:
        raise BadOverride(f"a referral cannot end after {LATEST:%Y-%m-%d}; use a reason that lasts until taken back")
    return Override(at, end, reason.code, clean(note), divert_to, by, through)


def default_end(at: datetime, reason: Reason, working: WorkingTime) -> datetime | None:
    """When a referral by hand ends where nobody says; None: when it is taken back."""
    if reason.lifetime is Lifetime.UNTIL_TAKEN_BACK:
        return None
    if reason.lifetime is Lifetime.NEXT_WORKING_MORNING:
        return working.next_morning(at)
    return at + timedelta(minutes=reason.minutes)


def take_back(at: datetime, timeline: Timeline, *, by: str = "", through: str = "") -> Override | None:
    """What "I am available" leaves in place of whatever override there was.

    While a calendar referral runs it is an override "available" to the end of the block that is running;
    otherwise it is None: no override is needed.
    """
    end = timeline.block_end(at)
    return None if end is None else Override(at, end, None, by=by, through=through)
