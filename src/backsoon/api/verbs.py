"""The verbs in plain JSON values. The routes and the commands of a Backsoon that does not run are thin covers of it.

Each asks the identity first: see `domain.access`, and `api.fields` for what is answered then.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from backsoon.api.administering import Administering
from backsoon.api.asking import PAGE, WhichOrganisation
from backsoon.api.board import board_of
from backsoon.api.explanations import explanation_view
from backsoon.api.managing import Managing
from backsoon.api.owning import Owning
from backsoon.api.views import Json, instant, person_view, shown_view, timeline_view
from backsoon.domain.access import Forbidden, Right
from backsoon.domain.errors import BacksoonError
from backsoon.domain.model import EARLIEST, LATEST, Override
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience
from backsoon.engine.explaining import Explaining

__all__ = ["PAGE", "BadSpan", "Verbs", "WhichOrganisation"]

DAY = timedelta(days=1)
LONGEST = timedelta(days=31)
"""The longest part of a timeline in one answer."""


class BadSpan(BacksoonError):
    """A stretch of time that ends before it starts."""

    remedy = "name an end that is after the start"


class Verbs(Administering, Managing, Owning):
    """What can be asked, by whoever: one instance a request."""

    # -- people --------------------------------------------------------------------------------------------------

    async def people(
        self,
        organisation: str | None,
        after: int = 0,
        limit: int = PAGE,
        *,
        text: str = "",
        department: str = "",
    ) -> Json:
        """A page of people in order of id; `next` starts the page after it (None: that was the last one).

        `text`: those whose name, extension or e-mail address holds it; `department`: those of it. Case is folded.
        """
        self._must(Right.LOOK)
        if department and self._is_switchboard:
            raise Forbidden("departments are not told to switchboards")
        store, narrowed, limit = self._parts.store, self._narrowed(organisation), min(limit, PAGE)
        if text or department:
            by_email = not self._is_switchboard
            page = await store.search_people(
                narrowed, text, department=department, by_email=by_email, after=after, limit=limit
            )
        else:
            page = await store.page_people(narrowed, after=after, limit=limit)
        found = [person_view(p, self._who.audience(p, Audience.ADMINISTRATOR)) for p in page]
        return {"people": found, "next": page[-1].id if len(page) == limit else None}

    # -- one person ----------------------------------------------------------------------------------------------

    async def show(
        self, person: str, organisation: str | None, at: datetime | None = None, audience: Audience | None = None
    ) -> Json:
        """One person at an instant (None: now), as the audience may see them; only the local one may choose it."""
        if audience is not None:
            self._must_be_local()
        found = await self._person(person, organisation, Right.LOOK)
        return await self._shown(found, self._instant(found, at), self._who.audience(found, audience))

    async def availability(self, person: str, organisation: str | None, at: datetime | None = None) -> Json:
        """How somebody stands at an instant (None: now), and how old that knowledge is."""
        shown = await self.show(person, organisation, at)
        return {name: shown[name] for name in _AVAILABILITY}

    async def timeline(
        self, person: str, organisation: str | None, start: datetime | None = None, end: datetime | None = None
    ) -> Json:
        """The decisions about somebody from `start` (None: now) to `end` (None: a day later), at most `LONGEST`.

        `next` is where to go on, where there is more before `end`.
        """
        found = await self._person(person, organisation, Right.EXPLAIN)
        start = _within(start or self._parts.clock.now())
        end = _within(end or start + DAY)
        if end <= start:
            raise BadSpan(f"the end, {instant(end)}, is not after the start, {instant(start)}")
        until = min(end, start + LONGEST)
        stretches = (await self._parts.service.timeline(found, start, until))[: PAGE + 1]
        if len(stretches) > PAGE:
            until = stretches.pop().start
        audience = self._who.audience(found)
        return {
            "person": person_view(found, audience),
            "start": instant(start),
            "end": instant(until),
            "stretches": timeline_view(found, stretches, self._parts.directory, audience, self._language),
            "next": instant(until) if until < end else None,
        }

    async def why(self, person: str, organisation: str | None, at: datetime | None = None) -> Json:
        """Why somebody is, was (of the last 30 days) or will be shown as they are. Raises `TooLongAgo`."""
        found = await self._person(person, organisation, Right.EXPLAIN)
        parts = self._parts
        explaining = Explaining(parts.store, parts.directory, parts.clock, parts.publishers)
        why = await explaining.explain(found, None if at is None else _within(at))
        return explanation_view(why, self._who, parts.directory, self._language)

    def _instant(self, person: Person, at: datetime | None) -> datetime | None:
        """The instant asked about. Raises `Forbidden` where only the present is theirs: what comes is not."""
        if at is None:
            return None
        if not self._who.may_of(Right.EXPLAIN, person):
            raise Forbidden(f"the role {self._who.role} may see how others stand now, and at no other time")
        return _within(at)

    async def _shown(self, person: Person, at: datetime | None, audience: Audience) -> Json:
        shown = await self._parts.service.show(person, at)
        return shown_view(shown, self._parts.directory, audience, self._language)

    # -- by hand ---------------------------------------------------------------------------------------------------

    async def override(self, person: str, organisation: str | None) -> Json:
        """How somebody stands whom one may refer: what was set by hand, and what follows."""
        found = await self._person(person, organisation, Right.REFER)
        return await self._shown(found, None, self._who.audience(found))

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
        """Refer somebody by hand from now on; how they then stand, until when, and what follows.

        `by` is for the local one to say: of all others it is their token's name.
        """
        found = await self._person(person, organisation, Right.REFER)
        override = await self._parts.service.refer(
            found,
            reason,
            until=until,
            lasting=lasting,
            note=note,
            divert_to=divert_to,
            by=self._by(by),
            through=through,
        )
        return await self._acted(found, override)

    async def back(self, person: str, organisation: str | None, *, by: str = "", through: str = "") -> Json:
        """Make somebody available; how they then stand, until when, and what follows."""
        found = await self._person(person, organisation, Right.REFER)
        return await self._acted(found, await self._parts.service.back(found, by=self._by(by), through=through))

    async def undo(self, person: str, organisation: str | None, id: str, *, by: str = "", through: str = "") -> Json:
        """Put back what was set by hand before the act of that id; how they then stand. Raises `CannotUndo`."""
        found = await self._person(person, organisation, Right.REFER)
        await self._parts.service.undo(found, id, by=self._by(by), through=through)
        return await self._shown(found, None, self._who.audience(found))

    async def _acted(self, person: Person, left: Override | None) -> Json:
        """How somebody stands of whom that was set by hand, and how to undo it."""
        act = self._parts.service.acts.last(person.id, left, self._parts.clock.now())
        undo = None if act is None else {"id": act.id, "until": instant(act.until)}
        return {**await self._shown(person, None, self._who.audience(person)), "undo": undo}

    # -- the board -----------------------------------------------------------------------------------------------

    async def board(self, organisation: str | None, after: int = 0, limit: int = PAGE) -> Json:
        """Everybody active as one sees them now, a page at a time in order of id."""
        self._must(Right.FOLLOW)
        narrowed = self._narrowed(organisation)
        return await board_of(self._parts, narrowed, after, min(limit, PAGE), self._who, self._language)


_AVAILABILITY = ("person", "at", "availability", "calendars", "confirmed_at", "unconfirmed_since", "unconfirmed")


def _within(at: datetime) -> datetime:
    """The instant, moved to where time is reckoned with: nothing is known beyond."""
    return min(max(at, EARLIEST), LATEST)
