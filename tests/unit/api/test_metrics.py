"""Figures for Prometheus, and whether it is well and ready."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backsoon.domain.access import Role
from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.meters import Histogram, through_of
from backsoon.engine.publisher import Publisher
from backsoon.sources.base import SourceUnavailable
from backsoon.store.base import StoreUnavailable
from backsoon.testing import MemorySwitchboard
from tests.sse import listening
from tests.unit.api.serving import Serving, serving
from tests.unit.engine.world import at, entry


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        yield one


async def scraped(session: aiohttp.ClientSession) -> dict[str, float]:
    """Every sample by its name and labels; what Prometheus's own parser makes of it."""
    async with session.get("/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        text = await response.text()
    return {
        sample.name + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_what_happened_is_counted(api: Serving) -> None:
    w = api.world
    anna = await w.person("101", "Anna")
    (await w.calendar_of(anna)).put("r", entry("u", "m: x", at(10), at(11)))
    async with w.running(), api.http() as session:
        await w.read(anna)
        await w.move_to(at(10))
        await w.shows("101", "meeting")
        await api.remote.refer("101", None, "lunch", by="bo", through="phone")
        await api.remote.refer("101", None, "sick", by="bo", through="Anna's own script")
        found = await scraped(session)
    assert found["backsoon_people"] == found["backsoon_calendars"] == 1
    assert found["backsoon_calendar_reads_total{ok}"] == 1
    assert found["backsoon_changes_total{clock}"] >= 1
    assert found["backsoon_overrides_total{phone}"] == 1
    assert found["backsoon_overrides_total{other}"] == 1
    assert found["backsoon_switchboards"] == found["backsoon_switchboards_connected"] == 1
    assert found["backsoon_orders_told_total"] >= 1
    assert found["backsoon_transition_lateness_seconds_count"] >= 1
    assert found["backsoon_transition_lateness_seconds_bucket{+Inf}"] >= 1


async def test_failures_are_counted(api: Serving) -> None:
    anna = await api.world.person("101", "Anna")
    (await api.world.calendar_of(anna)).fail(SourceUnavailable("the secret host is down"))
    await api.world.read(anna)
    async with api.http() as session:
        found = await scraped(session)
        assert found["backsoon_calendar_reads_total{failed}"] == 1
        assert found["backsoon_calendars_in_state{failing}"] == 1
        assert found["backsoon_calendars_in_state{unread}"] == 1
        assert found["backsoon_switchboards_connected"] == 0


async def test_listeners_and_calls_are_counted(api: Serving) -> None:
    await api.world.person("101", "Anna")
    async with api.http() as session, listening(session, after="0-1") as client:
        await client.next()
        await api.remote.refer("101", None, "lunch")
        await client.next()
        assert (await session.get("/api/v1/lookup/101")).status == 200
        api.parts.meters.lookups_beside.observe(0.2)
        found = await scraped(session)
    assert found["backsoon_event_listeners"] == found["backsoon_events_sent_total"] == 1
    assert found["backsoon_event_restarts_total"] == 1
    assert found["backsoon_lookup_seconds_count"] == 2
    assert found["backsoon_lookup_seconds_bucket{0.5}"] == 2


async def test_nobody_is_named(api: Serving) -> None:
    """Neither people nor organisations nor switchboards, nor what an error says."""
    w = api.world
    anna = await w.person("4711", "Anna Zebra", email="zebra@example.com")
    (await w.calendar_of(anna)).fail(SourceUnavailable("zebra.example.com is down"))
    await w.read(anna)
    settings = SwitchboardSettings("acme", "zebra-pbx", "memory")
    publisher = Publisher(settings, MemorySwitchboard(), w.store, w.clock, w.settler.settle_everybody)
    publisher.health.refused["4711"] = "zebra refused"
    w.publishers["acme"].append(publisher)
    await api.remote.refer("4711", None, "sick", note="zebra", by="zebra", through="zebra")
    async with api.http() as session, session.get("/metrics") as response:
        text = (await response.text()).lower()
    for private in ("zebra", "4711", "anna", "acme", "sick", "pbx"):
        assert private not in text.replace("backsoon", "")
    assert "backsoon_orders_refused 1.0" in text


async def test_the_store_is_not_asked_at_each_scrape(api: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    count = api.world.store.count_people

    async def counting(organisation: str | None = None) -> int:
        nonlocal calls
        calls += 1
        return await count(organisation)

    monkeypatch.setattr(api.world.store, "count_people", counting)
    async with api.http() as session:
        for _ in range(5):
            await scraped(session)
    assert calls == 1


async def test_open_metrics_are_told_to_who_asks_for_them(api: Serving) -> None:
    wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with api.http() as session, session.get("/metrics", headers=wanted) as response:
        assert response.content_type == "application/openmetrics-text"
        assert (await response.text()).endswith("# EOF\n")


async def test_well_and_ready(api: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(path: str) -> tuple[int, Any]:
        async with api.http() as session, session.get(path) as response:
            return response.status, await response.json()

    assert await answer("/healthz") == (200, {"well": True})
    assert await answer("/readyz") == (200, {"ready": True, "reasons": []})
    api.parts.staged = False
    assert await answer("/readyz") == (
        503,
        {"ready": False, "reasons": ["what is due within the minute is not known"]},
    )

    async def fail() -> None:
        raise StoreUnavailable("secret")

    monkeypatch.setattr(api.world.store, "next_read", fail)
    status, body = await answer("/readyz")
    assert (status, body["reasons"][0]) == (503, "the store does not answer")
    assert "secret" not in str(body)
    assert (await answer("/healthz"))[0] == 200, "the process is well"


async def test_figures_that_the_store_cannot_give_are_left_out(api: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(organisation: str | None = None) -> int:
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(api.world.store, "count_people", fail)
    async with api.http() as session:
        found = await scraped(session)
    assert "backsoon_people" not in found, "no figure, not nought"
    assert found["backsoon_event_listeners"] == 0


async def test_they_need_no_token_on_the_network(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, aiohttp.ClientSession() as session:
        for path in ("/metrics", "/healthz", "/readyz"):
            async with session.get(f"http://127.0.0.1:{api.port}{path}") as response:
                assert response.status == 200
        async with session.get(f"http://127.0.0.1:{api.port}/api/v1/lookup/101") as response:
            assert response.status == 401
        token = (await api.parts.tokens.issue("acme", "pbx", Role.SWITCHBOARD)).text
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{api.port}/api/v1/lookup/101"
        async with session.get(url, headers=headers) as response:
            assert (response.status, (await response.json())["phone"]) == (200, "")
            assert response.headers["Cache-Control"] == "no-store"


def test_a_histogram_counts_up_to_each_bound() -> None:
    histogram = Histogram([1.0, 2.0])
    for value in (0.5, 1.0, 1.5, 7.0):
        histogram.observe(value)
    histogram.observe(2.0, times=3)
    assert (histogram.counts, histogram.total, histogram.sum) == ([2, 4, 1], 7, 16.0)


def test_only_known_ways_are_labels() -> None:
    assert [through_of(each) for each in ("phone", "cli", "", "Anna's script")] == ["phone", "cli", "other", "other"]
