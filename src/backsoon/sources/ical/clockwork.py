"""Rules by the hour, the minute and the second: walked along the clock, leaping over what their limits exclude."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from backsoon.sources.ical.days import DayRule
from backsoon.sources.ical.rule import Freq, Rule

DAY = 86_400

FIRST_WALL = datetime.min  # noqa: DTZ901 (a wall time has no zone)
LAST_WALL = datetime.max  # noqa: DTZ901 (a wall time has no zone)
_UNITS = {Freq.HOURLY: 3600, Freq.MINUTELY: 60, Freq.SECONDLY: 1}


def of_clock(freq: Freq) -> int:
    """The seconds in one period of a rule by the clock."""
    return _UNITS[freq]


def start_seconds(wall: datetime) -> int:
    """The wall as seconds since the midnight in front of 1 January of year 1."""
    return wall.toordinal() * DAY + wall.hour * 3600 + wall.minute * 60 + wall.second


def pick(positions: Sequence[int], moments: Sequence[int]) -> list[int]:
    """Those that BYSETPOS chooses of one period's moments, which are sorted."""
    chosen = {position if position > 0 else len(moments) + 1 + position for position in positions}
    return [moments[position - 1] for position in sorted(chosen) if 0 < position <= len(moments)]


def by_clock(rule: Rule, start: datetime, jump: int, high: int, spend: Callable[[int], None]) -> Iterator[int]:
    """The moments of a HOURLY, MINUTELY or SECONDLY rule from the period on in which `jump` lies."""
    walk = _Walk(rule, start, spend)
    step = walk.unit * rule.interval
    origin = start_seconds(start) // walk.unit * walk.unit
    at = origin + (jump - origin) // step * step
    while at <= high:
        spend(1)
        next_chance = walk.next_chance(at)
        if next_chance > at:
            at += -(-(next_chance - at) // step) * step
            continue
        yield from walk.within(at)
        at += step


class _Walk:
    def __init__(self, rule: Rule, start: datetime, spend: Callable[[int], None]) -> None:
        self.rule = rule
        self.spend = spend
        self.unit = _UNITS[rule.freq]
        self.days = DayRule(rule, start.date())
        self.day = -1
        self.day_allowed = False
        self.offsets = self._offsets(start)

    def _offsets(self, start: datetime) -> list[int]:
        """The moments of one period, in seconds after its beginning."""
        minutes = self.rule.by_minute or (start.minute,)
        seconds = self.rule.by_second or (start.second,)
        if self.rule.freq is Freq.SECONDLY:
            return [0]
        if self.rule.freq is Freq.MINUTELY:
            return list(seconds)
        self.spend(len(minutes) * len(seconds))
        return [minute * 60 + second for minute in minutes for second in seconds]

    def within(self, at: int) -> list[int]:
        """The moments of the period that begins at `at`."""
        self.spend(len(self.offsets))
        moments = [at + offset for offset in self.offsets]
        return pick(self.rule.by_set_pos, moments) if self.rule.by_set_pos else moments

    def next_chance(self, at: int) -> int:
        """`at` itself where no limit excludes it, else the first moment after it that some limit may let pass."""
        day, second = divmod(at, DAY)
        if not self._allowed(day):
            return (day + 1) * DAY
        rule = self.rule
        if rule.by_hour and second // 3600 not in rule.by_hour:
            return _leap(rule.by_hour, at, second // 3600, 3600, DAY)
        if self.unit < 3600 and rule.by_minute and second // 60 % 60 not in rule.by_minute:
            return _leap(rule.by_minute, at, second // 60 % 60, 60, 3600)
        if self.unit == 1 and rule.by_second and second % 60 not in rule.by_second:
            return _leap(rule.by_second, at, second % 60, 1, 60)
        return at

    def _allowed(self, day: int) -> bool:
        if day != self.day:
            self.spend(1)
            self.day, self.day_allowed = day, bool(self.days.of_day(day))
        return self.day_allowed


def _leap(allowed: Sequence[int], at: int, present: int, unit: int, whole: int) -> int:
    """The next moment at which the hand of `unit` stands at an allowed number, or the turn of `whole`."""
    following = bisect_right(allowed, present)
    if following == len(allowed):
        return at - at % whole + whole
    return at - at % whole + allowed[following] * unit
