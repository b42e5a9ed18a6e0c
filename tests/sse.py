"""A strict reader of event streams, written from the standard alone (WHATWG HTML, sections 9.2.5 and 9.2.6)."""

from __future__ import annotations

import asyncio
import codecs
import json
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Event:
    """One event as it is dispatched; `id` is the last event id then."""

    name: str
    id: str
    data: str

    @property
    def value(self) -> Any:
        """The data, which must be JSON."""
        return json.loads(self.data)


class Parser:
    """Takes bytes as they come, gives events; `last_id` and `retry` are what a client would reconnect by."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry: int | None = None
        self.comments: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._text = ""
        self._begun = False
        self._name, self._id, self._data = "", "", [""][:0]

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete by these bytes."""
        self._text += self._decoder.decode(data)
        if not self._begun and self._text:
            self._text, self._begun = self._text.removeprefix("\ufeff"), True
        events: list[Event] = []
        while (end := _END.search(self._text)) and not (end[0] == "\r" and end.end() == len(self._text)):
            line, self._text = self._text[: end.start()], self._text[end.end() :]
            if (event := self._line(line)) is not None:
                events.append(event)
        return events

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        if line.startswith(":"):
            self.comments.append(line[1:])
            return None
        field, _, value = line.partition(":")
        self._field(field, value.removeprefix(" "))
        return None

    def _field(self, field: str, value: str) -> None:
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        elif field == "id":
            if "\0" not in value:
                self._id = value
        elif field == "retry":
            if value.isascii() and value.isdigit():
                self.retry = int(value)
        else:
            raise AssertionError(f"a field that the standard does not know: {field!r}")

    def _dispatch(self) -> Event | None:
        self.last_id = self._id
        name, data = self._name, self._data
        self._name, self._data = "", []
        return Event(name or "message", self.last_id, "\n".join(data)) if data else None


class Client:
    """One connection."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.parser = Parser()
        self._events: deque[Event] = deque()
        self.ended = False

    async def read(self) -> bool:
        """Take what has come; whether there was anything."""
        data = await self.response.content.readany()
        self._events.extend(self.parser.feed(data))
        self.ended = not data
        return bool(data)

    async def next(self, seconds: float = 10.0) -> Event:
        """The next event. Fails where the stream ends first, or none comes in time."""
        async with asyncio.timeout(seconds):
            while not self._events:
                assert await self.read(), "the stream ended"
        return self._events.popleft()

    async def begun(self, seconds: float = 10.0) -> str:
        """The id after which it listens, once it was told."""
        async with asyncio.timeout(seconds):
            while not self.parser.last_id:
                assert await self.read(), "the stream ended"
        return self.parser.last_id

    async def until_end(self, seconds: float = 10.0) -> list[Event]:
        """What comes before the stream ends."""
        async with asyncio.timeout(seconds):
            while await self.read():
                pass
        return list(self._events)


@asynccontextmanager
async def listening(
    session: aiohttp.ClientSession, *, after: str | None = None, header: str | None = None, **query: str
) -> AsyncIterator[Client]:
    """A client of `/api/v1/events`; `header` is the `Last-Event-ID`. It has read the beginning of the stream."""
    headers = {"Accept": "text/event-stream"} | ({} if header is None else {"Last-Event-ID": header})
    params = query if after is None else query | {"after": after}
    async with session.get("/api/v1/events", params=params, headers=headers) as response:
        assert response.status == 200, await response.text()
        client = Client(response)
        await client.begun()
        yield client
