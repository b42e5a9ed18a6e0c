"""Why somebody is shown as they are, in plain JSON values and in words, as much as an audience may know."""

from __future__ import annotations

from backsoon.api.views import Json, availability_view, freshness_view, instant, resolved_view
from backsoon.domain.access import Identity
from backsoon.domain.model import CalendarReferral, PassedOver, known_end
from backsoon.domain.phrase import Audience
from backsoon.domain.why import Beaten, Claim, Decided, Explanation, Hand, Later, ToldTo
from backsoon.domain.why_words import NAMED_GROUNDS, Teller
from backsoon.engine.directory import Directory

_UIDS = frozenset({Audience.ATTENDANT, Audience.PERSON})


def explanation_view(why: Explanation, who: Identity, directory: Directory, language: str | None = None) -> Json:
    """The answer with its grounds. `chain` is the same in words, a line each; its codes are those of `SENTENCES`.

    `winner` is `{"kind": "entry", ...}`, `{"kind": "by_hand", ...}` or null; `agrees` false: what was recorded does not
    follow from what was known. `later` leads from until to back-at. Words are in the person's language where none is
    given.
    """
    person, audience = why.person, who.audience(why.person)
    language = language or directory.language_of(person)
    rules, zone = directory.organisation_of(person).rules, directory.zone_of(person)
    teller = Teller(person, audience, rules, zone, language, why.now)
    view = _View(why, teller)
    named = audience in NAMED_GROUNDS
    return {
        "person": resolved_view(person, directory, audience),
        "at": instant(why.at),
        "now": instant(why.now),
        "tense": why.tense.value,
        "availability": availability_view(person, why.availability, why.at, directory, audience, language),
        **freshness_view(person, why.age, why.now, directory, audience, language),
        "agrees": why.agrees,
        "winner": view.winner() if named else None,
        "beaten": [view.beaten(each) for each in why.beaten if named],
        "passed_over": [view.passed(each) for each in why.passed if named],
        "later": [view.later(each) for each in why.later if named],
        "standing": [each.value for each in why.standing if named],
        "problems": [each for each in why.problems if named],
        "decided": _decided(why.decided) if named and why.decided is not None else None,
        "told": [view.told(each) for each in why.told if named],
        "chain": [{"code": link.code, "words": link.words} for link in teller.links(why)],
    }


class _View:
    """One explanation as one audience may see it."""

    def __init__(self, why: Explanation, teller: Teller) -> None:
        self._why = why
        self._teller = teller

    def winner(self) -> Json | None:
        winner = self._why.winner
        if isinstance(winner, Hand):
            return {"kind": "by_hand", **self._hand(winner)}
        return None if winner is None else {"kind": "entry", **self._claim(winner)}

    def beaten(self, beaten: Beaten) -> Json:
        over = None if beaten.over is None else self._referral(beaten.over)
        ground = self._teller.ground(beaten, self._why.winner)
        return {"ground": ground.value, "over": over, **self._claim(beaten.claim)}

    def passed(self, passed: PassedOver) -> Json:
        return {
            "because": passed.because.value,
            "keyword": self._teller.keyword(passed.keyword) or None,
            "counts_by_show_as": passed.key in self._why.counts_otherwise,
            **self._entry(passed),
        }

    def later(self, later: Later) -> Json:
        entry = None if later.claim is None else self._referral(later.claim)
        return {
            "wait": later.wait.value,
            "start": instant(later.start),
            "end": instant(known_end(later.end)),
            "entry": entry,
        }

    def told(self, told: ToldTo) -> Json:
        ahead = told.planned
        return {
            "switchboard": told.switchboard,
            "shows": told.shows.value,
            "at": instant(told.at),
            "reason": None if not told.reason else self._teller.code(told.reason),
            "text": told.text or None,
            "written_ahead": None
            if ahead is None
            else {
                "start": instant(ahead.start),
                "end": instant(ahead.end),
                "reason": self._teller.code(ahead.reason),
            },
            "problem": self._problem(told),
        }

    def _problem(self, told: ToldTo) -> str | None:
        if not told.problem:
            return None
        return told.problem if self._teller.knows_addresses else "it cannot be told anything just now"

    def _hand(self, hand: Hand) -> Json:
        override = hand.override
        return {
            "reason": None if override.reason is None else self._teller.code(override.reason),
            "since": instant(override.start),
            "until": instant(override.end),
            "by": override.by or None,
            "through": override.through or None,
            "replaced_at": instant(hand.replaced_at),
            "replaced_by": hand.replaced_by or None,
            "replaced_through": hand.replaced_through or None,
        }

    def _claim(self, claim: Claim) -> Json:
        known = {"known_from": instant(claim.known_from), "known_to": instant(claim.known_to)}
        return {**self._referral(claim.referral), **known}

    def _referral(self, referral: CalendarReferral) -> Json:
        return {
            **self._entry(referral),
            "reason": self._teller.code(referral.reason),
            "phone": referral.phone.value,
            "rule": referral.rule.value,
            "keyword": self._teller.keyword(referral.keyword, referral.reason) or None,
        }

    def _entry(self, entry: CalendarReferral | PassedOver) -> Json:
        key, named = entry.key, self._teller.audience in _UIDS
        return {
            "start": instant(entry.span.start),
            "end": instant(known_end(entry.span.end)),
            "calendar": key.calendar,
            "connection": self._why.connections.get(key.calendar),
            "uid": key.uid if named else None,
            "recurrence_id": (key.recurrence_id or None) if named else None,
        }


def _decided(decided: Decided) -> Json:
    return {
        "at": instant(decided.at),
        "recorded_at": instant(decided.recorded_at),
        "trigger": decided.trigger,
        "by": decided.by or None,
        "through": decided.through or None,
    }
