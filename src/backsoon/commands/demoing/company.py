"""Twelve people and their day, around now: something of everything that a calendar does to a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

PEOPLE = {
    "anna": ("2001", "Anna Berg", "Finance"),
    "bo": ("2002", "Bo Ek", "Finance"),
    "carl": ("2003", "Carl Dahl", "Sales"),
    "disa": ("2004", "Disa Falk", "Sales"),
    "erik": ("2005", "Erik Gran", "Sales"),
    "frida": ("2006", "Frida Holm", "Support"),
    "gustav": ("2007", "Gustav Ivarsson", "Support"),
    "hanna": ("2008", "Hanna Jonsson", "Support"),
    "ivar": ("2009", "Ivar Kling", "Workshop"),
    "johanna": ("2010", "Johanna Lind", "Workshop"),
    "karin": ("2011", "Karin Mo", "Management"),
    "lars": ("2012", "Lars Nyman", "Management"),
}
"""Calendar user: extension, name, department."""


@dataclass(frozen=True, slots=True)
class Booking:
    """One entry to put into somebody's calendar. Instants in UTC; `days` instead for an all-day entry."""

    user: str
    subject: str
    start: datetime
    end: datetime
    days: tuple[date, date] | None = None
    more: str = ""
    """Further iCalendar lines."""


def day(now: datetime) -> Iterator[Booking]:
    """The company's day, as booked before anybody looks. Anna's is free: hers is for whoever tries."""

    def timed(user: str, subject: str, start: int, end: int, more: str = "") -> Booking:
        minute = now.replace(second=0, microsecond=0)
        return Booking(user, subject, minute + timedelta(minutes=start), minute + timedelta(minutes=end), None, more)

    today = now.date()
    yield timed("bo", "m: Month's end", -20, 2)
    yield timed("carl", "m: Customer visit // discount at most 8 %", -5, 45)
    yield timed("carl", "m: Follow-up", 48, 90)
    yield timed("disa", "l: ", 1, 31)
    yield timed("erik", "m; At the desk, ring if it burns", -30, 60)
    yield timed("frida", "Dentist", -10, 50, "CLASS:PRIVATE")
    yield timed("gustav", "m: Rota", 35, 65)
    yield timed("hanna", "m: >2007 On the line with the supplier", -2, 20)
    yield Booking("ivar", "h: Skiing", now, now, (today - timedelta(days=2), today + timedelta(days=5)))
    yield timed("johanna", "m: Stand-up", 3, 6, "RRULE:FREQ=DAILY;COUNT=30")
    yield timed("karin", "t: Board in Gothenburg", -90, 180)
    yield timed("karin", "m: Budget", -10, 30)
    yield timed("lars", "s:", -240, 240)


def icalendar(booking: Booking, uid: str) -> str:
    """The booking as an iCalendar object (RFC 5545)."""
    if booking.days is None:
        when = [f"DTSTART:{booking.start:%Y%m%dT%H%M%SZ}", f"DTEND:{booking.end:%Y%m%dT%H%M%SZ}"]
    else:
        first, end = booking.days
        when = [f"DTSTART;VALUE=DATE:{first:%Y%m%d}", f"DTEND;VALUE=DATE:{end:%Y%m%d}"]
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Backsoon//Demonstration//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{booking.start:%Y%m%dT%H%M%SZ}",
        *when,
        f"SUMMARY:{escaped(booking.subject)}",
        *([booking.more] if booking.more else []),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{line}\r\n" for line in lines)


def escaped(text: str) -> str:
    """TEXT of RFC 5545 section 3.3.11, on one line."""
    flat = " ".join(text.split())
    return flat.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
