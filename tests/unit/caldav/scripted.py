"""A CalDAV server whose every answer a test writes itself."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from backsoon.sources.caldav import CalDavLimits, CalDavSource
from backsoon.testing.events import Event
from backsoon.wire.http import Http
from tests.hostile import serving
from tests.inline_reader import InlineReader

HOME = "/dav/anna/"
CALENDAR = "/dav/anna/work/"
NAMESPACES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/"'
IS_CALENDAR = "<resourcetype><collection/><C:calendar/></resourcetype>"
IS_COLLECTION = "<resourcetype><collection/></resourcetype>"

Reply = web.Response | Callable[[web.BaseRequest, str], web.Response]


def response(href: str, properties: str = "", status: int = 200, whole: int | None = None) -> str:
    """One DAV:response: with a propstat, or with a status for all of it."""
    if whole is not None:
        return f"<response><href>{href}</href><status>HTTP/1.1 {whole} Words</status></response>"
    return (
        f"<response><href>{href}</href><propstat><prop>{properties}</prop>"
        f"<status>HTTP/1.1 {status} Words</status></propstat></response>"
    )


def multistatus(*responses: str, token: str = "") -> web.Response:
    """A 207."""
    tail = f"<sync-token>{token}</sync-token>" if token else ""
    return web.Response(
        status=207, text=f"<multistatus {NAMESPACES}>{''.join(responses)}{tail}</multistatus>", content_type="text/xml"
    )


def data(event: Event | str) -> str:
    """An event as the property that holds it."""
    text = event if isinstance(event, str) else event.ics()
    return f"<C:calendar-data>{text.replace('&', '&amp;').replace('<', '&lt;')}</C:calendar-data>"


@dataclass
class Scripted:
    """Answers by (method, what is asked, path); what nothing is said about is a 404. `asked` keeps what came.

    What is asked is the name of the report, `states`, `etags`, `collections` or `where` for a PROPFIND, "" for a GET.
    """

    replies: dict[tuple[str, str], Reply] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        body = await request.text()
        key = (_question(request.method, body), request.raw_path)
        self.asked.append(key)
        self.bodies.append(body)
        reply = self.replies.get(key, self.replies.get((key[0], "*")))
        if reply is None:
            return web.Response(status=404)
        answer = reply(request, body) if callable(reply) else reply
        return answer if answer is not reply else _copy(answer)

    def calendar(self, properties: str = "<sync-token>t1</sync-token>", path: str = CALENDAR) -> None:
        """There is one calendar, with these properties."""
        self.replies["where", path] = multistatus(response(path, IS_CALENDAR))
        self.replies["collections", path] = multistatus(response(path, IS_CALENDAR + properties))
        self.replies["states", path] = multistatus(response(path, properties))

    def holds(self, *events: Event, path: str = CALENDAR) -> None:
        """The calendar answers a query with these events."""
        answers = [response(f"{path}{event.uid}.ics", data(event)) for event in events]
        self.replies["calendar-query", path] = multistatus(*answers)


def _question(method: str, body: str) -> str:
    if method != "PROPFIND":
        found = re.search(r"<\w+:([\w-]+) xmlns", body)
        return found[1] if found else ""
    marks = {"current-user-principal": "where", "displayname": "collections", "getetag": "etags"}
    return next((name for mark, name in marks.items() if mark in body), "states")


def _copy(answer: web.Response) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


@asynccontextmanager
async def scripted(
    address: str = CALENDAR, limits: CalDavLimits | None = None
) -> AsyncIterator[tuple[Scripted, CalDavSource]]:
    """A scripted server and a source that reads the address on it."""
    script = Scripted()
    async with serving(script) as url, Http(deadline=5) as http:
        yield script, CalDavSource(http, InlineReader(), url + address, zone="Europe/Oslo", limits=limits)
