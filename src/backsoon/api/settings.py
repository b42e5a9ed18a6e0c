"""What the API says of an organisation, in plain JSON values: settings, words, calendars, switchboards, tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from backsoon.api.views import Json, instant
from backsoon.domain.model import Reason, Rules
from backsoon.domain.organisation import Connection, Organisation, Person, SwitchboardSettings
from backsoon.domain.phrase import Audience, reason_words, told_reason
from backsoon.engine.publisher import SwitchboardHealth
from backsoon.engine.tokens import is_over
from backsoon.store.base import ReadCalendar, Token


def settings_view(
    organisation: Organisation, connections: Sequence[Connection], switchboards: Sequence[SwitchboardSettings]
) -> Json:
    """An organisation's settings. Of connections and switchboards only which there are: settings may hold secrets."""
    rules = organisation.rules
    return {
        "id": organisation.id,
        "name": organisation.name,
        "zone": organisation.zone,
        "language": organisation.language,
        "country": organisation.country or None,
        "mode": rules.mode.value,
        "busy_phone": rules.busy_phone.value,
        "count_tentative": rules.count_tentative,
        "automatic_replies": rules.automatic_replies,
        "chain_gap_minutes": rules.chain_gap.total_seconds() / 60,
        "warn_before_minutes": rules.warn_before.total_seconds() / 60,
        "confirmed_within_minutes": rules.confirmed_within.total_seconds() / 60,
        "notes_for_colleagues": rules.notes_for_colleagues,
        "notes_for_attendants": rules.notes_for_attendants,
        "calendars": [
            {"name": c.name, "kind": c.kind, "server": _server(c.settings), "people": c.settings.get("people")}
            for c in connections
        ],
        "switchboards": [{"name": s.name, "kind": s.kind} for s in switchboards],
    }


def _server(settings: Mapping[str, object]) -> str | None:
    """Where calendars are, without what may be secret of the address."""
    url = settings.get("url")
    if not isinstance(url, str) or "://" not in url:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def reasons_view(organisation: Organisation, language: str, *, outside: bool) -> Json:
    """The reasons with their words; `outside`: as callers know them, without those that are kept from them."""
    rules = organisation.rules
    known = [r for r in rules.reasons.values() if not outside or told_reason(r.code, rules) == r.code]
    return {
        "organisation": organisation.id,
        "reasons": [_reason(r, rules, language, outside=outside) for r in sorted(known, key=lambda r: r.code)],
    }


def _reason(reason: Reason, rules: Rules, language: str, *, outside: bool) -> Json:
    labels = {**reason.labels, **reason.outside} if outside else dict(reason.labels)
    inside = not outside
    return {
        "code": reason.code,
        "words": reason_words(reason.code, rules, language, Audience.CALLER if outside else Audience.PERSON),
        "labels": labels,
        "outside": dict(reason.outside) if inside else None,
        "sensitive": reason.sensitive if inside else None,
        "priority": reason.priority if inside else None,
        "lifetime": reason.lifetime.value if inside else None,
        "minutes": reason.minutes if inside else None,
        "digit": (reason.digit or None) if inside else None,
    }


def keywords_view(organisation: Organisation, own: Person | None, language: str, *, outside: bool) -> Json:
    """The keywords; those of `own` come before the organisation's."""
    rules = organisation.rules

    def words(keywords: Mapping[str, str]) -> list[Json]:
        audience = Audience.CALLER if outside else Audience.PERSON
        return [
            {"keyword": keyword, "reason": code, "words": reason_words(code, rules, language, audience)}
            for keyword, code in sorted(keywords.items())
            if not outside or told_reason(code, rules) == code
        ]

    return {
        "organisation": organisation.id,
        "keywords": words(rules.keywords),
        "own": words({} if own is None else own.keywords),
    }


def calendar_view(read: ReadCalendar, person: Person) -> Json:
    """A calendar and how reading it goes. Its address is not told: that of a subscribed one is often its password."""
    calendar, health = read.calendar, read.health
    return {
        "id": calendar.id,
        "organisation": calendar.organisation,
        "person": {"id": person.id, "extension": person.extension, "name": person.name},
        "connection": calendar.connection,
        "confirmed_at": instant(health.confirmed_at),
        "next_read": instant(health.next_read),
        "failures": health.failures,
        "since": instant(health.since),
        "problem": health.problem or None,
        "remedy": health.remedy or None,
        "warnings": list(health.warnings),
        "rejected": [{"resource": resource, "because": because} for resource, because in health.rejected],
    }


def switchboard_view(settings: SwitchboardSettings, health: SwitchboardHealth | None) -> Json:
    """A switchboard and how it does; None: no Backsoon runs."""
    return {
        "organisation": settings.organisation,
        "name": settings.name,
        "kind": settings.kind,
        "connected": None if health is None else health.connected,
        "since": None if health is None else instant(health.since),
        "problem": (health.problem or None) if health else None,
        "remedy": (health.remedy or None) if health else None,
        "refused": [] if health is None else [{"extension": e, "because": b} for e, b in health.refused.items()],
    }


def token_view(token: Token, person: Person | None, now: datetime) -> Json:
    """A token: all but what it is."""
    return {
        "id": token.id,
        "organisation": token.organisation,
        "name": token.name,
        "role": token.role.value,
        "person": None if person is None else {"id": person.id, "extension": person.extension, "name": person.name},
        "created_at": instant(token.created_at),
        "created_by": token.created_by or None,
        "expires_at": instant(token.expires_at),
        "expired": is_over(token, now),
    }
