"""Verbs of the pages that people work with: everybody in short, whoever is in sight, and what a page needs to begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backsoon.api.asking import Asking
from backsoon.api.board import rows_of
from backsoon.api.parts import Parts
from backsoon.api.peopleindex import PeopleIndex
from backsoon.api.settings import reasons_view
from backsoon.api.sights import Sights
from backsoon.api.views import Json, instant
from backsoon.domain.access import Identity, Right


@dataclass(frozen=True)
class Boards:
    """What all consoles share."""

    index: PeopleIndex
    sights: Sights


class Consoling(Asking):
    """One who works with a console."""

    def __init__(self, parts: Parts, boards: Boards, who: Identity, language: str | None = None) -> None:
        super().__init__(parts, who, language)
        self._boards = boards

    async def people_index(self, organisation: str | None, *, zipped: bool) -> bytes:
        """Everybody active with a few fields and a lamp each, as JSON (compressed, where `zipped`)."""
        self._must(Right.FOLLOW)
        return await self._boards.index.answer(self._narrowed(organisation), self._who, zipped=zipped)

    async def look(self, name: str, ids: Sequence[int], organisation: str | None) -> Json:
        """From now on these people are in sight of the streams of that name; their rows.

        What changes after `listen_after` is told by those streams: they have these in sight before anything is read.
        Raises `BadSight`, `TooManySights`.
        """
        self._must(Right.FOLLOW)
        parts, narrowed = self._parts, self._narrowed(organisation)
        self._boards.sights.look(self._who, name, ids)
        position, now = parts.hub.position(), parts.clock.now()
        found = await parts.store.people(dict.fromkeys(ids))
        theirs = [
            person
            for id in dict.fromkeys(ids)
            if (person := found.get(id)) is not None
            and person.active
            and self._who.reaches(person.organisation)
            and narrowed in (None, person.organisation)
        ]
        rows = await rows_of(parts, theirs, now, self._who, self._language)
        return {"at": instant(now), "listen_after": position, "rows": rows}

    async def here(self, organisation: str | None) -> Json:
        """What a page needs to know of the organisation, before it shows anybody."""
        self._must(Right.FOLLOW)
        found = self._one(organisation)
        rules, language = found.rules, self._language or found.language
        return {
            "organisation": {"id": found.id, "name": found.name, "zone": found.zone, "language": found.language},
            "warn_before_minutes": int(rules.warn_before.total_seconds() // 60),
            "confirmed_within_minutes": int(rules.confirmed_within.total_seconds() // 60),
            "reasons": reasons_view(found, language, outside=False)["reasons"],
            "departments": list(await self._parts.store.departments(found.id)),
            "now": instant(self._parts.clock.now()),
        }
