"""`GET /api/v1/events`: what changes, as it happens (server-sent events, WHATWG HTML section 9.2).

Each listener is a cursor into the hub's ring, and a coroutine that writes shared pieces of bytes to its connection
while that takes them. Nothing is queued for anybody: who does not read stays where it is, and is told to start again
once the ring has gone past it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from backsoon.api import sse
from backsoon.api.asking import Asking
from backsoon.api.gate import KEY, Admitted
from backsoon.api.parts import Parts
from backsoon.api.pieces import Piece, View, restart
from backsoon.api.sighted import SightPieces
from backsoon.api.sights import NAME, Sight, Sights
from backsoon.api.wire import Wire, wire_of
from backsoon.domain.access import Identity, Right
from backsoon.engine.hub import Lagged, Listener
from backsoon.store.base import StoreError

PATH = "/api/v1/events"
RETRY = 2000
"""After how many milliseconds to come again once the stream has ended."""
QUIET = 15.0
"""Seconds without anything after which a comment is sent, so that whoever went away is noticed."""
CHECK = 2.0
"""How often, in seconds, it is seen whether the listener may still listen, and whether it still reads."""
STUCK = 60.0
"""Seconds after which a connection that has taken nothing of what waits for it is given up."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_ID = {"type": "string", "pattern": "^[0-9a-f]{1,32}-[0-9]{1,18}$", "maxLength": 64}
OPENAPI: dict[str, Any] = {
    PATH: {
        "get": {
            "tags": ["live"],
            "operationId": "events",
            "summary": "What changes, as it happens",
            "description": "Server-sent events: `availability` (how somebody stands from now on), `person` (added, "
            "changed, removed), `restart` (something was missed: read the board, go on). With `sight` the first is "
            "of those in sight only, and `lamps` says by id how everybody stands who has changed. The stream does not "
            "end.",
            "parameters": [
                {
                    "name": "Last-Event-ID",
                    "in": "header",
                    "description": "The id of the event that was heard last; goes before `after`.",
                    "schema": _ID,
                },
                {
                    "name": "after",
                    "in": "query",
                    "description": "The same, as the board has it (`listen_after`). Without either it begins now.",
                    "schema": _ID,
                },
                {
                    "name": "organisation",
                    "in": "query",
                    "description": "The organisation's id. A token has one, and needs none to be named.",
                    "schema": {"type": "string", "maxLength": 32},
                },
                {
                    "name": "sight",
                    "in": "query",
                    "description": "Hear all of those in sight only (`PUT /api/v1/events/sight/{name}`). A name of the "
                    "client's choice, its own alone.",
                    "schema": {"type": "string", "pattern": f"^{NAME.pattern}$"},
                },
                {
                    "name": "language",
                    "in": "query",
                    "description": "The language of words (BCP 47); each person's own where nothing is said.",
                    "schema": {"type": "string", "maxLength": 35},
                },
            ],
            "responses": {
                "200": {
                    "description": "The stream",
                    "content": {sse.MEDIA_TYPE: {"schema": {"type": "string"}}},
                }
            },
        }
    }
}
"""This path in the API's description."""
Holds = Callable[[], Awaitable[bool]]


class Streams:
    """All streams of events of one API; they count events `sent`, `restarts` told, and those that were `stuck`."""

    def __init__(self, parts: Parts, stop: asyncio.Event, sights: Sights | None = None) -> None:
        """Streams end when `stop` is set; `sights` is who is in sight of them."""
        self.parts = parts
        self.pieces = SightPieces(parts)
        self.sights = Sights(parts.clock) if sights is None else sights
        self.stop = stop
        self.sent = 0
        self.restarts = 0
        self.stuck = 0
        self._open = 0
        self._stopping: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listening(self, after: str | None) -> AsyncIterator[Listener]:
        """A listener, woken when it is time to stop."""
        self._open += 1
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._wake_at_stop())
        try:
            with self.parts.hub.listening(after) as listener:
                yield listener
        finally:
            self._open -= 1
            if not self._open:
                stopping, self._stopping = self._stopping, None
                await ended(stopping)

    async def _wake_at_stop(self) -> None:
        await self.stop.wait()
        self.parts.hub.wake()

    def route(self) -> Route:
        """The route: outside FastAPI's routing, whose part in an open request takes memory."""
        return Route(PATH, self._answer, methods=["GET"])

    async def _answer(self, request: Request) -> Response:
        admitted: Admitted = request.scope[KEY]
        query, headers = request.query_params, request.headers
        who = Following(self.parts, admitted.identity)
        view = who.view(query.get("organisation"), query.get("language"))
        after = headers.get("last-event-id") or query.get("after") or None
        stream = EventStream(self, view, after, admitted.holds)
        if (name := query.get("sight")) is not None:
            stream.look_by(who.who, name)
        return stream


class Following(Asking):
    """One who asks to listen."""

    def view(self, organisation: str | None, language: str | None = None) -> View:
        """What they hear. Raises `Forbidden`, `UnknownOrganisation`."""
        self._must(Right.FOLLOW)
        who = self._who
        nameless = Identity(who.role, who.organisation, who.person)
        return View(nameless, self._narrowed(organisation), language[:35] if language else None)


