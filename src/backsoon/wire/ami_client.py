"""A client of Asterisk's Manager Interface: one connection, pipelined, that knows when it is no longer whole.

Reading never waits for anybody, so Asterisk never cuts us off for not reading. The connection starts no task: it
lives in the event loop's callbacks and ends with its context, so there is nothing to forget.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from backsoon.domain.address import this_machine
from backsoon.wire.ami import (
    AmiDenied,
    AmiGarbled,
    AmiLost,
    AmiRefused,
    Headers,
    Message,
    Parser,
    encode,
)
from backsoon.wire.ami_waiting import Action, Answer, Batch, Ping, Refusal, Waiter

log = logging.getLogger(__name__)

BOOT_TOLD_TWICE = 3.0
"""Seconds by which two tellings of one boot may differ: its age is told in whole seconds."""


@dataclass(frozen=True, slots=True)
class AmiAddress:
    """Where the manager interface listens. `tls` checks the server's certificate; `None`: without TLS."""

    host: str = "127.0.0.1"
    port: int = 5038
    tls: ssl.SSLContext | None = None

    @property
    def private(self) -> bool:
        """Whether a password may be said there in the clear: nobody between here and there can read it."""
        return self.tls is not None or this_machine(self.host)


@dataclass(frozen=True, slots=True)
class AmiAccount:
    """An account of manager.conf."""

    username: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AmiTimes:
    """Patience, in seconds. A dead connection is found after `silent` + `ping` at the latest."""

    connect: float = 10.0
    login: float = 10.0
    booted: float = 60.0
    ping: float = 3.0
    silent: float = 9.0
    close: float = 1.0


