"""One application in one tenant of Microsoft 365, and the mailboxes that it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from backsoon.sources.account import BusyTime, Finding, Shared, Stream, Webhooks
from backsoon.sources.base import CalendarSource, SourceError, Window
from backsoon.sources.graph import busy
from backsoon.sources.graph.check import Check, reached
from backsoon.sources.graph.client import Graph
from backsoon.sources.graph.replies import Replies
from backsoon.sources.graph.settings import GraphSettings
from backsoon.sources.graph.signin import SignIn
from backsoon.sources.graph.source import GraphSource
from backsoon.sources.graph.webhooks import GraphWebhooks
from backsoon.wire.http import Http


class GraphAccount:
    """See `Account`. The `Http` belongs to the caller and stays open; it must allow `at_once` connections to a host.

    `clock` gives the instant in UTC.
    """

    def __init__(self, settings: GraphSettings, http: Http, clock: Callable[[], datetime]) -> None:
        self._sign_in = SignIn(settings)
        self._graph = Graph(settings, http, self._sign_in)
        self._replies = Replies(settings.automatic_replies, clock)
        self._webhooks = GraphWebhooks(self._graph, clock)
        self._check = Check(settings, self._graph, self._sign_in, self._replies)

    @property
    def at_once(self) -> int:
        """See `Account`."""
        return self._graph.throttle.limit

    @property
    def busy_at_once(self) -> int:
        """See `Account`."""
        return busy.AT_ONCE

    @property
    def webhooks(self) -> Webhooks | None:
        """See `Account`."""
        return self._webhooks

    @property
    def stream(self) -> Stream | None:
        """See `Account`: Graph has none."""
        return None

    def source(self, address: str, *, zone: str, owner: frozenset[str]) -> CalendarSource:
        """See `Account`. Graph tells the owner's answer itself: `owner` is not needed."""
        return GraphSource(self._graph, self._replies, address, zone)

    async def busy(self, addresses: Sequence[str], window: Window) -> Mapping[str, tuple[BusyTime, ...] | SourceError]:
        """See `Account`."""
        return await busy.busy(self._graph, addresses, window)

    async def check(self, addresses: Sequence[str]) -> Sequence[Finding]:
        """See `Account`; the mailbox named by `outside` must be refused."""
        return await self._check.run(addresses)

    async def discover(self, addresses: Sequence[str]) -> Sequence[Shared]:
        """See `Account`."""
        return await reached(self._graph, addresses)

    async def close(self) -> None:
        """See `Account`."""
        await self._sign_in.close()
