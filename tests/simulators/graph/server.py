"""The simulator itself: takes HTTP in, finds the operation, keeps limits and faults, and writes down what was asked."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from tests.simulators.faults import Fault, Faults
from tests.simulators.graph import schedule, views
from tests.simulators.graph.limits import Gate, Limits
from tests.simulators.graph.protocol import Answer, Asked, Refused, error_body
from tests.simulators.graph.routes import asked_of, route
from tests.simulators.graph.signin import Registration, SignIn, SignInRefused, thumbprints, tls
from tests.simulators.graph.subscriptions import RESOURCE, Subscriptions
from tests.simulators.graph.wrong import BY_THE_ANSWER, BY_THE_LINE, by_the_line, refusal, signing_fault
from tests.simulators.model import Mailbox, World

VERSION: Final = "/v1.0"
MOST_PARTS = 20
AT_ONCE = 4
TOKEN: Final = re.compile(r"/(?P<tenant>[^/]+)/oauth2/v2\.0/token")
METADATA: Final = re.compile(r"/(?P<tenant>[^/]+)/v2\.0/\.well-known/openid-configuration")


class GraphSimulator:
    """Microsoft Graph over a world of mailboxes. An async context manager."""

    def __init__(
        self,
        world: World,
        *,
        limits: bool | Limits = False,
        latency: float = 0.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        registration: Registration | None = None,
    ) -> None:
        self.world = world
        self.latency = latency
        self.now = now
        self.faults = Faults()
        self.registration = registration or Registration()
        self.signing_in = SignIn(self.registration, now)
        self.subscriptions = Subscriptions(self.faults, self.registration.tenant, now)
        self.behaviour = views.Behaviour()
        self.gate = Gate(Limits() if limits is True else limits or None, time.monotonic)
        self.on_premises: set[str] = set()
        """Addresses (lower case) of mailboxes that are hosted elsewhere, or have no licence."""
        self.requests: list[tuple[str, str, str]] = []
        """(method, path, mailbox) of all, the parts of batches too."""
        self.count: Counter[str] = Counter()
        """By operation; `http` counts requests on the wire."""
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        """(operation, query options) of all that concerned a mailbox, names of options in lower case."""
        self.parts: list[Asked] | None = None
        """The parts of all batches, where a test puts a list here."""
        self.links: str | None = None
        """What links begin with; None: the address that was asked."""
        self.control: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        self._stack = AsyncExitStack()

    # What tests use

    @property
    def tenant(self) -> str:
        """The tenant's id."""
        return self.registration.tenant

    @property
    def client_id(self) -> str:
        """The app's id."""
        return self.registration.client_id

    @property
    def client_secret(self) -> str:
        """The app's secret."""
        return self.registration.client_secret

    @property
    def ca_file(self) -> str:
        """With which the certificate of `sign_in_url` is verified."""
        return str(tls().ca_file)

    @property
    def hooks(self) -> dict[str, str]:
        """Beginnings of public addresses, and the address of this machine that stands for each."""
        return self.subscriptions.hooks

    def selected(self) -> set[str]:
        """Every property that was ever named in `$select`."""
        return {each.strip() for _, query in self.asked for each in query.get("$select", "").split(",") if each.strip()}

    def certify(self, certificate_pem: bytes) -> None:
        """Register the certificate of the app."""
        self.registration.certificates.update(thumbprints(certificate_pem))

    def expire_delta_tokens(self) -> None:
        """No delta link that was given is known any more."""
        self.behaviour.generation += 1

    def expire_tokens(self) -> None:
        """No access token that was given is good any more."""
        self.signing_in.forget()

    def lifecycle(self, event: str, address: str | None = None) -> int:
        """Send `reauthorizationRequired`, `subscriptionRemoved` or `missed`; how many."""
        return self.subscriptions.lifecycle(event, address)

    async def settled(self) -> None:
        """Return when every notification has been sent, or given up."""
        await self.subscriptions.settled()

    # Its life

    async def start(self, port: int = 0) -> None:
        """Listen on a port of 127.0.0.1 (0: a free one), and on another with TLS."""
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        plain = web.TCPSite(runner, "127.0.0.1", port)
        secure = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls().context)
        await plain.start()
        await secure.start()
        ports = [address[1] for address in runner.addresses]
        self.url = f"http://127.0.0.1:{ports[0]}{VERSION}"
        self.sign_in_url = f"https://127.0.0.1:{ports[1]}"
        sending = asyncio.create_task(self.subscriptions.run())
        self._stack.push_async_callback(_end, sending)

    async def stop(self) -> None:
        """Listen no more."""
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # HTTP

    async def _take(self, request: web.Request) -> web.StreamResponse:
        if self.control is not None and request.path.startswith("/_sim/"):
            return await self.control(request)
        self.count["http"] += 1
        raw = await request.read()
        text = f"{request.method} {unquote(request.raw_path)} {raw.decode(errors='replace')}"
        if fault := self.faults.take(text, *BY_THE_LINE):
            return await by_the_line(request, fault)
        if TOKEN.fullmatch(request.path) or METADATA.fullmatch(request.path):
            response = _response(self._sign_in(request, raw))
            response.force_close()  # whoever signs in comes again in an hour
            return response
        return _response(await self._graph(request, raw))

    def _sign_in(self, request: web.Request, raw: bytes) -> Answer:
        base = f"{request.scheme}://{request.host}"
        if found := METADATA.fullmatch(request.path):
            self._note("metadata", request.method, request.path, "")
            return self.signing_in.metadata(found["tenant"], base)
        found = TOKEN.fullmatch(request.path)
        assert found is not None
        self._note("token", request.method, request.path, "")
        if fault := self.faults.take(f"{request.method} {request.path}", *BY_THE_ANSWER):
            return signing_fault(fault)
        form = dict(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True))
        endpoint = f"{base}/{self.registration.tenant}/oauth2/v2.0/token"
        try:
            return self.signing_in.token(found["tenant"], form, endpoint)
        except SignInRefused as refused:
            return refused.answer

    async def _graph(self, request: web.Request, raw: bytes) -> Answer:
        path, _, query = request.raw_path.partition("?")
        if not unquote(path).startswith(VERSION + "/"):
            return Answer(404, error_body("ResourceNotFound", "there is nothing here"))
        try:
            body = msgspec.json.decode(raw) if raw else None
        except msgspec.DecodeError:
            return Answer(400, error_body("BadRequest", "the body is no JSON"))
        base = self.links or f"{request.scheme}://{request.host}{VERSION}"
        headers = {key.lower(): value for key, value in request.headers.items()}
        asked = asked_of(request.method, path.removeprefix(VERSION), query, headers, body, base)
        return await self._answer(asked)

    async def _answer(self, asked: Asked) -> Answer:
        try:
            roles = self._allowed(asked)
            if asked.path == "/$batch" and asked.method == "POST" and not asked.part:
                return await self._batch(asked)
            return await self._operation(asked, roles)
        except Refused as refused:
            return refused.answer

    def _allowed(self, asked: Asked) -> tuple[str, ...]:
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        roles = self.signing_in.roles(token) if kind.lower() == "bearer" else None
        if roles is None:
            words = "the token is missing, expired or not ours"
            raise Refused(401, "InvalidAuthenticationToken", words, WWW_Authenticate='Bearer realm=""')
        return roles

    # A batch

    async def _batch(self, asked: Asked) -> Answer:
        parts = (asked.body or {}).get("requests") if isinstance(asked.body, dict) else None
        self._note("batch", asked.method, asked.path, "")
        if fault := self.faults.take("POST /$batch", *BY_THE_ANSWER):
            raise refusal(fault, asked, "", self.gate)
        if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_PARTS:
            raise Refused(400, "BadRequest", f"a batch has 1 to {MOST_PARTS} requests")
        ids = [str(part.get("id")) for part in parts]
        if len(set(ids)) != len(ids) or not all(part.get("method") and part.get("url") for part in parts):
            raise Refused(400, "BadRequest", "each part has an id of its own, a method and a url")
        turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        done = await asyncio.gather(*(self._in_turn(asked, part, turns) for part in parts))
        return Answer(200, {"responses": done[::-1]})  # in no promised order

    async def _in_turn(
        self, asked: Asked, part: Mapping[str, Any], turns: Mapping[str, asyncio.Semaphore]
    ) -> dict[str, Any]:
        """One mailbox's parts are answered at most four together; different mailboxes' all together."""
        async with turns["/".join(str(part["url"]).lower().split("/")[:3])]:
            return await self._part(asked, part)

    async def _part(self, asked: Asked, part: Mapping[str, Any]) -> dict[str, Any]:
        split = urlsplit(str(part["url"]))
        headers = {key.lower(): value for key, value in (part.get("headers") or {}).items()}
        headers["authorization"] = asked.headers.get("authorization", "")
        inner = asked_of(str(part["method"]), split.path, split.query, headers, part.get("body"), asked.base, part=True)
        if self.parts is not None:
            self.parts.append(inner)
        answer = await self._answer(inner)
        told = {"id": part["id"], "status": answer.status, "headers": dict(answer.headers)}
        if answer.body is not None:
            told["headers"]["Content-Type"] = "application/json"
            told["body"] = answer.body
        return told

    # One operation

    async def _operation(self, asked: Asked, roles: tuple[str, ...]) -> Answer:
        name, found, role = route(asked)
        address = found.groupdict().get("user") or self._address(name, asked, found)
        self._note(name, asked.method, asked.path, address)
        if address:
            self.asked.append((name, {key.lower(): value for key, value in asked.query.items()}))
        with self.gate.passing(name, address.lower()):
            if self.latency:
                await asyncio.sleep(self.latency)
            text = f"{asked.method} {asked.path} {address}"
            if fault := self.faults.take(text, *BY_THE_ANSWER):
                return self._faulty(fault, asked, address)
            if role and not any(each.startswith(role) for each in roles):
                raise Refused(403, "ErrorAccessDenied", "access is denied: the app lacks the permission")
            if name == "getSchedule":
                self._mailbox(address)
                return schedule.get_schedule(asked, self.world, frozenset(self.on_premises))
            if address and name not in ("renew", "unsubscribe", "subscription", "reauthorize"):
                return await self._of_mailbox(name, asked, self._mailbox(address), found)
            return await self._of_subscriptions(name, asked, found)

    async def _of_mailbox(self, name: str, asked: Asked, mailbox: Mailbox, found: re.Match[str]) -> Answer:
        match name:
            case "delta":
                return views.delta(asked, mailbox, self.behaviour)
            case "calendarView":
                return views.calendar_view(asked, mailbox, self.behaviour)
            case "instances":
                return views.instances(asked, mailbox, found["id"], self.behaviour)
            case "event":
                return views.event(asked, mailbox, found["id"])
            case "calendar":
                return views.calendar(asked, mailbox)
            case "automaticReplies":
                return views.automatic_replies(asked, mailbox)
            case "mailboxSettings":
                return views.mailbox_settings(asked, mailbox)
            case "user":
                return Answer(200, {"id": mailbox.address, "mail": mailbox.address})
            case _:
                return await self.subscriptions.subscribe(asked, mailbox, self.client_id)

    async def _of_subscriptions(self, name: str, asked: Asked, found: re.Match[str]) -> Answer:
        if name == "subscribe":
            raise Refused(400, "InvalidRequest", "resource is missing, or not the events of a user")
        if name == "subscriptions":
            return self.subscriptions.listed(asked, self.client_id)
        one = self.subscriptions.find(found["id"], self.client_id)
        if name == "renew":
            return await self.subscriptions.renew(asked, one)
        if name == "unsubscribe":
            self.subscriptions.remove(one)
            return Answer(204)
        if name == "reauthorize":
            one.reauthorize = False
            return Answer(204)
        return Answer(200, self.subscriptions.tell(one))

    def _mailbox(self, address: str) -> Mailbox:
        mailbox = self.world.get(address)
        if mailbox is None:
            raise Refused(404, "ErrorInvalidUser", f"The requested user '{address}' is invalid.")
        if address.lower() in self.on_premises:
            words = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
            raise Refused(404, "MailboxNotEnabledForRESTAPI", words)
        if mailbox.access == "none":
            raise Refused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return mailbox

    def _address(self, name: str, asked: Asked, found: re.Match[str]) -> str:
        """Whose mailbox a request about subscriptions is about."""
        if name == "subscribe":
            told = RESOURCE.fullmatch(str((asked.body or {}).get("resource", "")))
            return unquote(told["user"]) if told else ""
        one = self.subscriptions.by_id.get(found.groupdict().get("id") or "")
        return one.mailbox if one else ""

    def _note(self, operation: str, method: str, path: str, address: str) -> None:
        self.count[operation] += 1
        self.requests.append((method, path, address))

    # What goes wrong

    def _faulty(self, fault: Fault, asked: Asked, address: str) -> Answer:
        if fault.kind == "empty":
            return Answer(200, {"value": [], "@odata.deltaLink": f"{asked.base}{asked.path}?$deltatoken=e30"})
        raise refusal(fault, asked, address.lower(), self.gate)


def _response(answer: Answer) -> web.Response:
    headers = CIMultiDict(answer.headers)
    headers["request-id"] = "simulated"
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    return web.Response(
        body=msgspec.json.encode(answer.body), status=answer.status, headers=headers, content_type="application/json"
    )


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
