"""What follows the present state, for whoever sets referrals by hand: "then: In a meeting 10:00-11:00"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backsoon.domain.byhand import follows
from backsoon.domain.phrase import Audience, reason_words, seen_by, told_reason
from backsoon.engine.directory import Directory
from backsoon.engine.service import Shown

Json = dict[str, Any]
SEE_WHAT_COMES = frozenset({Audience.ATTENDANT, Audience.PERSON})
"""Who may know what is coming."""


def follows_view(shown: Shown, directory: Directory, audience: Audience, language: str | None = None) -> Json | None:
    """`{at, state, reason, words, until, back_at}`: the next stretch whose state differs as the audience is told.

    `until` is when that changes again (None: never by time alone). None: nothing follows, or it is not theirs to know.
    """
    if shown.timeline is None or audience not in SEE_WHAT_COMES:
        return None
    rules = directory.organisation_of(shown.person).rules

    def told(reason: str | None) -> str | None:
        return reason if reason is None or audience is Audience.PERSON else told_reason(reason, rules)

    stretch = follows(shown.timeline, shown.at, told)
    if stretch is None:
        return None
    view = seen_by(audience, stretch.availability, rules)
    return {
        "at": _instant(stretch.start),
        "state": "available" if view.reason is None else "referred",
        "reason": view.reason,
        "words": reason_words(view.reason, rules, language or directory.language_of(shown.person), audience),
        "until": _instant(stretch.end),
        "back_at": _instant(view.back_at),
    }


def _instant(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
