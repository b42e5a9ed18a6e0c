"""Changes as they happen: server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from backsoon.api.parts import Parts
from backsoon.api.views import change_view
from backsoon.domain.phrase import Audience
from backsoon.engine.hub import Announcement, Hub, Lagged, Listener

QUIET = 15.0
"""Seconds after which a comment is sent, so that whoever went away is noticed."""


async def events(
    parts: Parts, organisation: str | None, stop: asyncio.Event, audience: Audience = Audience.ATTENDANT
) -> AsyncIterator[bytes]:
    """Events `availability`, numbered; `restart` where some were missed and the board is to be read anew.

    The first line is sent at once: whoever reads it misses nothing from then on. It ends when `stop` is set.
    """
    hub: Hub = parts.hub
    with hub.listening() as listener:
        yield f": listening after {hub.number}\n\n".encode()
        while not stop.is_set():
            try:
                announcement = await _next(listener, stop)
            except Lagged:
                yield b"event: restart\ndata: {}\n\n"
                continue
            if announcement is None:
                yield b": quiet\n\n"
            elif organisation in (None, announcement.person.organisation):
                yield _event(announcement, parts, audience)


async def _next(listener: Listener, stop: asyncio.Event) -> Announcement | None:
    """The next announcement; None where nothing happened for a while, or it is time to stop. Raises `Lagged`."""
    coming = asyncio.ensure_future(listener.next())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((coming, stopping), timeout=QUIET, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        for waiting in (coming, stopping):
            waiting.cancel()
        await asyncio.gather(coming, stopping, return_exceptions=True)


def _event(announcement: Announcement, parts: Parts, audience: Audience) -> bytes:
    view = change_view(announcement.person, announcement.change, parts.directory, audience)
    data = json.dumps(view, ensure_ascii=False)
    return f"event: availability\nid: {announcement.number}\ndata: {data}\n\n".encode()
