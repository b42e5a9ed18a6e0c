"""A server that says what a test tells it to say, in the shapes of Graph's; where tokens are given out beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from backsoon.sources.base import Changes
from backsoon.sources.graph import GraphAccount, GraphSettings
from backsoon.wire.http import Http
from tests.unit.graph.tenant import ANNA, NOW, WINDOW, ZONE

Said = tuple[int, Mapping[str, str], Any]
"""Status, headers, and what becomes JSON."""


@dataclass
class Script:
    """What is said to whom: by the beginning of the path below the version, the longest first."""

    url: str = ""
    says: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    batch: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = list
    token: web.Response | None = None
    account: GraphAccount | None = None

    async def read(self, token: str | None = None) -> Changes:
        """Read Anna's calendar."""
        assert self.account is not None
        return await self.account.source(ANNA, zone=ZONE, owner=frozenset()).changes(WINDOW, token)

    def page(self, *value: object, **more: object) -> dict[str, object]:
        """The last page of a round."""
        link = f"{self.url}/v1.0/users/{ANNA}/calendarView/delta?$deltatoken=next"
        return {"value": list(value), "@odata.deltaLink": link, **more}

    def _say(self, path: str) -> Said:
        self.asked.append(path)
        known = sorted((key for key in self.says if path.startswith(key)), key=len, reverse=True)
        said = self.says[known[0]] if known else (404, {}, {"error": {"code": "ErrorItemNotFound"}})
        if isinstance(said, list):
            said = said.pop(0) if len(said) > 1 else said[0]
        return said if isinstance(said, tuple) else (200, {}, said)

    async def answer(self, request: web.Request) -> web.Response:
        """Any request."""
        if request.path.endswith("/token"):
            return self.token or web.json_response({"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})
        if not request.path.endswith("/$batch"):
            status, headers, body = self._say(request.raw_path.removeprefix("/v1.0"))
            return web.Response(
                status=status, headers=headers, body=msgspec.json.encode(body), content_type="application/json"
            )
        responses = []
        for part in (await request.json())["requests"]:
            status, headers, body = self._say(part["url"])
            responses.append({"id": part["id"], "status": status, "headers": dict(headers), "body": body})
        return web.json_response({"responses": self.batch(responses)})


@asynccontextmanager
async def scripted(**settings: object) -> AsyncIterator[Script]:
    """A script, and an account that reads from it."""
    script = Script()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    given = {"tenant": "t", "client_id": "c", "client_secret": "s", "url": script.url, "sign_in_url": script.url}
    script.says["/users/anna@example.com/calendarView/delta"] = script.page()
    async with Http(deadline=5) as http:
        made = GraphSettings(**{**given, "automatic_replies": False, **settings})  # type: ignore[arg-type]
        script.account = GraphAccount(made, http, lambda: NOW)
        yield script
        await script.account.close()
    await runner.cleanup()


def event(id: str, begin: str = "2027-03-02T09:00:00", /, **more: Any) -> dict[str, object]:
    """An event of half an hour as Graph writes it, in UTC."""
    return {
        "id": id,
        "type": "singleInstance",
        "iCalUId": f"uid-{id}",
        "subject": "m: Budget",
        "start": {"dateTime": f"{begin}.0000000", "timeZone": "UTC"},
        "end": {"dateTime": f"{begin[:14]}30:00.0000000", "timeZone": "UTC"},
        "isAllDay": False,
        "isCancelled": False,
        "isOrganizer": True,
        "showAs": "busy",
        "sensitivity": "normal",
        "responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"},
        "seriesMasterId": None,
        "body": {"contentType": "html", "content": "ZQ-CANARY"},
        **more,
    }


def bare(id: str, master: str, start: str) -> dict[str, object]:
    """All that a delta tells of an occurrence."""
    whole = event(id, start, seriesMasterId=master, type="occurrence")
    return {key: whole[key] for key in ("id", "type", "seriesMasterId", "start", "end")}
