"""Times and dates in English.

Hours go by twelve. Within the usual office hours (08 to 17) that is clear by itself; at other hours the part of the day
is said as well, so that 20:30 is not taken for the morning.
"""

from __future__ import annotations

from backsoon.domain.spoken import YEARS
from backsoon.voice.language import NumberRules

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy")
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth",
)  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def _number(number: int) -> str:
    tens, ones = divmod(number, 10)
    if number < 20:
        return _SMALL[number]
    return f"{_TENS[tens]} {_SMALL[ones]}" if ones else _TENS[tens]


def _ordinal(day: int) -> str:
    if day <= 20:
        return _ORDINALS[day - 1]
    tens, ones = divmod(day, 10)
    return f"{_TENS[tens]} {_ORDINALS[ones - 1]}" if ones else "thirtieth"


def _part_of_day(hour: int) -> str:
    if hour == 0 or hour >= 22:
        return "at night"
    if hour < 8:
        return "in the morning"
    return "in the evening" if hour >= 18 else ""


def _oclock(hour: int) -> str:
    if hour in (0, 12):
        return "noon" if hour else "midnight"
    return f"{_number(hour % 12)} o'clock {_part_of_day(hour)}".strip()


def _minute(minute: int) -> str:
    return f"oh {_number(minute)}" if minute < 10 else _number(minute)


RULES = NumberRules(
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    days=tuple(f"the {_ordinal(day)}" for day in range(1, 32)),
    months=tuple(f"of {month}" for month in _MONTHS),
    hours=tuple(_number(hour % 12 or 12) for hour in range(24)),
    oclock=tuple(_oclock(hour) for hour in range(24)),
    minutes=tuple(_minute(minute) for minute in range(1, 60)),
    years=tuple(f"twenty {_number(int(year[2:]))}" for year in YEARS),
    more={f"half/{hour:02}": _part_of_day(hour) for hour in range(24)},
    past=("hour/{hour}", "minute/{minute}", "half/{hour}"),
)
