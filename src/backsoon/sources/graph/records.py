"""Graph's answers, as far as they are read: everything else (bodies, attendees, places) is dropped while decoding.

Field names are those of the Microsoft Graph reference, "event resource type", "automaticRepliesSetting".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from backsoon.sources.base import Rejected, SourceBroken, SourceTooLarge
from backsoon.sources.graph.errors import NotGraphs

SELECT: Final = (
    "subject,start,end,isAllDay,isCancelled,isOrganizer,showAs,sensitivity,responseStatus,type,seriesMasterId,iCalUId,"
    "originalStart,originalStartTimeZone"
)
"""What is asked for of an event; its id comes with it."""
MOST_ITEMS: Final = 50_000
"""The most events of one mailbox that one read takes."""


class Zoned(msgspec.Struct, rename="camel"):
    """A `dateTimeTimeZone`: wall-clock time in a zone."""

    date_time: str
    time_zone: str | None = None


class Answered(msgspec.Struct):
    """A `responseStatus`."""

    response: str | None = None


class Event(msgspec.Struct, rename="camel"):
    """An event, or the news that one is gone. An occurrence in a delta has no more than its ids and its times."""

    id: str
    type: str | None = None
    series_master_id: str | None = None
    uid: str | None = msgspec.field(name="iCalUId", default=None)
    subject: str | None = None
    start: Zoned | None = None
    end: Zoned | None = None
    original_start: str | None = None
    original_start_time_zone: str | None = None
    is_all_day: bool | None = None
    is_cancelled: bool | None = None
    is_organizer: bool | None = None
    show_as: str | None = None
    sensitivity: str | None = None
    response_status: Answered | None = None
    removed: object = msgspec.field(name="@removed", default=None)

    def __repr__(self) -> str:
        return f"Event({self.type})"  # its subject goes nowhere

    @property
    def is_master(self) -> bool:
        """Whether it stands for a series."""
        return (self.type or "").lower() == "seriesmaster"

    @property
    def is_bare(self) -> bool:
        """Whether the rest must come from the series."""
        return self.uid is None and self.series_master_id is not None


class Page(msgspec.Struct):
    """One page of a listing."""

    value: list[msgspec.Raw]
    next: str | None = msgspec.field(name="@odata.nextLink", default=None)
    delta: str | None = msgspec.field(name="@odata.deltaLink", default=None)


class _Id(msgspec.Struct):
    id: str


class Setting(msgspec.Struct, rename="camel"):
    """An `automaticRepliesSetting` without its texts."""

    status: str
    scheduled_start_date_time: Zoned | None = None
    scheduled_end_date_time: Zoned | None = None


class _MailboxSettings(msgspec.Struct, rename="camel"):
    automatic_replies_setting: Setting


_page = msgspec.json.Decoder(Page)
_event = msgspec.json.Decoder(Event)
_id = msgspec.json.Decoder(_Id)
_setting = msgspec.json.Decoder(Setting)
_settings = msgspec.json.Decoder(_MailboxSettings)


def read_page(body: bytes) -> Page:
    """A page. Raises `SourceBroken`."""
    try:
        return _page.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotGraphs("the answer is no list of Graph's (cut, or a login page?)") from None


class Items:
    """The events of a listing, by id: of two with one id the last counts."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.rejected: dict[str, Rejected] = {}

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events.values())

    def add(self, page: Page) -> None:
        """Take a page in; what is no event is left out by itself. Raises `SourceTooLarge`."""
        for raw in page.value:
            self._add(bytes(raw))
        if len(self.events) > MOST_ITEMS:
            raise SourceTooLarge(f"more than {MOST_ITEMS} entries in one mailbox")

    def _add(self, raw: bytes) -> None:
        try:
            event = _event.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._reject(raw)
            return
        self.events.pop(event.id, None)
        self.rejected.pop(event.id, None)
        self.events[event.id] = event

    def _reject(self, raw: bytes) -> None:
        try:
            resource = _id.decode(raw).id
        except (msgspec.DecodeError, UnicodeDecodeError):
            resource = ""
        self.events.pop(resource, None)
        self.rejected[resource] = Rejected(resource, "", "is no event as Graph describes them")


def read_event(body: bytes) -> Event:
    """One event. Raises `SourceBroken`."""
    try:
        return _event.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SourceBroken("the answer is no event of Graph's") from None


def read_setting(body: bytes) -> Setting:
    """The automatic reply's setting, alone or among the mailbox's. Raises `SourceBroken`."""
    try:
        return _settings.decode(body).automatic_replies_setting
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return _setting.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotGraphs("the answer is no automatic reply's setting of Graph's") from None
