"""One letter that says how somebody stands: what a list of everybody shows of each, where their row would be too much.

A lamp tells no audience more than the row does: which facts count for whom is read off `api.fields`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from backsoon.api import fields
from backsoon.domain.freshness import age_of
from backsoon.domain.model import Availability, Layer
from backsoon.domain.phrase import Audience
from backsoon.store.base import Freshness


class Lamp(StrEnum):
    """How somebody stands, in one letter. Where several are true, the first of these counts."""

    BY_HAND = "h"
    """Referred, and somebody has set that by hand."""
    REFERRED = "r"
    """Referred: by the calendar, or nobody may know by what."""
    UNCONFIRMED = "u"
    """Not referred as far as is known, and that is not confirmed: never simply available."""
    SOON = "s"
    """Available, and a referral begins within the warning time."""
    INFORMING = "i"
    """Available, and something is said beside it."""
    AVAILABLE = "a"


_REFERRED, _BY_HAND, UNCONFIRMED, _SOON, _INFORMING = 1, 2, 4, 8, 16
_ALL = 32
Facts = int
"""What lamps are made of, as bits."""


def facts_of(availability: Availability, unconfirmed: bool) -> Facts:
    """All that may be known of somebody, before it is asked by whom."""
    return (
        (_REFERRED if availability.referred else 0)
        | (_BY_HAND if availability.layer is Layer.OVERRIDE else 0)
        | (UNCONFIRMED if unconfirmed else 0)
        | (_SOON if availability.upcoming is not None else 0)
        | (_INFORMING if availability.informing else 0)
    )


def unconfirmed(fresh: Freshness, now: datetime, within: timedelta) -> bool:
    """Whether a row would say that calendars are not confirmed, or not read yet."""
    return not age_of(fresh.calendars, fresh.confirmed_at, now, within).known


def _lamp(facts: Facts, audience: Audience) -> Lamp:
    if facts & _REFERRED:
        by_hand = facts & _BY_HAND and audience in fields.AVAILABILITY["by_hand"]
        return Lamp.BY_HAND if by_hand else Lamp.REFERRED
    if facts & UNCONFIRMED and audience in fields.FRESHNESS["unconfirmed"]:
        return Lamp.UNCONFIRMED
    if facts & _SOON and audience in fields.AVAILABILITY["upcoming"]:
        return Lamp.SOON
    informing = facts & _INFORMING and audience in fields.AVAILABILITY["informing"]
    return Lamp.INFORMING if informing else Lamp.AVAILABLE


LAMPS: Mapping[Audience, tuple[Lamp, ...]] = {
    audience: tuple(_lamp(facts, audience) for facts in range(_ALL)) for audience in Audience
}
"""By audience, the lamp for any facts: a list of everybody is a look-up for each."""


def lamp_of(availability: Availability, unconfirmed: bool, audience: Audience) -> Lamp:
    """The lamp that the audience sees."""
    return LAMPS[audience][facts_of(availability, unconfirmed)]
