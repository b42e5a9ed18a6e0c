"""Explanations agree with the decision, whatever the claims: each a property."""

from __future__ import annotations

from datetime import date, datetime
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.defaults import REASONS
from backsoon.domain.hours import OFFICE, WorkingTime
from backsoon.domain.model import LATEST, CalendarReferral, Layer, Override, Phone, Rules, known_end
from backsoon.domain.timeline import Timeline, united
from backsoon.domain.why import Claim, Ground, Hand, Wait, links_to_back, weigh
from tests.properties.test_invariants import RULES, STOCKHOLM, WORKING, instants, many_claims, maybe_override

HOLIDAY = WorkingTime(OFFICE, STOCKHOLM, frozenset({date(2026, 10, 26)}))
workings = st.sampled_from([WORKING, HOLIDAY])


def hand(override: Override | None) -> Hand | None:
    return None if override is None else Hand(override)


def known(claims: list[CalendarReferral]) -> list[Claim]:
    return [Claim(c) for c in claims]


@given(many_claims, maybe_override, instants, workings)
def test_the_winner_is_what_the_timeline_decided(
    claims: list[CalendarReferral], override: Override | None, at: datetime, working: WorkingTime
) -> None:
    decided = Timeline(claims, RULES, override, working).at(at)
    weighed = weigh(at, known(claims), hand(override), RULES, working)
    assert weighed.availability == decided
    if decided.layer is Layer.OVERRIDE:
        assert weighed.winner == Hand(override) if override is not None else False
    elif decided.layer is Layer.CALENDAR:
        assert isinstance(weighed.winner, Claim)
        referral = weighed.winner.referral
        assert (referral.key, referral.reason, referral.note) == (decided.key, decided.reason, decided.note)
        assert known_end(referral.span.end) == decided.until
        assert referral.span.covers(at)
    else:
        assert weighed.winner is None


@given(many_claims, maybe_override, instants)
def test_every_claim_at_the_instant_won_or_was_beaten_by_a_ground_that_holds(
    claims: list[CalendarReferral], override: Override | None, at: datetime
) -> None:
    weighed = weigh(at, known(claims), hand(override), RULES, WORKING)
    running = {c for c in claims if c.span.covers(at)}
    won = {weighed.winner.referral} if isinstance(weighed.winner, Claim) else set()
    lost = [b.claim.referral for b in weighed.beaten]
    assert won | set(lost) == running
    assert len(lost) == len(set(lost) - won)
    counted = united(claims, REASONS)
    for beaten in weighed.beaten:
        loser, winner = beaten.claim.referral, weighed.winner
        assert (beaten.ground is Ground.COPY) == (loser not in counted)
        assert (beaten.over is not None) == (beaten.ground is Ground.COPY)
        if beaten.ground in (Ground.PRIORITY, Ground.LATER_START, Ground.ORDER):
            assert isinstance(winner, Claim)
            ranks = [
                (RULES.reasons[r.reason].priority if r.reason in RULES.reasons else 0, r.span.start, r.key)
                for r in (loser, winner.referral)
            ]
            place = {Ground.PRIORITY: 0, Ground.LATER_START: 1, Ground.ORDER: 2}[beaten.ground]
            assert ranks[0][:place] == ranks[1][:place]
            assert ranks[0][place] < ranks[1][place]  # type: ignore[operator]
        elif beaten.ground is Ground.INFORM_ONLY:
            assert loser.phone is Phone.OPEN
        elif beaten.ground is not Ground.COPY:
            assert isinstance(winner, Hand)
            assert (winner.override.reason is None) == (beaten.ground is Ground.AVAILABLE_BY_HAND)


@given(many_claims, maybe_override, instants, st.randoms(use_true_random=False))
def test_the_order_of_claims_does_not_matter(
    claims: list[CalendarReferral], override: Override | None, at: datetime, chance: Random
) -> None:
    shuffled = known(claims) * 2
    chance.shuffle(shuffled)
    assert weigh(at, shuffled, hand(override), RULES, WORKING) == weigh(
        at, known(claims), hand(override), RULES, WORKING
    )


@given(many_claims, maybe_override, instants, workings, st.sampled_from([RULES, Rules({}, {})]))
def test_the_links_lead_from_until_to_back_at(
    claims: list[CalendarReferral], override: Override | None, at: datetime, working: WorkingTime, rules: Rules
) -> None:
    decided = Timeline(claims, rules, override, working).at(at)
    links = links_to_back(decided, claims, rules, working)
    if not decided.referred or decided.until is None:
        assert links == ()
        return
    here = decided.until
    for link in links:
        assert link.wait is not Wait.UNKNOWN
        assert (link.claim is not None) == (link.wait is Wait.CHAINED)
        assert link.start == here
        assert link.end > link.start
        here = link.end
    assert here == (decided.back_at or LATEST)
