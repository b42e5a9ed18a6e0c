"""When a calendar is read next, and why: pure rules, so that they can be tried without a calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from backsoon.store.base import Lane

LOOK_FROM, LOOK_TO = timedelta(seconds=270), timedelta(seconds=60)
"""So long before something begins or ends a calendar is looked at once more: an entry that is changed five minutes
before is right at its start, whoever failed to tell of it. The looks are spread: most entries begin on the hour."""
SECOND_LOOK = timedelta(seconds=30)
"""How long after a hint that led to nothing the calendar is read again: whoever told may not have had it all yet."""
_QUIET_FROM, _QUIET_TO = timedelta(seconds=10), timedelta(seconds=30)
"""Around the full hour switchboards are told of what begins: nothing that can wait is read then."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The bounds of the interval between two reads, in seconds.

    `jitter` spreads reads: each comes sooner by up to that share.
    """

    shortest: float = 120.0
    longest: float = 900.0
    growth: float = 1.5
    jitter: float = 0.1


PUSHED = Pace(36 * 3600.0, 36 * 3600.0)
"""That of a calendar whose changes are told: it is read then, and shortly before something is due."""
SELDOM = Pace(132 * 3600.0, 132 * 3600.0)
"""The same where everything that a read brings is told of, and looking at busy times finds what was told and lost: of
the days up to here that is seen within a quarter of an hour (`fingerprints.DAYS`). It is read when its channel of seven
days is replaced, which comes sooner."""

RETRY, LONGEST_RETRY = 900.0, 3600.0
"""The most seconds until the first try after a failure, and until any, however seldom the calendar is read."""
HURRY, HURRIES = 30.0, 5
"""The same where something is due, or a change was told: seconds until the first try, twice as long each time; and how
many times in a row. Whoever is looked at four minutes before a start is tried three times more until then."""


@dataclass(frozen=True, slots=True)
class NextRead:
    """When a calendar is read next, and in which lane."""

    at: datetime
    lane: Lane


def told(*, of_everything: bool, looked_at: bool) -> Pace:
    """The pace of a calendar whose changes are told. `of_everything`: of all that a read brings (not so: automatic
    replies at Microsoft's); `looked_at`: busy times are, too, so that what is lost is found."""
    return SELDOM if of_everything and looked_at else PUSHED


def beyond(began: datetime) -> datetime:
    """Whatever is due up to here was confirmed by a read that began then: only what comes later needs another look."""
    return began + LOOK_FROM


def after_success(
    now: datetime,
    interval: timedelta | None,
    changed: bool,
    next_due: datetime | None,
    pace: Pace,
    chance: float,
) -> NextRead:
    """The next read after one that went well.

    `interval` is the one that has just passed (None: the first read), `next_due` when something in the calendar begins
    or ends next that this read has not confirmed (see `beyond`), `chance` a random number in [0, 1). A calendar that
    changed is read again soon; one that rests is read less and less often; and each is looked at shortly before
    something is due.
    """
    seconds = pace.shortest if changed or interval is None else interval.total_seconds() * pace.growth
    seconds = min(max(seconds, pace.shortest), pace.longest) * (1 - pace.jitter * chance)
    compared = now + timedelta(seconds=seconds)
    if next_due is not None:
        look = max(now, next_due - LOOK_TO - chance * (LOOK_FROM - LOOK_TO))
        if look <= compared or compared >= next_due - LOOK_FROM:
            return NextRead(min(look, compared), Lane.DUE)
    return NextRead(_not_on_the_hour(compared, now, chance), Lane.RECONCILE)


def looked_at_again(now: datetime, usual: NextRead) -> NextRead:
    """The next read after a hint that led to nothing; `usual` is what it would be otherwise."""
    again = NextRead(now + SECOND_LOOK, Lane.RECONCILE)
    return usual if usual.at <= again.at else again


def hurried(lane: Lane, failures: int) -> bool:
    """Whether a read that failed for the `failures`-th time in a row (1 for the first) is tried again soon, and first:
    something begins or ends, or was changed."""
    return lane in (Lane.DUE, Lane.CHANGED) and failures <= HURRIES


def after_failure(
    now: datetime, failures: int, retry_after: float | None, pace: Pace, chance: float, *, hurry: bool = False
) -> datetime:
    """The next try after the `failures`-th failure in a row. What the server asks for is honoured, by whoever is in a
    `hurry` too."""
    doubled = 2 ** min(failures - 1, 10)
    seconds = min(min(pace.shortest, RETRY) * doubled, pace.longest, LONGEST_RETRY)
    wait = max(min(seconds, HURRY * doubled) if hurry else seconds, retry_after or 0.0)
    return now + timedelta(seconds=wait * (1 + pace.jitter * chance))


def _not_on_the_hour(at: datetime, now: datetime, chance: float) -> datetime:
    """The instant, or one a little earlier where that falls around the full hour (later, if that were past)."""
    hour = (at + _QUIET_FROM).replace(minute=0, second=0, microsecond=0)
    if not hour - _QUIET_FROM <= at < hour + _QUIET_TO:
        return at
    earlier = hour - _QUIET_FROM - timedelta(seconds=1 + 60 * chance)
    return earlier if earlier > now else hour + _QUIET_TO + timedelta(seconds=60 * chance)
