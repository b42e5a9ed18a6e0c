"""What goes between the reader and its worker process: frames of MessagePack, in pieces that are quick to take in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import msgspec

from backsoon.domain.model import CalendarEntry, Days, Response, ShowAs, Timed
from backsoon.sources.base import Rejected, Window
from backsoon.sources.ical.reader import Limits, Reading

HEAD = 8
"""Bytes of a frame's length, big-endian."""
PIECE = 256
"""Entries in one frame: a millisecond's work."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class Job(msgspec.Struct, array_like=True):
    """What is to be read; as many frames follow as it has items, each the bytes of one."""

    resources: list[str]
    window: tuple[int, int]
    zone: str
    owner: list[str]
    resource_is_uid: bool
    limits: Limits


class Row(msgspec.Struct, array_like=True):
    """A `CalendarEntry`: times in seconds since 1970 in UTC, or ordinals of days."""

    uid: str
    is_day: bool
    start: int
    end: int
    subject: str
    recurrence_id: str
    resource: str
    show_as: ShowAs
    response: Response
    cancelled: bool
    private: bool


class Answer(msgspec.Struct, array_like=True):
    """A piece of the answer. `fault` is "" or why there is no answer; the last piece has `last` set."""

    last: bool
    rows: list[Row] = []
    rejected: list[Rejected] = []
    warnings: list[str] = []
    fault: str = ""
    detail: str = ""


def frame(payload: bytes) -> bytes:
    """The payload with its length in front."""
    return len(payload).to_bytes(HEAD, "big") + payload


def pack_window(window: Window) -> tuple[int, int]:
    """The window's bounds in seconds since 1970; a part of a second is cut off."""
    return (window.start - _EPOCH) // _SECOND, (window.end - _EPOCH) // _SECOND


def unpack_window(bounds: tuple[int, int]) -> Window:
    """The window of two bounds."""
    return Window(_EPOCH + bounds[0] * _SECOND, _EPOCH + bounds[1] * _SECOND)


def pieces(reading: Reading) -> Iterator[Answer]:
    """The answer for a reading."""
    entries = iter(reading.entries)
    while rows := [_row(entry) for entry in islice(entries, PIECE)]:
        yield Answer(False, rows)
    yield Answer(True, [], list(reading.rejected), list(reading.warnings))


def entries_of(rows: Sequence[Row]) -> list[CalendarEntry]:
    """The entries that the rows stand for."""
    return [_entry(row) for row in rows]


def _row(entry: CalendarEntry) -> Row:
    when = entry.when
    if isinstance(when, Days):
        start, end = when.first.toordinal(), when.end.toordinal()
    else:
        start, end = (when.start - _EPOCH) // _SECOND, (when.end - _EPOCH) // _SECOND
    return Row(
        entry.uid, isinstance(when, Days), start, end, entry.subject, entry.recurrence_id, entry.resource,
        entry.show_as, entry.response, entry.cancelled, entry.private,
    )  # fmt: skip


def _entry(row: Row) -> CalendarEntry:
    when: Timed | Days
    if row.is_day:
        when = Days(date.fromordinal(row.start), date.fromordinal(row.end))
    else:
        when = Timed(_EPOCH + row.start * _SECOND, _EPOCH + row.end * _SECOND)
    return CalendarEntry(
        row.uid, when, row.subject, row.recurrence_id, row.resource, row.show_as, row.response,
        row.cancelled, row.private,
    )  # fmt: skip
