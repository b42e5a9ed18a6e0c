"""A time in which a receiver takes messages: a few at once, each until it is answered.

A message that is not taken concerns no other: it is refused, waits, and is told again beside the others for as long as
the session lasts. Whose message had no answer in time is told only so from then on: else the others would wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from backsoon.domain.errors import BacksoonError
from backsoon.switchboards.base import EXTENSION, Order, OrdersRefused, Rendered, SwitchboardError
from backsoon.switchboards.webhook.judging import Judged, Meaning, not_for_it
from backsoon.switchboards.webhook.message import Message, message_of, trial_message
from backsoon.switchboards.webhook.pace import Pace
from backsoon.switchboards.webhook.receiver import Receiver
from backsoon.switchboards.webhook.trouble import Due, Waiting

IN_A_ROW = 3
"""So many people's messages that failed, none of others being taken meanwhile: is it the receiver, or the messages?"""
_LATER = "; it is told again later"


class WebhookSession:
    """See `backsoon.switchboards.base.Session`."""

    def __init__(self, receiver: Receiver) -> None:
        self._to = receiver
        self._lost: asyncio.Future[SwitchboardError] = asyncio.get_running_loop().create_future()
        self._pace = Pace(receiver.settings.at_once)
        self._slots = asyncio.Semaphore(receiver.settings.at_once)
        self._asking = asyncio.Lock()
        self._failed_in_a_row: set[str] = set()
        self._delivered = 0
        self._failed, self._late = Waiting(), Waiting()
        self._taken_at_last = asyncio.Event()

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
        """See `Session`. Of several orders of one extension the last counts.

        What is refused is told again until it is taken; then the session is ended, for whoever asked to learn of it.
        """
        self._whole()
        refused = {o.extension: "it is no extension" for o in orders if not EXTENSION.fullmatch(o.extension)}
        latest = {o.extension: o for o in orders if o.extension not in refused}
        for extension in latest:
            self._failed.drop(extension)
            self._late.drop(extension)
        await self._deliver_all([o for o in latest.values() if not self._put_off(o, refused)], refused)
        self._whole()
        if refused:
            raise OrdersRefused(refused)

    async def lost(self) -> SwitchboardError:
        """See `Session`."""
        return await asyncio.shield(self._lost)

    # -- sending ------------------------------------------------------------------------------------------------------

    def _put_off(self, order: Order, refused: dict[str, str]) -> bool:
        """Whether nobody is to wait for this one, since the last one had no answer in time: it is told beside."""
        known = self._to.trouble.of(order.extension)
        if known is None or not known.late:
            return False
        refused[order.extension] = known.why + _LATER
        self._late.put(order, asyncio.get_running_loop().time())
        return True

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
            if why := self._concluded(order, await self._deliver(order)):
                refused[order.extension] = why

    async def _deliver(self, order: Order) -> Judged:
        """Send what an order tells until it is answered, a few times at most; of who is known to fail, once."""
        to = self._to
        message = message_of(to.settings, order, await to.versions.next(), to.now())
        found = await self._attempt(message)
        for pause in () if to.trouble.of(order.extension) else to.settings.times.again:
            if self._lost.done() or not found.meaning.again:
                break
            await asyncio.sleep(pause)
            found = await self._attempt(message)
        return await self._weighed(order.extension, found)

    async def _attempt(self, message: Message) -> Judged:
        async with self._slots:
            return await self._to.attempt(message)

    # -- what came of it ----------------------------------------------------------------------------------------------

    async def _weighed(self, extension: str, found: Judged) -> Judged:
        """What an answer means for the session, which may be lost by it, and for the message."""
        found = await self._to.there(found)
        if found.meaning is Meaning.UNKNOWN and await self._takes_others():
            found = not_for_it(found)
        if found.meaning.answered:
            self._answered()
        elif found.meaning.its_own:
            self._failed_in_a_row.add(extension)
            await self._ask_whether_it_takes_any()
        else:
            self._lose(found)
        return found

    def _concluded(self, order: Order, found: Judged) -> str:
        """Why a message was not taken: it waits to be told again. "" if it was."""
        trouble = self._to.trouble
        if found.meaning is Meaning.DONE:
            trouble.over([order.extension])
            return ""
        if found.meaning.its_own and not self._lost.done():
            waiting = self._late if found.meaning is Meaning.LATE else self._failed
            pause = trouble.failed(order.extension, found)
            waiting.put(order, asyncio.get_running_loop().time() + pause)
        return found.why + _LATER

    def _answered(self) -> None:
        self._delivered += 1
        self._failed_in_a_row.clear()
        self._to.patience.well()

    async def _takes_others(self) -> bool:
        """Whether a message that says nothing of anybody is taken where one of somebody was not."""
        async with self._asking:
            if self._lost.done():
                return False
            return (await self._attempt(trial_message(self._to.settings, self._to.now()))).meaning.answered

    async def _ask_whether_it_takes_any(self) -> None:
        """Several in a row failed: the receiver is lost unless it takes a message that says nothing of anybody."""
        async with self._asking:
            if len(self._failed_in_a_row) < IN_A_ROW or self._lost.done():
                return
            found = await self._attempt(trial_message(self._to.settings, self._to.now()))
            if found.meaning.answered:
                self._answered()
            elif len(self._failed_in_a_row) >= IN_A_ROW:  # nothing was taken meanwhile either
                self._to.trouble.over(self._failed_in_a_row)
                self._lose(found)

    # -- telling again ------------------------------------------------------------------------------------------------

    async def _tell_again(self, waiting: Waiting) -> None:
        """Tell what waits, one at a time, each when it is due."""
        loop = asyncio.get_running_loop()
        while not self._lost.done():
            waiting.changed.clear()
            due = waiting.first()
            if due is not None and due.at <= loop.time():
                await self._tell_once_more(waiting, due)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due.at if due else None):
                    await waiting.changed.wait()

    async def _tell_once_more(self, waiting: Waiting, due: Due) -> None:
        to, order = self._to, due.order
        version = await to.versions.next()
        if not waiting.holds(due):
            return  # what is newer may have a smaller number, and must not lose against this
        found = await self._attempt(message_of(to.settings, order, version, to.now()))
        found = await self._weighed(order.extension, found)
        if not waiting.holds(due):
            return  # what is newer is told by now, or waits itself
        waiting.drop(order.extension)
        if not self._concluded(order, found):
            self._taken_at_last.set()

    # -- the end ------------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Tell again what failed, and end the session where the receiver is gone, or where that was taken at last."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._probe_for_ever())
                tasks.create_task(self._tell_again(self._failed))
                tasks.create_task(self._tell_again(self._late))
                tasks.create_task(self._end_when_taken_at_last())
        except* BacksoonError as group:
            self.end(str(group.exceptions[0]))  # the store, where numbers are reserved

    async def _probe_for_ever(self) -> None:
        seen = self._delivered
        while not self._lost.done():
            await asyncio.sleep(self._to.settings.times.probe)
            if self._delivered == seen:
                await self._probe()
            seen = self._delivered

    async def _probe(self) -> None:
        if gone := await self._to.reached():
            self._lose(gone)
        else:
            self._to.patience.reached()

    async def _end_when_taken_at_last(self) -> None:
        """Who was told again counts as refused until another session compares."""
        loop, trouble = asyncio.get_running_loop(), self._to.trouble
        await self._taken_at_last.wait()
        await asyncio.sleep(trouble.before_the_end(loop.time()))
        trouble.ended(loop.time())
        self.end("a message that was not taken before was taken at last")

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
