"""The simulator's server: which request is which operation, who may ask, and what goes wrong on purpose."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from tests.simulators.faults import Faults
from tests.simulators.google import signing
from tests.simulators.google.calendars import Calendar
from tests.simulators.google.channels import Channels
from tests.simulators.google.control import Control
from tests.simulators.google.listing import Listing
from tests.simulators.google.quota import Limits, Quota
from tests.simulators.google.refusals import Refused, half, masked, spoiled, to_bytes
from tests.simulators.google.signing import Signing
from tests.simulators.model import Mailbox, World

BASE: Final = "/calendar/v3"
_OF_NOTIFICATIONS: Final = ("drop", "duplicate", "reorder")
_SPOILED: Final = ("throttle", "unavailable", "deny", "sign_in", "missing", "html", "redirect", "vendor", "hang")


class _Asked:
    """A request, and its body where it is JSON."""

    def __init__(self, request: web.Request, body: Any = None) -> None:
        self.request = request
        self.query = request.query
        self.body = body


_Answer = Callable[[_Asked, str], Any]


class GoogleSimulator:
    """Google's calendars with a world in them. `limits` (True: those that Google publishes) are kept where given;
    each answer is `latency` seconds late."""

    def __init__(self, world: World, *, limits: Limits | bool = False, latency: float = 0.0, port: int = 0) -> None:
        self.world = world
        self.faults = Faults()
        self.sign_in_faults = Faults()
        """Of requests for tokens; the others are of everything else."""
        self.requests: list[tuple[str, str, str]] = []
        """Method, path, mailbox."""
        self.count: Counter[str] = Counter()
        """By operation."""
        self.queries: list[Mapping[str, str]] = []
        """What `events.list` was asked for; the last 1,000."""
        self.latency = latency
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.listed_for_service_account = False
        """Whether the service account's list of calendars holds those that are shared with it. Google's does not."""
        self.signing = Signing(lambda address: world.get(address) is not None, lambda: self.now())
        self.channels = Channels(self.faults, lambda: self.now())
        self.listing = Listing()
        self.quota = Quota(Limits() if limits is True else limits or None)
        self._calendars: dict[str, Calendar] = {}
        self._port = port
        self._runner: web.AppRunner | None = None
        self.origin = ""

    @property
    def url(self) -> str:
        """As the setting `url` wants it."""
        return self.origin + BASE

    @property
    def hooks(self) -> list[str]:
        """Where notifications go."""
        return sorted({each.address for each in self.channels.open.values()})

    def service_account(self) -> str:
        """The content of a service account's key file."""
        return self.signing.service_account(self.origin)

    def authorised_user(self) -> str:
        """The content of the file of a user who signed in."""
        return self.signing.authorised_user(self.origin)

    def forget_tokens(self, address: str) -> None:
        """All sync tokens of a mailbox are too old."""
        self.calendar(self.world[address]).generation += 1

    def share(self, address: str, access: str) -> None:
        """Change what the account may do with a mailbox."""
        self.world[address].access = access

    def calendar(self, mailbox: Mailbox) -> Calendar:
        """What is told of a mailbox, from the first time that somebody asks."""
        found = self._calendars.get(mailbox.address)
        if found is None:
            found = self._calendars[mailbox.address] = Calendar(mailbox)
            mailbox.changed.append(self._changed)
        return found

    def _changed(self, mailbox: Mailbox, id: str, what: str) -> None:
        self._calendars[mailbox.address].changed(id)
        self.channels.changed(mailbox.address)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**20)
        app.router.add_post("/token", self._token)
        app.router.add_get("/o/oauth2/v2/auth", self.signing.authorise)
        app.router.add_post("/v1/token", self.signing.exchange)
        app.router.add_post("/v1/projects/-/serviceAccounts/{who}", self.signing.impersonate)
        Control(self).add_to(app)
        route = app.router.add_route
        route("GET", BASE + "/users/me/calendarList", self._operation("calendarList.list", self._calendar_list))
        route("GET", BASE + "/calendars/{id}/events", self._operation("events.list", self._events))
        route("POST", BASE + "/calendars/{id}/events/watch", self._operation("events.watch", self._watch))
        route("POST", BASE + "/channels/stop", self._operation("channels.stop", self._stop))
        route("POST", BASE + "/freeBusy", self._operation("freebusy.query", self._free_busy))
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024)
        await site.start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.channels.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # -- every request -------------------------------------------------------------------------------------------

    def _operation(self, name: str, answer: _Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            mailbox = request.match_info.get("id", "")
            self.count[name] += 1
            self.requests.append((request.method, request.path, mailbox))
            if self.latency:
                await asyncio.sleep(self.latency)
            try:
                return await self._handled(name, mailbox, request, answer)
            except Refused as error:
                return error.answer()

        return handle

    async def _handled(self, name: str, mailbox: str, request: web.Request, answer: _Answer) -> web.StreamResponse:
        text = f"{name} {mailbox}"
        kinds = (*_SPOILED, "expire") if "syncToken" in request.query else _SPOILED
        if (fault := self.faults.take(text, *kinds)) is not None:
            return await spoiled(fault, request)
        user = self.signing.who(request.headers.get("Authorization", ""), *_scopes(name))
        self.quota.take(request.query.get("quotaUser") or user)
        told = answer(await _read(request), user)
        if told is None:
            return web.Response(status=204)
        if "items" in told and self.faults.take(text, "empty") is not None:
            told["items"] = []
        body = to_bytes(masked(told, request.query.get("fields", "")))
        if self.faults.take(text, "half") is not None:
            return await half(request, body)
        return web.Response(body=body, content_type="application/json", charset="utf-8")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        self.count["token"] += 1
        if (fault := self.sign_in_faults.take("token", *_SPOILED)) is not None:
            return await spoiled(fault, request)
        return await self.signing.token(request)

    # -- the operations ------------------------------------------------------------------------------------------

    def role(self, user: str, mailbox: Mailbox) -> str:
        """What a user may do with a mailbox's calendar, in Google's words."""
        return "owner" if user.casefold() == mailbox.address.casefold() else mailbox.access

    def _reached(self, user: str, address: str) -> tuple[Mailbox, str]:
        mailbox = self.world.get(user if address == "primary" else address)
        role = "none" if mailbox is None else self.role(user, mailbox)
        if mailbox is None or role == "none":
            raise Refused(404)
        return mailbox, role

    def _events(self, asked: _Asked, user: str) -> dict[str, Any]:
        self.queries = [*self.queries[-999:], dict(asked.query)]
        mailbox, role = self._reached(user, asked.request.match_info["id"])
        return self.listing.answer(self.calendar(mailbox), role, asked.query)

    def _watch(self, asked: _Asked, user: str) -> dict[str, Any]:
        mailbox, role = self._reached(user, asked.request.match_info["id"])
        if role == "freeBusyReader":
            raise Refused(403, domain="calendar")
        self.calendar(mailbox)
        return self.channels.order(mailbox.address, user, asked.body)

    def _stop(self, asked: _Asked, user: str) -> None:
        self.channels.stop(user, asked.body)

    def _calendar_list(self, asked: _Asked, user: str) -> dict[str, Any]:
        seen = [] if user == signing.SERVICE and not self.listed_for_service_account else self._shared_with(user)
        first = int(asked.query.get("pageToken", "0"))
        following = first + min(int(asked.query.get("maxResults", "100")), 250, self.listing.most_per_page)
        told: dict[str, Any] = {"kind": "calendar#calendarList", "etag": '"1"', "items": seen[first:following]}
        return told | ({"nextPageToken": str(following)} if following < len(seen) else {"nextSyncToken": "list-1"})

    def _shared_with(self, user: str) -> list[dict[str, Any]]:
        return [
            {
                "kind": "calendar#calendarListEntry",
                "etag": '"1"',
                "id": mailbox.address,
                "summary": mailbox.address,
                "timeZone": mailbox.zone,
                "accessRole": self.role(user, mailbox),
                "defaultReminders": [],
            }
            for mailbox in self.world.mailboxes.values()
            if self.role(user, mailbox) != "none"
        ]

    def _free_busy(self, asked: _Asked, user: str) -> dict[str, Any]:
        start, end = (datetime.fromisoformat(asked.body[name]) for name in ("timeMin", "timeMax"))
        items = [str(each["id"]) for each in asked.body["items"]]
        if end <= start or end - start > timedelta(days=90):
            raise Refused(400, "timeRangeTooLong")
        if len(items) > int(asked.body.get("calendarExpansionMax", 50)) or len(items) > 50:
            raise Refused(400, "tooManyCalendarsRequested")
        found = {each: self._busy(each, user, start, end) for each in items}
        return {
            "kind": "calendar#freeBusy",
            "timeMin": asked.body["timeMin"],
            "timeMax": asked.body["timeMax"],
            "calendars": found,
        }

    def _busy(self, address: str, user: str, start: datetime, end: datetime) -> dict[str, Any]:
        mailbox = self.world.get(address)
        in_domain = user in self.world.mailboxes  # colleagues see each other's free/busy
        if mailbox is None or (self.role(user, mailbox) == "none" and not in_domain):
            return {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
        times = self.calendar(mailbox).busy(start, end)
        return {"busy": [{"start": _z(begins), "end": _z(ends)} for begins, ends in times]}


async def _read(request: web.Request) -> _Asked:
    if request.method == "GET":
        return _Asked(request)
    try:
        return _Asked(request, json.loads(await request.read()))
    except ValueError:
        raise Refused(400, "parseError") from None


def _scopes(operation: str) -> tuple[str, ...]:
    """The rights of which one must be there, after the API description."""
    return {
        "calendarList.list": (signing.LIST,),
        "freebusy.query": (signing.FREE_BUSY,),
        "channels.stop": (signing.EVENTS, signing.LIST),
    }.get(operation, (signing.EVENTS,))


def _z(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
