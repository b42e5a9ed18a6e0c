"""Google's events, and the entries that they are. Pure.

Source: Google Calendar API reference, "Events". Asked for is what is read here and no more: never the description,
the place or the names of those who were invited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from backsoon.domain.model import (
    CalendarEntry,
    Days,
    EntryType,
    Response,
    ShowAs,
    Timed,
    local_instant,
)
from backsoon.sources.base import Rejected, Window

FIELDS: Final = (
    "kind,accessRole,nextPageToken,nextSyncToken,items(id,status,iCalUID,recurringEventId,originalStartTime,start,end,"
    "summary,transparency,visibility,eventType,attendees(self,responseStatus),organizer/self)"
)
"""The answer's fields that are asked for (`fields`, Google's "Partial responses")."""
_SUBJECT: Final = 1_024
"""So many characters of a title are looked at; Google allows as many."""
_ID: Final = 1_024


class _When(msgspec.Struct):
    date: date | None = None
    dateTime: datetime | None = None
    timeZone: str = ""


class _Attendee(msgspec.Struct):
    self: bool = False
    responseStatus: str = ""


class _Organizer(msgspec.Struct):
    self: bool = False


class Item(msgspec.Struct):
    """One event as Google tells it; of a removed one only `id` and `status` are certain to be there."""

    id: str
    status: str = "confirmed"
    iCalUID: str = ""
    recurringEventId: str = ""
    originalStartTime: _When | None = None
    start: _When | None = None
    end: _When | None = None
    summary: str = ""
    transparency: str = "opaque"
    visibility: str = "default"
    eventType: str = "default"
    attendees: list[_Attendee] = []
    organizer: _Organizer | None = None

    def __repr__(self) -> str:
        return f"Item({self.eventType})"  # its title goes nowhere


class Page(msgspec.Struct):
    """One page of `events.list`. The items are read one by one, so that a broken one spoils nothing."""

    kind: str
    accessRole: str = ""
    nextPageToken: str = ""
    nextSyncToken: str = ""
    items: list[msgspec.Raw] = []


class _OnlyId(msgspec.Struct):
    id: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """What became of one item: it concerns `resource`, and is an entry, none (removed, or outside), or rejected."""

    resource: str
    entry: CalendarEntry | None = None
    rejected: Rejected | None = None


_TYPES: Final = {
    "outOfOffice": EntryType.OUT_OF_OFFICE,
    "focusTime": EntryType.FOCUS_TIME,
    "workingLocation": EntryType.WORKING_LOCATION,
}
_RESPONSES: Final = {
    "accepted": Response.ACCEPTED,
    "tentative": Response.TENTATIVE,
    "declined": Response.DECLINED,
    "needsAction": Response.NEEDS_ACTION,
}


class Senseless(ValueError):
    """An item that cannot be read; says why, without quoting it."""


def read_item(raw: msgspec.Raw, window: Window, zone: tzinfo) -> Read:
    """One item, in the owner's zone; entries that do not overlap the window are left out."""
    try:
        item = msgspec.json.decode(raw, type=Item)
        if not 0 < len(item.id) <= _ID or not _printable(item.id):
            raise Senseless("an item without a usable id")
        if item.status == "cancelled":
            return Read(item.id)
        entry = _entry(item, zone)
    except (msgspec.DecodeError, UnicodeDecodeError, Senseless) as error:
        because = str(error) if isinstance(error, Senseless) else "an item that is not as Google describes them"
        resource = _id_of(raw)
        return Read(resource, rejected=Rejected(resource, "", because))
    return Read(item.id, entry if overlaps(entry, window, zone) else None)


def overlaps(entry: CalendarEntry, window: Window, zone: tzinfo) -> bool:
    """Whether the entry takes place in the window; all-day ones in their owner's zone."""
    if isinstance(entry.when, Timed):
        start, end = entry.when.start, entry.when.end
    else:
        start, end = _midnight(entry.when.first, zone), _midnight(entry.when.end, zone)
    return start < window.end and (end > window.start or start == end >= window.start)


def _id_of(raw: msgspec.Raw) -> str:
    try:
        found = msgspec.json.decode(raw, type=_OnlyId).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return found if len(found) <= _ID and _printable(found) else ""


def _printable(text: str) -> bool:
    return text.isprintable() and text.isascii()


def _entry(item: Item, zone: tzinfo) -> CalendarEntry:
    kind = _TYPES.get(item.eventType, EntryType.DEFAULT)
    return CalendarEntry(
        uid=_uid(item),
        when=_span(item, zone),
        subject=item.summary[:_SUBJECT],
        recurrence_id=_recurrence_id(item, zone),
        resource=item.id,
        show_as=_show_as(item, kind),
        response=_response(item),
        private=item.visibility in ("private", "confidential"),
        type=kind,
    )


def _uid(item: Item) -> str:
    uid = item.iCalUID[:_ID]
    if not uid:
        return item.recurringEventId[:_ID] or item.id
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "", uid)


def _span(item: Item, zone: tzinfo) -> Timed | Days:
    if item.start is None or item.end is None:
        raise Senseless("an item without start or end")
    if item.start.date is not None and item.end.date is not None:
        return Days(item.start.date, item.end.date)
    return Timed(_instant(item.start, zone), _instant(item.end, zone))


def _instant(when: _When, zone: tzinfo) -> datetime:
    """Google's times have an offset; one without is in the zone that it names, else in the owner's."""
    if when.dateTime is None:
        raise Senseless("an item whose start or end is no time")
    try:
        if when.dateTime.tzinfo is None:
            return local_instant(when.dateTime, _zone(when.timeZone) or zone)
        return when.dateTime.astimezone(UTC)
    except OverflowError:
        raise Senseless("an item at the edge of time") from None


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, KeyError):
        return None


def _midnight(day: date, zone: tzinfo) -> datetime:
    try:
        return local_instant(datetime(day.year, day.month, day.day), zone)  # noqa: DTZ001 - the zone is given
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if day.year > 1 else datetime.min.replace(tzinfo=UTC)


def _recurrence_id(item: Item, zone: tzinfo) -> str:
    original = item.originalStartTime
    if original is None or not item.recurringEventId:
        return ""
    if original.date is not None:
        return f"{original.date:%Y%m%d}"
    return f"{_instant(original, zone):%Y%m%dT%H%M%SZ}"


def _show_as(item: Item, kind: EntryType) -> ShowAs:
    """`workingLocation` and birthdays are transparent; an absence is one whatever its transparency says."""
    if kind is EntryType.OUT_OF_OFFICE:
        return ShowAs.OUT_OF_OFFICE
    if kind is EntryType.WORKING_LOCATION:
        return ShowAs.WORKING_ELSEWHERE
    if item.transparency == "transparent" or item.eventType == "birthday":
        return ShowAs.FREE
    return ShowAs.TENTATIVE if item.status == "tentative" else ShowAs.BUSY


def _response(item: Item) -> Response:
    """The owner's answer: that of the attendee who is `self` (the calendar's own), whoever asks."""
    said = next((each.responseStatus for each in item.attendees if each.self), "")
    response = _RESPONSES.get(said, Response.ORGANIZER)
    mine = item.organizer is not None and item.organizer.self
    return Response.ORGANIZER if mine and response is not Response.DECLINED else response
