"""The one corridor: whatever happened, decide anew about the people it touches and tell whoever must know.

`settle` compares what was decided last with what is true now. The clock (see `engine.clock`) stages what becomes true
within the
next minute; whoever is settled anew is unstaged first, so that nothing that is out of date is ever told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backsoon.domain.model import AVAILABLE
from backsoon.engine.clock import Stage
from backsoon.engine.deciding import MOST_CLAIMS, Decision, decide, decide_all
from backsoon.engine.directory import Directory
from backsoon.engine.hub import Hub
from backsoon.engine.meters import through_of
from backsoon.engine.publisher import Publisher
from backsoon.engine.queued import Urgency
from backsoon.engine.timing import Clock, pause
from backsoon.store.base import AvailabilityChange, Claims, PersonState, Store, StoreError, Trigger
from backsoon.switchboards.base import NOTHING

log = logging.getLogger(__name__)

PAGE = 500
REST = 60.0
"""Seconds after the start within which switchboards that can be reached have had us decide about everybody."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why people are decided anew: what triggered it, and for a hand who and through what."""

    trigger: Trigger
    by: str = ""
    through: str = ""


class Settler:
    """Decides, tells and records; one page of people at a time, everybody's turn in order."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        hub: Hub,
        stage: Stage,
        publishers: Mapping[str, Sequence[Publisher]],
    ) -> None:
        """`publishers` by organisation."""
        self._store = store
        self._directory = directory
        self._clock = clock
        self._hub = hub
        self._stage = stage
        self._publishers = publishers
        self.observers: list[Callable[[Sequence[int]], None]] = []
        """Told of whoever is settled, before they are: what is stored of them has changed."""
        self._turn = asyncio.Lock()
        self._meanwhile: list[set[int]] = []
        """Whom we decided about since each `settle_everybody` that goes on began."""

    async def settle(self, people: Iterable[int], cause: Cause) -> None:
        """Decide anew about these people and return once it is recorded. Telling switchboards goes on behind."""
        ids = sorted(set(people))
        for tell in self.observers:
            tell(ids)
        self._stage.drop(ids)
        try:
            for start in range(0, len(ids), PAGE):
                await self._settle_page(ids[start : start + PAGE], cause)
        except BaseException:
            self._stage.settle_later(ids)  # what they touch is stored already: it must not be forgotten
            raise

    async def settle_everybody(self, organisation: str) -> frozenset[str]:
        """Decide anew about a whole organisation; the extensions of its people.

        Who is known to have changed comes first. Everybody once: of whom something else makes us decide meanwhile the
        publishers have heard by that.
        """
        extensions: set[str] = set()
        meanwhile: set[int] = set()
        self._meanwhile.append(meanwhile)
        try:
            after = 0
            while page := await self._store.page_people(organisation, after=after, limit=PAGE):
                after = page[-1].id
                extensions.update(p.extension for p in page)
                while late := self._stage.take_late():
                    await self.settle(late, Cause(Trigger.CLOCK))
                ids = [p.id for p in page if p.id not in meanwhile]
                self._stage.drop(ids)
                await self._settle_page(ids, Cause(Trigger.START))
                meanwhile.difference_update([p.id for p in page])
        finally:
            self._meanwhile = [each for each in self._meanwhile if each is not meanwhile]
        return frozenset(extensions)

    async def settle_the_rest(self) -> None:
        """A while after the start decide anew about whom no switchboard has had us decide since: it cannot be reached.

        A death between what was stored and the decision about it may have left that decision out of date.
        """
        await pause(self._clock, REST)
        for organisation in list(self._directory.organisations):
            while not any(p.settled for p in self._publishers.get(organisation, ())):
                try:
                    await self.settle_everybody(organisation)
                    break
                except StoreError as error:
                    log.error("the store failed, trying again: %s", error)
                    await pause(self._clock, 1.0)

    async def release(self, extensions: Sequence[tuple[str, str]]) -> None:
        """Show nothing any more for (organisation, extension) pairs that nobody has now."""
        async with self._turn:  # not between the reading of people and the telling: they may still have had it
            for organisation, extension in extensions:
                for publisher in self._publishers.get(organisation, ()):
                    publisher.offer({extension: publisher.prepare(extension, NOTHING)}, Urgency.BY_HAND)

    async def _settle_page(self, ids: Sequence[int], cause: Cause) -> None:
        async with self._turn:
            meanwhile = list(self._meanwhile)  # one that begins later may be for rules that changed while we decide
            await self._stage.write_back()
            people = list((await self._store.people(ids)).values())
            await self._directory.prepare(people, self._clock.now())
            now = self._clock.now()
            claims = await self._store.claims(ids, now, MOST_CLAIMS)
            states = await self._store.states(ids)
            shown = any(self._publishers.values())  # not before the first switchboard is employed
            decisions = await decide_all(people, claims, self._directory, now, shown=shown)
            decisions = [self._not_overtaken(d, claims) for d in decisions]
            self._stage.drop(ids)  # who was settled before us may have staged them since, by what held then
            self._tell(decisions, states, cause)
            for each in meanwhile:
                each.update(ids)
            if self._stage.has_fired(ids):  # while we read: it is stored before what we decided
                await self._stage.write_back()
                states = await self._store.states(ids)
            await self._record(decisions, states, cause)
            await self._stage.put(decisions, claims)

    def _not_overtaken(self, decision: Decision, claims: Mapping[int, Claims]) -> Decision:
        """The decision, made again where its next change came while others were decided."""
        while decision.due is not None and decision.due <= self._clock.now():
            person = decision.person
            shown = decision.presentation is not None
            now = self._clock.now()
            decision = decide(person, claims.get(person.id, Claims()), self._directory, now, shown=shown)
        return decision

    def _tell(self, decisions: Sequence[Decision], states: Mapping[int, PersonState], cause: Cause) -> None:
        by_hand = Urgency.BY_HAND if cause.trigger is Trigger.OVERRIDE else Urgency.TRANSITION
        for decision in decisions:
            extension, presentation = decision.person.extension, decision.presentation
            if presentation is None:
                continue
            urgency = by_hand if presentation.lamp is not None or _changed(decision, states) else Urgency.AHEAD
            for publisher in self._publishers.get(decision.person.organisation, ()):
                order = publisher.prepare(extension, publisher.render(presentation))
                publisher.offer({extension: order}, urgency)

    async def _record(self, decisions: Sequence[Decision], states: Mapping[int, PersonState], cause: Cause) -> None:
        changed = [d for d in decisions if _changed(d, states)]
        changes = [_change(d, cause, self._clock.now()) for d in changed]
        self._count(cause, len(changes))
        self._hub.announce([(d.person, c) for d, c in zip(changed, changes, strict=True)])
        stale = [d.state for d in decisions if states.get(d.person.id) != d.state]
        if stale:
            await self._store.save_states(stale, changes)

    def _count(self, cause: Cause, changes: int) -> None:
        meters = self._stage.meters
        meters.changes[cause.trigger] += changes
        if cause.trigger is Trigger.OVERRIDE:
            meters.by_hand[through_of(cause.through)] += changes


def _changed(decision: Decision, states: Mapping[int, PersonState]) -> bool:
    before = states.get(decision.person.id)
    return decision.availability != (AVAILABLE if before is None else before.availability)


def _change(decision: Decision, cause: Cause, now: datetime) -> AvailabilityChange:
    return AvailabilityChange(
        decision.person.id, decision.at, now, decision.availability, cause.trigger, cause.by, cause.through
    )
