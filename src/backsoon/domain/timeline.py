"""Who wins at an instant, until when, and what comes next: a person's claims decided, all of it pure.

The claims are an override and calendar referrals; the decision at an instant is an `Availability`. It is constant
from one change
to the next, and there is no memory of "what it was before".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate, islice

from backsoon.domain.hours import ALWAYS, WorkingTime
from backsoon.domain.model import (
    AVAILABLE,
    LATEST,
    Availability,
    CalendarReferral,
    EntryKey,
    Informing,
    Layer,
    Override,
    Phone,
    Reason,
    Rules,
    Upcoming,
    known_end,
)

_LAST = LATEST - datetime.resolution
"""What is asked for later is answered as of then: what holds until further notice holds for ever."""
_CHAIN_STEPS = 1000
"""The most working starts that back-at may move to; each is later than the one before."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """`[start, end)` with one unchanging decision; `end` None: it never changes by time alone."""

    start: datetime
    end: datetime | None
    availability: Availability


def _priority(reasons: Mapping[str, Reason], code: str) -> int:
    reason = reasons.get(code)
    return 0 if reason is None else reason.priority  # a reason that was taken out of the settings ranks last


def united(referrals: Iterable[CalendarReferral], reasons: Mapping[str, Reason]) -> list[CalendarReferral]:
    """Referrals of several calendars, one for each (uid, recurrence-id): of copies the closed and highest ranking
    counts."""
    best: dict[tuple[str, str], CalendarReferral] = {}
    for referral in referrals:
        name = (referral.key.uid, referral.key.recurrence_id)
        other = best.get(name)
        if other is None or _copy_rank(referral, reasons) > _copy_rank(other, reasons):
            best[name] = referral
    return list(best.values())


def _copy_rank(referral: CalendarReferral, reasons: Mapping[str, Reason]) -> tuple[object, ...]:
    closed = referral.phone is Phone.CLOSED
    key = referral.key
    tail = (referral.resource, referral.span.end, referral.divert_to, referral.note, referral.reason)
    return (closed, _priority(reasons, referral.reason), referral.span.start, -key.calendar, *tail)


def _order(referral: CalendarReferral) -> tuple[datetime, int, str, str]:
    key = referral.key
    return referral.span.start, key.calendar, key.uid, key.recurrence_id


@dataclass(slots=True)
class Timeline:
    """One person's claims, ready to be asked. Its answers do not depend on the order in which claims are given."""

    referrals: Iterable[CalendarReferral]
    rules: Rules
    override: Override | None = None
    working: WorkingTime = ALWAYS
    _closed: list[CalendarReferral] = field(init=False, repr=False)
    _open: list[CalendarReferral] = field(init=False, repr=False)
    _starts: list[datetime] = field(init=False, repr=False)
    """When the closed claims start, in order."""
    _reach: list[datetime] = field(init=False, repr=False)
    """How far each closed claim and those before it reach: the latest of their ends."""
    _backs: dict[datetime, datetime | None] = field(init=False, repr=False)
    """What `back_at` has found: one claim's end is asked for at each edge within it."""

    def __post_init__(self) -> None:
        counted = united(self.referrals, self.rules.reasons)
        counted.sort(key=_order)
        self._closed = [r for r in counted if r.phone is Phone.CLOSED]
        self._open = [r for r in counted if r.phone is Phone.OPEN]
        self._starts = [r.span.start for r in self._closed]
        self._reach = list(accumulate((r.span.end for r in self._closed), max))
        self._backs = {}

    def at(self, at: datetime, *, warned: bool = True) -> Availability:
        """The decision at an instant (UTC); without `warned` nothing is said of what is upcoming."""
        at, override = min(at, _LAST), self.override
        if override is not None and override.covers(at):
            if override.reason is None:
                return self._available(at, Layer.OVERRIDE, known_end(override.end), warned)
            return self._referred_by_hand(at, override, override.reason, warned)
        winner = self._winner(at)
        if winner is None:
            return self._available(at, Layer.NONE, None, warned)
        end = winner.span.end
        return Availability(
            reason=winner.reason,
            layer=Layer.CALENDAR,
            until=known_end(end),
            back_at=self.back_at(end),
            note=winner.note,
            divert_to=winner.divert_to,
            key=winner.key,
            upcoming=self._upcoming(at, end) if warned else None,
        )

    def next_change(self, after: datetime) -> datetime | None:
        """The first instant later than `after` at which the availability differs; None where it never does."""
        now = self.at(after)
        for edge in self._edges(after):
            if self.at(edge) != now:
                return edge
        return None

    def stretches(self, start: datetime, end: datetime | None = None, *, warned: bool = True) -> Iterator[Stretch]:
        """The decisions from `start` on (to `end`, exclusive, where one is given), each with the span in which it
        holds; without `warned` what is upcoming is left out, and parts nothing."""
        begun, now = start, self.at(start, warned=warned)
        for edge in self._edges(start, warned=warned):
            if end is not None and edge >= end:
                break
            then = self.at(edge, warned=warned)
            if then is not now and then != now:
                yield Stretch(begun, edge, now)
                begun, now = edge, then
        yield Stretch(begun, end, now)

    def block_end(self, at: datetime) -> datetime | None:
        """The end of the block of calendar claims that is running: the chain as back-at chains them.

        None outside one; `LATEST` where it runs until further notice.
        """
        winner = self._winner(at)
        return None if winner is None else self._chained(winner.span.end)

    def back_at(self, until: datetime) -> datetime | None:
        """The first instant from `until` on at which the person can be reached: past chained claims, in working hours.

        A working start that falls inside another closed claim is not it: the search goes on from that claim's end.
        None where that is until further notice.
        """
        if until not in self._backs:
            self._backs[until] = self._back_at(until)
        return self._backs[until]

    def _back_at(self, until: datetime) -> datetime | None:
        back = until
        for _ in range(_CHAIN_STEPS):
            chained = self._chained(back)
            if chained >= LATEST:
                return None
            start = self.working.next_start(chained)
            if start == back:
                return back
            back = start
        return back

    def _chained(self, end: datetime) -> datetime:
        gap = self.rules.chain_gap
        longer = bisect_right(self._reach, end)  # the first that ends later: those before it move nothing
        for claim in islice(self._closed, longer, None):  # in order of start: one pass moves past the whole chain
            if claim.span.start - end >= gap and claim.span.start > end:
                break
            if claim.span.end > end:
                end = claim.span.end
        return end

    def _winner(self, at: datetime) -> CalendarReferral | None:
        first, begun = bisect_right(self._reach, at), bisect_right(self._starts, at)
        running = [r for r in self._closed[first:begun] if r.span.end > at]
        if len(running) < 2:
            return running[0] if running else None
        return max(running, key=self._rank)

    def _rank(self, referral: CalendarReferral) -> tuple[int, datetime, EntryKey]:
        return (_priority(self.rules.reasons, referral.reason), referral.span.start, referral.key)

    def _available(self, at: datetime, layer: Layer, until: datetime | None, warned: bool) -> Availability:
        informing, upcoming = self._informing(at), self._upcoming(at, at) if warned else None
        if layer is Layer.NONE and not informing and upcoming is None:
            return AVAILABLE
        return Availability(layer=layer, until=until, informing=informing, upcoming=upcoming)

    def _referred_by_hand(self, at: datetime, override: Override, reason: str, warned: bool) -> Availability:
        end = known_end(override.end)
        return Availability(
            reason=reason,
            layer=Layer.OVERRIDE,
            until=end,
            back_at=None if end is None else self.back_at(end),
            note=override.note,
            divert_to=override.divert_to,
            upcoming=self._upcoming(at, end) if warned and end is not None else None,
        )

    def _informing(self, at: datetime) -> tuple[Informing, ...]:
        if not self._open:
            return ()
        running = [r for r in self._open if r.span.start <= at < r.span.end]
        running.sort(key=self._rank, reverse=True)
        return tuple(Informing(r.reason, known_end(r.span.end), r.note) for r in running)

    def _upcoming(self, at: datetime, until: datetime) -> Upcoming | None:
        limit = at + self.rules.warn_before
        first: CalendarReferral | None = None
        for claim in islice(self._closed, bisect_right(self._starts, at), None):
            start = claim.span.start
            if start > limit or (first is not None and start > first.span.start):
                break
            if first is None or self._rank(claim) > self._rank(first):
                first = claim
        if first is None or first.span.start < until:
            return None
        return Upcoming(first.span.start, known_end(first.span.end), first.reason, first.note)

    def _edges(self, after: datetime, *, warned: bool = True) -> list[datetime]:
        """The instants later than `after` at which the decision may change, in order."""
        coming = self._closed[bisect_right(self._reach, after) :]  # of those before it all is over
        edges = [e for r in (*coming, *self._open) for e in (r.span.start, r.span.end)]
        if warned:
            warn = self.rules.warn_before
            edges += [start - warn for start in self._starts[bisect_right(self._starts, after) :]]
        if self.override is not None:
            edges.append(self.override.start)
            if self.override.end is not None:
                edges.append(self.override.end)
        return sorted({e for e in edges if after < e < LATEST})
