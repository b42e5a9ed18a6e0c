"""Takes over what people dialled at a switchboard: at each session's start, when it tells of something, each minute.

The order is what keeps it safe: stored, told to the switchboard, and only then taken out there. Whatever ends in
between, calls follow what was dialled, and the next time the same thing is taken over again, which changes nothing.
What has a code that the settings do not know yet stays at the switchboard, and calls go on following it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta

from backsoon.engine.byphone import ByPhone, Outcome
from backsoon.engine.deadlines import USUAL, within
from backsoon.engine.defects import where
from backsoon.engine.timing import Clock, pause
from backsoon.store.base import StoreError
from backsoon.switchboards.base import HandReferral, HandSession, Session

log = logging.getLogger(__name__)

LOOK = 60.0
"""Seconds after which a switchboard is asked though it has told of nothing."""
AGAIN = 2.0
"""Seconds until a store that failed is tried again."""
TOGETHER = 50
"""How many are taken over at the same time."""
AHEAD = timedelta(minutes=1)
"""A switchboard's clock that is further ahead than this is worth a line in the log."""

_DROPPED = {
    Outcome.NOBODY: "nobody has the extension, or they are switched off, or had it only later",
    Outcome.SENSELESS: "there is no such time or date",
}


class Taking:
    """Takes over what is dialled at one switchboard."""

    def __init__(
        self,
        organisation: str,
        by_phone: ByPhone,
        clock: Clock,
        caught_up: Callable[[Iterable[str]], Awaitable[None]],
        waiting: Callable[[frozenset[str]], None] = lambda _: None,
    ) -> None:
        """`caught_up` waits until the switchboard has been told all that is wanted of these extensions; `waiting` is
        told whose codes the settings do not know."""
        self._organisation = organisation
        self._by_phone = by_phone
        self._clock = clock
        self._caught_up = caught_up
        self._waiting = waiting
        self._unknown: frozenset[HandReferral] = frozenset()
        self._told: set[HandReferral] = set()
        """Taken over, and not taken out yet: that waits for the switchboard, and nobody waits for that."""

    async def run(self, session: Session) -> None:
        """Take over all that is dialled, to the end of the session. Raises `SwitchboardError`."""
        if not isinstance(session, HandSession):
            return
        self._told.clear()
        async with asyncio.TaskGroup() as tasks:
            while True:
                all_taken = await self._take_all(session, tasks)
                await self._next(session, LOOK if all_taken else AGAIN)

    async def _next(self, session: HandSession, seconds: float) -> None:
        """Wait until somebody dials, or for so long."""
        waits: list[asyncio.Future[None]] = [
            asyncio.ensure_future(session.dialled()),
            asyncio.ensure_future(pause(self._clock, seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _take_all(self, session: HandSession, tasks: asyncio.TaskGroup) -> bool:
        """Whether all that there is was taken over."""
        async with within(USUAL.hands, "reading what was dialled"):
            dialled = await session.by_hand()
        entries = [entry for entry in dialled if entry not in self._told]
        became: dict[HandReferral, Outcome | None] = {}
        for start in range(0, len(entries), TOGETHER):
            some = entries[start : start + TOGETHER]
            outcomes = dict(zip(some, await self._take(some), strict=True))
            became |= outcomes
            if taken := [each for each, outcome in outcomes.items() if outcome not in (None, Outcome.UNKNOWN)]:
                self._told.update(taken)
                tasks.create_task(self._take_out(session, taken))
        self._wait(frozenset(each for each, outcome in became.items() if outcome is Outcome.UNKNOWN))
        return None not in became.values()

    def _wait(self, unknown: frozenset[HandReferral]) -> None:
        """Leave these where they are."""
        if unknown - self._unknown:
            log.warning("organisation %s: dialled codes wait for the settings that have them", self._organisation)
        self._unknown = unknown
        self._waiting(frozenset(entry.extension for entry in unknown))

    async def _take_out(self, session: HandSession, taken: Sequence[HandReferral]) -> None:
        await self._caught_up([entry.extension for entry in taken])
        async with within(USUAL.hands, "taking out what was dialled"):
            await session.done(taken)
        self._told.difference_update(taken)

    async def _take(self, entries: Sequence[HandReferral]) -> list[Outcome | None]:
        return await asyncio.gather(*(self._take_one(entry) for entry in entries))

    async def _take_one(self, entry: HandReferral) -> Outcome | None:
        """What became of it; None: it is to be tried again. Nobody's defect keeps others' from being taken over."""
        try:
            outcome = await self._by_phone.take(self._organisation, entry)
        except StoreError as error:
            log.error("organisation %s: what was dialled could not be stored: %s", self._organisation, error)
            return None
        except Exception as error:
            log.error("organisation %s: what was dialled could not be taken over: %s", self._organisation, where(error))
            return None
        self._tell(entry, outcome)
        return outcome

    def _tell(self, entry: HandReferral, outcome: Outcome) -> None:
        ahead = entry.at - self._clock.now()
        if ahead > AHEAD:
            log.warning("organisation %s: a switchboard's clock is %s ahead of ours", self._organisation, ahead)
        if outcome in _DROPPED:
            log.warning("organisation %s: dropped what was dialled: %s", self._organisation, _DROPPED[outcome])
