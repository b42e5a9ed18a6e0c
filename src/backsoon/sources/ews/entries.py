"""An item of Exchange as a calendar entry. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Final, cast
from zoneinfo import ZoneInfo

from lxml import etree

from backsoon.domain.model import CalendarEntry, Days, Response, ShowAs, Timed, local_instant
from backsoon.sources.base import Rejected, SourceBroken, Window
from backsoon.sources.ews.failures import with_remedy
from backsoon.sources.ews.soap import T
from backsoon.sources.ews.times import day, instant

SHOW_AS: Final = {
    "Free": ShowAs.FREE,
    "Tentative": ShowAs.TENTATIVE,
    "Busy": ShowAs.BUSY,
    "OOF": ShowAs.OUT_OF_OFFICE,
    "WorkingElsewhere": ShowAs.WORKING_ELSEWHERE,
    "NoData": ShowAs.FREE,
}
_RESPONSES: Final = {
    "Organizer": Response.ORGANIZER,
    "Unknown": Response.ORGANIZER,  # nobody was invited
    "Accept": Response.ACCEPTED,
    "Tentative": Response.TENTATIVE,
    "Decline": Response.DECLINED,
    "NoResponseReceived": Response.NEEDS_ACTION,
}
_PRIVATE: Final = frozenset({"Private", "Confidential"})
_UID: Final = f"{T}UID"
_SUBJECT: Final = f"{T}Subject"
_START: Final = f"{T}Start"
_END: Final = f"{T}End"
_KIND: Final = f"{T}CalendarItemType"
_ALL_DAY: Final = f"{T}IsAllDayEvent"
_RECURRENCE: Final = f"{T}RecurrenceId"
_ORIGINAL: Final = f"{T}OriginalStart"
_SHOW_AS: Final = f"{T}LegacyFreeBusyStatus"
_RESPONSE: Final = f"{T}MyResponseType"
_CANCELLED: Final = f"{T}IsCancelled"
_SENSITIVITY: Final = f"{T}Sensitivity"
_ITEM_ID: Final = f"{T}ItemId"
_TRUE: Final = frozenset({"true", "1"})
_LONGEST_UID: Final = 512
OUTLOOK: Final = "040000008200E00074C5B7101A82E008"
"""What uids begin with that Outlook or Exchange made, in hexadecimal."""


@dataclass(slots=True)
class Read:
    """What was read of a calendar. `digest` changes when any of it does; its text cannot be found out from it, for the
    items' ids are in it, which are kept nowhere."""

    entries: list[CalendarEntry] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    digest: str = ""


NOTHING: Final = hashlib.blake2b(b"", digest_size=16).hexdigest()
"""The digest of a window without items."""


def read_items(items: Iterable[etree._Element], window: Window, zone: ZoneInfo) -> Read:
    """The entries of the items of a calendar view, each once. Raises `SourceBroken` where series are not expanded."""
    found, seen, keys = Read(), set[str](), set[tuple[str, str]]()
    marks: list[str] = []
    for item in items:
        told = cast(dict[str, str], {child.tag: child.text or "" for child in item})
        identity = _identity(item)
        if identity in seen:
            continue  # it lies across two parts of the window
        seen.add(identity)
        marks.append("\x1f".join((identity, *told, *told.values())))
        entry = _entry(told, identity, zone)
        if isinstance(entry, Rejected):
            found.rejected.append(entry)
        elif overlaps(entry, window, zone):
            found.entries.append(_unique(entry, keys))
    found.digest = hashlib.blake2b("\x1e".join(sorted(marks)).encode(), digest_size=16).hexdigest()
    return found


def overlaps(entry: CalendarEntry, window: Window, zone: ZoneInfo) -> bool:
    """Whether the entry lies in the window, at least in part."""
    start, end = _bounds(entry.when, zone)
    return start < window.end and (end > window.start or start == end >= window.start)


def _bounds(when: Timed | Days, zone: ZoneInfo) -> tuple[datetime, datetime]:
    if isinstance(when, Timed):
        return when.start, when.end
    return (
        local_instant(datetime.combine(when.first, time()), zone),
        local_instant(datetime.combine(when.end, time()), zone),
    )


def _identity(item: etree._Element) -> str:
    found: etree._Element | None = item[0] if len(item) else None  # it comes first
    if found is None or found.tag != _ITEM_ID:
        found = item.find(_ITEM_ID)
    return "" if found is None else f"{found.get('Id', '')} {found.get('ChangeKey', '')}"


def _entry(told: dict[str, str], identity: str, zone: ZoneInfo) -> CalendarEntry | Rejected:
    uid = series_uid(told.get(_UID, "").strip()) or _uid_of(identity)
    if len(uid) > _LONGEST_UID:
        uid = _uid_of(uid)
    kind = told.get(_KIND, "Single")
    if kind == "RecurringMaster":
        raise series_not_expanded()
    start, end = instant(told.get(_START)), instant(told.get(_END))
    if start is None or end is None:
        return Rejected(uid, uid, "Start or End is missing or is no time")
    all_day = told.get(_ALL_DAY, "") in _TRUE
    return CalendarEntry(
        uid=uid,
        when=_days(start, end, zone) if all_day else Timed(start, end),
        subject=told.get(_SUBJECT, ""),
        recurrence_id=_recurrence_id(told, kind, start, zone if all_day else None),
        resource=uid,
        show_as=SHOW_AS.get(told.get(_SHOW_AS, ""), ShowAs.BUSY),
        response=_RESPONSES.get(told.get(_RESPONSE, ""), Response.ORGANIZER),
        cancelled=told.get(_CANCELLED, "") in _TRUE,
        private=told.get(_SENSITIVITY, "") in _PRIVATE,
    )


def _days(start: datetime, end: datetime, zone: ZoneInfo) -> Days:
    """The dates of an all-day entry: at least one day."""
    first, last = day(start, zone), day(end, zone)
    return Days(first, max(last, first + timedelta(days=1)))


def _recurrence_id(told: dict[str, str], kind: str, start: datetime, all_day_in: ZoneInfo | None) -> str:
    if kind not in ("Occurrence", "Exception"):
        return ""
    original = instant(told.get(_RECURRENCE)) or instant(told.get(_ORIGINAL)) or start
    if all_day_in is not None:
        return day(original, all_day_in).isoformat().replace("-", "")
    return f"{original.isoformat()[:19].replace('-', '').replace(':', '')}Z"


def _unique(entry: CalendarEntry, keys: set[tuple[str, str]]) -> CalendarEntry:
    """Copies of an item keep its UID: from the second on each is an entry of its own."""
    copy, number = entry, 1
    while (copy.uid, copy.recurrence_id) in keys:
        number += 1
        uid = f"{entry.uid}#{number}"
        copy = replace(entry, uid=uid, resource=uid)
    keys.add((copy.uid, copy.recurrence_id))
    return copy


def series_uid(uid: str) -> str:
    """The same uid for all occurrences of a series and for all attendees.

    Outlook's holds the day of an occurrence that is an exception (MS-OXOCAL, PidLidGlobalObjectId: bytes 16 to 19);
    most servers clear it.
    """
    if len(uid) > 40 and uid[:32].upper() == OUTLOOK:
        return f"{uid[:32]}00000000{uid[40:]}"
    return uid


def _uid_of(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def series_not_expanded() -> SourceBroken:
    """The error for a calendar view with a series' master in it."""
    error = SourceBroken("the server does not expand series in a calendar view, so its occurrences are not known")
    with_remedy(error, "use this server's CalDAV instead (kind = caldav): it is not Exchange itself")
    return error
