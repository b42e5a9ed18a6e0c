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


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language. A third language is one more of these."""

    available: str
    back: str
    until_further_notice: str
    coming: str
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    day_month: str = "{day} {month}"


LANGUAGES: dict[str, Words] = {
    "en": Words(
        available="Available",
        back="back {when}",
        until_further_notice="until further notice",
        coming="{reason} in {minutes} min",
        weekdays=tuple(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
        months=tuple(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]),
    ),
    "sv": Words(
        available="Anträffbar",
        back="åter {when}",
        until_further_notice="tills vidare",
        coming="{reason} om {minutes} min",
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
    notes = _notes(audience, rules)
    hidden = audience is Audience.COLLEAGUE and reason is not None and told_reason(reason, rules) != reason
    return View(
        reason=None if reason is None else told_reason(reason, rules),
        until=None if caller else availability.until,
        back_at=availability.back_at,
        note=availability.note if notes and not hidden else "",
        informing=() if caller else tuple(_informing(i, rules, notes) for i in availability.informing),
        upcoming=_upcoming(availability.upcoming, rules, notes) if audience is Audience.ATTENDANT else None,
    )


def _notes(audience: Audience, rules: Rules) -> bool:
    if audience is Audience.COLLEAGUE:
        return rules.notes_for_colleagues
    return audience is Audience.ATTENDANT and rules.notes_for_attendants


def _informing(informing: Informing, rules: Rules, notes: bool) -> Informing:
    return Informing(told_reason(informing.reason, rules), informing.until, informing.note if notes else "")


def _upcoming(upcoming: Upcoming | None, rules: Rules, notes: bool) -> Upcoming | None:
    if upcoming is None:
        return None
    reason = told_reason(upcoming.reason, rules)
    return Upcoming(upcoming.start, upcoming.end, reason, upcoming.note if notes else "")


def told_reason(code: str, rules: Rules) -> str:
    """The reason that others may know: the neutral one for what is sensitive or no longer in the settings."""
    reason = rules.reasons.get(code)
    return NOT_AVAILABLE if reason is None or reason.sensitive else code


def language_of(tag: str) -> str:
    """The language of the catalogue that serves a BCP 47 tag: `sv-FI` is read by `sv`; English where there is none."""
    primary = tag.replace("_", "-").split("-", 1)[0].lower()
    return primary if primary in LANGUAGES else "en"


def reason_words(code: str | None, rules: Rules, language: str, audience: Audience) -> str:
    """A reason in words: `In a meeting`. None is "Available". Callers get the outsiders' words where there are some."""
    if code is None:
        return LANGUAGES[language_of(language)].available
    reason = rules.reasons.get(code) or REASONS[NOT_AVAILABLE]
    return _label(reason, language, outside=audience is Audience.CALLER)


def _label(reason: Reason, language: str, *, outside: bool) -> str:
    tables = (reason.outside, reason.labels) if outside else (reason.labels,)
    for wanted in (language, language_of(language), "en"):
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
