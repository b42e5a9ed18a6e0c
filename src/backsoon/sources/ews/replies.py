"""Automatic replies as entries. Their texts are neither asked for nor read."""

from __future__ import annotations

from typing import Final

import msgspec
from lxml import etree

from backsoon.domain.model import LATEST, CalendarEntry, EntryType, ShowAs, Timed
from backsoon.sources.base import Window
from backsoon.sources.ews.failures import EwsFailure
from backsoon.sources.ews.soap import M, T, checked
from backsoon.sources.ews.times import instant

RESOURCE: Final = "automatic-reply"


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """What a mailbox was found to be set to: `state` is `disabled`, `enabled` or `scheduled`, times as ISO 8601."""

    state: str = "disabled"
    start: str = ""
    end: str = ""


def read_reply(inner: etree._Element) -> Reply:
    """What `GetUserOofSettings` answered. Raises `EwsFailure`."""
    message = inner.find(f"{M}ResponseMessage")
    settings = inner.find(f"{T}OofSettings")
    if message is None:
        raise EwsFailure("")
    checked(message)
    state = "" if settings is None else settings.findtext(f"{T}OofState", "")
    if settings is None or state not in ("Enabled", "Scheduled"):
        return Reply()
    if state == "Enabled":
        return Reply("enabled")
    start = instant(settings.findtext(f"{T}Duration/{T}StartTime"), bare_is_utc=True)
    end = instant(settings.findtext(f"{T}Duration/{T}EndTime"), bare_is_utc=True)
    if start is None or end is None or end <= start:
        return Reply()
    return Reply("scheduled", start.isoformat(), end.isoformat())


def begun(reply: Reply, before: Reply | None, window: Window) -> Reply:
    """The reply with its start: one without a schedule began when it was first seen, at the window's start."""
    if reply.state != "enabled":
        return reply
    if before is not None and before.state == "enabled":
        return before
    return Reply("enabled", window.start.isoformat(), LATEST.isoformat())


def reply_entries(reply: Reply | None, address: str, window: Window) -> tuple[CalendarEntry, ...]:
    """The entry of an automatic reply; none where there is none in the window."""
    start, end = (instant(reply.start), instant(reply.end)) if reply else (None, None)
    if start is None or end is None or start >= window.end or end <= window.start:
        return ()
    return (
        CalendarEntry(
            uid=f"{RESOURCE}:{address}",
            when=Timed(start, end),
            resource=RESOURCE,
            show_as=ShowAs.OUT_OF_OFFICE,
            type=EntryType.AUTOMATIC_REPLY,
        ),
    )
