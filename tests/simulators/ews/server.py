"""The simulator as a server on 127.0.0.1."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web
from lxml import etree

from tests.simulators.ews import availability, directory, reading
from tests.simulators.ews.autodiscover import autodiscover_pox, autodiscover_soap
from tests.simulators.ews.exchange import Call, Exchange, impersonated
from tests.simulators.ews.notices import STREAMS_SINCE, Notices
from tests.simulators.ews.signin import Gate
from tests.simulators.ews.soap import (
    BY_SCHEMA,
    CONTENT_TYPE,
    VERSIONS,
    Refused,
    Version,
    attribute,
    element,
    envelope,
    fault,
    local,
    parsed,
)
from tests.simulators.faults import Fault
from tests.simulators.model import World

COOKIE: Final = "X-BackEndOverrideCookie"
LOGIN_PAGE: Final = "<!DOCTYPE html><html><head><title>Outlook</title></head><body><form>Sign in</form></body></html>"


class EwsSimulator(Exchange):
    """An Exchange server: `async with EwsSimulator(world) as sim`, then `sim.url` is the EWS address.

    `limits=Limits()` switches the vendor's published limits on. Everything of `Exchange` may be given or set; version
    by its short name (`2007_SP1`, `2010`, `2010_SP1`, `2010_SP2`, `2013`, `2013_SP1`, `2016`).
    """

    def __init__(self, world: World, *, version: str = "2016", port: int = 0, **settings: Any) -> None:
        super().__init__(world, VERSIONS[version], **settings)
        self._port = port
        self.gate = Gate(self)
        self.notices = Notices(self)
        self.bodies: list[tuple[bytes, bytes]] | None = None
        """Requests with their answers, where a test wants them kept: set it to a list."""
        self.now: Counter[str] = Counter()
        """Requests under way, by account; streams apart."""
        self.most_at_once = 0
        self._streaming: list[web.Request] = []
        self._operations: dict[str, Callable[[Call], str]] = {
            "FindItem": reading.find_item,
            "GetItem": reading.get_item,
            "GetFolder": reading.get_folder,
            "FindFolder": reading.find_folder,
            "SyncFolderItems": reading.sync_folder_items,
            "GetUserAvailability": availability.get_user_availability,
            "GetUserOofSettings": availability.get_user_oof_settings,
            "GetServerTimeZones": directory.get_server_time_zones,
            "ResolveNames": directory.resolve_names,
            "ConvertId": directory.convert_id,
            "Subscribe": self.notices.subscribe,
            "Unsubscribe": self.notices.unsubscribe,
            "GetEvents": self.notices.get_events,
        }

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def base(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The address of EWS."""
        return f"{self.base}/EWS/Exchange.asmx"

    @property
    def streams(self) -> int:
        """Streams that are open now."""
        return len(self._streaming)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut_streams()
        await self._runner.cleanup()
        self.gate.close()

    def cut_streams(self) -> None:
        """Break every stream in the middle."""
        for request in list(self._streaming):
            if request.transport is not None:
                request.transport.close()

    # -- one request ---------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.lower()
        refusal = self.gate.admitted(request)
        if refusal is not None:
            await request.read()
            return refusal
        raw = await request.read()
        if path == "/autodiscover/autodiscover.xml":
            return await self._simple(request, "Autodiscover", raw, autodiscover_pox)
        if path == "/autodiscover/autodiscover.svc":
            return await self._simple(request, "GetUserSettings", raw, autodiscover_soap)
        if path != "/ews/exchange.asmx":
            return web.Response(status=404, text="<html><body>404</body></html>", content_type="text/html")
        if request.method != "POST":
            return web.Response(text="<html><body>EWS</body></html>", content_type="text/html")
        return await self._ews(request, raw)

    async def _simple(
        self, request: web.Request, name: str, raw: bytes, operation: Callable[[Exchange, str, bytes], str]
    ) -> web.StreamResponse:
        self._noted(name, request.path, "")
        found = self.faults.take(name)
        if found is not None:
            return await self._faulty(request, found, b"")
        await asyncio.sleep(self.latency)
        return web.Response(body=operation(self, self.base, raw).encode(), headers={"Content-Type": CONTENT_TYPE})

    def _noted(self, operation: str, path: str, mailbox: str) -> None:
        self.requests.append((operation, path, mailbox))
        self.count[operation] += 1

    async def _ews(self, request: web.Request, raw: bytes) -> web.StreamResponse:
        try:
            root = parsed(raw)
            call = self._call(request, root)
            self._noted(call.operation, request.path, call.concerned())
            call.admitted()
        except Refused as refused:
            return self._refused(refused)
        if call.operation == "GetStreamingEvents":
            if self.bodies is not None:
                self.bodies.append((raw, b""))
            return await self._stream(request, call)
        self.now[call.account] += 1
        self.most_at_once = max(self.most_at_once, self.now[call.account])
        try:
            return await self._answered(request, call, raw)
        finally:
            self.now[call.account] -= 1

    def _call(self, request: web.Request, root: etree._Element) -> Call:
        what = root.find("{*}Body/*")
        assert what is not None
        version = self._declared(element(root, "s:Header/t:RequestServerVersion"))
        if what.tag != f"{{http://schemas.microsoft.com/exchange/services/2006/messages}}{local(what)}":
            raise Refused("ErrorSchemaValidation", "There is no such operation.")
        return Call(
            self, what, version, self.account, impersonated(root), request.headers, request.cookies.get(COOKIE, "")
        )

    def _declared(self, header: etree._Element | None) -> Version:
        """The version that a request declares, which this server must know."""
        if header is None:
            return self.version
        schema = attribute(header, "Version")
        self.versions[schema] += 1
        declared = BY_SCHEMA.get(schema)
        if declared is None or declared.rank > self.version.rank:
            raise Refused("ErrorInvalidServerVersion", "The server does not know that version.")
        return declared

    async def _answered(self, request: web.Request, call: Call, raw: bytes) -> web.StreamResponse:
        found = self.faults.take(
            f"{call.operation} {call.concerned()}",
            "throttle", "unavailable", "sign_in", "hang", "html", "redirect",
        )  # fmt: skip
        if found is not None:
            return await self._faulty(request, found, b"")
        if self.limits is not None and self.now[call.account] > self.limits.concurrent:
            return self._refused(_too_many(self.limits.concurrent))
        if self.latency:
            await asyncio.sleep(self.latency)
        try:
            body = self._carried_out(call)
        except Refused as refused:
            return self._refused(refused)
        if self.bodies is not None:
            self.bodies.append((raw, body))
        half = self.faults.take(f"{call.operation} {call.concerned()}", "half")
        if half is not None:
            return await self._faulty(request, half, body)
        response = web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})
        if call.set_cookie:
            response.set_cookie(COOKIE, call.set_cookie, path="/")
        return response

    def _carried_out(self, call: Call) -> bytes:
        operation = self._operations.get(call.operation)
        modern = call.operation in {"GetServerTimeZones"}
        if operation is None or (modern and self.version.rank < VERSIONS["2010"].rank):
            raise Refused("ErrorSchemaValidation", "This version does not know that operation.")
        return envelope(operation(call), self.version)

    def _refused(self, refused: Refused) -> web.Response:
        return web.Response(
            status=refused.status, body=envelope(fault(refused), None), headers={"Content-Type": CONTENT_TYPE}
        )

    # -- what goes wrong -----------------------------------------------------------------------------------------------

    async def _faulty(self, request: web.Request, found: Fault, body: bytes) -> web.StreamResponse:
        kind = found.kind
        if kind == "throttle":
            milliseconds = str(int(found.told.get("seconds", 10) * 1000))
            return self._refused(Refused("ErrorServerBusy", "Too busy.", [("BackOffMilliseconds", milliseconds)]))
        if kind == "sign_in":
            return self.gate.refusal()
        if kind == "hang":
            await asyncio.Event().wait()
        if kind == "half":
            return await self._half(request, body)
        if kind == "redirect":
            to = found.told.get("to", "http://elsewhere.invalid/owa/auth/logon.aspx")
            return web.Response(status=302, headers={"Location": to})
        status = 503 if kind == "unavailable" else int(found.told.get("status", 200))
        return web.Response(status=status, text=LOGIN_PAGE, content_type="text/html")

    async def _half(self, request: web.Request, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE, "Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return response

    # -- streams -------------------------------------------------------------------------------------------------------

    async def _stream(self, request: web.Request, call: Call) -> web.StreamResponse:
        if call.version.rank < STREAMS_SINCE:
            return self._refused(Refused("ErrorSchemaValidation", "This version does not know that operation."))
        text = f"{call.operation} {call.concerned()}"
        found = self.faults.take(text, "throttle", "unavailable", "sign_in", "html", "redirect")
        if found is not None:
            return await self._faulty(request, found, b"")
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
        response.enable_chunked_encoding()
        await response.prepare(request)

        async def write(chunk: bytes) -> None:
            if self.bodies is not None:
                self.bodies.append((b"", chunk))
            await response.write(chunk)

        self._streaming.append(request)
        try:
            await self.notices.stream(call, write)
            await response.write_eof()
        except ConnectionResetError:
            pass
        finally:
            self._streaming.remove(request)
        return response


def _too_many(limit: int) -> Refused:
    return Refused(
        "ErrorServerBusy",
        "Too many requests at once.",
        [("Policy", "MaxConcurrency"), ("MaxConcurrencyLimit", str(limit)), ("ErrorMessage", "Over the budget.")],
    )
