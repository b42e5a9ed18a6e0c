"""`/metrics` for Prometheus, `/healthz` and `/readyz` for whoever starts and watches processes. They need no token.

No label names a person, an extension or an organisation, and no text of an error is told: switchboards are counted, not
listed. What must be counted in the store is counted at most every few seconds, by one statement each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backsoon import __version__
from backsoon.api.events import Streams
from backsoon.api.parts import Running
from backsoon.engine.meters import Histogram
from backsoon.store.base import StoreError

COUNT_EVERY = 15.0
"""Seconds in which what the store counts is not counted again."""
NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Counted:
    """What the store counts: people, and their calendars by how they do."""

    people: int = 0
    calendars: int = 0
    failing: int = 0
    unconfirmed: int = 0
    unread: int = 0


class Measures(Collector):
    """The figures of one Backsoon, taken when somebody asks."""

    def __init__(self, parts: Running, streams: Streams) -> None:
        self._parts = parts
        self._streams = streams
        self._counted: Counted | None = None
        self._counted_at = 0.0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def routes(self) -> list[Route]:
        """The three routes."""
        return [
            Route("/metrics", self._metrics, methods=["GET"]),
            Route("/healthz", self._healthz, methods=["GET"]),
            Route("/readyz", self._readyz, methods=["GET"]),
        ]

    # -- well and ready ----------------------------------------------------------------------------------------------

    async def _healthz(self, request: Request) -> Response:
        """The process answers."""
        return JSONResponse({"well": True}, headers=NO_STORE)

    async def _readyz(self, request: Request) -> Response:
        """It does what it is for."""
        reasons = [reason async for reason in self._not_ready()]
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200, headers=NO_STORE)

    async def _not_ready(self) -> AsyncIterator[str]:
        try:
            await self._parts.store.next_read()
        except StoreError:
            yield "the store does not answer"
        if not self._parts.staged:
            yield "what is due within the minute is not known"
        if self._streams.stop.is_set():
            yield "Backsoon is stopping"

    # -- figures -----------------------------------------------------------------------------------------------------

    async def _metrics(self, request: Request) -> Response:
        await self._count()
        encoder, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encoder(self._registry), headers={"Content-Type": media_type, **NO_STORE})

    async def _count(self) -> None:
        """Have the store count, if it has not lately. What it cannot count now is not told at all."""
        if self._counted is not None and monotonic() - self._counted_at < COUNT_EVERY:
            return
        self._counted_at = monotonic()
        try:
            self._counted = await self._counted_now()
        except StoreError:
            self._counted = None

    async def _counted_now(self) -> Counted:
        store, now = self._parts.store, self._parts.clock.now()
        found = [
            each
            for organisation in self._parts.directory.organisations.values()
            for each in await store.connections_health(organisation.id, now - organisation.rules.confirmed_within)
        ]
        return Counted(
            await store.count_people(),
            sum(each.calendars for each in found),
            sum(each.failing for each in found),
            sum(each.unconfirmed for each in found),
            sum(each.unread for each in found),
        )

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        yield _gauge("build_info", "The version that runs.", {__version__: 1}, "version")
        yield from self._of_the_store()
        yield from self._of_work()
        yield from self._of_switchboards()
        yield from self._of_answers()

    def _of_the_store(self) -> Iterator[Metric]:
        errors = getattr(self._parts.store, "errors", 0)
        yield _counter("store_errors", "Statements that the store could not carry out.", errors)
        counted = self._counted
        if counted is None:
            return
        yield _gauge("people", "People that there are.", counted.people)
        states = {
            "failing": counted.failing,
            "unconfirmed": counted.unconfirmed,
            "unread": counted.unread,
        }
        yield _gauge("calendars", "Calendars of active people.", counted.calendars)
        yield _gauge("calendars_in_state", "Those of which there is something to say.", states, "state")

    def _of_work(self) -> Iterator[Metric]:
        meters = self._parts.meters
        reads = {"ok": meters.reads[True], "failed": meters.reads[False]}
        yield _counter("calendar_reads", "Readings of calendars.", reads, "result")
        notices = {result: meters.notices[result] for result in ("good", "unknown", "forged", "refused")}
        yield _counter("notifications", "Notifications of changes that arrived.", notices, "result")
        changes = dict(meters.changes)
        yield _counter("changes", "Changes of availability.", changes, "trigger")
        by_hand = dict(meters.by_hand)
        yield _counter("overrides", "Changes of availability by hand.", by_hand, "through")
        yield _histogram("transition_lateness_seconds", "From a transition's instant to its telling.", [meters.late])

    def _of_switchboards(self) -> Iterator[Metric]:
        publishers = [p for several in self._parts.publishers.values() for p in several]
        yield _gauge("switchboards", "Switchboards in the settings.", len(publishers))
        connected = sum(1 for p in publishers if p.health.connected)
        yield _gauge("switchboards_connected", "Those that are connected.", connected)
        refused = sum(len(p.health.refused) for p in publishers)
        yield _gauge("orders_refused", "Orders that are refused at present.", refused)
        yield _counter("orders_told", "Orders that switchboards carried out.", sum(p.orders for p in publishers))

    def _of_answers(self) -> Iterator[Metric]:
        streams, meters = self._streams, self._parts.meters
        yield _gauge("event_listeners", "Open streams of events.", self._parts.hub.listeners)
        yield _counter("events_sent", "Events, once for each listener.", streams.sent)
        yield _counter("event_restarts", "Listeners that were told to start again.", streams.restarts)
        yield _counter("event_streams_stuck", "Streams ended since nobody read them.", streams.stuck)
        answers = [meters.lookups, meters.lookups_beside]
        yield _histogram("lookup_seconds", "How long an answer to a look-up of a call took to make.", answers)


Values = float | Mapping[str, int]
"""One value, or one for each value of a label."""


def _gauge(name: str, text: str, values: Values, label: str = "") -> Metric:
    return _filled(GaugeMetricFamily(f"backsoon_{name}", text, labels=[label] if label else []), values)


def _counter(name: str, text: str, values: Values, label: str = "") -> Metric:
    return _filled(CounterMetricFamily(f"backsoon_{name}", text, labels=[label] if label else []), values)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Values) -> Metric:
    if isinstance(values, Mapping):
        for label, value in values.items():
            family.add_metric([label], value)
    else:
        family.add_metric([], values)
    return family


def _histogram(name: str, text: str, parts: list[Histogram]) -> Metric:
    """One histogram of what was counted in several places by the same bounds."""
    counts = [sum(each) for each in zip(*(part.counts for part in parts), strict=True)]
    bounds = [*(f"{bound:g}" for bound in parts[0].bounds), "+Inf"]
    buckets = [(bound, sum(counts[: place + 1])) for place, bound in enumerate(bounds)]
    family = HistogramMetricFamily(f"backsoon_{name}", text)
    family.add_metric([], buckets, sum(part.sum for part in parts))
    return family
