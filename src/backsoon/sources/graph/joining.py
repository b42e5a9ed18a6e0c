"""Many reads under way together ask in common batches: a tenth of the requests, and of what each costs both sides.

Alone nobody waits for others. Microsoft Graph reference, "Combine multiple requests in one HTTP call using JSON
batching": parts of different mailboxes are carried out together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from backsoon.sources.base import SourceBusy, SourceError

P = TypeVar("P")
A = TypeVar("A")

FROM: Final = 4
"""How many must be under way for one more to wait for others."""
WAIT: Final = 0.025
"""Seconds that the first one waits for others to join it."""

Send = Callable[[Sequence[P]], Awaitable[list[A]]]


class _Group(Generic[P, A]):
    """Parts that go in one batch, and their answers once they are there."""

    def __init__(self) -> None:
        self.parts: list[P] = []
        self.answers: asyncio.Future[list[A]] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None


class Joining(Generic[P, A]):
    """Sends parts by `alone`, or those of several by `together`: both answer in the order of the parts."""

    def __init__(self, alone: Send[P, A], together: Send[P, A], most: int) -> None:
        """`most`: how many `together` takes."""
        self._alone = alone
        self._together = together
        self._most = most
        self._under_way = 0
        self._open: _Group[P, A] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def ask(self, parts: Sequence[P]) -> list[A]:
        """The answers to one read's parts. Raises what `alone` raises.

        Whoever is cancelled meanwhile leaves the batch to the others.
        """
        self._under_way += 1
        try:
            if self._under_way <= FROM or len(parts) >= self._most:
                return await self._alone(parts)
            return await self._joined(parts)
        finally:
            self._under_way -= 1

    async def _joined(self, parts: Sequence[P]) -> list[A]:
        if self._open is not None and len(self._open.parts) + len(parts) > self._most:
            self._go(self._open)
        if (group := self._open) is None:
            group = self._open = _Group()
            group.timer = asyncio.get_running_loop().call_later(WAIT, self._go, group)
        first = len(group.parts)
        group.parts += parts
        if len(group.parts) == self._most:
            self._go(group)
        try:
            return (await asyncio.shield(group.answers))[first : first + len(parts)]
        except SourceBusy:
            raise
        except SourceError:  # another one of them may be why
            return await self._alone(parts)

    def _go(self, group: _Group[P, A]) -> None:
        self._open = None
        if group.timer is not None:
            group.timer.cancel()
        task = asyncio.get_running_loop().create_task(self._sent(group))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _sent(self, group: _Group[P, A]) -> None:
        try:
            group.answers.set_result(await self._together(group.parts))
        except asyncio.CancelledError:
            group.answers.cancel()
            raise
        except Exception as error:
            group.answers.set_exception(error)
            group.answers.exception()  # those who asked may all have gone
