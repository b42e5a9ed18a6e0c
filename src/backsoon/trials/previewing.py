"""What a calendar would do: each occurrence with what becomes of it, and why. Nothing is stored.

Entries' subjects go no further than to whoever asked for them; what follows `//` in one, and private ones, to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backsoon.domain.entries import Owner, Refused, bounds, outcome
from backsoon.domain.keyword import Tag, read_subject
from backsoon.domain.model import CalendarEntry, CalendarReferral, Days, Rule, Rules
from backsoon.sources.base import Changes, Rejected
from backsoon.trials.words import in_utc

Row = dict[str, Any]
"""One occurrence, as the JSON has it."""
LAST = "9999"


@dataclass(slots=True)
class Preview:
    """The rows of one or several calendars, and what is said about them as a whole."""

    owner: Owner
    rules: Rules
    subjects: bool = False
    rows: list[Row] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, changes: Changes) -> None:
        """Take in what was read of one calendar."""
        self.rows += self._rows(changes.entries)
        self.rows += (self._rejected(item) for item in changes.rejected)
        self.warnings += (w for w in changes.warnings if w not in self.warnings)
        self.rows.sort(key=lambda row: (row["start"] or LAST, row["uid"], row["recurrence_id"] or ""))

    def count(self, outcome: str) -> int:
        """How many rows have this outcome."""
        return sum(1 for row in self.rows if row["outcome"] == outcome)

    def _rows(self, entries: Iterable[CalendarEntry]) -> Iterator[Row]:
        for entry in entries:
            start, end = bounds(entry.when, self.owner.zone)
            yield {
                "uid": entry.uid,
                "recurrence_id": entry.recurrence_id or None,
                "start": in_utc(start),
                "end": in_utc(end),
                "all_day": isinstance(entry.when, Days),
                "show_as": entry.show_as.value,
                **self._outcome(entry),
                **self._subject(None if entry.private else entry.subject.split("//", 1)[0].rstrip()),
            }

    def _outcome(self, entry: CalendarEntry) -> Row:
        result = outcome(entry, self.owner, self.rules)
        if isinstance(result, CalendarReferral):
            return {
                "outcome": "referral",
                "reason": result.reason,
                "phone": result.phone.value,
                "divert_to": result.divert_to or None,
                "note": result.note or None,
                "because": self._why(entry, result),
            }
        kind = "rejected" if isinstance(result, Refused) else "ignored"
        return {"outcome": kind, **_NOTHING, "because": result.because}

    def _why(self, entry: CalendarEntry, referral: CalendarReferral) -> str:
        if referral.rule is Rule.AUTOMATIC_REPLY:
            return "automatic reply"
        if referral.rule is not Rule.KEYWORD:
            return f"shown as {referral.reason.replace('_', ' ')}"
        tag = read_subject(entry.subject, self.owner.keywords)
        problem = tag.problem if isinstance(tag, Tag) else ""
        return f"keyword `{referral.keyword}`" + (f"; {problem}" if problem else "")

    def _rejected(self, item: Rejected) -> Row:
        return {
            "uid": item.uid,
            "recurrence_id": None,
            "start": None,
            "end": None,
            "all_day": None,
            "show_as": None,
            "outcome": "rejected",
            **_NOTHING,
            "because": item.because,
            **self._subject(None),
        }

    def _subject(self, subject: str | None) -> Row:
        return {"subject": subject} if self.subjects else {}


_NOTHING: Row = {"reason": None, "phone": None, "divert_to": None, "note": None}


def summary(preview: Preview, start: datetime, end: datetime, zone: str) -> str:
    """One line: how many occurrences, and what becomes of them."""
    total = len(preview.rows)
    parts = [f"{preview.count('referral')} refer", f"{preview.count('ignored')} ignored"]
    if rejected := preview.count("rejected"):
        parts.append(f"{rejected} rejected")
    return f"{total} occurrences from {start:%Y-%m-%d} to {end:%Y-%m-%d} ({zone}): {', '.join(parts)}"
