"""Each vendor, simulated, and a whole Backsoon: what is booked is shown; what is lost is found; nothing is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.pushed import booked_and_taken_back, canaries, no_canary_anywhere, right_at_its_start
from tests.integration.vendors import VENDORS, at
from tests.simulators.model import World

pytestmark = pytest.mark.parametrize("kind", VENDORS)


async def test_what_is_booked_shows_within_seconds(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with at(kind, tmp_path, monkeypatch) as (p, _):
        await booked_and_taken_back(p)
        if kind != "ews":  # what a stream brings is heard on a connection of ours, and cannot be forged
            assert p.backsoon.meters.notices["good"] >= 2


async def test_what_is_moved_five_minutes_before_its_start_is_right_though_nothing_is_told(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at(kind, tmp_path, monkeypatch) as (p, faults):
        await right_at_its_start(p, lambda: faults.add("drop", times=None))


async def test_no_untagged_word_is_kept(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def prepare(world: World) -> None:
        canaries(world["anna@example.com"], datetime.now(UTC))

    async with at(kind, tmp_path, monkeypatch, prepare) as (p, _):
        await no_canary_anywhere(p, lambda: caplog.text)
