"""What a calendar's entries come to for its owner, and what a read of them changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from backsoon.domain.entries import Owner, outcome, passed_over
from backsoon.domain.keyword import keyword_table
from backsoon.domain.model import CalendarEntry, CalendarReferral, EntryType, PassedOver, Rule
from backsoon.domain.organisation import Calendar, Person
from backsoon.engine.directory import Directory
from backsoon.sources.base import Changes

NEAR = timedelta(days=200)
"""What begins later is no news: the window moves on every day, and brings the next occurrences of series."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is kept of a calendar's entries: referrals, and those that look as if they were meant to be some.

    `kept` are the stored referrals that the read leaves as they are. `news`: something near is otherwise than stored.
    `changed`: the calendar was, as far as the read tells.
    """

    referrals: tuple[CalendarReferral, ...] = ()
    passed: tuple[PassedOver, ...] = ()
    kept: tuple[CalendarReferral, ...] = ()
    news: bool = False
    changed: bool = False


def found_in(entries: Iterable[CalendarEntry], calendar: Calendar, person: Person, directory: Directory) -> Found:
    """What entries make, by the rules of the person's organisation; what has no keyword goes no further."""
    rules = directory.organisation_of(person).rules
    owner = Owner(calendar.id, directory.zone_of(person), keyword_table(rules.keywords, person.keywords))
    referrals: list[CalendarReferral] = []
    passed: list[PassedOver] = []
    for entry in entries:
        became = outcome(entry, owner, rules)
        if isinstance(became, CalendarReferral):
            referrals.append(became)
        if (over := passed_over(entry, owner, became)) is not None:
            passed.append(over)
    return Found(tuple(referrals), tuple(passed))


def is_news(before: Iterable[CalendarReferral], after: Iterable[CalendarReferral], now: datetime) -> bool:
    """Whether two states of a calendar differ in what is not over and begins within `NEAR`.

    Automatic replies do not count: nobody tells of them, so that finding one proves nothing. What is the same value in
    both is not looked at.
    """
    before, after = tuple(before), tuple(after)

    def near(referrals: Iterable[CalendarReferral]) -> set[CalendarReferral]:
        return {
            r
            for r in referrals
            if r.span.end > now and r.span.start < now + NEAR and r.rule is not Rule.AUTOMATIC_REPLY
        }

    same = {id(r) for r in before} & {id(r) for r in after}
    return near(r for r in before if id(r) not in same) != near(r for r in after if id(r) not in same)


def tells_of_changes(changes: Changes) -> bool:
    """Whether a read of changes brought any. An automatic reply is read whether it has changed or not."""
    replies = {e.resource for e in changes.entries if e.type is EntryType.AUTOMATIC_REPLY}
    return bool(changes.touched - replies - {AUTOMATIC_REPLY})


AUTOMATIC_REPLY = "automatic-reply"
"""The resource of a mailbox's automatic reply, whether one is set or not."""


def next_edge(referrals: Iterable[CalendarReferral], after: datetime) -> datetime | None:
    """The first start or end later than the instant."""
    edges = (edge for r in referrals for edge in (r.span.start, r.span.end))
    return min((edge for edge in edges if edge > after), default=None)