class EventStream(Response):
    """The answer that goes on until the listener goes, may not listen any more, or Backsoon stops."""

    media_type = sse.MEDIA_TYPE

    def __init__(self, streams: Streams, view: View, after: str | None, holds: Holds | None = None) -> None:
        """`after` is the id after which to begin (None: now); `holds` says whether the listener may still listen."""
        super().__init__(None, headers=HEADERS)
        del self.headers["content-length"]
        self._streams = streams
        self._view = view
        self._after = after
        self._holds = holds
        self._sight: AbstractContextManager[Sight | None] = nullcontext()

    def look_by(self, who: Identity, name: str) -> None:
        """Tell only what is in the sight of that name. Raises `BadSight`, `TooManySights`."""
        self._sight = self._streams.sights.held(who, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body"})
            return
        with self._sight as sight:
            await self._listen(scope, receive, send, start, sight)

    async def _listen(self, scope: Scope, receive: Receive, send: Send, start: Message, sight: Sight | None) -> None:
        async with self._streams.listening(self._after) as listener:
            await send(start)
            wire = wire_of(scope, send, listener.wake)
            if await Stream(self._streams, self._view, listener, wire, self._holds, sight).run(receive):
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def ended(task: asyncio.Task[None]) -> None:
    """Have a task end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Stream:
    """One listener at its connection."""

    def __init__(
        self,
        streams: Streams,
        view: View,
        listener: Listener,
        wire: Wire,
        holds: Holds | None,
        sight: Sight | None = None,
    ) -> None:
        """`sight` None: everybody is in sight."""
        self._streams = streams
        self._sight = sight
        self._hub = streams.parts.hub
        self._view = view
        self._listener = listener
        self._wire = wire
        self._holds = holds
        self._gone = False
        self._loop = asyncio.get_running_loop()
        self._written_at = self._checked_at = self._took_at = self._loop.time()
        self._waited = 0

    async def run(self, receive: Receive) -> bool:
        """Tell until it is over; whether the answer can be ended in good order."""
        watching = asyncio.create_task(self._watch(receive))
        try:
            await self._begin()
            while await self._goes_on():
                if self._wire.free:
                    await self._tell()
                else:
                    await self._listener.pause(CHECK)
            return self._wire.free and not self._gone
        finally:
            await ended(watching)
            if self._wire.free:
                self._wire.release()
            else:
                self._wire.abort()

    async def _watch(self, receive: Receive) -> None:
        """Notice that the listener has gone."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._listener.wake()

    async def _goes_on(self) -> bool:
        """Whether anybody is to be told anything more."""
        if self._gone or self._streams.stop.is_set():
            return False
        now = self._loop.time()
        if now - self._checked_at < CHECK:
            return True
        self._checked_at = now
        return not self._is_stuck(now) and await self._may_listen()

    async def _may_listen(self) -> bool:
        try:
            return self._holds is None or await self._holds()
        except StoreError:  # nobody can say: then not
            return False

    def _is_stuck(self, now: float) -> bool:
        """Whether what waits has not grown less for long: the other side is dead, or does not read."""
        waiting = self._wire.waiting
        if waiting != self._waited or not waiting:
            self._waited, self._took_at = waiting, now
        if now - self._took_at < STUCK:
            return False
        self._streams.stuck += 1
        return True

    # -- telling ---------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        if self._listener.resumed:
            return await self._write(sse.beginning(self._id, RETRY))
        await self._write(sse.coming_again(RETRY))  # no id before they know that something was missed
        return await self._restart("unknown_id")

    @property
    def _id(self) -> str:
        """Of what was heard last."""
        return self._hub.id_of(self._listener.after)

    async def _tell(self) -> None:
        """Write the next piece, or wait for there to be one."""
        try:
            if self._listener.lagged:
                raise Lagged
            if self._listener.behind:
                return await self._tell_piece()
        except Lagged:
            return await self._start_again("too_slow")
        except StoreError:
            return await self._start_again("unreadable")
        quiet = self._written_at + QUIET - self._loop.time()
        if quiet <= 0:
            await self._write(sse.quiet(self._id))
        else:
            await self._listener.pause(quiet if self._holds is None else min(quiet, CHECK))

    async def _tell_piece(self) -> None:
        piece = await self._piece()
        self._listener.after = piece.end
        if piece.events:
            self._streams.sent += piece.events
            self._written_at = self._loop.time()
            await self._wire.write(piece.chunk)
        if self._listener.behind:
            await asyncio.sleep(0)  # others are woken as well

    async def _piece(self) -> Piece:
        pieces, after = self._streams.pieces, self._listener.after
        if self._sight is None:
            return await pieces.piece(self._view, after)
        sighted = await pieces.sighted(self._view, after)
        return pieces.seen(sighted, self._view, self._sight.people)  # those in sight by now: nothing waits in between

    async def _start_again(self, because: str) -> None:
        """Go on at the present: what lies between is not told."""
        self._listener.after = self._hub.number
        await self._restart(because)

    async def _restart(self, because: str) -> None:
        self._streams.restarts += 1
        await self._write(restart(self._id, because))

    async def _write(self, body: bytes) -> None:
        self._written_at = self._loop.time()
        await self._wire.write(sse.chunk(body))
