"""Referrals by hand: how long one lasts, what taking it back means, and what follows. Manual always wins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from backsoon.domain.errors import BadOverride
from backsoon.domain.hours import WorkingTime
from backsoon.domain.keyword import clean
from backsoon.domain.model import LATEST, Lifetime, Override, Reason, known_end, utc
from backsoon.domain.timeline import Stretch, Timeline

SAME_REQUEST = timedelta(seconds=60)
"""Within this a request without an end that comes again is the same one; later it begins anew."""


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

    `LATEST` is no end. Raises `BadOverride` if it would end before it starts or after `LATEST`, `NaiveTime` for an end
    without a zone.
    """
    end = default_end(at, reason, working) if until is None else utc(until, "until")
    if end is not None and end <= at:
        what = f"a referral must end after it starts: it would end at {end.isoformat()}, which is past"
        raise BadOverride(what, "name a time that is to come, how long it lasts, or no end: the reason has its own")
    if end is not None and end > LATEST:
        remedy = "name an earlier end; use a reason that lasts until taken back"
        raise BadOverride(f"a referral cannot end after {LATEST:%Y-%m-%d}", remedy)
    return Override(at, known_end(end), reason.code, clean(note), divert_to, by, through)


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
    otherwise it is None: no override is needed. Where that block runs until further notice, so does "available".
    """
    end = timeline.block_end(at)
    return None if end is None else Override(at, known_end(end), None, by=by, through=through)


def repeated(present: Override | None, wanted: Override, explicit_end: bool, at: datetime) -> bool:
    """Whether `wanted`, asked for at `at`, is what is in force already, so that nothing needs to change.

    `explicit_end` says that the end was named as an instant: then it must be the same. Else (the reason's own lifetime,
    or a length of time) it must last as long, and be asked for again within `SAME_REQUEST`. "Available" is in force
    already where it reaches as far: it is never shortened, whoever says it again.
    """
    if present is None or not present.covers(at):
        return False
    if wanted.reason is None:
        return present.reason is None and _reaches(present.end, wanted.end)
    if _said(present) != _said(wanted):
        return False
    if explicit_end:
        return present.end == wanted.end
    return at - present.start <= SAME_REQUEST and (present.end == wanted.end or _length(present) == _length(wanted))


def _said(override: Override) -> tuple[str | None, str, str, str, str]:
    return override.reason, override.note, override.divert_to, override.by, override.through


def _reaches(end: datetime | None, other: datetime | None) -> bool:
    return end is None or (other is not None and end >= other)


def _length(override: Override) -> timedelta | None:
    return None if override.end is None else override.end - override.start


def follows(timeline: Timeline, at: datetime, told: Callable[[str | None], str | None]) -> Stretch | None:
    """The next stretch in which the person is told to be away for another reason, or available; None: nothing follows.

    `told` makes the reason that somebody may know of the true one (None: available). The stretch reaches to where that
    changes again; its availability is that of its beginning.
    """
    stretches = timeline.stretches(at, warned=False)
    now = told(next(stretches).availability.reason)
    coming = (stretch for stretch in stretches if told(stretch.availability.reason) != now)
    first = next(coming, None)
    return None if first is None else Stretch(first.start, _end(first, stretches, told), first.availability)


def _end(first: Stretch, later: Iterable[Stretch], told: Callable[[str | None], str | None]) -> datetime | None:
    reason, end = told(first.availability.reason), first.end
    for stretch in later:
        if told(stretch.availability.reason) != reason:
            break
        end = stretch.end
    return end
