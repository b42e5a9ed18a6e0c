"""A switchboard that is only called otherwise was told what it was told, and its driver remembers what it did."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.store.base import Store, Told
from tests.unit.engine.world import acme

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
HOOK = {"url": "https://receiver.example.com/a"}


@pytest.mark.parametrize(
    ("url", "known"), [("https://receiver.example.com/a", True), ("https://receiver.example.com/b", False)]
)
async def test_what_was_told_follows_the_place_and_not_the_name(store: Store, url: str, known: bool) -> None:
    await store.save_organisation(acme())
    await store.save_switchboards("acme", [SwitchboardSettings("acme", "desk", "webhook", HOOK)])
    await store.save_told("acme", "desk", [Told("1001", "lamp", "plan", NOW)])
    await store.save_kept("acme", "desk", {"version": "7"})
    await store.save_switchboards("acme", [SwitchboardSettings("acme", "hall", "webhook", {"url": url})])
    assert set(await store.told("acme", "hall")) == ({"1001"} if known else set())
    assert await store.kept("acme", "hall") == ({"version": "7"} if known else {})
    assert await store.told("acme", "desk") == {}
