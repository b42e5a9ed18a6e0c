"""Where vendors tell of changes: what is proven is stored before it is acknowledged; what is not, costs nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.engine.hearing import Secrets, proposed_id
from backsoon.store.base import Lane, StoreUnavailable, Subscription
from backsoon.store.sqlite import SqliteStore
from tests.simulators.account import MemoryAccount
from tests.unit.api.serving import Serving, serving
from tests.unit.engine.world import NINE

SOON = NINE + timedelta(hours=36)
FAR = NINE + timedelta(days=3)
MINE = {"validationToken": "aé<b>"}


@dataclass
class Hooked:
    """An API with some calendars whose changes are told."""

    api: Serving
    calendars: list[Calendar]
    secrets: Secrets
    session: aiohttp.ClientSession
    account: MemoryAccount
    writes: list[str] = field(default_factory=list)

    def secret(self, calendar: Calendar) -> str:
        return self.secrets.of("acme", calendar.connection, calendar.id)

    def value(self, number: int, **more: Any) -> dict[str, Any]:
        """A notification about one of the calendars."""
        calendar = self.calendars[number]
        return {"subscriptionId": f"sub-{number}", "clientState": self.secret(calendar), "changeType": "updated"} | more

    async def graph(self, *values: object, path: str = "/hooks/graph", **more: Any) -> int:
        async with self.session.post(path, json={"value": list(values)}, **more) as answer:
            await answer.read()
            return answer.status

    async def google(self, id: str, token: str, state: str = "exists", **headers: str) -> int:
        told = {"X-Goog-Channel-ID": id, "X-Goog-Channel-Token": token, "X-Goog-Resource-State": state}
        async with self.session.post("/hooks/google", headers=told | headers) as answer:
            return answer.status

    async def lane(self, number: int) -> tuple[Lane, datetime | None]:
        """When and why one of the calendars is read next."""
        calendar = self.calendars[number]
        (read,) = await self.api.world.store.calendars(after=calendar.id - 1, limit=1)
        return read.health.lane, read.health.next_read

    @property
    def counted(self) -> dict[str, int]:
        return {k: v for k, v in self.api.parts.meters.notices.items() if v}


@pytest.fixture
async def hooked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hooked]:
    async with serving(tmp_path) as api:
        store = api.world.store
        await store.save_connections("acme", [Connection("acme", "m365", "memory")])
        people = await store.save_people(
            [Person("acme", str(n), f"P {n}", f"p{n}@example.com") for n in range(100, 104)]
        )
        calendars = await store.save_calendars([Calendar(p.id, "acme", "m365", "") for p in people])
        for calendar in calendars:
            (read,) = await store.calendars(after=calendar.id - 1, limit=1)
            await store.save_health(
                calendar.id, replace(read.health, next_read=SOON, confirmed_at=NINE, lane=Lane.RECONCILE)
            )
        await store.save_subscriptions(
            [Subscription("acme", "m365", c.id, f"sub-{n}", FAR, FAR) for n, c in enumerate(calendars)]
        )
        secrets = await api.parts.pushing.hearing.secrets()
        account = MemoryAccount(api.world.clock)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{api.port}") as session:
            made = Hooked(api, list(calendars), secrets, session, account)
            _watch_writes(made, monkeypatch)
            yield made


def _watch_writes(hooked: Hooked, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("hint", "save_subscriptions", "remove_subscriptions"):
        real = getattr(SqliteStore, name)

        async def watched(self: SqliteStore, *args: Any, _real: Any = real, _name: str = name, **more: Any) -> Any:
            hooked.writes.append(_name)
            return await _real(self, *args, **more)

        monkeypatch.setattr(SqliteStore, name, watched)


# -- Microsoft 365 ---------------------------------------------------------------------------------------------------


async def test_what_is_proven_is_stored_before_it_is_acknowledged(hooked: Hooked) -> None:
    assert await hooked.graph(hooked.value(0), hooked.value(2)) == 202
    assert await hooked.lane(0) == (Lane.CHANGED, NINE)
    assert await hooked.lane(1) == (Lane.RECONCILE, SOON)
    assert await hooked.lane(2) == (Lane.CHANGED, NINE)
    assert hooked.counted == {"good": 2}


async def test_every_entry_is_tried_by_itself(hooked: Hooked) -> None:
    wrong = hooked.value(1) | {"clientState": hooked.secret(hooked.calendars[0])}
    values: list[object] = [wrong, "no object", {"clientState": "x"}, {"subscriptionId": 7}, [], None, hooked.value(3)]
    assert await hooked.graph(*values, {"subscriptionId": "sub-2"}) == 202
    assert await hooked.lane(3) == (Lane.CHANGED, NINE)
    for other in (0, 1, 2):
        assert await hooked.lane(other) == (Lane.RECONCILE, SOON)
    assert hooked.counted == {"good": 1, "forged": 2, "unknown": 5}


async def test_the_address_of_a_connection_is_as_good(hooked: Hooked) -> None:
    assert await hooked.graph(hooked.value(0), path="/hooks/graph/abc_-123") == 202
    assert (await hooked.lane(0))[0] is Lane.CHANGED


@pytest.mark.parametrize(
    "values",
    [
        [{"subscriptionId": "no-such", "clientState": "x" * 43}],
        [{"subscriptionId": "sub-0", "clientState": "x" * 43}],
        [{"subscriptionId": "sub-0", "clientState": "é" * 43}],
        [{"subscriptionId": "sub-0", "clientState": None}],
        [{"subscriptionId": "s" * 5000, "clientState": ""}],
        [{"subscriptionId": "sub-0", "clientState": "x", "lifecycleEvent": "subscriptionRemoved"}],
        [],
    ],
)
async def test_what_is_forged_is_answered_alike_and_writes_nothing(hooked: Hooked, values: list[object]) -> None:
    assert await hooked.graph(*values) == 202
    assert hooked.writes == []
    assert "good" not in hooked.counted


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"value": 1}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b'{"value": [' + b"[" * 50_000, 400),
        (b'{"value": [{"subscriptionId": "sub-0", "clientState": "\\ud800"}]}', 400),
        (b" " * 65_537, 413),
        (b'{"value": []}' + b" " * 65_000, 202),
    ],
)
async def test_what_is_no_list_of_notifications_is_refused(hooked: Hooked, body: bytes, status: int) -> None:
    async with hooked.session.post("/hooks/graph", data=body) as answer:
        assert answer.status == status
    assert hooked.writes == []


async def test_a_body_without_a_length_is_counted_as_it_comes(hooked: Hooked) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 8192

    try:
        async with hooked.session.post("/hooks/graph", data=endless()) as answer:
            assert answer.status == 413
    except aiohttp.ClientConnectionError:
        pass  # it was cut off while it was still sending
    assert hooked.writes == []


async def test_the_address_is_proven_only_while_something_is_ordered(
    hooked: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hooked.session.post("/hooks/graph", params=MINE) as answer:
        assert answer.status == 400
        assert "é" not in await answer.text()
    monkeypatch.setattr(hooked.api.parts.pushing, "expects", lambda path: path == "/hooks/graph")
    async with hooked.session.post("/hooks/graph", params=MINE) as answer:
        assert (answer.status, await answer.text()) == (200, "aé<b>")
        assert answer.content_type == "text/plain"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with hooked.session.post("/hooks/graph", params={"validationToken": "x" * 5000}) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("event", ["missed", "somethingNew", "subscriptionRemoved"])
async def test_a_word_about_the_subscription_itself_has_the_calendar_read(hooked: Hooked, event: str) -> None:
    assert await hooked.graph(hooked.value(0, lifecycleEvent=event)) == 202
    assert (await hooked.lane(0))[0] is Lane.CHANGED


async def test_being_asked_to_prolong_is_no_change(hooked: Hooked) -> None:
    assert await hooked.graph(hooked.value(0, lifecycleEvent="reauthorizationRequired")) == 202
    assert (await hooked.lane(0))[0] is Lane.RECONCILE


# -- Google ----------------------------------------------------------------------------------------------------------


async def test_google_tells_by_headers(hooked: Hooked) -> None:
    assert await hooked.google("sub-1", hooked.secret(hooked.calendars[1])) == 202
    assert await hooked.lane(1) == (Lane.CHANGED, NINE)


async def test_the_first_word_of_a_channel_is_no_change(hooked: Hooked) -> None:
    assert await hooked.google("sub-1", hooked.secret(hooked.calendars[1]), "sync") == 202
    assert hooked.counted == {"good": 1}
    assert await hooked.lane(1) == (Lane.RECONCILE, SOON)


@pytest.mark.parametrize("id", ["", "sub-9", "sub-1", "bs-1-abc", "bs-99999999999999999-x", "x" * 300])
async def test_a_forged_channel_writes_nothing(hooked: Hooked, id: str) -> None:
    assert await hooked.google(id, "x" * 43, **{"X-Goog-Channel-Expiration": "not a date"}) == 202
    assert hooked.writes == []
    assert "good" not in hooked.counted


async def test_a_channel_that_verifies_and_that_nobody_knows_is_cancelled(hooked: Hooked) -> None:
    api, account = hooked.api, MemoryAccount(hooked.api.world.clock, renewable=False)
    api.parts.accounts.add(Connection("acme", "m365", "memory"), account)
    pushing = asyncio.create_task(api.parts.pushing.run())
    try:
        await api.world.until(lambda: api.parts.pushing.telling("acme", "m365") is not None)
        calendar = hooked.calendars[0]
        id = proposed_id(calendar.id, b"0123456789abcdef")
        assert await hooked.google(id, hooked.secret(calendar), **{"X-Goog-Resource-ID": "res"}) == 202
        assert hooked.counted == {"unknown": 1}
        await api.world.until(lambda: account.requests["cancel"] > 0)
        assert await hooked.google(id, "x" * 43) == 202
        assert hooked.counted["forged"] == 1
    finally:
        pushing.cancel()
        await asyncio.wait([pushing])


# -- many, and trouble -----------------------------------------------------------------------------------------------


async def test_what_cannot_be_stored_is_not_acknowledged(hooked: Hooked, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> int:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(hooked.api.world.store, "hint", full)
        async with hooked.session.post("/hooks/graph", json={"value": [hooked.value(0)]}) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"]
            assert json.loads(await answer.read())["title"]
        assert await hooked.google("sub-1", hooked.secret(hooked.calendars[1])) == 503
    assert await hooked.graph(hooked.value(0)) == 202
    assert (await hooked.lane(0))[0] is Lane.CHANGED


async def test_a_storm_shares_transactions(hooked: Hooked) -> None:
    statuses = await asyncio.gather(*(hooked.graph(hooked.value(n % 4)) for n in range(200)))
    assert set(statuses) == {202}
    assert hooked.counted == {"good": 200}
    assert hooked.writes.count("hint") < 150


async def test_an_answer_that_nobody_waits_for_harms_no_other(hooked: Hooked) -> None:
    asked = [asyncio.create_task(hooked.graph(hooked.value(n % 4))) for n in range(20)]
    await asyncio.sleep(0)
    for task in asked[::2]:
        task.cancel()
    assert set(await asyncio.gather(*asked[1::2])) == {202}


async def test_nothing_but_posts_comes_in_without_a_token(hooked: Hooked) -> None:
    for path in ("/hooks/graph", "/hooks/google", "/hooks/other"):
        async with hooked.session.get(path) as answer:
            assert answer.status == 401
    async with hooked.session.post("/hooks/other") as answer:
        assert answer.status == 404
    async with hooked.session.post("/hooks/graph", json={}, headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert answer.status == 403


async def test_they_are_not_described(hooked: Hooked) -> None:
    async with hooked.session.get("/api/v1/openapi.json") as answer:
        assert not [path for path in (await answer.json())["paths"] if "hooks" in path]


def test_a_secret_names_one_calendar_of_one_connection() -> None:
    secrets = Secrets(b"k" * 32)
    secret = secrets.of("acme", "m365", 7)
    assert len(secret) == 43
    assert secrets.verifies(secret, "acme", "m365", 7)
    for other in (("other", "m365", 7), ("acme", "google", 7), ("acme", "m365", 8)):
        assert not secrets.verifies(secret, *other)
    assert not Secrets(b"l" * 32).verifies(secret, "acme", "m365", 7)


async def test_an_end_that_no_clock_shows_is_none(hooked: Hooked) -> None:
    told = {"X-Goog-Channel-Expiration": "Fri, 31 Dec 9999 23:59:59 -1200"}
    assert await hooked.google("bs-1-x", "s", **told) == 202
