"""What the API says of people, in plain JSON values: as much as an audience may know. Instants in UTC, ending in Z."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from backsoon.api import fields
from backsoon.api.follows import follows_view
from backsoon.domain.freshness import Age, age_words
from backsoon.domain.model import Availability, EntryKey, Informing, Override, Upcoming
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience, reason_words, seen_by, sentence
from backsoon.domain.timeline import Stretch
from backsoon.engine.directory import Directory
from backsoon.engine.service import Shown
from backsoon.store.base import AvailabilityChange

Json = dict[str, Any]


def instant(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def person_view(person: Person, audience: Audience) -> Json:
    """Who somebody is. Empty zone and language: as the organisation has them."""
    return fields.seen(
        fields.PERSON,
        audience,
        {
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
            "deputy": person.deputy,
            "ring_through": list(person.ring_through),
            "competences": list(person.competences),
        },
    )


def resolved_view(person: Person, directory: Directory, audience: Audience) -> Json:
    """The same with the zone and language that count for them."""
    found = replace(person, zone=directory.zone_of(person).key, language=directory.language_of(person))
    return person_view(found, audience)


def availability_view(
    person: Person,
    availability: Availability,
    at: datetime,
    directory: Directory,
    audience: Audience,
    language: str | None = None,
) -> Json:
    """What the audience may know of somebody at an instant; `words` is one line, in the person's language where none is
    given."""
    rules = directory.organisation_of(person).rules
    language = language or directory.language_of(person)
    view = seen_by(audience, availability, rules)

    def words(code: str) -> str:
        return reason_words(code, rules, language, audience)

    values = {
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
    return fields.seen(fields.AVAILABILITY, audience, values)


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


def freshness_view(
    person: Person, age: Age, at: datetime, directory: Directory, audience: Audience, language: str | None = None
) -> Json:
    """How many calendars, when they were last confirmed, since when they are not any more (null while they are), and
    that in words (`unconfirmed`, null while there is nothing to say)."""
    words = age_words(age, at, directory.zone_of(person), language or directory.language_of(person))
    values = {
        "calendars": age.calendars,
        "confirmed_at": instant(age.confirmed_at),
        "unconfirmed_since": instant(age.unconfirmed_since),
        "unconfirmed": words or None,
    }
    return fields.seen(fields.FRESHNESS, audience, values)


def shown_view(shown: Shown, directory: Directory, audience: Audience, language: str | None = None) -> Json:
    """One person as they stand at an instant; for attendants and themselves also why: the override, or the entry."""
    person, at, availability = shown.person, shown.at, shown.availability
    values = {
        "person": resolved_view(person, directory, audience),
        "at": instant(at),
        "availability": availability_view(person, availability, at, directory, audience, language),
        "next_change": instant(shown.next_change),
        "follows": follows_view(shown, directory, audience, language),
        "divert_to": availability.divert_to or None,
        "override": None if shown.override is None else _override(shown.override),
        "entry": None if availability.key is None else _entry(availability.key),
        **freshness_view(person, shown.age, at, directory, audience, language),
        "problems": list(shown.problems),
    }
    return fields.seen(fields.SHOWN, audience, values)


def timeline_view(
    person: Person, stretches: Iterable[Stretch], directory: Directory, audience: Audience, language: str | None = None
) -> list[Json]:
    """The decisions about somebody, one after the other; `end` null: no change is known after it."""
    return [
        {
            "start": instant(stretch.start),
            "end": instant(stretch.end),
            "availability": availability_view(
                person, stretch.availability, stretch.start, directory, audience, language
            ),
        }
        for stretch in stretches
    ]


def _override(override: Override) -> Json:
    return {
        "since": instant(override.start),
        "until": instant(override.end),
        "by": override.by or None,
        "through": override.through or None,
    }


def _entry(key: EntryKey) -> Json:
    return {"calendar": key.calendar, "uid": key.uid, "recurrence_id": key.recurrence_id or None}


def change_view(
    person: Person, change: AvailabilityChange, directory: Directory, audience: Audience, language: str | None = None
) -> Json:
    """One change of availability, as an event."""
    values = {
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
        "availability": availability_view(person, change.availability, change.at, directory, audience, language),
    }
    return fields.seen(fields.CHANGE, audience, values)
