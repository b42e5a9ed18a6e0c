"""What was done by hand lately and can be undone: of each person the last act, for some seconds.

It is kept in memory only: after a restart nothing can be undone. An act that something else followed, from wherever it
came, cannot be undone: what is in force then is somebody's later word.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from backsoon.domain.errors import BacksoonError
from backsoon.domain.model import Override
from backsoon.domain.organisation import Person
from backsoon.store.base import KnownOverride

WITHIN = timedelta(seconds=10)
"""For how long an act can be undone."""


class CannotUndo(BacksoonError):
    """It cannot be undone: it is too long ago, or something else was set since."""

    remedy = "look at how the person stands now, and set what is meant"


@dataclass(frozen=True, slots=True)
class Act:
    """Something set by hand at an instant: what was there before, and what it left. `id` is told to who did it."""

    id: str
    at: datetime
    before: Override | None
    after: Override | None

    @property
    def until(self) -> datetime:
        """When it cannot be undone any more."""
        return self.at + WITHIN

    def left(self, present: Override | None) -> bool:
        """Whether that is what it left: an instant tells acts apart to the microsecond."""
        if present is None or self.after is None:
            return present is self.after
        return (present.start, present.end, present.reason) == (self.after.start, self.after.end, self.after.reason)

    def is_last(self, known: Iterable[KnownOverride]) -> bool:
        """Whether nothing was set by hand since, nor was and then taken back."""
        return all(each.override.start <= self.at or self.left(each.override) for each in known)


class Acts:
    """The last act about each person."""

    def __init__(self) -> None:
        self._acts: dict[int, Act] = {}

    def note(self, person: int, before: Override | None, after: Override | None, at: datetime) -> None:
        """Something was set: `before` was there, `after` is."""
        for over in [each for each, act in self._acts.items() if act.until <= at]:
            del self._acts[over]
        self._acts[person] = Act(secrets.token_hex(16), at, before, after)

    def last(self, person: int, left: Override | None, now: datetime) -> Act | None:
        """The act that left this, while it can be undone."""
        act = self._acts.get(person)
        return act if act is not None and act.left(left) and now < act.until else None

    def named(self, person: Person, id: str, now: datetime) -> Act:
        """The act of that id. Raises `CannotUndo`."""
        act = self._acts.get(person.id)
        if act is None or not secrets.compare_digest(act.id, id) or now >= act.until:
            raise CannotUndo(f"nothing that was set of {person.name} can be undone by that id any more")
        return act

    def drop(self, person: int) -> None:
        """It was undone."""
        self._acts.pop(person, None)
