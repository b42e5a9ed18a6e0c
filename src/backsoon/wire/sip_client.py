"""A client of one SIP server: one UDP socket, or one TCP or TLS connection, and digest authentication.

It knows when it is no longer whole. It starts no task: it lives in the event loop's callbacks and ends with its
context. The server is asked by the address that was named: no NAPTR, no SRV (RFC 3263); whoever has several servers
names the one, or an address that they share.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from backsoon.domain.address import this_machine
from backsoon.wire.digest import Digest, choose, parse_challenges
from backsoon.wire.sip import MAX_DATAGRAM, Framer, Request, Response, SipError, SipGarbled, encode, parse
from backsoon.wire.sip_transaction import ClientTransaction, SipTimes

log = logging.getLogger(__name__)

ANSWER_HEADERS = {401: ("www-authenticate", "Authorization"), 407: ("proxy-authenticate", "Proxy-Authorization")}
ATTEMPTS = 4
"""How often one request is said with other credentials: nonces may grow stale on the way, a password does not."""


class SipLost(SipError):
    """There is no server there, or no longer."""


class SipSilent(SipError):
    """A request was not answered in time; others may be."""


class SipDenied(SipError):
    """The server refused the account."""


class Transport(StrEnum):
    """What carries the messages."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class SipAddress:
    """Where the server listens. `tls` checks its certificate; without it TLS is not possible."""

    host: str = "127.0.0.1"
    port: int = 5060
    transport: Transport = Transport.UDP
    tls: ssl.SSLContext | None = field(default=None, compare=False)

    @property
    def private(self) -> bool:
        """Whether nobody between here and there can read along."""
        return self.transport is Transport.TLS or this_machine(self.host)


@dataclass(frozen=True, slots=True)
class SipAccount:
    """An account at the server."""

    username: str
    password: str = field(repr=False)


