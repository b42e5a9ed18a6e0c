"""A time in which a receiver takes messages: a few at once, each until it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from backsoon.switchboards.base import EXTENSION, Order, OrdersRefused, Rendered, SwitchboardError
from backsoon.switchboards.webhook.judging import Judged, Meaning, unanswered
from backsoon.switchboards.webhook.message import message_of
from backsoon.switchboards.webhook.pace import Pace
from backsoon.switchboards.webhook.receiver import Receiver
from backsoon.wire.http import HttpError

IN_A_ROW = 3
"""So many messages that failed, none of others being taken meanwhile: it is the receiver, not the messages."""


class WebhookSession:
    """See `backsoon.switchboards.base.Session`."""

    def __init__(self, receiver: Receiver) -> None:
        self._to = receiver
        self._lost: asyncio.Future[SwitchboardError] = asyncio.get_running_loop().create_future()
        self._pace = Pace(receiver.settings.at_once)
        self._failed_in_a_row = 0
        self._delivered = 0

    @property
    def at_once(self) -> int:
        """See `Session`: the slower the receiver answers, the fewer."""
        return self._pace.at_once

    @property
    def orders_at_once(self) -> int:
        """See `MessageSession`."""
        return 4 * self._pace.at_once

    async def read_back(self) -> Mapping[str, Rendered] | None:
        """None: a receiver cannot be asked. Raises `SwitchboardError` once the session is lost."""
        self._whole()
        return None

    async def show(self, orders: Sequence[Order]) -> None:
        """See `Session`. Of several orders of one extension the last counts."""
        self._whole()
        refused = {o.extension: "it is no extension" for o in orders if not EXTENSION.fullmatch(o.extension)}
        latest = {o.extension: o for o in orders if o.extension not in refused}
        await self._deliver_all(list(latest.values()), refused)
        self._whole()
        if refused:
            raise OrdersRefused(refused)

    async def lost(self) -> SwitchboardError:
        """See `Session`."""
        return await asyncio.shield(self._lost)

    # -- sending ------------------------------------------------------------------------------------------------------

    async def _deliver_all(self, orders: list[Order], refused: dict[str, str]) -> None:
        loop = asyncio.get_running_loop()
        began, before, waiting = loop.time(), self._delivered, iter(orders)
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(self._to.settings.at_once, len(orders))):
                    tasks.create_task(self._work(waiting, refused))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None  # the store, where numbers are reserved
        self._pace.took(self._delivered - before, loop.time() - began)

    async def _work(self, waiting: Iterator[Order], refused: dict[str, str]) -> None:
        for order in waiting:
            if self._lost.done():
                return
            await self._deliver(order, refused)

    async def _deliver(self, order: Order, refused: dict[str, str]) -> None:
        """Send what an order tells until it is answered, a few times at most."""
        to = self._to
        message = message_of(to.settings, order, await to.versions.next(), to.now())
        found = await to.attempt(message)
        for pause in to.settings.times.again:
            if self._lost.done() or not found.meaning.again:
                break
            await asyncio.sleep(pause)
            found = await to.attempt(message)
        self._judge(order.extension, found, refused)

    def _judge(self, extension: str, found: Judged, refused: dict[str, str]) -> None:
        if found.meaning in (Meaning.DONE, Meaning.REFUSED):
            self._answered(extension)
            if found.meaning is Meaning.REFUSED:
                refused[extension] = found.why
        elif found.meaning is Meaning.AGAIN:
            self._failed_alone(extension, found, refused)
        else:
            self._lose(found)

    def _answered(self, extension: str) -> None:
        self._delivered += 1
        self._failed_in_a_row = 0
        self._to.patience.well()
        self._to.trouble.over(extension)

    def _failed_alone(self, extension: str, found: Judged, refused: dict[str, str]) -> None:
        """One message fails, which may be its own fault: others go on, and it is told again in another session."""
        self._failed_in_a_row += 1
        self._to.trouble.add(extension)
        refused[extension] = f"{found.why}; it is told again later"
        if self._failed_in_a_row >= IN_A_ROW:
            self._lose(found)

    # -- the end ------------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """End the session where the receiver is gone, or where it is time to tell again what failed."""
        trouble, seen = self._to.trouble, self._delivered
        while not self._lost.done():
            try:
                async with asyncio.timeout(self._to.settings.times.probe):
                    await trouble.came.wait()
            except TimeoutError:
                if self._delivered == seen:
                    await self._probe()
                seen = self._delivered
            else:
                await asyncio.sleep(trouble.pause())
                self.end("some messages failed; they are told again")

    async def _probe(self) -> None:
        try:
            await self._to.outward.reach()
        except HttpError as error:
            self._lose(unanswered(error))
        else:
            self._to.patience.reached()

    def end(self, why: str) -> None:
        """It is over, and another may begin at once."""
        if not self._lost.done():
            self._lost.set_result(SwitchboardError(f"{self._to.outward.origin}: {why}"))

    def _lose(self, found: Judged) -> None:
        if not self._lost.done():
            self._lost.set_result(self._to.error(found))

    def _whole(self) -> None:
        if self._lost.done():
            raise self._lost.result()
