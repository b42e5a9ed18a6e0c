"""Many values as JSON for bulk statements, without holding the event loop up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from backsoon.store import codec
from backsoon.store.rows import Row

V = TypeVar("V")

PIECE = 4000
"""How many rows one bulk statement stores: a few tens of milliseconds."""
BREATH = 500
"""After how many rows being encoded the event loop goes on with other things."""


async def encoded(values: Sequence[V], row: Callable[[V], Row], key: int | None) -> list[str]:
    """The values as rows in JSON, in pieces; the loop goes on meanwhile.

    `key`: how many of the first columns tell rows apart, of which the last then counts; None: all rows count.
    """
    made: dict[object, Row] = {}
    for number, value in enumerate(values):
        fresh = row(value)
        made[number if key is None else fresh[:key]] = fresh
        if number % BREATH == BREATH - 1:
            await asyncio.sleep(0)
    return [text async for text in _pieces(list(made.values()))]


async def _pieces(made: Sequence[Row]) -> AsyncIterator[str]:
    for first in range(0, len(made), PIECE):
        yield codec.to_json(made[first : first + PIECE])
        await asyncio.sleep(0)