class SipClient:
    """One socket or connection. Made by `open_sip`; raises `SipLost` from everything once it is lost."""

    def __init__(self, address: SipAddress, account: SipAccount | None, times: SipTimes) -> None:
        self._loop = asyncio.get_running_loop()
        self._address = address
        self._account = account
        self._times = times
        self._transport: asyncio.Transport | asyncio.DatagramTransport | None = None
        self._waiting: dict[str, _Waiting] = {}
        self._digests: dict[int, Digest] = {}
        self._lost: asyncio.Future[SipLost] = self._loop.create_future()
        self.on_again: Callable[[], None] | None = None
        """Called when a request must be said again: it was lost on the way, or the server is slow."""
        self._sequence = 0
        self._via = ""
        self._tag = secrets.token_hex(6)
        self._call = secrets.token_hex(12)

    @property
    def reliable(self) -> bool:
        """Whether the transport itself sees to it that everything arrives."""
        return self._address.transport is not Transport.UDP

    @property
    def most_bytes(self) -> int | None:
        """The most bytes that a request should have; None where any number is well."""
        return None if self.reliable else MAX_DATAGRAM

    async def request(
        self, method: str, uri: str, own: str, fields: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        """Ask the server; its final response, whatever it says, but for 401 and 407, which are answered.

        `own` is the address in From. Raises `SipDenied`, `SipSilent`, `SipLost`, `SipValueError`.
        """
        answering: dict[int, Digest] = dict(self._digests)
        fresh = False
        for _ in range(ATTEMPTS):
            proofs = [(ANSWER_HEADERS[status][1], d.authorization(method, uri)) for status, d in answering.items()]
            response = await self._exchange(method, uri, own, [*fields, *proofs], body)
            if response.status not in ANSWER_HEADERS:
                return response
            asked = ", ".join(response.headers.all(ANSWER_HEADERS[response.status][0]))
            digest, stale = self._answer_to(asked)
            if fresh and response.status in answering and not stale:
                break
            answering[response.status] = self._digests[response.status] = digest
            fresh = True
        who = self._account.username if self._account else ""
        raise SipDenied(f"the SIP server refused the account {who!r} ({response.said})")

    def size(self, method: str, uri: str, own: str, fields: Sequence[tuple[str, str]]) -> int:
        """How many bytes a request takes without its body, credentials and all."""
        proofs = [(ANSWER_HEADERS[s][1], d.authorization(method, uri)) for s, d in self._digests.items()]
        return len(encode(self._request(method, uri, own, [*fields, *proofs], b"", "z9hG4bK" + "0" * 16))) + 8

    async def lost(self) -> SipLost:
        """Wait until the server is no longer reached; why."""
        return await asyncio.shield(self._lost)

    def fail(self, why: SipLost) -> None:
        """It is over: everything that waits, and everything later, raises this."""
        if not self._lost.done():
            self._lost.set_result(why)
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            one.fail(why)
        if self._transport is not None:
            self._transport.abort()

    # -- one request ------------------------------------------------------------------------------------------------

    def _answer_to(self, asked: str) -> tuple[Digest, bool]:
        """How a challenge is answered, and whether it says that only the nonce was too old."""
        if self._account is None:
            raise SipDenied("the SIP server asks for an account, and none is in the settings")
        challenge = choose(parse_challenges(asked))
        if challenge is None:
            raise SipDenied("the SIP server asks for a kind of login that is not known here (known: digest)")
        stale = challenge.parameters.get("stale", "").lower() == "true"
        return Digest(challenge, self._account.username, self._account.password), stale

    async def _exchange(
        self, method: str, uri: str, own: str, fields: Sequence[tuple[str, str]], body: bytes
    ) -> Response:
        if self._lost.done():
            raise SipLost(str(self._lost.result()))
        branch = "z9hG4bK" + secrets.token_hex(8)
        data = encode(self._request(method, uri, own, fields, body, branch))
        transaction = ClientTransaction(self._loop.time(), self._times, reliable=self.reliable)
        waiting = _Waiting(self, branch, method, data, transaction)
        self._waiting[branch] = waiting
        try:
            waiting.send()
            return await waiting.answer
        finally:
            self._waiting.pop(branch, None)
            waiting.stop()

    def _request(
        self, method: str, uri: str, own: str, fields: Sequence[tuple[str, str]], body: bytes, branch: str
    ) -> Request:
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        head = [
            ("Via", f"{self._via};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<{own}>;tag={self._tag}"),
            ("To", f"<{uri}>"),
            ("Call-ID", f"{self._call}-{self._sequence}"),
            ("CSeq", f"{self._sequence} {method}"),
            ("User-Agent", "Backsoon"),
        ]
        return Request(method, uri, [*head, *fields], body)

    # -- the transport ----------------------------------------------------------------------------------------------

    def connected(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        self._transport = cast(asyncio.Transport | asyncio.DatagramTransport, transport)
        host, port = transport.get_extra_info("sockname")[:2]
        shown = f"[{host.partition('%')[0]}]" if ":" in host else host
        self._via = f"SIP/2.0/{self._address.transport.upper()} {shown}:{port}"

    def write(self, data: bytes) -> None:
        """Send one message."""
        if self.reliable:
            cast(asyncio.Transport, self._transport).write(data)
        else:
            cast(asyncio.DatagramTransport, self._transport).sendto(data)

    def received(self, message: Request | Response) -> None:
        """A message from the server. We serve nothing: requests are left unanswered."""
        if isinstance(message, Request):
            return
        waiting = self._waiting.get(message.headers.branch)
        if waiting is not None and message.headers.cseq[1] == waiting.method:
            waiting.received(message)

    def silent(self, branch: str) -> None:
        """A request was never answered."""
        if waiting := self._waiting.get(branch):
            text = f"the SIP server did not answer within {64 * self._times.t1:g} s"
            waiting.fail(SipSilent(text))


class _Waiting:
    """A request that waits for its final response."""

    def __init__(self, client: SipClient, branch: str, method: str, data: bytes, state: ClientTransaction) -> None:
        self._client, self._branch, self._data, self._state = client, branch, data, state
        self.method = method
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Response] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    def send(self) -> None:
        """Send it, and see to it when it is due."""
        self._client.write(self._data)
        self._timer = self._loop.call_at(self._state.next_at, self._due)

    def stop(self) -> None:
        """No more of it."""
        if self._timer is not None:
            self._timer.cancel()

    def received(self, response: Response) -> None:
        """A response to it."""
        if response.status < 200:
            self._state.provisional()
        elif not self.answer.done():
            self.answer.set_result(response)

    def fail(self, why: SipError) -> None:
        """It will not be answered."""
        if not self.answer.done():
            self.answer.set_exception(type(why)(str(why)))

    def _due(self) -> None:
        what = self._state.due(self._loop.time())
        if what is False:
            self._client.silent(self._branch)
        elif what is None:
            self._timer = self._loop.call_at(self._state.next_at, self._due)
        else:
            self.send()
            if self._client.on_again is not None:
                self._client.on_again()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, client: SipClient) -> None:
        self._client = client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client.connected(transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            self._client.received(parse(data))
        except SipGarbled as error:
            log.debug("a datagram from the SIP server is left out: %s", error)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, ConnectionRefusedError):
            self._client.fail(SipLost("nobody listens at the SIP server's address"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.fail(SipLost("the socket to the SIP server is closed"))


class _Stream(asyncio.Protocol):
    def __init__(self, client: SipClient) -> None:
        self._client = client
        self._framer = Framer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client.connected(transport)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._framer.feed(data):
                self._client.received(message)
        except SipGarbled as error:
            self._client.fail(SipLost(f"the SIP server sent what cannot be read: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.fail(SipLost("the SIP server closed the connection"))


@asynccontextmanager
async def open_sip(
    address: SipAddress, account: SipAccount | None = None, times: SipTimes | None = None
) -> AsyncIterator[SipClient]:
    """A client of the server, without having asked it anything. Raises `SipLost` where it cannot be reached."""
    times = times or SipTimes()
    client = SipClient(address, account, times)
    try:
        async with asyncio.timeout(times.connect):
            await _connect(client, address)
    except TimeoutError:
        raise SipLost(f"the SIP server at {address.host} did not answer within {times.connect:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise SipLost(f"the SIP server's certificate is not trusted: {error.verify_message}") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SipLost(f"the SIP server at {address.host}, port {address.port}, cannot be reached: {why}") from None
    try:
        yield client
    finally:
        client.fail(SipLost("the session was closed"))


async def _connect(client: SipClient, address: SipAddress) -> None:
    loop = asyncio.get_running_loop()
    where = (address.host, address.port)
    if address.transport is Transport.UDP:
        await loop.create_datagram_endpoint(lambda: _Datagrams(client), remote_addr=where)
    elif address.transport is Transport.TCP:
        await loop.create_connection(lambda: _Stream(client), *where)
    else:
        tls = address.tls or ssl.create_default_context()
        await loop.create_connection(lambda: _Stream(client), *where, ssl=tls)
