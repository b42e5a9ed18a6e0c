"""Graph's events to `CalendarEntry`: pure. Source: Microsoft Graph reference, "event resource type"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

import msgspec

from backsoon.domain.model import LATEST, CalendarEntry, Days, EntryType, Response, ShowAs, Timed, local_instant
from backsoon.sources.base import Rejected, Window
from backsoon.sources.graph.records import Event, Setting, Zoned
from backsoon.sources.ical.names import known_zone

MOST_SUBJECT: Final = 2_000
REPLY: Final = "automatic-reply"
"""The resource of a mailbox's automatic reply."""

SHOW_AS: Final[Mapping[str, ShowAs]] = {
    "free": ShowAs.FREE,
    "tentative": ShowAs.TENTATIVE,
    "busy": ShowAs.BUSY,
    "oof": ShowAs.OUT_OF_OFFICE,
    "workingelsewhere": ShowAs.WORKING_ELSEWHERE,
}
_RESPONSES: Final[Mapping[str, Response]] = {
    "accepted": Response.ACCEPTED,
    "tentativelyaccepted": Response.TENTATIVE,
    "declined": Response.DECLINED,
    "notresponded": Response.NEEDS_ACTION,
}
# The id that Outlook gives a meeting holds the day of the occurrence; cleared it is the series' (MS-OXOCAL 2.2.1.27
# and 2.2.1.28, PidLidGlobalObjectId and PidLidCleanGlobalObjectId).
_OUTLOOK_UID: Final = re.compile(r"(040000008200E00074C5B7101A82E008)[0-9A-Fa-f]{8}([0-9A-Fa-f]+)", re.IGNORECASE)
_HALF_DAY: Final = timedelta(hours=12)


class Unreadable(Exception):
    """An event that makes no sense; the text says why and quotes nothing."""


@dataclass
class Reading:
    """What events became."""

    entries: list[CalendarEntry] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def resource_of(event: Event) -> str:
    """The unit in which it is replaced: the series, or itself."""
    return event.series_master_id or event.id


def read_events(events: Iterable[Event], masters: Mapping[str, Event], window: Window, zone: tzinfo) -> Reading:
    """The entries in the window of events that are no masters; each bare one is filled in from its series."""
    reading = Reading()
    for event in events:
        try:
            entry = entry_of(whole(event, masters), zone)
        except Unreadable as problem:
            reading.rejected.append(Rejected(resource_of(event), clean_uid(event.uid or ""), str(problem)))
        else:
            if overlaps(entry, window, zone):
                reading.entries.append(entry)
    return reading


def whole(event: Event, masters: Mapping[str, Event]) -> Event:
    """The event with what it leaves to its series. Raises `Unreadable`."""
    master = masters.get(event.series_master_id or "")
    if not event.is_bare:
        return event if master is None else msgspec.structs.replace(event, uid=master.uid)
    if master is None:
        raise Unreadable("an occurrence without its series")
    return msgspec.structs.replace(
        master,
        id=event.id,
        type=event.type,
        series_master_id=event.series_master_id,
        start=event.start,
        end=event.end,
        original_start=event.original_start,
    )


def entry_of(event: Event, zone: tzinfo) -> CalendarEntry:
    """One event, whole, that is no master. Raises `Unreadable`."""
    if event.start is None or event.end is None:
        raise Unreadable("has no start or no end")
    when = (
        _days(event.start, event.end, event, zone)
        if event.is_all_day
        else Timed(instant(event.start), instant(event.end))
    )
    return CalendarEntry(
        uid=clean_uid(event.uid or "") or resource_of(event),
        when=when,
        subject=(event.subject or "")[:MOST_SUBJECT],
        recurrence_id=_recurrence_id(event, when, zone) if event.series_master_id else "",
        resource=resource_of(event),
        show_as=SHOW_AS.get((event.show_as or "").lower(), ShowAs.BUSY),
        response=_response(event),
        cancelled=bool(event.is_cancelled),
        private=(event.sensitivity or "").lower() in ("private", "confidential"),
    )


def needs_master(event: Event) -> bool:
    """Whether it can be told only together with its series: it leaves things out, or its uid is its own."""
    return event.series_master_id is not None and (event.is_bare or not _OUTLOOK_UID.fullmatch(event.uid or ""))


def is_adrift(event: Event) -> bool:
    """Whether it is an exception that does not say when it was meant to be."""
    return event.series_master_id is not None and not event.is_bare and not event.original_start


