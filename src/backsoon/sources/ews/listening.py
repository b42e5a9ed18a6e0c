"""Streaming notifications for a group of mailboxes on one connection (Exchange 2010 SP1 and later)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Collection
from typing import Final

from lxml import etree

from backsoon.sources.base import SourceBroken, SourceError, SourceUnavailable
from backsoon.sources.ews import requests, soap
from backsoon.sources.ews.client import Affinity, Client
from backsoon.sources.ews.failures import NO_MORE_SUBSCRIPTIONS, OF_MAILBOX, EwsFailure, source_errors, with_remedy
from backsoon.wire.http import Response
from backsoon.wire.streaming import Streamed

TOGETHER: Final = 200
"""The most subscriptions on a connection."""
HEARTBEAT: Final = 90.0
"""Seconds without a whole message after which a connection is dead, whatever it says."""
SUBSCRIBING: Final = 8
"""How many subscriptions of a group are ordered together."""
FULL_AFTER: Final = 3
"""After so many in a row that were too many none is ordered"""
FULL_PAUSE: Final = 1_800.0
"""for so many seconds: what nobody listens to any more ends after half an hour."""
_KEPT_OPEN: Final = (
    "a proxy before Exchange must keep connections open for half an hour, and pass on at once what they bring"
)
_MOST_BYTES: Final = 1024 * 1024
_END: Final = re.compile(rb"</(?:[A-Za-z_][\w.-]{0,31}:)?Envelope\s*>")
_NO_EVENTS: Final = frozenset(
    {f"{soap.T}{n}" for n in ("SubscriptionId", "PreviousWatermark", "MoreEvents", "StatusEvent")}
)


class Lost(EwsFailure):
    """The server has not got these subscriptions, or not where it was asked."""

    def __init__(self, code: str, addresses: frozenset[str]) -> None:
        self.addresses = addresses
        super().__init__(code)


class Orders:
    """What is ordered for one account: some at once, and none for a while where the server allows no more."""

    def __init__(self, at_once: int, *, pause: float = FULL_PAUSE) -> None:
        self.turn = asyncio.Semaphore(at_once)
        self.limited: set[str] = set()
        """The mailboxes for which the server allowed none."""
        self._given: set[str] = set()
        """The mailboxes that have had one: who loses it may have another."""
        self._pause = pause
        self._row = 0
        self._full_until = float("-inf")

    def may(self, address: str) -> bool:
        """Whether one may be ordered for the mailbox now; where not, it is noted as one that has none."""
        if asyncio.get_running_loop().time() >= self._full_until or address in self._given:
            return True
        self.limited.add(address)
        return False

    def refused(self, address: str, failure: EwsFailure) -> None:
        """One was not given. Where some in a row are too many, so are all others: who reads asks the same server."""
        if failure.code != NO_MORE_SUBSCRIPTIONS:
            return
        self.limited.add(address)
        self._given.discard(address)
        self._row += 1
        if self._row >= FULL_AFTER:
            self._row = 0
            self._full_until = asyncio.get_running_loop().time() + self._pause

    def went_well(self, address: str) -> None:
        """One was given."""
        self._row = 0
        self._given.add(address)
        self.limited.discard(address)


class Listening:
    """The subscriptions of one group. `ids` holds a mailbox for each subscription; `strays` are mailboxes that the
    group's server does not take: they are on another one."""

    def __init__(self, client: Client, orders: Orders, *, heartbeat: float = HEARTBEAT) -> None:
        self._client = client
        self._orders = orders
        self._heartbeat = heartbeat
        self._affinity = Affinity()
        self.ids: dict[str, str] = {}
        self.strays: set[str] = set()
        self.refusal: EwsFailure | None = None
        """Why the last mailbox that was left out was."""

    async def subscribe(self, addresses: Collection[str]) -> frozenset[str]:
        """Order what is missing for these mailboxes and drop the rest; the mailboxes that are subscribed to now.

        A mailbox's own failure leaves it out. Raises `SourceBusy`, `SourceUnavailable`.
        """
        for id in [id for id, address in self.ids.items() if address not in addresses]:
            await self._unsubscribe(id)
        missing = sorted(set(addresses) - set(self.ids.values()))
        if self.ids:
            self._affinity.anchor = next(iter(self.ids.values()))
        while missing and not self.ids:  # the first one says which server
            self._affinity = Affinity(missing[0])
            await self._order(missing.pop(0))
        for place in range(0, len(missing), SUBSCRIBING):
            results = await asyncio.gather(
                *(self._order(a) for a in missing[place : place + SUBSCRIBING]), return_exceptions=True
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        return frozenset(self.ids.values())

    def forget(self) -> None:
        """None of the subscriptions is to be relied on any more."""
        self.ids.clear()

    async def _order(self, address: str) -> None:
        body = requests.subscribe_streaming(self._client.folder_of(address))
        try:
            async with self._orders.turn:
                if not self._orders.may(address):
                    self.refusal = EwsFailure(NO_MORE_SUBSCRIPTIONS)
                    return
                inner = await self._client.ask(body, mailbox=address, affinity=self._affinity)
            id = soap.only(inner).findtext(f"{soap.M}SubscriptionId", "")
        except EwsFailure as failure:
            self.refusal = failure
            self._orders.refused(address, failure)
            if failure.code not in OF_MAILBOX:
                self.strays.add(address)
            return
        if not id:
            raise soap.not_ews()
        self._orders.went_well(address)
        self.ids[id] = address

    async def _unsubscribe(self, id: str) -> None:
        address = self.ids.pop(id)
        try:
            await self._client.ask(requests.unsubscribe(id), mailbox=address, affinity=self._affinity)
        except (EwsFailure, SourceError):
            return  # it ends by itself, half an hour after it was listened to last

    async def messages(self) -> AsyncGenerator[frozenset[str], None]:
        """Listen on one connection until the server ends it as agreed: which mailboxes each message tells of.

        The first message says that the connection lives. Raises `EwsFailure`, `SourceError` for whatever else ends it;
        then the subscriptions are not to be relied on.
        """
        anchor = next(iter(self.ids.values()))
        body = requests.streaming_events(self.ids)
        with source_errors(named=False):
            url, headers, data = await self._client.request(body, anchor, affinity=self._affinity)
            async with self._client.throttle.turn() as begun:
                self._client.counts["GetStreamingEvents"] += 1
            async with self._client.transport.stream(url, headers, data) as streamed:
                if streamed.status != 200:
                    self._client.read(await _whole(streamed, url, self._heartbeat), begun)
                    raise soap.not_ews()
                async for root in self._envelopes(streamed):
                    closed, told = self._told(root)
                    yield told
                    if closed:
                        return
                raise with_remedy(SourceUnavailable("the server ended a streaming connection unannounced"), _KEPT_OPEN)

    async def _envelopes(self, streamed: Streamed) -> AsyncGenerator[etree._Element, None]:
        buffer = bytearray()
        while True:
            try:
                async with asyncio.timeout(self._heartbeat):
                    while (end := _END.search(buffer)) is None:
                        piece = await streamed.piece(self._heartbeat)
                        if not piece:
                            return
                        buffer += piece
                        if len(buffer) > _MOST_BYTES:
                            raise SourceBroken("a notification is too large")
            except TimeoutError:
                error = SourceUnavailable(f"a streaming connection said nothing for {self._heartbeat:g} s")
                raise with_remedy(error, _KEPT_OPEN) from None
            message = bytes(buffer[: end.end()]).strip()
            del buffer[: end.end()]
            yield soap.parse(message)

    def _told(self, root: etree._Element) -> tuple[bool, frozenset[str]]:
        """Whether the server ends the connection, and which mailboxes have changed."""
        told, closed = set[str](), False
        for message in soap.messages(soap.operation(root)):
            self._checked(message)
            closed = closed or message.findtext(f"{soap.M}ConnectionStatus", "") == "Closed"
            for notification in message.iter(f"{soap.M}Notification"):
                id = notification.findtext(f"{soap.T}SubscriptionId", "")
                if has_events(notification) and id in self.ids:
                    told.add(self.ids[id])
        return closed, frozenset(told)

    def _checked(self, message: etree._Element) -> None:
        try:
            soap.checked(message)
        except EwsFailure as failure:
            listed = message.find(f"{soap.M}ErrorSubscriptionIds")
            ids = [] if listed is None else [element.text or "" for element in listed]
            raise Lost(failure.code, frozenset(self.ids[id] for id in ids if id in self.ids)) from None


def has_events(notification: etree._Element) -> bool:
    """Whether a notification tells of a change, and not only that there is none."""
    return any(child.tag not in _NO_EVENTS for child in notification)


async def _whole(streamed: Streamed, url: str, deadline: float) -> Response:
    body = bytearray()
    async with asyncio.timeout(deadline):
        while (piece := await streamed.piece(deadline)) and len(body) < _MOST_BYTES:
            body += piece
    return Response(streamed.status, streamed.headers, bytes(body), url)
