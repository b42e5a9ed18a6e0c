"""Why a person is shown as they are at an instant: their claims weighed, what beat what and by which ground. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from backsoon.domain.freshness import Age
from backsoon.domain.hours import WorkingTime
from backsoon.domain.model import (
    AVAILABLE,
    LATEST,
    Availability,
    CalendarReferral,
    EntryKey,
    Override,
    PassedOver,
    Phone,
    Rules,
)
from backsoon.domain.organisation import Person
from backsoon.domain.timeline import Timeline, united

_STEPS = 200
"""The most links of the chain from until to back-at that are told."""


class Tense(StrEnum):
    """Where the instant lies, seen from when the question was asked."""

    PAST = "past"
    PRESENT = "present"
    COMING = "coming"


class Ground(StrEnum):
    """By which ground a claim that covers the instant does not decide."""

    BY_HAND = "by_hand"
    """Somebody referred the person by hand: manual always wins."""
    AVAILABLE_BY_HAND = "available_by_hand"
    """Somebody said by hand that the person is available."""
    PRIORITY = "priority"
    """The winner's reason has the higher priority."""
    LATER_START = "later_start"
    """The winner starts later, of two reasons of one priority."""
    ORDER = "order"
    """Equal in all that counts: the winner comes later in the order of calendars and uids, so that one wins always."""
    INFORM_ONLY = "inform_only"
    """It is shown beside, and keeps no call away."""
    RANK = "rank"
    """By priority, start or order, to those whom it is not told: one of the two reasons is kept from them, and every
    reason's priority is in the settings."""
    COPY = "copy"
    """The same entry is in another calendar, or another item, too: that one counts."""


class Wait(StrEnum):
    """Why back-at is later than until."""

    CHAINED = "chained"
    """Another entry runs then, or begins so soon that the pause does not count."""
    OUTSIDE_HOURS = "outside_hours"
    HOLIDAY = "holiday"
    """A public holiday keeps work from starting sooner."""
    UNKNOWN = "unknown"
    """What led there is not known any more."""


class Standing(StrEnum):
    """What else keeps an answer from resting on calendars."""

    INACTIVE = "inactive"
    """Switched off by name."""
    NO_CALENDARS = "no_calendars"
    UNREAD = "unread"
    """A calendar was never read whole."""
    UNCONFIRMED = "unconfirmed"
    """A calendar was not read for too long."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A calendar referral, and from when to when it was known so; `known_from` None: nobody knows, `known_to` None: it
    still is."""

    referral: CalendarReferral
    known_from: datetime | None = None
    known_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hand:
    """An override, and from when on it held no more because it was replaced or taken back (None: it was not)."""

    override: Override
    replaced_at: datetime | None = None
    replaced_by: str = ""
    replaced_through: str = ""