def clean_uid(uid: str) -> str:
    """The uid that all occurrences of a series and all its attendees share."""
    found = _OUTLOOK_UID.fullmatch(uid)
    return f"{found[1]}00000000{found[2]}".upper() if found else uid


def overlaps(entry: CalendarEntry, window: Window, zone: tzinfo) -> bool:
    """Whether it takes place in the window; one without length does where it begins in it."""
    when = entry.when
    if isinstance(when, Days):
        start, end = _midnight(when.first, zone), _midnight(when.end, zone)
    else:
        start, end = when.start, when.end
    return start < window.end and (end > window.start or start >= window.start)


def instant(at: Zoned) -> datetime:
    """The instant in UTC. Raises `Unreadable`."""
    wall = _wall(at.date_time)
    name = (at.time_zone or "UTC").removeprefix("tzone://Microsoft/")
    zone = known_zone(name)
    if zone is None:
        raise Unreadable("is in a time zone of which nothing is known")
    return _held(wall, zone)


def reply_span(setting: Setting, start: datetime) -> tuple[datetime, datetime] | None:
    """When letters are answered automatically, both in UTC; `start` where that is always. None: they are not.

    Raises `Unreadable`.
    """
    status = setting.status.lower()
    if status == "alwaysenabled":
        return start, LATEST
    if status != "scheduled":
        return None
    if setting.scheduled_start_date_time is None or setting.scheduled_end_date_time is None:
        raise Unreadable("an automatic reply that is scheduled for no time")
    return instant(setting.scheduled_start_date_time), instant(setting.scheduled_end_date_time)


def reply_entry(address: str, span: tuple[datetime, datetime]) -> CalendarEntry:
    """A mailbox's automatic reply as an entry."""
    return CalendarEntry(
        uid=f"{REPLY}:{address}",
        when=Timed(*span),
        resource=REPLY,
        show_as=ShowAs.OUT_OF_OFFICE,
        type=EntryType.AUTOMATIC_REPLY,
    )


def _response(event: Event) -> Response:
    said = event.response_status.response if event.response_status else None
    answer = _RESPONSES.get((said or "").lower(), Response.ORGANIZER)
    if event.is_organizer and answer is not Response.DECLINED:
        return Response.ORGANIZER
    return answer


def _recurrence_id(event: Event, when: Timed | Days, zone: tzinfo) -> str:
    """The original start: an occurrence that has none of its own begins where it was meant to."""
    original = instant(Zoned(event.original_start)) if event.original_start else None
    if isinstance(when, Days):
        day = when.first if original is None else nearest_day(original, zone)
        return f"{day.year:04}{day.month:02}{day.day:02}"
    at = when.start if original is None else original
    return f"{at.year:04}{at.month:02}{at.day:02}T{at.hour:02}{at.minute:02}{at.second:02}Z"


def _days(start: Zoned, end: Zoned, event: Event, zone: tzinfo) -> Days:
    home = known_zone(event.original_start_time_zone or "") or zone
    return Days(_day(start, home), _day(end, home))


def _day(at: Zoned, zone: tzinfo) -> date:
    wall = _wall(at.date_time)
    # Graph writes an all-day event as midnight in whatever zone was asked for; some write the instant instead.
    if wall.time() == time():
        return wall.date()
    return nearest_day(instant(at), zone)


def nearest_day(at: datetime, zone: tzinfo) -> date:
    """The day that begins nearest to an instant; exactly, where clocks in the zone show midnight then."""
    if at.time() == time():
        return at.date()
    wall = at.astimezone(zone)
    return wall.date() if wall.time() == time() else (at + _HALF_DAY).date()


def _wall(text: str) -> datetime:
    """A wall-clock time. Graph writes seven digits behind the second, and `Z` behind some."""
    try:
        return datetime.fromisoformat(text[:19])
    except ValueError:
        raise Unreadable("has a time that is none") from None


def _held(wall: datetime, zone: tzinfo) -> datetime:
    try:
        return local_instant(wall, zone)
    except (OverflowError, ValueError):
        raise Unreadable("lies too far away") from None


def _midnight(day: date, zone: tzinfo) -> datetime:
    try:
        return local_instant(datetime.combine(day, time()), zone)
    except (OverflowError, ValueError):
        return datetime.combine(day, time(), UTC)
