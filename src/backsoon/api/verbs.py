"""The verbs in plain JSON values. The routes and the commands of a Backsoon that does not run are thin covers of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from backsoon.api.board import board_of
from backsoon.api.health import health_of
from backsoon.api.parts import Parts
from backsoon.api.views import Json, person_view, shown_view
from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Organisation, Person
from backsoon.domain.phrase import Audience
from backsoon.engine.directory import no_holidays
from backsoon.engine.importing import import_rows
from backsoon.engine.roster import Row

PAGE = 1000
"""The most people in one answer."""


class WhichOrganisation(BacksoonError):
    """There are several organisations, or none, and it was not said which one is meant."""

    remedy = "name the organisation"


class Verbs:
    """What can be asked, by whoever."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # -- people --------------------------------------------------------------------------------------------------

    async def people(self, organisation: str | None, after: int = 0, limit: int = PAGE) -> Json:
        """A page of people in order of id; `next` starts the page after it (None: that was the last one)."""
        limit = min(limit, PAGE)
        page = await self._parts.store.page_people(organisation, after=after, limit=limit)
        return {"people": [person_view(p) for p in page], "next": page[-1].id if len(page) == limit else None}

    async def import_people(self, rows: Iterable[Row], organisation: str | None, *, dry_run: bool) -> Json:
        """Take people in by rows; those that do not fit are named."""
        parts = self._parts
        imported = await import_rows(
            rows,
            self._organisation(organisation),
            parts.store,
            parts.service,
            known_country=self._known_country,
            dry_run=dry_run,
        )
        if not dry_run:
            parts.wake_sync()
        return {
            "added": imported.added,
            "changed": imported.changed,
            "unchanged": imported.unchanged,
            "rejected": [{"row": r.number, "extension": r.extension, "because": r.because} for r in imported.rejected],
            "dry_run": dry_run,
        }

    def _organisation(self, name: str | None) -> Organisation:
        directory = self._parts.directory
        if name:
            return directory.named(name)
        known = sorted(directory.organisations)
        if len(known) != 1:
            what = f"there are several organisations: {', '.join(known)}" if known else "there is no organisation yet"
            raise WhichOrganisation(what)
        return directory.organisations[known[0]]

    def _known_country(self, country: str) -> bool:
        holidays = self._parts.directory.holidays
        return holidays is no_holidays or bool(holidays(country, self._parts.clock.now().year))

    # -- one person ----------------------------------------------------------------------------------------------

    async def show(
        self, person: str, organisation: str | None, at: datetime | None = None, audience: Audience = Audience.ATTENDANT
    ) -> Json:
        """One person at an instant (None: now), as the audience may see them."""
        found = await self._parts.service.find(person, organisation)
        return await self._shown(found, at, audience)

    async def _shown(self, person: Person, at: datetime | None, audience: Audience) -> Json:
        return shown_view(await self._parts.service.show(person, at), self._parts.directory, audience)

    async def refer(
        self,
        person: str,
        organisation: str | None,
        reason: str,
        *,
        until: datetime | None = None,
        lasting: timedelta | None = None,
        note: str = "",
        divert_to: str = "",
        by: str = "",
        through: str = "",
    ) -> Json:
        """Refer somebody by hand from now on; how they then stand."""
        found = await self._parts.service.find(person, organisation)
        await self._parts.service.refer(
            found, reason, until=until, lasting=lasting, note=note, divert_to=divert_to, by=by, through=through
        )
        return await self._shown(found, None, Audience.ATTENDANT)

    async def back(self, person: str, organisation: str | None, *, by: str = "", through: str = "") -> Json:
        """Make somebody available; how they then stand."""
        found = await self._parts.service.find(person, organisation)
        await self._parts.service.back(found, by=by, through=through)
        return await self._shown(found, None, Audience.ATTENDANT)

    # -- calendars, settings, health --------------------------------------------------------------------------------

    async def sync(self, person: str | None, organisation: str | None, *, whole: bool) -> Json:
        """Have calendars read now; how many."""
        found = None if person is None else await self._parts.service.find(person, organisation)
        count = await self._parts.service.read_now(found, whole=whole)
        self._parts.wake_sync()
        return {"calendars": count}

    async def apply(self, *, dry_run: bool) -> Json:
        """Take over the settings file; what differed."""
        found = await self._parts.apply(dry_run=dry_run)
        return {
            "differences": [{"field": d.field, "before": d.before, "after": d.after} for d in found],
            "dry_run": dry_run,
        }

    async def health(self) -> Json:
        """How Backsoon, its switchboards and its calendars do."""
        return await health_of(self._parts)

    # -- the board -----------------------------------------------------------------------------------------------

    async def board(self, organisation: str | None, after: int = 0, limit: int = PAGE) -> Json:
        """Everybody active as attendants see them now, a page at a time in order of id."""
        return await board_of(self._parts, organisation, after, min(limit, PAGE))
