"""Several at a time, and no answer lost where one of them fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from backsoon.sources.base import SourceError

T = TypeVar("T")


async def several(items: Iterable[T], work: Callable[[T], Awaitable[None]], most: int) -> None:
    """Work on each, on at most `most` at a time, in order of beginning.

    Where one fails no further one is begun, and those under way are finished: what they were answered counts. Then
    the gravest failure is raised: ours or the store's before a vendor's, and of these the one that asks to wait
    longest. When the caller is cancelled, so are those under way.
    """
    rest, failed = iter(items), list[Exception]()

    async def one() -> None:
        for item in rest:
            try:
                await work(item)
            except Exception as error:
                failed.append(error)
            if failed:
                return

    async with asyncio.TaskGroup() as tasks:
        for _ in range(max(1, most)):
            tasks.create_task(one())
    if failed:
        raise max(failed, key=_gravity)


def _gravity(error: Exception) -> tuple[bool, float]:
    if isinstance(error, SourceError):
        return False, error.retry_after or 0.0
    return True, 0.0
