"""Who sees what, and in which words: an availability as callers, colleagues, attendants and the person may know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from backsoon.domain.defaults import NOT_AVAILABLE, REASONS
from backsoon.domain.model import Availability, Informing, Reason, Rules, Upcoming


class Audience(StrEnum):
    """Who is looking."""

    CALLER = "caller"
    COLLEAGUE = "colleague"
    ATTENDANT = "attendant"
    PERSON = "person"
    ADMINISTRATOR = "administrator"
    """Runs Backsoon: sees what a colleague sees, and nobody's notes."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language. A third language is one more of these."""

    available: str
    back: str
    until_further_notice: str
    coming: str
    unconfirmed: str
    unread: str
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    day_month: str = "{day} {month}"


LANGUAGES: dict[str, Words] = {
    "en": Words(
        available="Available",
        back="back {when}",
        until_further_notice="until further notice",
        coming="{reason} in {minutes} min",
        unconfirmed="not confirmed since {when}",
        unread="not read yet",
        weekdays=tuple(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
        months=tuple(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]),
    ),
    "sv": Words(
        available="Anträffbar",
        back="åter {when}",
        until_further_notice="tills vidare",
        coming="{reason} om {minutes} min",
        unconfirmed="inte bekräftad sedan {when}",
        unread="inte läst än",
        weekdays=tuple(["mån", "tis", "ons", "tors", "fre", "lör", "sön"]),
        months=tuple(["jan", "feb", "mars", "apr", "maj", "juni", "juli", "aug", "sep", "okt", "nov", "dec"]),
    ),
}


@dataclass(frozen=True, slots=True)
class View:
    """What one audience may know. `reason` is a code, the neutral one where the true one is sensitive."""

    reason: str | None
    until: datetime | None
    back_at: datetime | None
    note: str = ""
    informing: tuple[Informing, ...] = ()
    upcoming: Upcoming | None = None


def seen_by(audience: Audience, availability: Availability, rules: Rules) -> View:
    """The availability as the audience may see it."""
    if audience is Audience.PERSON:
        a = availability
        return View(a.reason, a.until, a.back_at, a.note, a.informing, a.upcoming)
    caller = audience is Audience.CALLER
    reason = availability.reason
    return View(
        reason=None if reason is None else told_reason(reason, rules),
        until=None if caller else availability.until,
        back_at=availability.back_at,
        note="" if reason is None else _note(audience, reason, availability.note, rules),
        informing=() if caller else tuple(_informing(audience, i, rules) for i in availability.informing),
        upcoming=_upcoming(availability.upcoming, rules) if audience is Audience.ATTENDANT else None,
    )


def _note(audience: Audience, reason: str, note: str, rules: Rules) -> str:
    """The note as the audience may see it: colleagues never that of a reason which is kept from them."""
    if audience is Audience.COLLEAGUE:
        return note if rules.notes_for_colleagues and told_reason(reason, rules) == reason else ""
    return note if audience is Audience.ATTENDANT and rules.notes_for_attendants else ""


def _informing(audience: Audience, informing: Informing, rules: Rules) -> Informing:
    note = _note(audience, informing.reason, informing.note, rules)
    return Informing(told_reason(informing.reason, rules), informing.until, note)


def _upcoming(upcoming: Upcoming | None, rules: Rules) -> Upcoming | None:
    if upcoming is None:
        return None
    note = _note(Audience.ATTENDANT, upcoming.reason, upcoming.note, rules)
    return Upcoming(upcoming.start, upcoming.end, told_reason(upcoming.reason, rules), note)


def told_reason(code: str, rules: Rules) -> str:
    """The reason that others may know: the neutral one for what is sensitive or no longer in the settings."""
    reason = rules.reasons.get(code)
    return NOT_AVAILABLE if reason is None or reason.sensitive else code


def language_of(tag: str) -> str:
    """The language of the catalogue that serves a BCP 47 tag: `sv-FI` is read by `sv`; English where there is none."""
    primary = _primary(tag)
    return primary if primary in LANGUAGES else "en"


def _primary(tag: str) -> str:
    return tag.replace("_", "-").split("-", 1)[0].lower()


def reason_words(code: str | None, rules: Rules, language: str, audience: Audience) -> str:
    """A reason in words: `In a meeting`. None is "Available". Callers get the outsiders' words where there are some.

    Whoever it is not told to gets the neutral words, whatever code is given.
    """
    if code is None:
        return LANGUAGES[language_of(language)].available
    if audience is not Audience.PERSON:
        code = told_reason(code, rules)
    reason = rules.reasons.get(code) or REASONS[NOT_AVAILABLE]
    return _label(reason, language, outside=audience is Audience.CALLER)


def _label(reason: Reason, language: str, *, outside: bool) -> str:
    tables = (reason.outside, reason.labels) if outside else (reason.labels,)
    for wanted in (language, _primary(language), "en"):
        for table in tables:
            if wanted in table:
                return table[wanted]
    return next(iter(reason.labels.values()), reason.code)


def when_words(when: datetime, at: datetime, zone: tzinfo, language: str) -> str:
    """An instant as people say it, seen from `at`: `10:00` today, `Tue 10:00` within six days, else `3 Dec 10:00`."""
    words = LANGUAGES[language_of(language)]
    local, today = when.astimezone(zone), at.astimezone(zone).date()
    clock = f"{local:%H:%M}"
    if local.date() == today:
        return clock
    if today < local.date() < today + timedelta(days=7):
        return f"{words.weekdays[local.weekday()]} {clock}"
    date = words.day_month.format(day=local.day, month=words.months[local.month - 1])
    return f"{date} {clock}" if local.year == today.year else f"{date} {local.year} {clock}"


def sentence(view: View, rules: Rules, at: datetime, zone: tzinfo, language: str, audience: Audience) -> str:
    """One line: `In a meeting, back 10:00`; `Available`; `Sick, until further notice`."""
    said = reason_words(view.reason, rules, language, audience)
    if view.reason is None:
        if view.informing:
            inform = view.informing[0]
            return f"{said} ({reason_words(inform.reason, rules, language, audience)})"
        return said
    words = LANGUAGES[language_of(language)]
    if view.back_at is None:
        return f"{said}, {words.until_further_notice}"
    return f"{said}, {words.back.format(when=when_words(view.back_at, at, zone, language))}"
