"""getSchedule: when up to 20 people are busy (Microsoft Graph, calendar: getSchedule)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from tests.simulators.graph.events import in_order
from tests.simulators.graph.protocol import Answer, Asked, Refused, instant_of, timed
from tests.simulators.model import Mailbox, Occurrence, World

MOST_SCHEDULES, MOST_ITEMS = 20, 1000
WIDEST: Final = timedelta(days=62)
DIGITS: Final = {"free": "0", "tentative": "1", "busy": "2", "oof": "3", "workingElsewhere": "4"}
RANK: Final = "40123"
"""Where two share a slot, the one that stands further right is shown; 4 is shown as 0 in one of Microsoft's texts."""
WORKING: Final = {
    "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
    "startTime": "08:00:00.0000000",
    "endTime": "17:00:00.0000000",
    "timeZone": {"name": "W. Europe Standard Time"},
}


def get_schedule(asked: Asked, world: World, denied: frozenset[str]) -> Answer:
    """Who is busy when. Names in the body are taken without regard to case, as Microsoft's own samples differ."""
    body = {key.lower(): value for key, value in (asked.body or {}).items()}
    schedules = body.get("schedules")
    if not isinstance(schedules, list) or not schedules:
        raise Refused(400, "ErrorInvalidRequest", "schedules are missing")
    if len(schedules) > MOST_SCHEDULES:
        raise Refused(400, "ErrorInvalidRequest", f"more than {MOST_SCHEDULES} schedules")
    start, end = (_time(body.get(name)) for name in ("starttime", "endtime"))
    interval = int(body.get("availabilityviewinterval", 30))
    if not 5 <= interval <= 1440:
        raise Refused(400, "ErrorInvalidParameter", "availabilityViewInterval is 5 to 1440")
    if not timedelta(0) < end - start < WIDEST:
        raise Refused(400, "ErrorInvalidParameter", "the window is not below 62 days")
    told = [_one(asked, world, each, start, end, interval, denied) for each in schedules]
    context = f"{asked.base}/$metadata#Collection(microsoft.graph.scheduleInformation)"
    return Answer(200, {"@odata.context": context, "value": told})


def _one(
    asked: Asked, world: World, address: str, start: datetime, end: datetime, interval: int, denied: frozenset[str]
) -> dict[str, Any]:
    mailbox = world.get(address)
    if mailbox is None or mailbox.address.lower() in denied:
        return _failed(address, "ErrorMailRecipientNotFound", "no such recipient")
    if mailbox.access == "none":
        return _failed(address, "ErrorNoFreeBusyAccess", "no right to it")
    found = [each for _, each in in_order(mailbox.occurrences(start, end)) if not each.meeting.cancelled]
    if len(found) > MOST_ITEMS:
        return _failed(address, "ErrorScheduleTooBig", "5006: more than 1000 entries")
    return {
        "scheduleId": address,
        "availabilityView": _view(found, start, end, timedelta(minutes=interval)),
        "scheduleItems": [_item(asked, mailbox, each) for each in found],
        "workingHours": WORKING,
    }


def _failed(address: str, code: str, message: str) -> dict[str, Any]:
    error = {"message": message, "responseCode": code}
    return {"scheduleId": address, "availabilityView": "", "scheduleItems": [], "error": error}


def _item(asked: Asked, mailbox: Mailbox, occurrence: Occurrence) -> dict[str, Any]:
    private = occurrence.meeting.sensitivity in ("private", "confidential")
    told: dict[str, Any] = {
        "status": occurrence.meeting.show_as,
        "start": timed(occurrence.start, asked.zone()),
        "end": timed(occurrence.end, asked.zone()),
        "isPrivate": private,
    }
    if not private and mailbox.access == "reader":
        told |= {"subject": occurrence.meeting.subject, "location": occurrence.meeting.location}
    return told


def _view(found: list[Occurrence], start: datetime, end: datetime, slot: timedelta) -> str:
    nothing = -1
    shown = [nothing] * -((start - end) // slot)
    for each in found:
        rank = RANK.index(DIGITS[each.meeting.show_as])
        first = max(0, (each.start - start) // slot)
        behind = max(first, -((start - each.end) // slot))
        shown[first:behind] = [max(rank, before) for before in shown[first:behind]]
    return "".join("0" if rank == nothing else RANK[rank] for rank in shown)


def _time(told: Any) -> datetime:
    if not isinstance(told, dict) or "dateTime" not in told:
        raise Refused(400, "ErrorInvalidRequest", "startTime and endTime are required")
    return instant_of(told["dateTime"], told.get("timeZone", "UTC"))
