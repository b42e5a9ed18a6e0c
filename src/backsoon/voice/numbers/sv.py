"""Times and dates in Swedish: 24 hours, "tio och trettio", "den tredje mars"."""

from __future__ import annotations

from backsoon.domain.spoken import YEARS
from backsoon.voice.language import NumberRules

_SMALL = (
    "noll", "ett", "två", "tre", "fyra", "fem", "sex", "sju", "åtta", "nio", "tio", "elva", "tolv", "tretton",
    "fjorton", "femton", "sexton", "sjutton", "arton", "nitton",
)  # fmt: skip
_TENS = ("", "", "tjugo", "trettio", "fyrtio", "femtio", "sextio", "sjuttio")
_ORDINALS = (
    "första", "andra", "tredje", "fjärde", "femte", "sjätte", "sjunde", "åttonde", "nionde", "tionde", "elfte",
    "tolfte", "trettonde", "fjortonde", "femtonde", "sextonde", "sjuttonde", "artonde", "nittonde", "tjugonde",
)  # fmt: skip
_MONTHS = (
    "januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november",
    "december",
)  # fmt: skip


def _number(number: int) -> str:
    tens, ones = divmod(number, 10)
    if number < 20:
        return _SMALL[number]
    return _TENS[tens] + (_SMALL[ones] if ones else "")


def _ordinal(day: int) -> str:
    if day <= 20:
        return _ORDINALS[day - 1]
    tens, ones = divmod(day, 10)
    return _TENS[tens] + _ORDINALS[ones - 1] if ones else "trettionde"


def _minute(minute: int) -> str:
    return f"noll {_number(minute)}" if minute < 10 else f"och {_number(minute)}"


_HOURS = tuple("noll noll" if hour == 0 else _number(hour) for hour in range(24))

RULES = NumberRules(
    weekdays=("måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag"),
    days=tuple(f"den {_ordinal(day)}" for day in range(1, 32)),
    months=_MONTHS,
    hours=_HOURS,
    oclock=_HOURS,
    minutes=tuple(_minute(minute) for minute in range(1, 60)),
    years=tuple(f"tjugohundra{_number(int(year[2:]))}" for year in YEARS),
)
