"""The days that a recurrence rule chooses in one of its periods (RFC 5545 section 3.3.10, its table of BY parts).

A day is a proleptic Gregorian ordinal (`date.toordinal`), a month is counted from year 0: `year * 12 + month - 1`.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Callable, Iterable
from datetime import date

from backsoon.sources.ical.rule import Freq, Rule

MOST_DAY = date.max.toordinal()
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

Test = Callable[[int], bool]


def month_length(year: int, month: int) -> int:
    """Days in a month."""
    return 29 if month == 2 and isleap(year) else _LENGTHS[month - 1]


def weekday(day: int) -> int:
    """Monday 0."""
    return (day + 6) % 7


class DayRule:
    """A rule's choice of days, with what it leaves unsaid taken from the day on which its event starts."""

    def __init__(self, rule: Rule, start: date) -> None:
        self.rule = rule
        self.months = rule.by_month
        self.month_days = rule.by_month_day
        self.week_days = rule.by_day
        self._fill_in(start)
        self.any_week_days = frozenset(day for _, day in self.week_days)
        self.ordinals = any(nth for nth, _ in self.week_days)
        self.weight = self._weight()
        """What one period costs, in steps, beside the days that it yields."""

    def _fill_in(self, start: date) -> None:
        rule = self.rule
        if rule.by_week_no and rule.freq is Freq.YEARLY and not (rule.by_day or rule.by_month_day or rule.by_year_day):
            self.week_days = ((0, start.weekday()),)
        if rule.by_day or rule.by_month_day or rule.by_year_day or rule.by_week_no:
            return
        if rule.freq is Freq.WEEKLY:
            self.week_days = ((0, start.weekday()),)
        elif rule.freq in (Freq.MONTHLY, Freq.YEARLY):
            self.month_days = (start.day,)
            if rule.freq is Freq.YEARLY:
                self.months = self.months or (start.month,)

    def _weight(self) -> int:
        if self.rule.freq is Freq.YEARLY:
            return 400 if self.rule.by_week_no else 1 + (len(self.months) or 12)
        if self.rule.freq is Freq.MONTHLY:
            return 1 if self.month_days or self.week_days else 31
        return 2

    # -- one period --------------------------------------------------------------------------------------

    def of_year(self, year: int) -> list[int]:
        """The days of a YEARLY rule in a year, sorted."""
        if self.rule.by_year_day:
            days = self._kept(
                self._year_days(year), self._in_week, self._in_month, self._on_month_day, self._on_weekday
            )
            return sorted(set(days) & set(self._nth_of_year(year))) if self.ordinals else days
        if self.rule.by_week_no:
            whole = self._whole_year(year)
            return self._kept(whole, self._in_week, self._in_month, self._on_month_day, self._on_weekday)
        if self.ordinals and not self.months:
            return self._kept(self._nth_of_year(year), self._on_month_day)
        months = self.months or range(1, 13)
        return [day for month in months for day in self._month(year, month)]

    def of_month(self, number: int) -> list[int]:
        """The days of a MONTHLY rule in a month, sorted."""
        year, month = divmod(number, 12)
        if self.months and month + 1 not in self.months:
            return []
        return self._kept(self._month(year, month + 1), self._on_year_day, self._in_week)

    def of_week(self, first: int) -> list[int]:
        """The days of a WEEKLY rule in the week that begins on day `first`, sorted."""
        days = self._week_days(first) if self.week_days else range(first, first + 7)
        return self._kept(
            (day for day in days if 0 < day <= MOST_DAY),
            self._in_month, self._on_month_day, self._on_year_day, self._in_week,
        )  # fmt: skip

    def of_day(self, day: int) -> list[int]:
        """The day itself, if the rule's limits let it pass (DAILY and more frequent rules)."""
        tests = (self._on_weekday, self._in_month, self._on_month_day, self._on_year_day, self._in_week)
        return self._kept((day,), *tests)

    # -- candidates --------------------------------------------------------------------------------------

    def _month(self, year: int, month: int) -> list[int]:
        first, length = date(year, month, 1).toordinal(), month_length(year, month)
        if self.month_days:
            chosen = {day if day > 0 else length + 1 + day for day in self.month_days}
            days = [first + day - 1 for day in sorted(chosen) if 0 < day <= length]
            if self.ordinals:
                return sorted(set(days) & set(self._nth_weekdays(first, length)))
            return [day for day in days if weekday(day) in self.any_week_days] if self.week_days else days
        if self.week_days:
            return self._nth_weekdays(first, length)
        return list(range(first, first + length))

    def _nth_weekdays(self, first: int, length: int) -> list[int]:
        """The days in `[first, first + length)` that `week_days` names, where an ordinal counts in that stretch."""
        found: set[int] = set()
        for nth, day in self.week_days:
            earliest = first + (day - weekday(first)) % 7
            all_of_them = range(earliest, first + length, 7)
            if nth == 0:
                found.update(all_of_them)
            elif abs(nth) <= len(all_of_them):
                found.add(all_of_them[nth - 1 if nth > 0 else nth])
        return sorted(found)

    def _nth_of_year(self, year: int) -> list[int]:
        """The days that `week_days` names, counted in the year, or in each of the rule's months where it has some."""
        if not self.months:
            return self._nth_weekdays(date(year, 1, 1).toordinal(), 365 + isleap(year))
        firsts = [(date(year, month, 1).toordinal(), month_length(year, month)) for month in self.months]
        return [day for first, length in firsts for day in self._nth_weekdays(first, length)]

    def _week_days(self, first: int) -> list[int]:
        return sorted(first + (day - weekday(first)) % 7 for day in self.any_week_days)

    def _year_days(self, year: int) -> list[int]:
        first, length = date(year, 1, 1).toordinal(), 365 + isleap(year)
        chosen = {day if day > 0 else length + 1 + day for day in self.rule.by_year_day}
        return [first + day - 1 for day in sorted(chosen) if 0 < day <= length]

    def _whole_year(self, year: int) -> Iterable[int]:
        first = date(year, 1, 1).toordinal()
        return range(first, first + 365 + isleap(year))

    # -- limits ------------------------------------------------------------------------------------------

    @staticmethod
    def _kept(days: Iterable[int], *tests: Callable[[Iterable[int]], Iterable[int]]) -> list[int]:
        for test in tests:
            days = test(days)
        return list(days)

    def _in_month(self, days: Iterable[int]) -> Iterable[int]:
        if not self.months:
            return days
        return [day for day in days if date.fromordinal(day).month in self.months]

    def _on_weekday(self, days: Iterable[int]) -> Iterable[int]:
        if not self.week_days:
            return days
        return [day for day in days if weekday(day) in self.any_week_days]

    def _on_month_day(self, days: Iterable[int]) -> Iterable[int]:
        if not self.month_days:
            return days
        return [day for day in days if self._is_month_day(date.fromordinal(day))]

    def _is_month_day(self, day: date) -> bool:
        length = month_length(day.year, day.month)
        return day.day in self.month_days or day.day - length - 1 in self.month_days

    def _on_year_day(self, days: Iterable[int]) -> Iterable[int]:
        if not self.rule.by_year_day:
            return days
        return [day for day in days if self._is_year_day(day)]

    def _is_year_day(self, day: int) -> bool:
        year = date.fromordinal(day).year
        number = day - date(year, 1, 1).toordinal() + 1
        return number in self.rule.by_year_day or number - 366 - isleap(year) in self.rule.by_year_day

    def _in_week(self, days: Iterable[int]) -> Iterable[int]:
        if not self.rule.by_week_no:
            return days
        return [day for day in days if self._is_in_week(day)]

    def _is_in_week(self, day: int) -> bool:
        number, weeks = week_number(day, self.rule.week_start)
        return number in self.rule.by_week_no or number - weeks - 1 in self.rule.by_week_no


def week_number(day: int, week_start: int) -> tuple[int, int]:
    """The number of a day's week, and of weeks in the year that week belongs to.

    As ISO 8601 has it, with any day as the first of the week: a week belongs to the year that has four of its days.
    """
    first = day - (weekday(day) - week_start) % 7
    year = date.fromordinal(max(1, min(first + 3, MOST_DAY))).year
    start = _first_week(year, week_start)
    weeks = (_first_week(year + 1, week_start) - start) // 7 if year < 9999 else 52
    return (first - start) // 7 + 1, weeks


def _first_week(year: int, week_start: int) -> int:
    """The day on which a year's first week begins: the one that holds 4 January."""
    fourth = date(year, 1, 4).toordinal()
    return fourth - (weekday(fourth) - week_start) % 7
