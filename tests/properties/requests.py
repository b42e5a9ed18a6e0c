"""What was set by hand as a register that several write, some of whom died: what may be in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.properties.referred import Calendar, Hand, Rules, block_end, usual_end

FOREVER = 10**9


@dataclass
class Request:
    """Something set by hand, as it was asked for, and what was known meanwhile."""

    who: int
    number: int
    begun: datetime
    reason: str | None = None
    note: str = ""
    until: datetime | None = None
    lasting: timedelta | None = None
    ended: int = FOREVER
    acknowledged: bool = False
    over: datetime | None = None
    known: list[tuple[Calendar, Rules]] = field(default_factory=list)
    """The calendars and settings by which it may have been decided."""

    def ends(self, start: datetime) -> set[datetime | None]:
        """When what it asks for ends, if it begins then."""
        assert self.reason is not None
        if self.until is not None:
            return {self.until}
        if self.lasting is not None:
            return {start + self.lasting}
        return {usual_end(self.reason, start, rules) for _, rules in self.known}

    def blocks(self, at: datetime) -> set[datetime | None]:
        """Where the meetings that run then end."""
        return {block_end(calendar, at, rules) for calendar, rules in self.known}

    def left(self, hand: Hand) -> bool:
        """Whether this is its own, or what the same request had left there already."""
        assert self.over is not None
        if hand.start > self.over or hand.reason != self.reason:
            return False
        if self.reason is None:
            return hand.end in self.blocks(hand.start)
        since = self.begun - timedelta(seconds=60) if self.until is None else hand.start
        return hand.note == self.note and hand.start >= since and hand.end in self.ends(hand.start)


def may_be(hand: Hand | None, requests: Sequence[Request], before: Hand | None) -> bool:
    """Whether that may be in force once all these have ended, or died, where `before` was in force before them.

    The last one counts whole: any that no other one followed which was begun after it had ended, and was acknowledged.
    """
    begun = max((r.number for r in requests if r.acknowledged), default=0)
    if begun == 0 and hand == before:
        return True
    return any(_left(request, hand, requests, before) for request in requests if request.ended > begun)


def _left(request: Request, hand: Hand | None, requests: Sequence[Request], before: Hand | None) -> bool:
    if request.reason is None:
        return _left_by_back(request, hand, requests, before)
    return hand is not None and request.left(hand)


def _left_by_back(request: Request, hand: Hand | None, requests: Sequence[Request], before: Hand | None) -> bool:
    """Nothing, where no meeting ran; what was over already; "available" of its own, or one that reached as far."""
    assert request.over is not None
    blocks = request.blocks(request.begun) | request.blocks(request.over)
    if hand is None:
        return None in blocks
    there = hand == before or any(r.left(hand) for r in requests if r is not request and r.begun <= hand.start)
    if there and hand.end is not None and hand.end <= request.over and None in blocks:
        return True
    if hand.reason is not None or hand.start > request.over:
        return False
    if hand.start >= request.begun and request.left(hand):
        return True
    return there and any(b is None or hand.end is None or b <= hand.end for b in blocks)
