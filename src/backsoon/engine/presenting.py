"""What a switchboard should show of a person: pure, from the decided stretches of their timeline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, tzinfo

from backsoon.domain.model import Availability, Layer, Phone, Rules
from backsoon.domain.phrase import Audience, seen_by, sentence, told_reason
from backsoon.domain.timeline import Stretch
from backsoon.switchboards.base import Lamp, PlannedReferral, Presentation

PLANNED = 12
"""How many coming referrals are handed to a switchboard: more than the eight that must fit, for it to choose from."""


def presentation(
    whose: Presentation, now: datetime, stretches: Iterable[Stretch], rules: Rules, zone: tzinfo
) -> Presentation:
    """What `whose`, which says who it is and shows nothing, shows at `now`;

    of `stretches`, which start at or before it, only what is needed is taken. `zone` is the one that it names.
    """
    lamp: Lamp | None = None
    plan: list[PlannedReferral] = []
    for stretch in stretches:
        if stretch.end is not None and stretch.end <= now:
            continue
        if stretch.start <= now:
            lamp = lamp_of(stretch.availability, rules, now, zone, whose.language)
        planned = planned_of(stretch, rules)
        if planned is None:
            continue
        if plan and _goes_on(plan[-1], planned):
            planned = _joined(plan.pop(), planned)
        plan.append(planned)
        if len(plan) > PLANNED:  # the last one may go on in the next stretch: it is left out, not cut short
            plan.pop()
            break
    return replace(whose, lamp=lamp, plan=tuple(plan))


def lamp_of(availability: Availability, rules: Rules, now: datetime, zone: tzinfo, language: str) -> Lamp | None:
    """What colleagues' lamps show now; None for available with nothing to tell."""
    view = seen_by(Audience.COLLEAGUE, availability, rules)
    if view.reason is not None:
        return Lamp(view.reason, sentence(view, rules, now, zone, language, Audience.COLLEAGUE))
    if not view.informing:
        return None
    text = sentence(view, rules, now, zone, language, Audience.COLLEAGUE)
    return Lamp(view.informing[0].reason, text, Phone.OPEN)


def planned_of(stretch: Stretch, rules: Rules) -> PlannedReferral | None:
    """What a call in this stretch meets; None where it just rings."""
    a = stretch.availability
    if a.reason is not None:
        reason = told_reason(a.reason, rules)
        by_hand = a.layer is Layer.OVERRIDE
        return PlannedReferral(stretch.start, stretch.end, a.back_at, reason, Phone.CLOSED, a.divert_to, by_hand)
    if a.informing:
        inform = a.informing[0]
        reason = told_reason(inform.reason, rules)
        return PlannedReferral(stretch.start, stretch.end, inform.until, reason, Phone.OPEN)
    return None


def _goes_on(one: PlannedReferral, other: PlannedReferral) -> bool:
    return one.end == other.start and one == replace(other, start=one.start, end=one.end)


def _joined(one: PlannedReferral, other: PlannedReferral) -> PlannedReferral:
    return replace(one, end=other.end)
