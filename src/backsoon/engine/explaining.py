"""Explains how somebody was, is or will be shown: what was known then, what was decided and recorded, who was told.

What is past is taken from the record, never from what is known today; where the record does not follow from what was
known, the explanation says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from backsoon.domain.errors import BacksoonError
from backsoon.domain.freshness import Age, age_of
from backsoon.domain.hours import WorkingTime
from backsoon.domain.model import AVAILABLE, Availability, Rules
from backsoon.domain.organisation import Person, SwitchboardSettings
from backsoon.domain.why import (
    Ahead,
    Claim,
    Decided,
    Explanation,
    Hand,
    Shows,
    Standing,
    Tense,
    ToldTo,
    Weighed,
    links_to_back,
    same_decision,
    standing_of,
    weigh,
)
from backsoon.engine.directory import Directory
from backsoon.engine.publisher import Publisher
from backsoon.engine.timing import Clock
from backsoon.store.base import BEGINNING, AvailabilityChange, Claims, Freshness, Grounds, KnownReferral, Store, Told
from backsoon.switchboards.base import PlannedReferral
from backsoon.switchboards.reading import read_said

KEPT = timedelta(days=30)
"""How far back is explained: so long everything is kept."""
MOMENT = timedelta(minutes=1)
"""So long deciding and recording may lag behind in a storm: what differs no longer than that is no contradiction."""


class TooLongAgo(BacksoonError):
    """The instant lies before what is kept."""

    remedy = f"ask about an instant of the last {KEPT.days} days"

    def __init__(self, at: datetime) -> None:
        self.at = at
        super().__init__(f"what was known at {at:%Y-%m-%d %H:%M} UTC is not kept any more")


class Explaining:
    """Explains people."""

    def __init__(
        self, store: Store, directory: Directory, clock: Clock, publishers: Mapping[str, Sequence[Publisher]]
    ) -> None:
        """`publishers` by organisation; none where nothing runs."""
        self._store = store
        self._directory = directory
        self._clock = clock
        self._publishers = publishers

    async def explain(self, person: Person, at: datetime | None = None) -> Explanation:
        """Why the person is shown as they are at an instant (None: now). Raises `TooLongAgo`."""
        now = self._clock.now()
        at = now if at is None else at
        if at < now - KEPT:
            raise TooLongAgo(at)
        await self._directory.prepare([person], at)
        grounds = await self._store.grounds(person.id, at)
        claims = (await self._store.claims([person.id], at)).get(person.id, Claims())
        if at < now:
            why = await self._past(person, at, now, grounds, claims)
        else:
            why = await self._from_now_on(person, at, now, grounds, claims)
        age, problem = await self._age(person, min(at, now))
        calendars = await self._store.calendars(person=person.id)
        return replace(
            why,
            passed=grounds.passed,
            standing=_standing(person, age, why),
            age=age,
            problems=(problem,) if problem and person.active and why.tense is not Tense.PAST else (),
            told=tuple([await self._told(person, each, at, why.tense) for each in await self._switchboards(person)]),
            connections={c.calendar.id: c.calendar.connection for c in calendars},
        )

    # -- what follows, and what was decided ------------------------------------------------------------------------

    async def _past(self, person: Person, at: datetime, now: datetime, grounds: Grounds, claims: Claims) -> Explanation:
        """What was recorded, with the grounds there were: they cover the instant, and later ones are those of today."""
        known = grounds.override
        hand = None
        if known is not None:
            hand = Hand(known.override, known.replaced_at, known.replaced_by, known.replaced_through)
        weighed = self._weigh(person, at, map(_claim, grounds.referrals), hand)
        decided, soon = await self._decided(person, at)
        availability = AVAILABLE if decided is None else decided.availability
        rules, working = self._rules(person), self._working(person, at)
        chain = [k.referral for k in grounds.referrals] + list(claims.referrals)
        return Explanation(
            person,
            at,
            now,
            Tense.PAST,
            availability,
            weighed.availability,
            same_decision(availability, weighed.availability),
            next((each.at for each in soon if same_decision(each.availability, weighed.availability)), None),
            weighed.winner,
            weighed.beaten,
            later=links_to_back(availability, chain, rules, working),
            decided=decided,
        )

    async def _from_now_on(
        self, person: Person, at: datetime, now: datetime, grounds: Grounds, claims: Claims
    ) -> Explanation:
        """What follows from all that is known."""
        weighed = Weighed()
        if person.active:
            known = {(k.referral.key, k.referral.resource): _claim(k) for k in grounds.referrals}
            hand = None if claims.override is None else Hand(claims.override)
            all_claims = [replace(known.get((r.key, r.resource), Claim(r)), referral=r) for r in claims.referrals]
            weighed = self._weigh(person, at, all_claims, hand)
        availability = weighed.availability
        made = Explanation(
            person,
            at,
            now,
            Tense.PRESENT if at == now else Tense.COMING,
            availability,
            availability,
            winner=weighed.winner,
            beaten=weighed.beaten,
            later=links_to_back(availability, claims.referrals, self._rules(person), self._working(person, at)),
        )
        if made.tense is Tense.COMING:
            return made
        decided, _ = await self._decided(person, now)
        recorded = AVAILABLE if decided is None else decided.availability
        agrees = same_decision(availability, recorded) or await self._just_now(person, recorded, now)
        return replace(made, decided=decided, agrees=agrees)

    async def _just_now(self, person: Person, recorded: Availability, now: datetime) -> bool:
        """Whether what is on record still followed from what was known a moment ago."""
        at = now - MOMENT
        if not person.active:
            return False
        grounds = await self._store.grounds(person.id, at)
        hand = None if grounds.override is None else Hand(grounds.override.override)
        before = self._weigh(person, at, map(_claim, grounds.referrals), hand)
        return same_decision(before.availability, recorded)

    def _weigh(self, person: Person, at: datetime, claims: Iterable[Claim], hand: Hand | None) -> Weighed:
        return weigh(at, claims, hand, self._rules(person), self._working(person, at))

    def _rules(self, person: Person) -> Rules:
        return self._directory.organisation_of(person).rules

    def _working(self, person: Person, at: datetime) -> WorkingTime:
        return self._directory.working_time_of(person, at)

    async def _decided(self, person: Person, at: datetime) -> tuple[Decided | None, Sequence[AvailabilityChange]]:
        """The decision on record that held at the instant (None: there is none), and those of the moment after."""
        changes = await self._store.history(person.id, at, at + MOMENT)
        held, soon = [c for c in changes if c.at <= at], [c for c in changes if c.at > at]
        if not held:
            return None, soon
        last = held[-1]
        decided = Decided(last.availability, last.at, last.recorded_at, last.trigger.value, last.by, last.through)
        return decided, soon

    async def _age(self, person: Person, at: datetime) -> tuple[Age, str]:
        fresh = (await self._store.freshness([person.id])).get(person.id, Freshness())
        return age_of(fresh.calendars, fresh.confirmed_at, at, self._rules(person).confirmed_within), fresh.problem

    # -- what switchboards were told -------------------------------------------------------------------------------

    async def _switchboards(self, person: Person) -> tuple[SwitchboardSettings, ...]:
        return await self._store.switchboards(person.organisation)

    async def _told(self, person: Person, settings: SwitchboardSettings, at: datetime, tense: Tense) -> ToldTo:
        holds: Told | None = None
        if tense is not Tense.PAST:
            holds = await self._held(person, settings)
        made = ToldTo(settings.name, Shows.AHEAD)
        if tense is not Tense.COMING:
            made = await self._lamp(person, settings, at, holds)
        if holds is not None:
            made = _with_plan(made, read_said(settings.kind, "", holds.plan).plan, at)
        return made if tense is Tense.PAST else replace(made, problem=self._problem(person, settings))

    async def _held(self, person: Person, settings: SwitchboardSettings) -> Told | None:
        told = await self._store.told(person.organisation, settings.name, [person.extension])
        return told.get(person.extension)

    async def _lamp(self, person: Person, settings: SwitchboardSettings, at: datetime, holds: Told | None) -> ToldTo:
        """What the lamp had been told; where the record begins later than that, what is known to be held now."""
        last = await self._store.lamps_told(person.organisation, settings.name, person.extension, at)
        if last is None:
            held = holds or (await self._held(person, settings))
            last = held if held is not None and held.lamp and held.at <= at else None
        if last is None:
            since = await self._store.held_since(person.organisation, person.extension)
            return ToldTo(settings.name, Shows.UNKNOWN if since is not None and at < since else Shows.NEVER)
        lamp = read_said(settings.kind, last.lamp, "").lamp
        if lamp is None:
            return ToldTo(settings.name, Shows.OUT, last.at)
        return ToldTo(settings.name, Shows.LAMP, last.at, lamp.reason, lamp.text)

    def _problem(self, person: Person, settings: SwitchboardSettings) -> str:
        """What is wrong with the switchboard now, as far as it is this person's business."""
        for publisher in self._publishers.get(person.organisation, ()):
            if publisher.settings.name == settings.name:
                health = publisher.health
                return health.problem or health.refused.get(person.extension, "")
        return ""


def _claim(known: KnownReferral) -> Claim:
    return Claim(known.referral, known.known_from if known.known_from > BEGINNING else None, known.known_to)


def _with_plan(told: ToldTo, plan: Sequence[PlannedReferral], at: datetime) -> ToldTo:
    for planned in plan:
        if planned.start <= at and (planned.end is None or at < planned.end):
            return replace(told, planned=Ahead(planned.start, planned.end, planned.reason))
    return told


def _standing(person: Person, age: Age, why: Explanation) -> tuple[Standing, ...]:
    """What is so now tells of the past only what must have been so then. Nobody knows since when somebody is switched
    off: that they are is told of the past only where it may be why they were not shown as their entries have it."""
    if why.tense is not Tense.PAST:
        return standing_of(person.active, age)
    if not person.active:
        return () if why.agrees or why.availability.referred else (Standing.INACTIVE,)
    return tuple(each for each in standing_of(True, age) if each is not Standing.NO_CALENDARS)
