"""The audit log: who did what, for administrators. Noted after it was done; searched by anything that was said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from backsoon.domain.errors import BacksoonError
from backsoon.domain.keyword import clean
from backsoon.engine.timing import Clock
from backsoon.store.base import AuditEntry, Store

KEPT = timedelta(days=400)
"""How long what was noted stays."""
LONGEST = 200
"""Characters of a text that are noted: whatever comes from outside has an end."""
PAGE = 200
"""The most entries in one answer."""


class BadCursor(BacksoonError):
    """What was sent as the place to go on from is none."""

    remedy = "send what the page before gave as `next`, unchanged"


class Audit:
    """Writes the log and looks through it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def note(
        self,
        organisation: str | None,
        what: str,
        *,
        who: str,
        through: str,
        about: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Note that somebody did something; durable when it returns.

        `what` is a word of ours with a dot in it: `settings.changed`, `person.switched_off`. `organisation` None:
        nobody knows whose it is. `details` are plain values (text, numbers, truth, lists of these) and never a secret.
        Raises `StoreError`.
        """
        told = {key: _plain(value) for key, value in (details or {}).items()}
        at = self._clock.now()
        entry = AuditEntry(organisation or "", at, _plain_text(who), through, what, _plain_text(about), told)
        await self._store.note_audit([entry])

    async def search(
        self,
        organisation: str | None,
        text: str = "",
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[AuditEntry, ...]:
        """What holds the text, with `since <= at < until`, the latest first; what was set by hand is among it.

        `after` is `cursor_of` the last entry of the page before. Raises `BadCursor`, `StoreError`.
        """
        place = None if not after else _place(after)
        most = max(1, min(limit, PAGE))
        return await self._store.search_audit(
            organisation or "", text, since=since, until=until, after=place, limit=most
        )


_BEGINNING = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)


def cursor_of(entry: AuditEntry) -> str:
    """Where a search goes on after this entry: `MICROSECONDS.SOURCE.ID`."""
    if entry.cursor is None:
        return ""
    at, source, id = entry.cursor
    return f"{(at - _BEGINNING) // _MICROSECOND}.{source}.{id}"


def _place(cursor: str) -> tuple[datetime, int, int]:
    try:
        at, source, id = (int(part) for part in cursor.split("."))
        if not (0 <= source < 10 and abs(id) < 2**62 and cursor.isascii() and len(cursor) < 64):
            raise BadCursor("that is no place in the audit log")
        return _BEGINNING + timedelta(microseconds=at), source, id
    except (ValueError, OverflowError):
        raise BadCursor("that is no place in the audit log") from None


def _plain(value: object) -> object:
    if isinstance(value, str):
        return _plain_text(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value


def _plain_text(text: str) -> str:
    """One line without controls and bidi overrides, with an end: names may be anybody's choice."""
    shown = clean(text[: 4 * LONGEST], LONGEST + 1)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
