"""A calendar such as an office worker's feed is: made up, and the same for one seed."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

WINDOW = (datetime(2026, 11, 1), datetime(2026, 12, 31))  # noqa: DTZ001 (60 days, as clocks show them)
_ZONES = ("Europe/Stockholm", "W. Europe Standard Time", "Europe/Oslo", "GTB Standard Time", "America/New_York")
_WEIGHTS = (50, 25, 10, 10, 5)
_RULES = (
    "FREQ=WEEKLY;BYDAY={day}",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY={day};WKST=MO",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR;UNTIL={until}",
    "FREQ=DAILY;COUNT=40",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=MONTHLY;BYDAY=2{day}",
    "FREQ=MONTHLY;BYMONTHDAY=15",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY",
)
_OFFSETS = {
    "Europe/Stockholm": ("+0100", "+0200"),
    "W. Europe Standard Time": ("+0100", "+0200"),
    "Europe/Oslo": ("+0100", "+0200"),
    "GTB Standard Time": ("+0200", "+0300"),
    "America/New_York": ("-0500", "-0400"),
}
_FILLER = "We look at the figures\\, at what is open and at who takes it on. "


def sample(events: int = 1000, seed: int = 1) -> bytes:
    """A calendar of that many VEVENTs: three in four single, the others series, a third of which have exceptions."""
    rng = random.Random(seed)
    parts = ["BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bench//bench//EN\r\nMETHOD:PUBLISH\r\n"]
    parts += [_timezone(name) for name in _ZONES]
    written = 0
    while written < events:
        block = _series(rng, written) if rng.random() < 0.22 else [_single(rng, written)]
        written += len(block)
        parts += block
    return "".join([*parts, "END:VCALENDAR\r\n"]).encode()


def _timezone(name: str) -> str:
    standard, daylight = _OFFSETS[name]
    march, october = ("2SU", "1SU") if name.startswith("America") else ("-1SU", "-1SU")
    autumn = "11" if name.startswith("America") else "10"
    return (
        f"BEGIN:VTIMEZONE\r\nTZID:{name}\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:{daylight}\r\n"
        f"TZOFFSETTO:{standard}\r\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY={october};BYMONTH={autumn}\r\nEND:STANDARD\r\n"
        f"BEGIN:DAYLIGHT\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:{standard}\r\nTZOFFSETTO:{daylight}\r\n"
        f"RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY={march};BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n"
    )


def _single(rng: random.Random, number: int) -> str:
    start = _start(rng, timedelta(days=rng.randrange(-120, 150)))
    if rng.random() < 0.1:
        day = start.date()
        end = day + timedelta(days=rng.randrange(1, 6))
        return _event(rng, number, f"DTSTART;VALUE=DATE:{day:%Y%m%d}\r\nDTEND;VALUE=DATE:{end:%Y%m%d}\r\n")
    return _event(rng, number, _times(rng, start, _zone(rng)))


def _series(rng: random.Random, number: int) -> list[str]:
    start = _start(rng, timedelta(days=rng.randrange(-900, 30)))
    zone = _zone(rng)
    until = f"{start + timedelta(days=rng.randrange(30, 1200)):%Y%m%dT%H%M%SZ}"
    day = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[start.weekday()]
    rule = f"RRULE:{rng.choice(_RULES).format(day=day, until=until)}\r\n"
    block = []
    if rng.random() < 0.33 and "WEEKLY" in rule:
        gone, moved = (start + timedelta(weeks=2 * rng.randrange(1, 60)) for _ in range(2))
        rule += f"EXDATE;TZID={zone}:{gone:%Y%m%dT%H%M%S}\r\n"
        times = _times(rng, moved + timedelta(hours=1), zone)
        block = [_event(rng, number, f"{times}RECURRENCE-ID;TZID={zone}:{moved:%Y%m%dT%H%M%S}\r\n")]
    return [_event(rng, number, _times(rng, start, zone) + rule), *block]


def _zone(rng: random.Random) -> str:
    return rng.choices(_ZONES, _WEIGHTS)[0]


def _start(rng: random.Random, offset: timedelta) -> datetime:
    start = WINDOW[0] + offset + timedelta(minutes=15 * rng.randrange(28, 68))
    return start + timedelta(days=max(0, start.weekday() - 4) * 2) if start.weekday() > 4 else start


def _times(rng: random.Random, start: datetime, zone: str) -> str:
    end = start + timedelta(minutes=rng.choice((15, 30, 60, 60, 90)))
    return f"DTSTART;TZID={zone}:{start:%Y%m%dT%H%M%S}\r\nDTEND;TZID={zone}:{end:%Y%m%dT%H%M%S}\r\n"


def _event(rng: random.Random, number: int, times: str) -> str:
    words = rng.choice(("m: Budget", "Standup", "h: Skiing", "Interview", "l: Lunch with Ada", "Sprint review"))
    text = (_FILLER * rng.randrange(0, 4)).strip()
    folded = "\r\n ".join(text[at : at + 70] for at in range(0, len(text), 70))
    return (
        f"BEGIN:VEVENT\r\nUID:{number}-{'0' * 24}@bench.example\r\nDTSTAMP:20261001T080000Z\r\n{times}"
        f"SUMMARY:{words}\r\nDESCRIPTION:{folded}\r\nLOCATION:Room {number % 30}\r\nSEQUENCE:0\r\nSTATUS:CONFIRMED\r\n"
        "TRANSP:OPAQUE\r\nX-MICROSOFT-CDO-BUSYSTATUS:BUSY\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\n"
        "TRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VEVENT\r\n"
    )
