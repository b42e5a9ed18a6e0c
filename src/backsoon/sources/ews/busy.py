"""When people are busy (`GetUserAvailability`): for many mailboxes at once, and where nothing better may be read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from backsoon.domain.model import CalendarEntry, ShowAs, Timed
from backsoon.sources.account import BusyTime
from backsoon.sources.base import Window
from backsoon.sources.ews.entries import SHOW_AS, Read
from backsoon.sources.ews.failures import EwsFailure
from backsoon.sources.ews.soap import M, T, checked, not_ews
from backsoon.sources.ews.times import instant

RESOURCE: Final = "free-busy"
WITHOUT_DETAILS: Final = "shared without details, keywords cannot be read"
_EVENTS: Final = f"{M}FreeBusyView/{T}CalendarEventArray/{T}CalendarEvent"
_DETAILS: Final = f"{T}CalendarEventDetails"


@dataclass(frozen=True, slots=True)
class Event:
    """One busy stretch; the subject where it is shared, and not the entry's id, which would tell nothing more."""

    when: Timed
    show_as: ShowAs
    subject: str | None = field(repr=False)
    private: bool = False


def views(inner: etree._Element, wanted: int) -> Sequence[tuple[Event, ...] | EwsFailure]:
    """What is said of each mailbox, in the order of asking. Raises `SourceBroken`."""
    found = inner.findall(f"{M}FreeBusyResponseArray/{M}FreeBusyResponse")
    if len(found) != wanted:
        raise not_ews()
    return [_view(answer) for answer in found]


def _view(answer: etree._Element) -> tuple[Event, ...] | EwsFailure:
    message = answer.find(f"{M}ResponseMessage")
    try:
        if message is None:
            raise EwsFailure("")
        checked(message)
    except EwsFailure as error:
        return error
    if answer.findtext(f"{M}FreeBusyView/{T}FreeBusyViewType", "") in ("None", ""):
        return EwsFailure("ErrorNoFreeBusyAccess")
    return tuple(event for element in answer.iterfind(_EVENTS) if (event := _event(element)) is not None)


def _event(element: etree._Element) -> Event | None:
    start = instant(element.findtext(f"{T}StartTime"), bare_is_utc=True)
    end = instant(element.findtext(f"{T}EndTime"), bare_is_utc=True)
    if start is None or end is None or end <= start:
        return None
    details = element.find(_DETAILS)
    return Event(
        Timed(start, end),
        SHOW_AS.get(element.findtext(f"{T}BusyType", ""), ShowAs.BUSY),
        None if details is None else details.findtext(f"{T}Subject"),
        details is not None and details.findtext(f"{T}IsPrivate", "") in ("true", "1"),
    )


def busy_times(events: Sequence[Event], window: Window) -> tuple[BusyTime, ...]:
    """Without what is shown as free."""
    return tuple(
        BusyTime(e.when.start, e.when.end, e.show_as)
        for e in events
        if e.show_as is not ShowAs.FREE and e.when.start < window.end and e.when.end > window.start
    )


def read_events(events: Sequence[Event], window: Window) -> tuple[Read, bool]:
    """The events as entries, and whether their subjects may be read.

    An entry is known by its span only: one that is moved is another one.
    """
    read, seen, marks = Read(), dict[str, int](), list[str]()
    for event in sorted(events, key=lambda e: (e.when.start, e.when.end, e.show_as, e.subject or "")):
        if event.when.start >= window.end or event.when.end <= window.start:
            continue
        uid = f"busy-{event.when.start:%Y%m%dT%H%M%SZ}-{event.when.end:%Y%m%dT%H%M%SZ}"
        seen[uid] = seen.get(uid, 0) + 1
        uid += f"#{seen[uid]}" if seen[uid] > 1 else ""
        read.entries.append(
            CalendarEntry(
                uid=uid,
                when=event.when,
                subject=event.subject or "",
                resource=RESOURCE,
                show_as=event.show_as,
                private=event.private,
            )
        )
        marks.append(f"{uid} {event.show_as} {event.private}")
    details = all(e.subject is not None or e.private for e in events)
    if not any(e.subject for e in events):
        read.digest = hashlib.blake2b("\n".join(marks).encode(), digest_size=16).hexdigest()
    return read, details
