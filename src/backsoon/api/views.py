"""What the API says of people, in plain JSON values: as much as an audience may know. Instants in UTC, ending in Z."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from backsoon.domain.freshness import Age, age_words
from backsoon.domain.model import Availability, EntryKey, Informing, Override, Upcoming
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience, reason_words, seen_by, sentence
from backsoon.engine.directory import Directory
from backsoon.engine.service import Shown
from backsoon.store.base import AvailabilityChange

Json = dict[str, Any]


def instant(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def person_view(person: Person) -> Json:
    """Who somebody is."""
    return {
        "id": person.id,
        "organisation": person.organisation,
        "extension": person.extension,
        "name": person.name,
        "email": person.email,
        "department": person.department,
        "title": person.title,
        "zone": person.zone,
        "language": person.language,
        "country": person.country,
        "keywords": dict(person.keywords),
        "active": person.active,
    }


def availability_view(
    person: Person, availability: Availability, at: datetime, directory: Directory, audience: Audience
) -> Json:
    """What the audience may know of somebody at an instant; `words` is one line in the person's language."""
    rules = directory.organisation_of(person).rules
    language = directory.language_of(person)
    view = seen_by(audience, availability, rules)

    def words(code: str) -> str:
        return reason_words(code, rules, language, audience)

    return {
        "state": "available" if view.reason is None else "referred",
        "reason": view.reason,
        "words": sentence(view, rules, at, directory.zone_of(person), language, audience),
        "until": instant(view.until),
        "back_at": instant(view.back_at),
        "note": view.note or None,
        "by_hand": availability.layer == "override",
        "informing": [_informing(i, words(i.reason)) for i in view.informing],
        "upcoming": None if view.upcoming is None else _upcoming(view.upcoming, words(view.upcoming.reason), at),
    }


def _informing(informing: Informing, words: str) -> Json:
    return {
        "reason": informing.reason,
        "words": words,
        "until": instant(informing.until),
        "note": informing.note or None,
    }


def _upcoming(upcoming: Upcoming, words: str, at: datetime) -> Json:
    return {
        "reason": upcoming.reason,
        "words": words,
        "start": instant(upcoming.start),
        "end": instant(upcoming.end),
        "minutes": -((at - upcoming.start) // timedelta(minutes=1)),
        "note": upcoming.note or None,
    }


def freshness_view(person: Person, age: Age, at: datetime, directory: Directory) -> Json:
    """How many calendars, when they were last confirmed, since when they are not any more (null while they are), and
    that in the person's language (`unconfirmed`, null while there is nothing to say)."""
    words = age_words(age, at, directory.zone_of(person), directory.language_of(person))
    return {
        "calendars": age.calendars,
        "confirmed_at": instant(age.confirmed_at),
        "unconfirmed_since": instant(age.unconfirmed_since),
        "unconfirmed": words or None,
    }


def shown_view(shown: Shown, directory: Directory, audience: Audience) -> Json:
    """One person as they stand at an instant; for attendants and themselves also why: the override, or the entry."""
    availability = shown.availability
    why = audience in (Audience.ATTENDANT, Audience.PERSON)
    return {
        "person": {
            **person_view(shown.person),
            "zone": directory.zone_of(shown.person).key,
            "language": directory.language_of(shown.person),
        },
        "at": instant(shown.at),
        "availability": availability_view(shown.person, availability, shown.at, directory, audience),
        "next_change": instant(shown.next_change),
        "divert_to": (availability.divert_to or None) if why else None,
        "override": _override(shown.override) if why and shown.override is not None else None,
        "entry": _entry(availability.key) if why and availability.key is not None else None,
        **freshness_view(shown.person, shown.age, shown.at, directory),
        "problems": list(shown.problems),
    }


def _override(override: Override) -> Json:
    return {
        "since": instant(override.start),
        "until": instant(override.end),
        "by": override.by or None,
        "through": override.through or None,
    }


def _entry(key: EntryKey) -> Json:
    return {"calendar": key.calendar, "uid": key.uid, "recurrence_id": key.recurrence_id or None}


def change_view(person: Person, change: AvailabilityChange, directory: Directory, audience: Audience) -> Json:
    """One change of availability, as an event."""
    return {
        "person": {
            "id": person.id,
            "organisation": person.organisation,
            "extension": person.extension,
            "name": person.name,
        },
        "at": instant(change.at),
        "recorded_at": instant(change.recorded_at),
        "trigger": change.trigger.value,
        "by": change.by or None,
        "through": change.through or None,
        "availability": availability_view(person, change.availability, change.at, directory, audience),
    }
