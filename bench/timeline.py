"""Decisions a second on one core: what holds for a person now, until when, and the plan that switchboards are given.

CPU time, domain only; `decisions_per_s` with three referrals a person, `decisions_per_s_50` with fifty. `plans_per_s`
adds the presentation and Asterisk's text. `--people N`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from backsoon.domain.model import CalendarReferral, EntryKey, Span
from backsoon.domain.organisation import Person
from backsoon.domain.timeline import Timeline
from backsoon.engine.deciding import decide
from backsoon.engine.directory import Directory
from backsoon.store.base import Claims
from backsoon.switchboards.asterisk.render import render
from bench.common import ACME, extension

NOON = datetime(2026, 11, 24, 11, tzinfo=UTC)


def run(argv: list[str]) -> dict[str, object]:
    """Decisions and plans a second, by the number of referrals a person has."""
    options = argparse.ArgumentParser(prog="bench timeline")
    options.add_argument("--people", type=int, default=2000)
    people = options.parse_args(argv).people
    figures: dict[str, object] = {"people": people}
    for referrals, suffix in ((3, ""), (50, "_50")):
        claims = [_claims(number, referrals) for number in range(people)]
        figures[f"decisions_per_s{suffix}"] = _rate(lambda each: _decide(each), claims)
        figures[f"plans_per_s{suffix}"] = _rate(lambda each: _plan(each), claims)
    return figures


def _claims(number: int, referrals: int) -> Claims:
    """One that runs at noon, then one each working day or, of fifty, five a day; some overlap."""
    a_day = 1 if referrals <= 3 else 5
    made = []
    for each in range(referrals):
        day, slot = divmod(each, a_day)
        start = NOON + timedelta(days=day, minutes=90 * slot - number % 30)
        key = EntryKey(number, f"{number}-{each}")
        made.append(CalendarReferral(key, Span(start, start + timedelta(minutes=60 + 40 * (each % 2))), "meeting"))
    return Claims(tuple(made))


def _decide(claims: Claims) -> object:
    timeline = Timeline(claims.referrals, ACME.rules, working=_DIRECTORY.working_time_of(_PERSON, NOON))
    return timeline.at(NOON), timeline.next_change(NOON)


def _plan(claims: Claims) -> object:
    presentation = decide(_PERSON, claims, _DIRECTORY, NOON).presentation
    return presentation and render(presentation)


def _rate(work: Callable[[Claims], object], claims: list[Claims]) -> int:
    """The best of three runs, in persons a second of CPU time."""
    best = 0.0
    for _ in range(3):
        begun = time.process_time()
        for each in claims:
            work(each)
        best = max(best, len(claims) / (time.process_time() - begun))
    return round(best)


class _NoStore:
    """Nothing here reads it."""


_PERSON = Person(ACME.id, extension(0), "Anna Berg", id=1)
_DIRECTORY = Directory(_NoStore(), organisations={ACME.id: ACME})  # type: ignore[arg-type]
