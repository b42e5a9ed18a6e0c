"""A simulator that runs as a process of its own is steered by `/_sim/`: for benches, never for a client."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.simulators.model import Meeting

if TYPE_CHECKING:
    from tests.simulators.google.server import GoogleSimulator


class Control:
    """POST `put`, `remove`, `fault`, `clear`, `forget`, `share`, `deliver`; GET `counts`, `credentials`."""

    def __init__(self, simulator: GoogleSimulator) -> None:
        self._simulator = simulator

    def add_to(self, app: web.Application) -> None:
        """Add the addresses."""
        app.router.add_post("/_sim/{what}", self._post)
        app.router.add_get("/_sim/{what}", self._get)

    async def _get(self, request: web.Request) -> web.Response:
        simulator = self._simulator
        match request.match_info["what"]:
            case "counts":
                return web.json_response({**simulator.count, "refused": simulator.quota.refused})
            case "credentials":
                return web.Response(text=simulator.service_account(), content_type="application/json")
            case "told":
                return web.json_response(simulator.channels.told)
        raise web.HTTPNotFound

    async def _post(self, request: web.Request) -> web.Response:
        what = getattr(self, f"_{request.match_info['what']}_", None)
        if what is None:
            raise web.HTTPNotFound
        what(**(await request.json() if request.can_read_body else {}))
        return web.Response(status=204)

    def _put_(self, address: str, uid: str, start: str, end: str, subject: str = "", zone: str = "UTC") -> None:
        meeting = Meeting(uid, datetime.fromisoformat(start), datetime.fromisoformat(end), subject, zone)
        self._simulator.world[address].put(meeting)

    def _remove_(self, address: str, uid: str) -> None:
        self._simulator.world[address].remove(uid)

    def _fault_(self, kind: str, times: int | None = 1, match: str = "", **told: Any) -> None:
        self._simulator.faults.add(kind, times=times, match=match, **told)

    def _clear_(self) -> None:
        self._simulator.faults.clear()

    def _forget_(self, address: str) -> None:
        self._simulator.forget_tokens(address)

    def _share_(self, address: str, access: str) -> None:
        self._simulator.share(address, access)

    def _deliver_(self, origin: str) -> None:
        self._simulator.channels.deliver_to = origin
