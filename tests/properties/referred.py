"""What must be in force and shown, from the rules alone: a second opinion on referrals by hand beside calendars.

It shares nothing with the code that it judges but the reasons' lifetimes. Everybody is reachable around the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

TAGS = {"m:": ("meeting", True), "l:": ("lunch", True), "h:": ("holiday", True), "s:": ("sick", True)}
TAGS |= {"m;": ("meeting", False), "h;": ("holiday", False)}
"""The subjects that the entries of these lives have: the reason, and whether the phone is closed."""
PRIORITY = {"lunch": 45, "meeting": 50, "holiday": 80, "sick": 90}
SECRET = frozenset({"sick"})
MINUTES = {"back_at": 30, "meeting": 60}
"""How long a referral by hand for these lasts where nobody says. That for lunch is in the settings."""


@dataclass(frozen=True)
class Booked:
    """An entry of a calendar."""

    start: datetime
    end: datetime
    tag: str


Calendar = Mapping[str, Booked]
"""Entries by uid."""


@dataclass(frozen=True)
class Hand:
    """What was set by hand. `reason` None: available; `end` None: until it is taken back."""

    start: datetime
    end: datetime | None
    reason: str | None
    note: str = ""

    def covers(self, at: datetime) -> bool:
        """Whether it holds at the instant."""
        return at >= self.start and (self.end is None or at < self.end)


@dataclass(frozen=True)
class Rules:
    """The settings that these lives change."""

    gap: int = 5
    """Minutes."""
    lunch: int = 60
    """Minutes."""


def usual_end(reason: str, start: datetime, rules: Rules) -> datetime | None:
    """When a referral by hand ends where nobody says."""
    if reason == "sick":
        return None
    if reason == "gone_for_the_day":
        return datetime.combine(start.date() + timedelta(days=1), time(8), UTC)
    return start + timedelta(minutes=rules.lunch if reason == "lunch" else MINUTES[reason])


def block_end(calendar: Calendar, at: datetime, rules: Rules) -> datetime | None:
    """Where the meetings end that run at the instant, with all that follow one another at less than the gap."""
    closed = [b for b in calendar.values() if TAGS[b.tag][1] and b.end > b.start]
    end = max((b.end for b in closed if b.start <= at < b.end), default=None)
    if end is None:
        return None
    while True:
        gap = timedelta(minutes=rules.gap)
        further = [b.end for b in closed if b.end > end and (b.start <= end or b.start - end < gap)]
        if not further:
            return end
        end = max(further)


Told = tuple[str, str] | None
"""The reason as others may know it, and "closed" or "open"; None: available."""


def told(at: datetime, calendar: Calendar, hand: Hand | None) -> Told:
    """What is shown of somebody at the instant: by hand always wins, then the calendar as it is at that time."""
    running = [(uid, b) for uid, b in calendar.items() if b.start <= at < b.end]
    if hand is not None and hand.covers(at):
        if hand.reason is not None:
            return _told(hand.reason), "closed"
        return _first(running, closed=False)
    return _first(running, closed=True) or _first(running, closed=False)


def _first(running: Iterable[tuple[str, Booked]], *, closed: bool) -> Told:
    these = [(PRIORITY[TAGS[b.tag][0]], b.start, uid, TAGS[b.tag][0]) for uid, b in running if TAGS[b.tag][1] is closed]
    return (_told(max(these)[3]), "closed" if closed else "open") if these else None


def _told(reason: str) -> str:
    return "not_available" if reason in SECRET else reason


def edges(calendar: Calendar, hand: Hand | None) -> set[datetime]:
    """The instants at which something may begin or end."""
    found = {edge for b in calendar.values() for edge in (b.start, b.end)}
    return found | {edge for edge in (hand and hand.start, hand and hand.end) if edge}
