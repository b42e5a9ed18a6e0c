"""A simulator that runs as a process of its own is steered by `/_sim/`: for benches, never for a client of Graph."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from backsoon.memory import settle
from tests.simulators.graph.driving import Driver
from tests.simulators.model import AutomaticReply, Meeting

if TYPE_CHECKING:
    from tests.simulators.graph.server import GraphSimulator


class Control:
    """POST `put`, `remove`, `reply`, `access`, `fault`, `clear`, `expire`, `lifecycle`, `hook`, `rate`; GET `counts`,
    `settings`, `changes`, `asked`."""

    def __init__(self, simulator: GraphSimulator) -> None:
        self.simulator = simulator
        self.driver = Driver(simulator.now)
        simulator.subscriptions.going_out = self.driver.told
        self.driving: asyncio.Task[None] | None = None

    async def drive_when_subscribed(self, rate: float, seconds: float, mailboxes: int) -> None:
        """Change mailboxes from when so many are subscribed to."""
        while len(self.simulator.subscriptions.watched()) < mailboxes:
            await asyncio.sleep(0.1)
        self._rate_(rate, seconds)

    async def __call__(self, request: web.Request) -> web.Response:
        """Do what is asked; the body of a POST holds the arguments."""
        what = request.path.removeprefix("/_sim/")
        if request.method == "GET":
            return web.json_response(self._get(what))
        do = getattr(self, f"_{what}_", None)
        if do is None:
            raise web.HTTPNotFound
        do(**(await request.json() if request.can_read_body else {}))
        return web.Response(status=204)

    def settings(self) -> dict[str, str]:
        """How one signs in here."""
        mine = self.simulator.registration
        return {
            "tenant": mine.tenant,
            "client_id": mine.client_id,
            "client_secret": mine.client_secret,
            "url": self.simulator.url,
            "sign_in_url": self.simulator.sign_in_url,
            "ca_file": self.simulator.ca_file,
        }

    def _get(self, what: str) -> Any:
        simulator = self.simulator
        match what:
            case "counts":
                gate = simulator.gate
                sent = {f"sent {k}": v for k, v in simulator.subscriptions.sent.items()}
                throttled = {f"throttled {k}": v for k, v in gate.throttled.items()}
                return {**simulator.count, **sent, **throttled, "impatient": gate.impatient} | {
                    "watched": len(simulator.subscriptions.watched())
                }
            case "settings":
                return self.settings()
            case "changes":
                return [asdict(each) for each in self.driver.changes]
            case "asked":
                return sorted(simulator.selected())
        raise web.HTTPNotFound

    def _put_(self, address: str, uid: str, start: str, end: str, subject: str = "", zone: str = "UTC") -> None:
        meeting = Meeting(uid, datetime.fromisoformat(start), datetime.fromisoformat(end), subject, zone)
        self.simulator.world[address].put(meeting)

    def _remove_(self, address: str, uid: str) -> None:
        self.simulator.world[address].remove(uid)

    def _reply_(self, address: str, state: str, start: str | None = None, end: str | None = None) -> None:
        at = [None if each is None else datetime.fromisoformat(each) for each in (start, end)]
        self.simulator.world[address].reply = AutomaticReply(state, *at)

    def _access_(self, address: str, access: str) -> None:
        self.simulator.world[address].access = access

    def _fault_(self, kind: str, times: int | None = 1, match: str = "", **told: Any) -> None:
        self.simulator.faults.add(kind, times=times, match=match, **told)

    def _clear_(self) -> None:
        self.simulator.faults.clear()

    def _expire_(self) -> None:
        self.simulator.expire_delta_tokens()

    def _lifecycle_(self, event: str, address: str | None = None) -> None:
        self.simulator.lifecycle(event, address)

    def _hook_(self, public: str, here: str) -> None:
        self.simulator.hooks[public] = here

    def _rate_(self, rate: float, seconds: float) -> None:
        """Change the mailboxes that are subscribed to, so many times a second."""
        mailboxes = [self.simulator.world[each] for each in self.simulator.subscriptions.watched()]
        self.driver.changes.clear()
        settle()  # all mailboxes have been looked at by now: what they are made of stays
        self.driving = asyncio.create_task(self.driver.run(mailboxes, rate, seconds))
