"""The reasons and keywords an organisation starts with; all of it can be changed in its settings."""

from __future__ import annotations

from backsoon.domain.model import Lifetime, Reason

NOT_AVAILABLE = "not_available"
"""The neutral reason: what others are told where the true one is sensitive."""


def _reason(code: str, en: str, sv: str, priority: int, digit: str = "", **more: object) -> Reason:
    return Reason(code, {"en": en, "sv": sv}, priority=priority, digit=digit, **more)  # type: ignore[arg-type]


_MORNING = Lifetime.NEXT_WORKING_MORNING
_TAKEN_BACK = Lifetime.UNTIL_TAKEN_BACK

REASONS: dict[str, Reason] = {
    r.code: r
    for r in (
        _reason("back_at", "Back soon", "Strax tillbaka", 30, "0", minutes=30),
        _reason("meeting", "In a meeting", "I möte", 50, "1", phone_lifetime=_MORNING),
        _reason("course", "On a course", "På kurs", 55, "2", lifetime=_MORNING),
        _reason(NOT_AVAILABLE, "Not available", "Inte anträffbar", 40, "3", lifetime=_MORNING),
        _reason("business_travel", "Travelling on business", "På tjänsteresa", 60, "4", lifetime=_MORNING),
        _reason("part_time", "Off today (part-time)", "Ledig (deltid)", 65, "5", lifetime=_MORNING),
        _reason("holiday", "On holiday", "På semester", 80, "6", lifetime=_MORNING),
        _reason("leave", "On leave", "Ledig", 75, "7", lifetime=_MORNING),
        _reason("gone_for_the_day", "Gone for the day", "Gått för dagen", 70, "8", lifetime=_MORNING),
        _reason("sick", "Sick", "Sjuk", 90, "9", lifetime=_TAKEN_BACK, sensitive=True),
        _reason("parental_leave", "On parental leave", "Föräldraledig", 85, lifetime=_TAKEN_BACK, sensitive=True),
        _reason("lunch", "At lunch", "På lunch", 45, minutes=60),
        _reason("busy", "Busy", "Upptagen", 20),
        _reason("out_of_office", "Out of the office", "Inte på kontoret", 72, lifetime=_MORNING),
    )
}

KEYWORDS: dict[str, str] = {
    "m": "meeting",
    "l": "lunch",
    "h": "holiday",
    "c": "course",
    "t": "business_travel",
    "g": "gone_for_the_day",
    "s": "sick",
    "p": "parental_leave",
}
