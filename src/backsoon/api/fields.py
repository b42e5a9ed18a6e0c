"""Which field of an answer each audience gets: the one table. What is not theirs is null, a list empty.

Whose words, notes and reasons an audience may know within these fields is decided by `domain.phrase.seen_by`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backsoon.domain.phrase import Audience

Json = dict[str, Any]
Seers = frozenset[Audience]

EVERYBODY: Seers = frozenset(Audience)
INSIDERS: Seers = EVERYBODY - {Audience.CALLER}
WATCHERS: Seers = frozenset({Audience.ATTENDANT, Audience.PERSON, Audience.ADMINISTRATOR})
"""Who may look at other instants than now, and who learns what was set by whom."""
ANSWERING: Seers = frozenset({Audience.ATTENDANT, Audience.PERSON})
"""Who answers for somebody, to callers or as that person: they see the grounds."""
OWNING: Seers = frozenset({Audience.PERSON, Audience.ADMINISTRATOR})

PERSON: Mapping[str, Seers] = {
    "id": INSIDERS,
    "organisation": INSIDERS,
    "extension": EVERYBODY,
    "name": EVERYBODY,
    "email": INSIDERS,
    "department": INSIDERS,
    "title": INSIDERS,
    "zone": WATCHERS,
    "language": WATCHERS,
    "country": OWNING,
    "keywords": OWNING,
    "active": WATCHERS,
    "deputy": INSIDERS,
    "ring_through": OWNING,
    "competences": INSIDERS,
}
AVAILABILITY: Mapping[str, Seers] = {
    "state": EVERYBODY,
    "reason": EVERYBODY,
    "words": EVERYBODY,
    "until": INSIDERS,
    "back_at": EVERYBODY,
    "note": INSIDERS,
    "by_hand": WATCHERS,
    "informing": INSIDERS,
    "upcoming": ANSWERING,
}
FRESHNESS: Mapping[str, Seers] = {
    "calendars": INSIDERS,
    "confirmed_at": INSIDERS,
    "unconfirmed_since": INSIDERS,
    "unconfirmed": INSIDERS,
}
SHOWN: Mapping[str, Seers] = {
    "person": EVERYBODY,
    "at": EVERYBODY,
    "availability": EVERYBODY,
    "next_change": WATCHERS,
    "follows": ANSWERING,
    "divert_to": ANSWERING,
    "override": WATCHERS,
    "entry": ANSWERING,
    "problems": WATCHERS,
    **FRESHNESS,
}
ROW: Mapping[str, Seers] = {
    "person": EVERYBODY,
    "lamp": EVERYBODY,
    "availability": EVERYBODY,
    "problem": WATCHERS,
    **FRESHNESS,
}
"""What a lamp may tell each audience follows from what their row tells them: see `api.lamps`."""
CHANGE: Mapping[str, Seers] = {
    "person": EVERYBODY,
    "at": EVERYBODY,
    "recorded_at": INSIDERS,
    "trigger": WATCHERS,
    "by": WATCHERS,
    "through": WATCHERS,
    "availability": EVERYBODY,
}


def seen(table: Mapping[str, Seers], audience: Audience, values: Json) -> Json:
    """The values with those nulled that are not for the audience. A field that the table lacks is a `KeyError`."""
    return {name: value if audience in table[name] else _nothing(value) for name, value in values.items()}


def _nothing(value: object) -> object:
    return [] if isinstance(value, list) else None
