"""When people are busy, of many calendars at once: `freeBusy.query`, which shows times and nothing else.

Source: Google Calendar API, "Freebusy: query". It takes the right `calendar.freebusy` (or a wider one), which
`calendar.events.readonly` does not include. One user's token serves for all whose times that user may see: with
delegation, for the whole domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from backsoon.domain.model import CalendarEntry, Timed
from backsoon.sources.account import BusyTime
from backsoon.sources.base import SourceBroken, SourceError, SourceUnavailable, Window
from backsoon.sources.google.api import Api, decoded
from backsoon.sources.google.errors import NotShared
from backsoon.sources.google.settings import FREE_BUSY

AT_ONCE: Final = 50
"""Calendars that one query takes (Google, "Freebusy: query", `calendarExpansionMax`)."""
LONGEST: Final = timedelta(days=80)
"""The longest span of one query. Google refuses more than about 90 days (`timeRangeTooLong`)."""


class _Stretch(msgspec.Struct):
    start: datetime
    end: datetime


class _Reason(msgspec.Struct):
    reason: str = ""


class _Calendar(msgspec.Struct):
    busy: list[_Stretch] = []
    errors: list[_Reason] = []


class _Answer(msgspec.Struct):
    kind: str
    calendars: dict[str, _Calendar] = {}


async def free_busy(
    api: Api, addresses: Sequence[str], window: Window, *, mailbox: str = ""
) -> Mapping[str, tuple[BusyTime, ...] | SourceError]:
    """When each calendar is busy in the window; one that cannot be asked has its error. `mailbox` is in whose name.

    A long window is asked for in parts. Raises a `SourceError` where the question as a whole failed.
    """
    found = await _asked(api, addresses, Window(window.start, min(window.start + LONGEST, window.end)), mailbox)
    start = window.start + LONGEST
    while start < window.end:
        more = await _asked(api, addresses, Window(start, min(start + LONGEST, window.end)), mailbox)
        found = {address: _both(found[address], more[address]) for address in addresses}
        start += LONGEST
    return found


async def _asked(
    api: Api, addresses: Sequence[str], window: Window, mailbox: str
) -> Mapping[str, tuple[BusyTime, ...] | SourceError]:
    body = {
        "timeMin": f"{window.start:%Y-%m-%dT%H:%M:%SZ}",
        "timeMax": f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
        "calendarExpansionMax": AT_ONCE,
        "items": [{"id": address} for address in addresses],
    }
    raw = await api.post("freebusy.query", "/freeBusy", body, mailbox=mailbox or addresses[0], scope=FREE_BUSY)
    answer = decoded(raw, _Answer)
    if answer.kind != "calendar#freeBusy":
        raise SourceBroken("the answer is no free/busy information")
    told = {address.casefold(): calendar for address, calendar in answer.calendars.items()}
    return {address: _times(told.get(address.casefold())) for address in addresses}


def _both(
    one: tuple[BusyTime, ...] | SourceError, other: tuple[BusyTime, ...] | SourceError
) -> tuple[BusyTime, ...] | SourceError:
    """The times of two parts of a window; what lies across both is one stretch."""
    if isinstance(one, SourceError):
        return one
    return other if isinstance(other, SourceError) else joined((*one, *other))


def _times(calendar: _Calendar | None) -> tuple[BusyTime, ...] | SourceError:
    if calendar is None:
        return SourceBroken("the answer leaves this calendar out")
    if calendar.errors:
        words = {each.reason for each in calendar.errors}
        if "notFound" in words:
            return NotShared("notFound: not shared with this account, or no such calendar")
        return SourceUnavailable("Google cannot say when this calendar is busy")
    try:
        return tuple(BusyTime(each.start.astimezone(UTC), each.end.astimezone(UTC)) for each in calendar.busy)
    except OverflowError:
        return SourceBroken("times at the edge of time")


def joined(times: Iterable[BusyTime]) -> tuple[BusyTime, ...]:
    """The same, with stretches that overlap or touch as one."""
    found: list[BusyTime] = []
    for each in sorted(times, key=lambda one: one.start):
        if found and each.start <= found[-1].end:
            each = BusyTime(found[-1].start, max(found.pop().end, each.end))
        found.append(each)
    return tuple(found)


def busy_entries(times: Sequence[BusyTime]) -> tuple[CalendarEntry, ...]:
    """Entries for a calendar of which the times alone are known; their uid is made of these."""
    return tuple(
        CalendarEntry(uid=name, resource=name, when=Timed(each.start, each.end), show_as=each.show_as)
        for each in times
        for name in [f"busy:{each.start:%Y%m%dT%H%M%SZ}/{each.end:%Y%m%dT%H%M%SZ}"]
    )
