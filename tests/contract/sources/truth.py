"""The table of what an entry does to the switchboard, in full: what is in a calendar, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

from backsoon.domain.entries import Owner, outcome
from backsoon.domain.model import CalendarEntry, CalendarReferral, Mode, Phone, Reason, Rules
from tests.simulators.model import Meeting

ZONE: Final = "Europe/Oslo"
OWNER: Final = Owner(1, ZoneInfo(ZONE), {"m": "meeting", "l": "lunch"})
KEYWORDS: Final = Rules({"m": "meeting", "l": "lunch"}, {"meeting": Reason("meeting", {"en": "In a meeting"})})
ALL_BUSY: Final = replace(KEYWORDS, mode=Mode.ALL_BUSY)
TENTATIVE_TOO: Final = replace(ALL_BUSY, count_tentative=True)
RULES: Final = (KEYWORDS, ALL_BUSY, TENTATIVE_TOO)

ROWS: Final = tuple(
    product(
        ("free", "tentative", "busy", "oof", "workingElsewhere"),
        ("organizer", "accepted", "tentativelyAccepted", "declined", "notResponded", "none"),
        (False, True),
        ("normal", "personal", "private", "confidential"),
        ("m: Budget", "l; Soup", "Budget"),
        (False, True),
    )
)
Result = tuple[str, Phone, str] | None
"""Reason, phone and note; None where an entry refers nobody."""


def written(number: int, first: datetime) -> Meeting:
    """The meeting of a row, so many hours after `first` (wall-clock time)."""
    show_as, response, cancelled, sensitivity, subject, all_day = ROWS[number]
    start = first + timedelta(hours=number)
    return Meeting(
        f"row-{number}",
        start.date() if all_day else start,
        start.date() + timedelta(days=1) if all_day else start + timedelta(minutes=30),
        subject,
        ZONE,
        show_as=show_as,
        response=response,
        cancelled=cancelled,
        sensitivity=sensitivity,
        body="ZQ-CANARY of the body",
        location="ZQ-CANARY of the place",
        categories=("ZQ-CANARY of a category",),
        attendees=("zq-canary@example.com",),
    )


def expected(one: Meeting, rules: Rules) -> Result:
    """What the table says."""
    if one.cancelled or one.response == "declined":
        return None
    if one.subject != "Budget":
        reason, phone = ("meeting", Phone.CLOSED) if one.subject.startswith("m:") else ("lunch", Phone.OPEN)
        return reason, phone, "" if one.sensitivity in ("private", "confidential") else one.subject[3:]
    if rules.mode is Mode.KEYWORDS or one.show_as in ("free", "workingElsewhere"):
        return None
    unsettled = one.show_as == "tentative" or one.response in ("tentativelyAccepted", "notResponded")
    if unsettled and not rules.count_tentative:
        return None
    return ("out_of_office" if one.show_as == "oof" else "busy"), Phone.CLOSED, ""


def became(entry: CalendarEntry, rules: Rules) -> Result:
    """What comes of an entry."""
    made = outcome(entry, OWNER, rules)
    return (made.reason, made.phone, made.note) if isinstance(made, CalendarReferral) else None
