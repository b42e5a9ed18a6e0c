"""What somebody dialled, taken over: an override from the instant at which it was dialled, however long ago.

The last word counts. Somebody who dialled while Backsoon was stopped may have said something else since, by a command
or at another switchboard: then that stands. The same thing taken over twice is taken over once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from enum import StrEnum

from backsoon.domain.byhand import take_back
from backsoon.domain.model import Override
from backsoon.domain.organisation import Person
from backsoon.domain.phonecodes import THROUGH, Refusal, refer_by_phone
from backsoon.engine.deciding import timeline_of
from backsoon.engine.directory import Directory
from backsoon.engine.settling import Cause
from backsoon.engine.timing import Clock, finished
from backsoon.engine.turns import Turns
from backsoon.store.base import Claims, KnownOverride, Store, Trigger
from backsoon.switchboards.base import HandReferral


class Outcome(StrEnum):
    """What became of something that was dialled. After each but `UNKNOWN` it need not be kept any longer."""

    REFERRED = "referred"
    AVAILABLE = "available"
    AGAIN = "again"
    """It was taken over before."""
    OVER = "over"
    """It has ended meanwhile."""
    OVERTAKEN = "overtaken"
    """Something else was said later."""
    NOBODY = "nobody"
    """Nobody has the extension, or whoever has it now did not dial it, or is switched off."""
    SENSELESS = "senseless"
    """There is no such time or date: no dialplan of ours takes it."""
    UNKNOWN = "unknown"
    """The organisation's settings have no such code, though the switchboard took it: they are of different times."""


class ByPhone:
    """Takes over what was dialled, one person's after the other."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        settle: Callable[[Iterable[int], Cause], Awaitable[None]],
        turns: Turns[int],
    ) -> None:
        """`turns` by person id are those of everybody else who sets something by hand."""
        self._store = store
        self._directory = directory
        self._clock = clock
        self._settle = settle
        self._turns = turns

    async def take(self, organisation: str, entry: HandReferral) -> Outcome:
        """Take it over: stored durably, decided about and offered to the switchboards when this returns.

        Raises `StoreError`; then it is to be taken over again.
        """
        person = await self._store.by_extension(organisation, entry.extension)
        since = await self._store.held_since(organisation, entry.extension)
        at = min(entry.at, self._clock.now())  # a switchboard whose clock is ahead
        if person is None or not person.active or since is None or at < since:
            return Outcome.NOBODY
        async with self._turns.of(person.id):
            return await self._take(person, at, entry)

    async def _take(self, person: Person, at: datetime, entry: HandReferral) -> Outcome:
        known = await self._store.overrides_since(person.id, at)
        if any(_later(each, at) for each in known):
            return Outcome.OVERTAKEN
        cause = Cause(Trigger.OVERRIDE, person.extension, THROUGH)
        if any(each.override.start == at and each.override.through == THROUGH for each in known):
            await self._settle([person.id], cause)  # it may have failed the first time
            return Outcome.AGAIN
        await self._directory.prepare([person], at)
        wanted = self._referred(person, at, entry) if entry.code else await self._available(person, at)
        if isinstance(wanted, Refusal) and wanted is not Refusal.OVER:
            return Outcome.UNKNOWN if wanted is Refusal.NO_SUCH_CODE else Outcome.SENSELESS
        return await finished(self._stored(person, at, wanted, cause))

    async def _stored(self, person: Person, at: datetime, wanted: Override | Refusal | None, cause: Cause) -> Outcome:
        """To its end, even if the session ends meanwhile: what is stored has effect."""
        outcome = await self._store_it(person, at, wanted)
        await self._settle([person.id], cause)
        return outcome

    async def _store_it(self, person: Person, at: datetime, wanted: Override | Refusal | None) -> Outcome:
        """What is over by now leaves nothing, and ended what was there before it all the same."""
        if isinstance(wanted, Override) and (wanted.end is None or wanted.end > self._clock.now()):
            await self._store.save_override(person.id, wanted)
            return Outcome.AVAILABLE if wanted.reason is None else Outcome.REFERRED
        await self._store.remove_override(person.id, at, by=person.extension, through=THROUGH)
        return Outcome.AVAILABLE if wanted is None else Outcome.OVER

    def _referred(self, person: Person, at: datetime, entry: HandReferral) -> Override | Refusal:
        reasons = self._directory.organisation_of(person).rules.reasons
        working = self._directory.working_time_of(person, at)
        return refer_by_phone(at, entry.code, entry.argument, reasons, working, by=person.extension)

    async def _available(self, person: Person, at: datetime) -> Override | None:
        claims = (await self._store.claims([person.id], at)).get(person.id, Claims())
        return take_back(at, timeline_of(person, claims, self._directory, at), by=person.extension, through=THROUGH)


def _later(known: KnownOverride, at: datetime) -> bool:
    """Whether this was said, or taken back, after the instant."""
    return known.override.start > at or (known.replaced_at is not None and known.replaced_at > at)
