"""Decisions in bulk: from what the store holds to each person's availability, when it changes, and what to present."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from backsoon.domain.model import AVAILABLE, Availability
from backsoon.domain.organisation import Person
from backsoon.domain.timeline import Stretch, Timeline
from backsoon.engine.defects import where
from backsoon.engine.directory import Directory
from backsoon.engine.presenting import presentation
from backsoon.store.base import Claims, PersonState
from backsoon.switchboards.base import Presentation

log = logging.getLogger(__name__)

MOST_CLAIMS = 128
"""Referrals of one person that are looked at: the present and the next ones. More follow as these pass."""
AGAIN = timedelta(seconds=90)
"""How soon somebody is looked at again where not all could be known; later than what is staged at once."""
CHUNK = 50
"""Decisions between two turns of the event loop: a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One person decided at one instant."""

    person: Person
    at: datetime
    availability: Availability
    due: datetime | None
    presentation: Presentation | None
    """None where nobody asked for it."""

    @property
    def state(self) -> PersonState:
        """The decision as the store keeps it."""
        return PersonState(self.person.id, self.availability, self.due)


def timeline_of(person: Person, claims: Claims, directory: Directory, at: datetime) -> Timeline:
    """The person's timeline from what is stored."""
    rules = directory.organisation_of(person).rules
    return Timeline(claims.referrals, rules, claims.override, directory.working_time_of(person, at))


def decide(person: Person, claims: Claims, directory: Directory, at: datetime, *, shown: bool = True) -> Decision:
    """What holds for the person at the instant, until when, and (`shown`) what switchboards should show.

    Somebody about whom a defect keeps us from deciding is available, so that calls ring; it harms nobody else.
    """
    try:
        return _decided(person, claims, directory, at, shown)
    except Exception as error:
        log.error("person %d: nothing could be decided: %s", person.id, where(error))
        return Decision(person, at, AVAILABLE, at + AGAIN, Presentation(person.extension))


def _decided(person: Person, claims: Claims, directory: Directory, at: datetime, shown: bool) -> Decision:
    if not person.active:
        return Decision(person, at, AVAILABLE, None, Presentation(person.extension))
    if not claims.referrals and claims.override is None:
        return Decision(person, at, AVAILABLE, None, _idle(person, directory) if shown else None)
    timeline = timeline_of(person, claims, directory, at)
    now = next(timeline.stretches(at))
    presented = None
    if shown:
        begun = Stretch(_since(now, claims, at), now.end, now.availability)
        coming = () if now.end is None else timeline.stretches(now.end, warned=False)
        rules, zone = directory.organisation_of(person).rules, directory.zone_of(person)
        presented = presentation(_idle(person, directory), at, chain((begun,), coming), rules, zone)
    return Decision(person, at, now.availability, _known_until(now.end, claims, at), presented)


def _known_until(due: datetime | None, claims: Claims, at: datetime) -> datetime | None:
    """When to decide next. Where there may be more referrals than were read, that is never without an end."""
    if len(claims.referrals) < MOST_CLAIMS:
        return due
    known = max(at + AGAIN, *(r.span.start for r in claims.referrals))
    return known if due is None else min(due, known)


def _idle(person: Person, directory: Directory) -> Presentation:
    return Presentation(
        person.extension,
        language=directory.language_of(person),
        zone=directory.zone_of(person).key,
        name=person.name,
        email=person.email,
        deputy=person.deputy,
        ring_through=person.ring_through,
    )


def _since(now: Stretch, claims: Claims, at: datetime) -> datetime:
    """A start for the present stretch that does not move with `at`: that of the claim that won.

    So a plan that was written ahead reads the same once its first referral has begun.
    """
    availability = now.availability
    if availability.key is not None:
        return next((r.span.start for r in claims.referrals if r.key == availability.key), at)
    override = claims.override
    if availability.referred and override is not None:
        return override.start
    running = [r.span.start for r in claims.referrals if r.span.start <= at < r.span.end]
    return max(running, default=at)


async def decide_all(
    people: Sequence[Person], claims: Mapping[int, Claims], directory: Directory, at: datetime, *, shown: bool = True
) -> list[Decision]:
    """Decide about many (see `decide`), letting the event loop turn between chunks."""
    decisions: list[Decision] = []
    nothing = Claims()
    for start in range(0, len(people), CHUNK):
        chunk = people[start : start + CHUNK]
        decisions += [decide(p, claims.get(p.id, nothing), directory, at, shown=shown) for p in chunk]
        await asyncio.sleep(0)
    return decisions