class AmiClient(asyncio.Protocol):
    """One connection. Made by `open_ami`; raises `AmiLost` from everything once it is lost."""

    def __init__(self, times: AmiTimes, on_event: Callable[[Message], None] | None) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._times = times
        self._on_event = on_event
        self._parser = Parser()
        self._transport: asyncio.Transport | None = None
        self._pending: dict[str, tuple[Waiter, int]] = {}
        self._refill: dict[Batch, None] = {}
        self._prefix = secrets.token_hex(4)
        self._sent = 0
        self._heard = loop.time()
        self._ping: tuple[Ping, float] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()
        self._lost: asyncio.Future[AmiLost] = loop.create_future()
        self._booted: asyncio.Future[None] = loop.create_future()
        self._up_since: float | None = None

    # What callers use.

    @property
    def banner(self) -> str:
        """The greeting with the protocol's version."""
        return self._parser.banner or ""

    async def request(self, action: str, headers: Headers = ()) -> Message:
        """Send one action; its response. Raises `AmiRefused`, `AmiLost`, `AmiValueError`."""
        return (await self._ask(action, headers))[0]

    async def listing(self, action: str, headers: Headers = ()) -> list[Message]:
        """Send an action that answers with a list of events; all of them, when the list is complete."""
        return await self._ask(action, headers)

    async def run(self, actions: Iterable[Action], window: int = 1000) -> list[Refusal]:
        """Send many actions in their order, at most `window` unanswered; the ones refused. Raises `AmiLost`."""
        self._require()
        batch = Batch(self, actions, window)
        batch.send_more()
        try:
            await batch.done
        finally:
            batch.fail(AmiLost("given up"))
            if not batch.done.cancelled():
                batch.done.exception()  # fetched, so that nobody is told of an exception that nobody awaited
        return batch.refused

    async def lost(self) -> AmiLost:
        """Wait until the connection is no longer whole; why."""
        return await asyncio.shield(self._lost)

    # Logging in and out.

    async def login(self, account: AmiAccount, private: bool) -> None:
        """Log in, by MD5 challenge where Asterisk offers it. Raises `AmiDenied` and `AmiLost`."""
        try:
            async with asyncio.timeout(self._times.login):
                await self.request("Login", await self._credentials(account, private))
        except AmiRefused as refused:
            raise AmiDenied(f"Asterisk refused the manager account {account.username!r}: {refused.said}") from None
        except TimeoutError:
            raise AmiLost(f"Asterisk did not answer the login within {self._times.login:g} s") from None

    async def _credentials(self, account: AmiAccount, private: bool) -> Headers:
        user = ("Username", account.username)
        try:
            offered = await self.request("Challenge", [("AuthType", "MD5")])
        except AmiRefused:
            if not private:
                raise AmiDenied(
                    "Asterisk offers no MD5 login, and a secret is not sent in the clear; use TLS"
                ) from None
            return [user, ("Secret", account.secret)]
        # What the protocol asks for; over TLS or on one machine nobody listens.
        key = hashlib.md5((offered["Challenge"] + account.secret).encode(), usedforsecurity=False).hexdigest()
        return [("AuthType", "MD5"), user, ("Key", key)]

    async def booted(self) -> None:
        """Wait until Asterisk is fully booted. Raises `AmiDenied` where it may not tell us."""
        try:
            async with asyncio.timeout(self._times.booted):
                await asyncio.shield(self._booted)
        except TimeoutError:
            raise AmiDenied(
                f"Asterisk did not say within {self._times.booted:g} s that it is fully booted; "
                "the manager account needs `read = system`"
            ) from None

    async def close(self) -> None:
        """Log off and close; return when the connection is gone."""
        if self._transport is None:
            return
        if not self._lost.done():
            self._transport.write(encode("Logoff"))
            self._lose(AmiLost("closed by us"), abort=False)
        self._transport.close()
        try:
            async with asyncio.timeout(self._times.close):
                await self._gone.wait()
        except TimeoutError:
            self._transport.abort()

    # What waiters use.

    def register(self, action: str, headers: Headers, waiter: Waiter, index: int = 0) -> bytes:
        """The action's bytes; its answer will go to the waiter."""
        self._sent += 1
        action_id = f"{self._prefix}{self._sent}"
        frame = encode(action, headers, action_id)
        self._pending[action_id] = (waiter, index)
        return frame

    def send(self, frames: bytes) -> None:
        """Write to the connection; never waits."""
        if self._transport is not None and not self._lost.done():
            self._transport.write(frames)

    def refill(self, batch: Batch) -> None:
        """Let the batch send more once the answers at hand are through."""
        self._refill[batch] = None

    async def _ask(self, action: str, headers: Headers) -> list[Message]:
        self._require()
        future: asyncio.Future[list[Message]] = self._loop.create_future()
        self.send(self.register(action, headers, Answer(action, future)))
        return await future

    def _require(self) -> None:
        if self._lost.done():
            raise self._lost.result()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and begin to watch."""
        # A stream's transport; event loops of other makers do not derive theirs from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(self._times.ping, self._watch)

    def data_received(self, data: bytes) -> None:
        """Hand out what arrived."""
        try:
            messages = self._parser.feed(data)
        except AmiGarbled as error:
            self._lose(error)
            return
        if messages:
            self._heard = self._loop.time()
        for message in messages:
            self._hand_out(message)
        while self._refill:
            self._refill.popitem()[0].send_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Everybody who waits is told."""
        self._gone.set()
        self._lose(AmiLost(f"Asterisk closed the connection ({exc or 'end of stream'})"))

    def _hand_out(self, message: Message) -> None:
        action_id = message.action_id
        waiting = self._pending.get(action_id)
        if waiting is None:
            self._event(message)
        elif waiting[0].take(waiting[1], message):
            self._pending.pop(action_id, None)

    def _event(self, message: Message) -> None:
        name = message.event
        if name == "Shutdown" or (name == "FullyBooted" and self._booted_anew(message)):
            self._lose(AmiLost("Asterisk restarts"))
        elif name == "FullyBooted":
            if not self._booted.done():
                self._booted.set_result(None)
        elif name and self._on_event is not None:
            try:
                self._on_event(message)
            except Exception:  # whoever listens must not take the connection down
                log.exception("a listener of manager events failed on %r", message)

    def _booted_anew(self, message: Message) -> bool:
        """Whether this is another boot than the one we know of. One that ends as we log in is told twice."""
        told = message["Uptime"]
        since = self._loop.time() - (int(told) if told.isdecimal() else 0)
        known, self._up_since = self._up_since, since if self._up_since is None else min(since, self._up_since)
        return known is not None and since - known > BOOT_TOLD_TWICE

    def _watch(self) -> None:
        """Ping where it is quiet; a connection that stays quiet is dead."""
        now = self._loop.time()
        pinged = self._ping is not None and not self._ping[0].answered
        if now - self._heard > self._times.silent or (
            self._ping is not None and pinged and now - self._ping[1] > 3 * self._times.silent
        ):
            self._lose(AmiLost(f"Asterisk has been silent for more than {self._times.silent:g} s"))
            return
        if not pinged:
            ping = Ping()
            self._ping = (ping, now)
            self.send(self.register("Ping", (), ping))
        self._timer = self._loop.call_later(self._times.ping, self._watch)

    def _lose(self, why: AmiLost, *, abort: bool = True) -> None:
        if self._lost.done():
            return
        self._lost.set_result(why)
        if self._timer is not None:
            self._timer.cancel()
        if not self._booted.done():
            self._booted.set_exception(why)
            self._booted.exception()
        waiting, self._pending = self._pending, {}
        for waiter, _ in waiting.values():
            waiter.fail(why)
        self._refill.clear()
        if abort and self._transport is not None:
            self._transport.abort()


@asynccontextmanager
async def open_ami(
    address: AmiAddress,
    account: AmiAccount,
    on_event: Callable[[Message], None] | None = None,
    times: AmiTimes | None = None,
) -> AsyncIterator[AmiClient]:
    """A client that is connected, logged in, and whose Asterisk is fully booted.

    `on_event` gets every event that answers no action, at once and in order; it must return quickly.
    Raises `AmiLost` and `AmiDenied`.
    """
    times = times or AmiTimes()
    client = await _connect(address, on_event, times)
    try:
        await client.login(account, address.private)
        await client.booted()
        yield client
    finally:
        await client.close()


async def _connect(address: AmiAddress, on_event: Callable[[Message], None] | None, times: AmiTimes) -> AmiClient:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(times.connect):
            _, client = await loop.create_connection(
                lambda: AmiClient(times, on_event), address.host, address.port, ssl=address.tls
            )
    except TimeoutError:
        raise AmiLost(f"{address.host} port {address.port} did not answer in {times.connect:g} s") from None
    except (OSError, ssl.SSLError) as error:
        raise AmiLost(f"{address.host} port {address.port}: {error}") from error
    return client