@dataclass(frozen=True, slots=True)
class Beaten:
    """A claim that covers the instant and does not decide. `over` is the copy that counts in its place."""

    claim: Claim
    ground: Ground
    over: CalendarReferral | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """One link from until to back-at: nobody is back from `start`, but at `end` at the earliest. `claim` is what is
    chained there."""

    wait: Wait
    start: datetime
    end: datetime
    claim: CalendarReferral | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """Claims at an instant: what follows from them, which one decided (None: none), which did not."""

    availability: Availability = AVAILABLE
    winner: Claim | Hand | None = None
    beaten: tuple[Beaten, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """What was recorded: the decision that held, from when on, when it was made, what made it."""

    availability: Availability
    at: datetime
    recorded_at: datetime
    trigger: str
    by: str = ""
    through: str = ""


class Shows(StrEnum):
    """What a switchboard had been told of somebody's lamp at an instant."""

    LAMP = "lamp"
    OUT = "out"
    """To show nothing any more."""
    NEVER = "never"
    """It had been told nothing."""
    UNKNOWN = "unknown"
    """Nobody knows any more."""
    AHEAD = "ahead"
    """The instant is to come: only what is written ahead says something."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """A referral that a switchboard has in advance, `[start, end)`; `end` None: until further notice."""

    start: datetime
    end: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class ToldTo:
    """What one switchboard had been told about the person's extension at an instant, and when.

    `reason` and `text` are what the lamp shows, "" for none. `planned` is the referral written ahead that covers the
    instant, `problem` what is wrong with the switchboard now.
    """

    switchboard: str
    shows: Shows
    at: datetime | None = None
    reason: str = ""
    text: str = ""
    planned: Ahead | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a person was, is or will be shown as they are at an instant.

    `availability` is what was recorded in the past, what holds now, or what is to come by all that is known. `winner`
    and `beaten` are what follows from the claims; where that is not what was recorded, `agrees` is False and `weighed`
    what follows, which was decided at `caught_up_at` where that came a moment later. `connections` names the connection
    of each calendar that there is.
    """

    person: Person
    at: datetime
    now: datetime
    tense: Tense
    availability: Availability
    weighed: Availability
    agrees: bool = True
    caught_up_at: datetime | None = None
    winner: Claim | Hand | None = None
    beaten: tuple[Beaten, ...] = ()
    passed: tuple[PassedOver, ...] = ()
    later: tuple[Later, ...] = ()
    standing: tuple[Standing, ...] = ()
    age: Age = field(default_factory=Age)
    problems: tuple[str, ...] = ()
    decided: Decided | None = None
    told: tuple[ToldTo, ...] = ()
    connections: Mapping[int, str] = field(default_factory=dict)

    @property
    def counts_otherwise(self) -> frozenset[EntryKey]:
        """Entries passed over that refer all the same, by their show-as."""
        claims = [b.claim for b in self.beaten] + ([self.winner] if isinstance(self.winner, Claim) else [])
        return frozenset(c.referral.key for c in claims) & {p.key for p in self.passed}


def weigh(at: datetime, claims: Iterable[Claim], hand: Hand | None, rules: Rules, working: WorkingTime) -> Weighed:
    """What the claims come to at an instant, and by which grounds.

    Its availability is that of `Timeline.at`; the order of claims does not matter. `hand` counts where it covers the
    instant.
    """
    known = {c.referral: c for c in claims}
    counted = united(known, rules.reasons)
    override = None if hand is None else hand.override
    availability = Timeline(counted, rules, override, working).at(at)
    winner = _winner(at, availability, counted, hand)
    counts = {(r.key.uid, r.key.recurrence_id): r for r in counted}
    beaten = [
        _beaten(claim, winner, counts[claim.referral.key.uid, claim.referral.key.recurrence_id], rules)
        for claim in known.values()
        if claim.referral.span.covers(at) and claim.referral != winner
    ]
    beaten.sort(key=lambda b: (b.claim.referral.span, b.claim.referral.key, repr(b.claim.referral)))
    decider = known[winner] if isinstance(winner, CalendarReferral) else winner
    return Weighed(availability, decider, tuple(beaten))


def _winner(
    at: datetime, availability: Availability, counted: Sequence[CalendarReferral], hand: Hand | None
) -> CalendarReferral | Hand | None:
    if hand is not None and hand.override.covers(at):
        return hand
    return next((r for r in counted if r.key == availability.key), None)  # of those counted each has its own key


def _beaten(claim: Claim, winner: CalendarReferral | Hand | None, counts: CalendarReferral, rules: Rules) -> Beaten:
    if counts != claim.referral:
        return Beaten(claim, Ground.COPY, counts)
    if isinstance(winner, Hand) and winner.override.reason is not None:
        return Beaten(claim, Ground.BY_HAND)
    if claim.referral.phone is Phone.OPEN:
        return Beaten(claim, Ground.INFORM_ONLY)
    return Beaten(claim, _ground(claim.referral, winner, rules))


def _ground(referral: CalendarReferral, winner: CalendarReferral | Hand | None, rules: Rules) -> Ground:
    if not isinstance(winner, CalendarReferral):
        return Ground.AVAILABLE_BY_HAND
    if _priority(referral, rules) < _priority(winner, rules):
        return Ground.PRIORITY
    return Ground.LATER_START if referral.span.start < winner.span.start else Ground.ORDER


def _priority(referral: CalendarReferral, rules: Rules) -> int:
    reason = rules.reasons.get(referral.reason)
    return 0 if reason is None else reason.priority


def links_to_back(
    availability: Availability, referrals: Iterable[CalendarReferral], rules: Rules, working: WorkingTime
) -> tuple[Later, ...]:
    """Why somebody is back later than their referral ends: one link after the other, from until to back-at.

    `referrals` are all that are known; where they do not lead to back-at the last link is `Wait.UNKNOWN`. Where back-at
    is None though the referral ends, the last link ends at `LATEST`.
    """
    until, back = availability.until, availability.back_at
    if until is None or not availability.referred:
        return ()
    closed = [r for r in united(referrals, rules.reasons) if r.phone is Phone.CLOSED]
    links: list[Later] = []
    target = LATEST if back is None else back
    while until < target and len(links) < _STEPS:
        link = _link(until, closed, rules, working)
        if link is None or link.end > target:
            links.append(Later(Wait.UNKNOWN, until, target))
            break
        links.append(link)
        until = link.end
    return tuple(links)


def _link(at: datetime, closed: Sequence[CalendarReferral], rules: Rules, working: WorkingTime) -> Later | None:
    """What keeps somebody from being back at an instant."""
    near = [r for r in closed if r.span.end > at and (r.span.start <= at or r.span.start - at < rules.chain_gap)]
    if near:
        furthest = max(near, key=lambda r: (r.span.end, r.key))
        return Later(Wait.CHAINED, at, furthest.span.end, furthest)
    start = working.next_start(at)
    if start == at:
        return None
    usual = replace(working, holidays=frozenset()).next_start(at)
    return Later(Wait.OUTSIDE_HOURS if usual == start else Wait.HOLIDAY, at, start)


def standing_of(active: bool, age: Age) -> tuple[Standing, ...]:
    """What keeps answers about somebody from resting on calendars that were just read."""
    if not active:
        return (Standing.INACTIVE,)
    if not age.calendars:
        return (Standing.NO_CALENDARS,)
    if age.unread:
        return (Standing.UNREAD,)
    return () if age.unconfirmed_since is None else (Standing.UNCONFIRMED,)


def same_decision(one: Availability, other: Availability) -> bool:
    """Whether two decisions are one in what counts at their instant: reason, layer, entry, what informs."""
    return _gist(one) == _gist(other)


def _gist(availability: Availability) -> tuple[object, ...]:
    informing = tuple(i.reason for i in availability.informing)
    return availability.reason, availability.layer, availability.key, availability.divert_to, informing
