"""What needs the store waits for it; all else is told at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backsoon.engine.patience import patiently
from backsoon.store.base import StoreError
from backsoon.testing import FakeClock


class Failing:
    """Work that fails some times."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left, self.error, self.tried = times, error, 0

    async def __call__(self) -> str:
        self.tried += 1
        if self.tried <= self.left:
            raise self.error
        return "done"


class Impatient(FakeClock):
    """Sleeps no longer than it takes to count that."""

    slept = 0.0

    async def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        self.slept += seconds


async def test_it_is_tried_until_the_store_bears_it(caplog: pytest.LogCaptureFixture) -> None:
    work, clock = Failing(3, StoreError("the disk is full")), Impatient(datetime(2027, 3, 1, tzinfo=UTC))
    assert await patiently(work, clock, "switchboard pbx") == "done"
    assert (work.tried, clock.slept) == (4, 3.0)
    assert caplog.messages == ["switchboard pbx: the store failed, trying again: the disk is full"] * 3


async def test_another_fault_is_raised_at_once() -> None:
    work, clock = Failing(1, KeyError("a defect")), Impatient(datetime(2027, 3, 1, tzinfo=UTC))
    with pytest.raises(KeyError):
        await patiently(work, clock)
    assert (work.tried, clock.slept) == (1, 0.0)
