"""A store that fails for a while holds up only what needs it, and stops nothing."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from backsoon.engine.timing import Clock, pause
from backsoon.store.base import StoreError

log = logging.getLogger(__name__)

T = TypeVar("T")

AGAIN_AFTER = 1.0
"""Seconds."""


async def patiently(work: Callable[[], Awaitable[T]], clock: Clock, who: str = "") -> T:
    """Try until the store bears it; what came of it. `who` is named in the log."""
    while True:
        try:
            return await work()
        except StoreError as error:
            log.error("%sthe store failed, trying again: %s", who and f"{who}: ", error)
            await pause(clock, AGAIN_AFTER)
