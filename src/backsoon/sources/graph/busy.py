"""When many mailboxes are busy, in few requests. Source: Microsoft Graph reference, "calendar: getSchedule":
at most 20 mailboxes a request, less than 62 days; error 5006 where one of them has too many entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import quote

import msgspec

from backsoon.domain.model import ShowAs
from backsoon.sources.account import BusyTime
from backsoon.sources.base import SourceBroken, SourceError, SourceMissing, SourceTooLarge, Window
from backsoon.sources.graph.client import TOGETHER, Answer, Graph, Part, preferring
from backsoon.sources.graph.entries import SHOW_AS, Unreadable, instant
from backsoon.sources.graph.errors import NO_MAILBOX, remedied
from backsoon.sources.graph.records import Zoned

ADDRESSES: Final = 20
AT_ONCE: Final = ADDRESSES * TOGETHER
LONGEST: Final = timedelta(days=61)
INTERVAL: Final = 15
"""Minutes that one digit of `availabilityView` stands for."""
TRIES: Final = 3
"""In how many mailboxes' names one question is asked, where the first of them refuse."""
TOO_MANY: Final = "5006"
_HALVINGS: Final = 3
_DIGITS: Final = {"1": ShowAs.TENTATIVE, "2": ShowAs.BUSY, "3": ShowAs.OUT_OF_OFFICE, "4": ShowAs.WORKING_ELSEWHERE}

Busy = tuple[BusyTime, ...] | SourceError


class _Item(msgspec.Struct):
    start: Zoned
    end: Zoned
    status: str | None = None


class _Problem(msgspec.Struct, rename="camel"):
    message: str | None = None
    response_code: str | None = None


class _Schedule(msgspec.Struct, rename="camel"):
    schedule_id: str
    availability_view: str | None = None
    schedule_items: list[_Item] | None = None
    error: _Problem | None = None


class _Answer(msgspec.Struct):
    value: list[_Schedule]


_decoder = msgspec.json.Decoder(_Answer)


async def busy(graph: Graph, addresses: Sequence[str], window: Window) -> dict[str, Busy]:
    """See `Account.busy`."""
    window = Window(window.start, min(window.end, window.start + LONGEST))
    groups = [tuple(addresses[n : n + ADDRESSES]) for n in range(0, len(addresses), ADDRESSES)]
    found: dict[str, Busy] = {}
    for tried in range(TRIES):
        answers = await graph.each([_question(group, window, tried) for group in groups]) if groups else []
        refused: list[tuple[str, ...]] = []
        for group, answer in zip(groups, answers, strict=True):
            found |= _found(group, answer, window)
            if answer.status in (403, 404) and tried + 1 < len(group):
                refused.append(group)
        groups = refused
    return await _halved(graph, found, window, _HALVINGS)


async def _halved(graph: Graph, found: dict[str, Busy], window: Window, left: int) -> dict[str, Busy]:
    """The same, with those asked again in two halves who have too many entries for one answer."""
    crowded = [address for address, one in found.items() if isinstance(one, SourceTooLarge)]
    if not crowded or not left:
        return found
    middle = window.start + (window.end - window.start) / 2
    halves = Window(window.start, middle), Window(middle, window.end)
    first, second = [await _asked_alone(graph, crowded, half, left - 1) for half in halves]
    for address in crowded:
        one, other = first[address], second[address]
        if not isinstance(one, SourceError) and not isinstance(other, SourceError):
            found[address] = tuple(dict.fromkeys((*one, *other)))
    return found


async def _asked_alone(graph: Graph, addresses: Sequence[str], window: Window, left: int) -> dict[str, Busy]:
    answers = await graph.each([_question((address,), window, 0) for address in addresses])
    found: dict[str, Busy] = {}
    for address, answer in zip(addresses, answers, strict=True):
        found |= _found((address,), answer, window)
    return await _halved(graph, found, window, left)


def _question(addresses: Sequence[str], window: Window, asker: int) -> Part:
    """One request, in the name of one of them."""
    body = {
        "schedules": list(addresses),
        "startTime": {"dateTime": f"{window.start:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"},
        "endTime": {"dateTime": f"{window.end:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"},
        "availabilityViewInterval": INTERVAL,
    }
    path = f"/users/{quote(addresses[min(asker, len(addresses) - 1)], safe='@')}/calendar/getSchedule"
    return preferring(Part("POST", path, body=body), 'outlook.timezone="UTC"')


def _found(addresses: Sequence[str], answer: Answer, window: Window) -> Mapping[str, Busy]:
    try:
        schedules = {s.schedule_id.lower(): s for s in _decoded(answer)}
    except SourceError as error:
        return dict.fromkeys(addresses, error)
    return {address: _of(schedules.get(address.lower()), window) for address in addresses}


def _decoded(answer: Answer) -> Iterable[_Schedule]:
    try:
        return _decoder.decode(answer.good()).value
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SourceBroken("the answer to getSchedule is none of Graph's") from None


def _of(schedule: _Schedule | None, window: Window) -> Busy:
    if schedule is None:
        return SourceBroken("the answer to getSchedule leaves the mailbox out")
    if schedule.error is not None:
        return _refused(f"{schedule.error.response_code} {schedule.error.message}")
    try:
        return tuple(_times(schedule, window))
    except Unreadable:
        return SourceBroken("the answer to getSchedule has times that are none")


def _refused(said: str) -> SourceError:
    if TOO_MANY in said:
        return SourceTooLarge(f"too many entries for one answer (getSchedule {TOO_MANY})")
    return remedied(SourceMissing("free/busy of the mailbox cannot be read (getSchedule)"), NO_MAILBOX)


def _times(schedule: _Schedule, window: Window) -> Iterable[BusyTime]:
    """By its items. Where the account sees none of them, by the digits: 0 is free, or working elsewhere."""
    if schedule.schedule_items is None:
        yield from _by_digits(schedule.availability_view or "", window)
        return
    for item in schedule.schedule_items:
        show_as = SHOW_AS.get((item.status or "").lower(), ShowAs.BUSY)
        start, end = instant(item.start), instant(item.end)
        if show_as is not ShowAs.FREE and end > start:
            yield BusyTime(start, end, show_as)


def _by_digits(view: str, window: Window) -> Iterable[BusyTime]:
    step, begun = timedelta(minutes=INTERVAL), 0
    for number in range(1, len(view) + 1):
        if number == len(view) or view[number] != view[begun]:
            if view[begun] in _DIGITS:
                yield BusyTime(window.start + begun * step, window.start + number * step, _DIGITS[view[begun]])
            begun = number
