"""The moments that a recurrence rule names, within a window and a budget.

All of it is wall-clock time without a zone: one number counts the seconds since the midnight in front of
1 January of year 1 (`ordinal * 86400 + second of the day`). Where the rule has no COUNT the reader jumps to the
window, so that a rule that began in 1970 costs what one costs that began yesterday.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from backsoon.sources.ical.clockwork import LAST_WALL, by_clock, of_clock, pick, start_seconds
from backsoon.sources.ical.days import MOST_DAY, DayRule, weekday
from backsoon.sources.ical.faults import BadRule, OverBudget
from backsoon.sources.ical.rule import Freq, Rule

DAY = 86_400
_CYCLE = {Freq.YEARLY: 400, Freq.MONTHLY: 4_800}
"""Periods after which the Gregorian calendar has shown all it has."""


class Budget:
    """How many steps a rule may still cost. A step is about a microsecond."""

    __slots__ = ("left", "spent")

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.spent = 0

    def spend(self, steps: int) -> None:
        """Raises `OverBudget` when there is not that much left."""
        self.spent += steps
        if self.spent > self.left:
            raise OverBudget(f"RRULE costs too much to follow: more than {self.left} steps")


class Stretch(NamedTuple):
    """What is wanted: walls in `[low, high)`, of a rule that ends at `until` (inclusive), where it ends."""

    low: datetime
    high: datetime
    until: datetime | None = None


def occurrences(rule: Rule, start: datetime, wanted: Stretch, budget: Budget) -> Iterator[datetime]:
    """The walls that the rule matches at or after `start`, ascending, within what is wanted.

    `start` (DTSTART) counts as the first of COUNT, matched or not (RFC 5545 section 3.3.10); where the rule does
    not match it, it is the caller's to add. Raises `OverBudget`.
    """
    first = start_seconds(start)
    low = max(first, start_seconds(wanted.low))
    high = start_seconds(wanted.high) - 1
    if wanted.until is not None:
        high = min(high, start_seconds(wanted.until))
    if rule.count is None:
        moments = _moments(rule, start, low, high, budget)
    else:
        moments = _counted(rule, rule.count, start, low, high, budget)
    for moment in moments:
        if moment > high:
            return
        if moment >= low:
            day, second = divmod(moment, DAY)
            yield datetime.fromordinal(day) + timedelta(seconds=second)


def never_matches(rule: Rule, start: datetime, budget: Budget) -> bool:
    """Whether the rule matches nothing at all from `start` on. Raises `OverBudget` where that costs too much to say."""
    if not rule.selects:
        return False
    periods = _CYCLE.get(rule.freq)
    high = LAST_WALL
    if periods is not None:
        years = (periods if rule.freq is Freq.YEARLY else periods // 12) * rule.interval
        high = LAST_WALL.replace(year=min(start.year + years + 1, 9999))
    endless = replace(rule, count=None)
    return next(occurrences(endless, start, Stretch(start, high), budget), None) is None


def check_possible(rule: Rule) -> None:
    """Raises `BadRule` for days that no year has, such as 30 February: found without looking."""
    if not (rule.by_month and rule.by_month_day):
        return
    longest = {month: 29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31 for month in rule.by_month}
    if all(abs(day) > length for day in rule.by_month_day for length in longest.values()):
        raise BadRule("RRULE never matches: it asks for a day that none of its months has")


def _counted(rule: Rule, count: int, start: datetime, low: int, high: int, budget: Budget) -> Iterator[int]:
    first = start_seconds(start)
    used, jump = _used_before(rule, start, low)
    left = count - used
    for moment in _moments(rule, start, jump, high, budget):
        if moment < jump:
            continue
        if left == count and moment != first:
            left -= 1  # DTSTART was the first, though the rule does not match it
        if left <= 0:
            return
        left -= 1
        yield moment


def _used_before(rule: Rule, start: datetime, low: int) -> tuple[int, int]:
    """How many occurrences lie before the period in which `low` lies, and that period's beginning.

    By arithmetic where every period yields equally many; otherwise none, and the reader counts from the start.
    """
    first = start_seconds(start)
    if low <= first:
        return 0, first
    if not rule.selects and rule.freq >= Freq.DAILY:
        step = rule.interval * (DAY if rule.freq is Freq.DAILY else of_clock(rule.freq))
        used = (low - first) // step
        return used, first + used * step
    only_days = not replace(rule, by_day=()).selects
    if rule.freq is Freq.WEEKLY and only_days:
        return _weeks_used(rule, start, low)
    return 0, first


def _weeks_used(rule: Rule, start: datetime, low: int) -> tuple[int, int]:
    first_week = start.toordinal() - (start.weekday() - rule.week_start) % 7
    weeks = (low // DAY - first_week) // (7 * rule.interval)
    if weeks <= 0:
        return 0, start_seconds(start)
    offsets = {(day - rule.week_start) % 7 for _, day in rule.by_day} or {start.toordinal() - first_week}
    since = start.toordinal() - first_week
    in_first = sum(offset >= since for offset in offsets) + (since not in offsets)
    return in_first + (weeks - 1) * len(offsets), (first_week + weeks * 7 * rule.interval) * DAY


def _moments(rule: Rule, start: datetime, jump: int, high: int, budget: Budget) -> Iterator[int]:
    """The rule's moments from the period of `jump` on; some before `jump` and past `high` may be among them."""
    high = min(high, MOST_DAY * DAY + DAY - 1)
    first = start_seconds(start)
    jump = max(first, jump)
    if rule.freq > Freq.DAILY:
        found = by_clock(rule, start, jump, high, budget.spend)
    else:
        found = _by_day(rule, start, jump // DAY, high // DAY, budget)
    return (moment for moment in found if moment >= first)


def _by_day(rule: Rule, start: datetime, jump: int, last: int, budget: Budget) -> Iterator[int]:
    days = DayRule(rule, start.date())
    times = _times(rule, start, budget)
    for chosen in _periods(rule, days, start, jump, last):
        budget.spend(days.weight + len(chosen) * len(times))
        if rule.by_set_pos:
            yield from pick(rule.by_set_pos, [day * DAY + time for day in chosen for time in times])
        else:
            for day in chosen:
                for time in times:
                    yield day * DAY + time


def _times(rule: Rule, start: datetime, budget: Budget) -> list[int]:
    """The times of a day, in seconds after midnight."""
    hours = rule.by_hour or (start.hour,)
    minutes = rule.by_minute or (start.minute,)
    seconds = rule.by_second or (start.second,)
    budget.spend(len(hours) * len(minutes) * len(seconds))
    return [hour * 3600 + minute * 60 + second for hour in hours for minute in minutes for second in seconds]


def _periods(rule: Rule, days: DayRule, start: datetime, jump: int, last: int) -> Iterator[list[int]]:
    """The days of each period from the one on in which day `jump` lies to the one in which `last` lies."""
    jump_to, last_on = datetime.fromordinal(jump), datetime.fromordinal(max(1, last))
    if rule.freq is Freq.YEARLY:
        return map(days.of_year, _every(start.year, jump_to.year, last_on.year, rule.interval))
    if rule.freq is Freq.MONTHLY:
        months = [on.year * 12 + on.month - 1 for on in (start, jump_to, last_on)]
        return map(days.of_month, _every(months[0], months[1], months[2], rule.interval))
    if rule.freq is Freq.WEEKLY:
        week = start.toordinal() - (weekday(start.toordinal()) - rule.week_start) % 7
        return map(days.of_week, _every(week, jump, last, 7 * rule.interval))
    return map(days.of_day, _every(start.toordinal(), jump, last, rule.interval))


def _every(first: int, jump: int, last: int, step: int) -> range:
    """Every `step`-th number from `first` on, of which the first is the last that is not after `jump`."""
    return range(first + max(0, (jump - first) // step) * step, last + 1, step)
